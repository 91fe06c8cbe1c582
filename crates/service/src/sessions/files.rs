//! What logind tells by no signal: that a session is closing, because its user has logged off and
//! left processes behind.
//!
//! It writes a file for each session, and `sd-login` watches their directory for the same reason.
//! What is in them is logind's business and is not read here: that one has changed is enough to ask
//! logind again. Where there is no such directory, signals have to do.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

const DIRECTORY: &str = "/run/systemd/sessions";

/// Files about sessions that change.
pub(super) struct SessionFiles(Option<AsyncFd<OwnedFd>>);

impl SessionFiles {
    /// From now on.
    pub(super) fn watch() -> Self {
        Self(watched().ok())
    }

    /// Waits until one has changed.
    pub(super) async fn changed(&self) {
        let Some(watched) = &self.0 else {
            return std::future::pending().await;
        };
        // One event or many: everything is read again anyway.
        let mut events = [0; 4096];
        let read = |fd: &OwnedFd| Ok(rustix::io::read(fd, &mut events)?);
        if watched.async_io(Interest::READABLE, read).await.is_err() {
            std::future::pending().await
        }
    }
}

#[expect(
    deprecated,
    reason = "the other constructors are unsafe; an owned descriptor is what they ask for"
)]
fn watched() -> io::Result<AsyncFd<OwnedFd>> {
    let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    add_watch(&inotify, DIRECTORY, WatchFlags::MOVED_TO | WatchFlags::DELETE)?;
    AsyncFd::with_interest(inotify, Interest::READABLE)
}
