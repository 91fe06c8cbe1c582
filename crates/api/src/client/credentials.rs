//! What a job logs on with: handed over, never read back.
//!
//! A password crosses as a descriptor of sealed memory, so that it is in no message, and in no copy
//! of one. Nothing here prints it.

use std::fmt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use zbus::OwnedFd;

use super::Job;
use crate::errors::ClientError;

/// What to log on with.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Login<'a> {
    /// What the network identity has anyway. For the schemes `ntlm` and `negotiate`.
    Implicit,
    /// A name and a password.
    Explicit {
        /// The user name.
        user: &'a str,
        /// The password, in UTF-8.
        password: &'a [u8],
    },
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Implicit => "Implicit",
            Self::Explicit { .. } => "Explicit(not shown)",
        })
    }
}

impl Job<'_> {
    /// Has the job log on with this where `target`, `server` or `proxy`, asks for it by `scheme`:
    /// `basic`, `digest`, `ntlm` or `negotiate`. For its owner alone.
    ///
    /// # Errors
    /// `Service` with `access-denied` for anybody else, and by name for what cannot be.
    pub async fn set_credentials(
        &self,
        target: &str,
        scheme: &str,
        login: Login<'_>,
    ) -> Result<(), ClientError> {
        let (user, password) = match login {
            Login::Implicit => (vec![], vec![]),
            Login::Explicit { user, password } => {
                let memory = sealed(password).map_err(|error| {
                    ClientError::Protocol(format!("cannot make memory for a password: {error}"))
                })?;
                (vec![user], vec![OwnedFd::from(memory)])
            }
        };
        self.call("SetCredentials", &(target, scheme, user, password)).await
    }

    /// Takes them back, and says whether there were any.
    ///
    /// # Errors
    /// As [`Self::set_credentials`].
    pub async fn remove_credentials(
        &self,
        target: &str,
        scheme: &str,
    ) -> Result<bool, ClientError> {
        self.call("RemoveCredentials", &(target, scheme)).await
    }
}

/// Memory with this in it that nobody can change any more.
pub(super) fn sealed(secret: &[u8]) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let memory = memfd_create("ebb-secret", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = secret;
    while !rest.is_empty() {
        let written = rustix::io::write(&memory, rest)?;
        rest = &rest[written..];
    }
    let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&memory, all)?;
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::FileExt;

    #[test]
    fn the_memory_holds_the_password_and_can_only_be_read() {
        let mut file = std::fs::File::from(sealed(b"hunter2").unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "", "the writer stands at its end");
        let mut bytes = [0; 7];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"hunter2");
        assert!(file.write_at(b"x", 0).is_err() && file.set_len(0).is_err());
    }

    #[test]
    fn a_login_is_not_printed() {
        let login = Login::Explicit { user: "alice", password: b"hunter2" };
        assert_eq!(format!("{login:?}"), "Explicit(not shown)");
    }
}
