//! Directories that live as long as a test, the programs in them, and news from one.
//!
//! Everything here is made by path, as root, below a fresh directory nobody else may write: what
//! would be careless in the product is fine where the only other party is the test itself.

use crate::users::User;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The programs an instance consists of, and the one it is used with.
pub const PROGRAMS: [&str; 7] =
    ["ebbd", "ebb-service", "ebb-files", "ebb-net", "ebb-notify", "ebb-sign", "ebb"];
/// Makes a directory of this user with this mode, if it is not there.
///
/// # Panics
///
/// When it cannot be made.
pub fn make_directory(path: &Path, mode: u32, user: &User) {
    if path.exists() {
        return;
    }
    fs::DirBuilder::new().mode(mode).create(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    if user.uid != User::me().uid {
        chown(path, Some(user.uid), Some(user.gid)).expect("root may give directories away");
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our own directory");
}

/// A new directory that everybody may pass through.
///
/// # Panics
///
/// When there is no room for temporary files.
#[must_use]
pub fn scratch_directory() -> PathBuf {
    scratch_directory_in(&std::env::temp_dir())
}

/// The same in another place than that for temporary files.
///
/// # Panics
///
/// When none can be made.
#[must_use]
pub fn scratch_directory_in(place: &Path) -> PathBuf {
    let mut random = [0; 8];
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .expect("the kernel has random bytes");
    let name = format!("ebb-test-{:016x}", u64::from_le_bytes(random));
    let path = place.join(name);
    fs::DirBuilder::new().mode(0o755).create(&path).expect("a directory for temporary files");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own directory");
    path
}

/// Where the programs under test are.
///
/// # Panics
///
/// When they have not been built.
#[must_use]
pub fn binary_directory() -> PathBuf {
    let beside = || {
        let own = std::env::current_exe().expect("a running program has a path");
        own.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_path_buf()
    };
    let directory = std::env::var_os("EBB_BIN_DIR").map_or_else(beside, PathBuf::from);
    for program in PROGRAMS {
        let there = directory.join(program).exists();
        assert!(there, "{program} is not in {directory:?}; build the workspace's programs first");
    }
    directory
}

/// Copies a program. Not in this process: a child that another test's thread forks meanwhile would
/// hold the copy open for writing, and nobody could run it.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().expect("cp can be run");
    assert!(copied.success(), "{from:?} cannot be copied");
}

/// Begins to watch a directory for new names.
pub(crate) fn watch(directory: &Path) -> rustix::fd::OwnedFd {
    let events = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK);
    let events = events.expect("the kernel has inotify");
    let what = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&events, directory, what).expect("our own directory");
    events
}

/// Waits until what is found in a directory is there, which no signal of the service tells.
///
/// # Panics
///
/// When it is not there after two minutes, or the directory cannot be watched.
pub fn wait_in<T>(directory: &Path, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let events = watch(directory);
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(thing) = found() {
            return thing;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        wait_for_event(&events);
    }
}

/// Waits for something new in the directory, or a moment: between a socket's appearance and its
/// readiness there is no event.
pub(crate) fn wait_for_event(events: &rustix::fd::OwnedFd) {
    let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    let mut fds = [PollFd::new(events, PollFlags::IN)];
    let _ = poll(&mut fds, Some(&moment));
    let _ = rustix::io::read(events, &mut [0_u8; 4096]);
}
