//! Whose identity: numbers, and what the user database says of a name.

use std::io;
use std::process::Command;

use super::ImpersonationError;

/// An identity to be taken on: what the kernel knows of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
}

impl Identity {
    /// Exactly this identity, whatever the user database says.
    #[must_use]
    pub fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        Identity { uid, gid, groups }
    }

    /// The identity a fresh login of this user would have, by the machine's user database.
    ///
    /// Asks with `id`, so that users are found wherever the machine is set up to look for them. That
    /// may take as long as a directory service takes to answer.
    ///
    /// # Errors
    /// `NoSuchUser`, and `Database` where it cannot be asked.
    pub fn named(name: &str) -> Result<Self, ImpersonationError> {
        // A number would be taken for a uid, and a dash for an option.
        if name.is_empty() || name.starts_with(['-', '+']) || is_number(name) {
            return Err(ImpersonationError::NoSuchUser(name.to_owned()));
        }
        let uid = ask("-u", name)?.first().copied();
        let gid = ask("-g", name)?.first().copied();
        let groups = ask("-G", name)?;
        match (uid, gid) {
            (Some(uid), Some(gid)) => Ok(Identity { uid, gid, groups }),
            _ => Err(ImpersonationError::NoSuchUser(name.to_owned())),
        }
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn ask(what: &str, name: &str) -> Result<Vec<u32>, ImpersonationError> {
    let output = Command::new("id")
        .args([what, "--", name])
        .env("PATH", "/usr/bin:/bin")
        .output()
        .map_err(ImpersonationError::Database)?;
    if !output.status.success() {
        return Err(ImpersonationError::NoSuchUser(name.to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Result<_, _> = text.split_whitespace().map(str::parse).collect();
    numbers.map_err(|error| {
        ImpersonationError::Database(io::Error::new(io::ErrorKind::InvalidData, error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_name_and_nobody_by_anything_else() {
        let root = Identity::named("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        for name in ["", "0", "-G", "+0", "no such user", "--help"] {
            let error = Identity::named(name).unwrap_err();
            assert!(matches!(error, ImpersonationError::NoSuchUser(said) if said == name));
        }
    }
}
