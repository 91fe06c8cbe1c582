//! Tickets for the engine: from the machine's library, as the identity we run as.
//!
//! Answers two questions: *where are this identity's tickets?* before we confine ourselves, so that
//! they can still be read then; and *what is said with them?*
//!
//! What may be read is one file, or one directory, as it was when we began: a user who logs in anew
//! makes a new file in its place, which we could not read. So before tickets are used we look at
//! what is there now. If it is another, this process has outlived its tickets: it says so and ends,
//! and the next one begins with the new ones. What it had in hand is tried again by itself.
//!
//! Tickets in the kernel's keyring are out of reach: no agent may speak of keys with the kernel, for what
//! it was started from had a keyring, too. That is said with the name of the cache, and nothing is sent.

use ebb_gss::{Context, Gss, GssError, Step};
use ebb_http::{Spoken, Talk, Tickets};
use rustix::fs::{AtFlags, CWD, FileType, Stat, statat};
use std::path::{Path, PathBuf};

/// What services of HTTP are called.
const SERVICE: &str = "HTTP";
/// Exit code of sysexits: try again.
const TEMPORARY_FAILURE: i32 = 75;

/// Where this identity's tickets are.
pub(crate) struct Cache {
    gss: Result<Gss, GssError>,
    /// Where they are, if it is a place in the file system.
    place: Option<PathBuf>,
    /// What was there when we began: device and inode.
    then: Option<(u64, u64)>,
    /// What it is called, if it is where we cannot look.
    out_of_reach: Option<String>,
}

impl Cache {
    /// Looks for them; before we are confined.
    pub(crate) fn find() -> Self {
        let gss = Gss::load();
        let name = gss.as_ref().ok().and_then(|gss| gss.default_cache().ok());
        let place = name.as_deref().and_then(place);
        let then = place.as_deref().and_then(ours);
        let out_of_reach = name.filter(|name| is_out_of_reach(name));
        Self { gss, place, then, out_of_reach }
    }

    /// What has to be readable for them to be used.
    pub(crate) fn readable(&self) -> Option<PathBuf> {
        self.place.clone().filter(|_| self.then.is_some())
    }

    /// Whether what is there now is something that we could not read.
    fn is_another(&self) -> bool {
        let now = self.place.as_deref().and_then(ours);
        now.is_some() && now != self.then
    }
}

impl Tickets for Cache {
    fn begin(
        &self,
        host: &str,
        login: Option<(&str, &str)>,
        binding: Option<&[u8]>,
    ) -> Result<Box<dyn Talk>, String> {
        let gss = self.gss.as_ref().map_err(ToString::to_string)?;
        if let (Some(name), None) = (&self.out_of_reach, login) {
            return Err(format!(
                "the tickets are to be in the kernel's keyring ({name}), which cannot be used here; \
                 let default_ccache_name in krb5.conf name a FILE: or a DIR:"
            ));
        }
        let begun = match login {
            Some((user, password)) => gss.begin_as(SERVICE, host, user, password),
            None if self.is_another() => end(),
            None => gss.begin(SERVICE, host),
        };
        let context = begun.map_err(|error| error.to_string())?;
        Ok(Box::new(Talking(context.bound_to(binding))))
    }
}

struct Talking(Context);

impl Talk for Talking {
    fn answer(&mut self, said: Option<&[u8]>) -> Result<Spoken, String> {
        match self.0.step(said).map_err(|error| error.to_string())? {
            Step::Say(message) => Ok(Spoken::Say(message)),
            Step::SayAndDone(message) => Ok(Spoken::SayAndDone(message)),
            Step::Done => Ok(Spoken::Done),
        }
    }
}

/// Whether a cache of this name is in the kernel's keyring.
fn is_out_of_reach(name: &str) -> bool {
    name.starts_with("KEYRING:")
}

/// The path in the name of a cache. Caches that are no files have none, and need none.
fn place(name: &str) -> Option<PathBuf> {
    let path = match name.split_once(':') {
        Some(("FILE" | "DIR", path)) => path,
        Some(_) if !name.starts_with('/') => return None,
        Some(_) | None => name,
    };
    // One of several in a directory.
    let path = match path.strip_prefix(':') {
        Some(one) => Path::new(one).parent()?,
        None => Path::new(path),
    };
    path.is_absolute().then(|| path.to_owned())
}

/// What is there, if it is a file or a directory of our own identity and no link: what another put
/// in its place is not to be read.
fn ours(path: &Path) -> Option<(u64, u64)> {
    let found: Stat = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let kind = FileType::from_raw_mode(found.st_mode);
    let fits = kind.is_file() || kind.is_dir();
    let uid = rustix::process::geteuid().as_raw();
    (fits && found.st_uid == uid).then_some((found.st_dev, found.st_ino))
}

#[expect(clippy::exit, reason = "every fetch of this process would miss the new tickets")]
fn end() -> Result<Context, GssError> {
    eprintln!("ebb-net: there are new tickets; the next one like this begins with them");
    std::process::exit(TEMPORARY_FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_that_are_files_or_directories_have_a_place() {
        for (name, wanted) in [
            ("FILE:/tmp/krb5cc_1000", Some("/tmp/krb5cc_1000")),
            ("/tmp/krb5cc_1000", Some("/tmp/krb5cc_1000")),
            ("DIR:/run/user/1000/krb5cc", Some("/run/user/1000/krb5cc")),
            ("DIR::/run/user/1000/krb5cc/tkt1", Some("/run/user/1000/krb5cc")),
            ("FILE:relative", None),
            ("KEYRING:persistent:1000", None),
            ("KCM:1000", None),
            ("MEMORY:x", None),
            ("", None),
        ] {
            assert_eq!(place(name).as_deref(), wanted.map(Path::new), "{name}");
        }
    }

    #[test]
    fn a_file_in_the_place_of_another_is_noticed_and_what_is_not_ours_is_none() {
        let path = std::env::temp_dir().join(format!("ebb-net-cache-{}", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let found = |then| {
            let (gss, place) = (Err(GssError::NoLibrary), Some(path.clone()));
            Cache { gss, place, then, out_of_reach: None }
        };
        let cache = found(ours(&path));
        assert!(!cache.is_another() && cache.readable().is_some());
        assert!(found(None).is_another(), "there was none");
        assert!(found(None).readable().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(!cache.is_another(), "no tickets are no new tickets");
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(ours(&path).is_none(), "a link");
        std::fs::remove_file(&path).unwrap();
    }
}
