//! A thread that is somebody else just long enough to connect a socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::process::{Gid, Uid, getegid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use tokio::sync::oneshot;

use super::{Identity, ImpersonationError};

/// A socket connected to `path` by somebody of this identity.
pub(crate) async fn connect(
    path: PathBuf,
    identity: &Identity,
) -> Result<UnixStream, ImpersonationError> {
    let identity = identity.clone();
    let (done, answer) = oneshot::channel();
    // A thread of its own, never one of a pool: it can do nothing else afterwards.
    let thread = std::thread::Builder::new().name("ebb-helper".to_owned());
    let work = move || {
        let connected = become_effectively(&identity)
            .map_err(|error| ImpersonationError::NotPermitted(error.into()))
            .and_then(|()| open(&path));
        // Who asked may have given up.
        drop(done.send(connected));
    };
    let _thread = thread.spawn(work).map_err(ImpersonationError::Thread)?;
    answer.await.unwrap_or_else(|_| Err(ImpersonationError::Thread(io::Error::other("it ended"))))
}

fn open(path: &Path) -> Result<UnixStream, ImpersonationError> {
    UnixStream::connect(path)
        .map_err(|source| ImpersonationError::Connect { path: path.to_owned(), source })
}

/// Only the effective ids: with the real and saved ones of root, the user can neither signal nor
/// trace this thread, and with it the process.
fn become_effectively(identity: &Identity) -> rustix::io::Result<()> {
    let (Some(uid), Some(gid)) = (number(identity.uid), number(identity.gid)) else {
        return Err(rustix::io::Errno::INVAL);
    };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let groups = identity.groups.iter().map(|group| number(*group).map(Gid::from_raw));
    let groups: Option<Vec<Gid>> = groups.collect();
    let groups = groups.ok_or(rustix::io::Errno::INVAL)?;
    if (geteuid(), getegid()) == (uid, gid) && !uid.is_root() {
        return Ok(()); // one's own identity is one's own to lend, with the groups one has
    }
    set_thread_groups(&groups)?;
    set_thread_res_gid(None, gid, None)?;
    set_thread_res_uid(None, uid, None)
}

/// `2^32-1` is nobody, and means "as it is" to the kernel.
fn number(id: u32) -> Option<u32> {
    (id != u32::MAX).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    const NOBODY: u32 = 65534;

    /// What is listening in a directory of the test's own that everybody may enter.
    fn listener(name: &str) -> (PathBuf, UnixListener) {
        use std::os::unix::fs::PermissionsExt;
        let directory = std::env::temp_dir().join(format!("ebb-api-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.join("bus");
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        (path, listener)
    }

    fn remove(path: &Path) {
        let _ = std::fs::remove_dir_all(path.parent().unwrap());
    }

    #[tokio::test]
    async fn a_socket_is_connected_by_the_user_and_the_process_stays_who_it_was() {
        if !geteuid().is_root() {
            return; // only root can become somebody else
        }
        let (path, listener) = listener("somebody");
        let identity = Identity::new(NOBODY, NOBODY, vec![NOBODY, 12345]);
        let ours = connect(path.clone(), &identity).await.unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let seen = rustix::net::sockopt::socket_peercred(&theirs).unwrap();
        assert_eq!((seen.uid.as_raw(), seen.gid.as_raw()), (NOBODY, NOBODY));
        assert!(geteuid().is_root() && getegid().is_root());
        drop(ours);
        remove(&path);
    }

    #[test]
    fn the_thread_is_the_user_in_effect_and_stays_out_of_their_reach() {
        if !geteuid().is_root() {
            return; // only root can become somebody else
        }
        let status = std::thread::spawn(|| {
            become_effectively(&Identity::new(NOBODY, NOBODY, vec![NOBODY])).unwrap();
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        });
        let status = status.join().unwrap();
        // Real, effective, saved and of the file system. Who may send a signal is ruled by the first
        // and the third, who may trace by all.
        for line in [
            "Uid:\t0\t65534\t0\t65534",
            "Gid:\t0\t65534\t0\t65534",
            "Groups:\t65534",
            "CapEff:\t0000000000000000",
        ] {
            assert!(status.contains(line), "{line} is not in {status}");
        }
    }

    #[tokio::test]
    async fn who_cannot_be_taken_on_is_said_and_nobody_is_seen() {
        let (path, listener) = listener("nobody");
        listener.set_nonblocking(true).unwrap();
        let nobody = Identity::new(u32::MAX, 0, vec![]);
        let error = connect(path.clone(), &nobody).await.unwrap_err();
        assert!(matches!(error, ImpersonationError::NotPermitted(_)), "{error}");
        let seen = listener.accept().unwrap_err();
        assert_eq!(seen.kind(), io::ErrorKind::WouldBlock);
        remove(&path);
        let me = Identity::new(geteuid().as_raw(), getegid().as_raw(), vec![]);
        let error = connect(path, &me).await.unwrap_err();
        assert!(matches!(error, ImpersonationError::Connect { .. }), "{error}");
    }
}
