//! The kernel's word against the database's.

use super::*;
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A listening socket that anybody may connect to, gone with its directory at the end.
struct Door {
    dir: PathBuf,
    listener: UnixListener,
}

impl Door {
    fn open(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = std::env::temp_dir().join(format!("ebb-peer-{name}-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let path = dir.join("door");
        let listener = UnixListener::bind(&path).unwrap();
        for path in [&dir, &path] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self { dir, listener }
    }

    /// Starts a process with these numbers that connects and then waits to be killed.
    fn knock_as(&self, uid: u32, gid: u32, groups: &str) -> (Child, UnixStream) {
        let script = "import socket, sys, signal\ns = socket.socket(socket.AF_UNIX)\n\
                      s.connect(sys.argv[1])\nsignal.pause()";
        let groups = if groups.is_empty() { "--clear-groups" } else { groups };
        let child = Command::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={gid}"), groups.into()])
            .args(["/usr/bin/python3", "-c", script])
            .arg(self.dir.join("door"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        // A child that could not start must not leave us waiting for ever.
        let limit = rustix::time::Timespec { tv_sec: 30, tv_nsec: 0 };
        let mut ready = [PollFd::new(&self.listener, PollFlags::IN)];
        assert_eq!(poll(&mut ready, Some(&limit)).unwrap(), 1, "nobody knocked");
        (child, self.listener.accept().unwrap().0)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn groups_are_the_kernels_and_not_the_databases() {
    if !is_root() {
        return;
    }
    // No database knows these numbers, so only the kernel can have said them.
    let door = Door::open("groups");
    let (mut child, stream) = door.knock_as(54_321, 54_322, "--groups=54325,54323,54322");
    let peer = of(stream.as_fd()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((peer.uid, peer.gid), (54_321, 54_322));
    assert_eq!(peer.groups, [54_323, 54_325]);
    assert_eq!(peer.pid, Some(child.id()));
}

#[test]
fn no_groups_is_an_empty_list() {
    if !is_root() {
        return;
    }
    let door = Door::open("none");
    let (mut child, stream) = door.knock_as(54_321, 54_322, "");
    let peer = of(stream.as_fd()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(peer.groups, []);
}

#[test]
fn many_groups_fit() {
    if !is_root() {
        return;
    }
    let door = Door::open("many");
    let many: Vec<u32> = (100_000..105_000).collect();
    let list = many.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let (mut child, stream) = door.knock_as(54_321, 54_322, &format!("--groups={list}"));
    let peer = of(stream.as_fd()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(peer.groups, many);
}

#[test]
fn the_pidfd_is_the_peers_process() {
    let (near, _far) = UnixStream::pair().unwrap();
    let pidfd = of(near.as_fd()).unwrap().pidfd.expect("this kernel has SO_PEERPIDFD");
    let info = std::fs::read_to_string(format!(
        "/proc/self/fdinfo/{}",
        std::os::fd::AsRawFd::as_raw_fd(&pidfd)
    ))
    .unwrap();
    assert!(info.contains(&format!("Pid:\t{}\n", std::process::id())), "{info}");
}

#[test]
fn nobody_at_the_other_end_is_an_error() {
    let path = std::env::temp_dir().join(format!("ebb-peer-nobody-{}", std::process::id()));
    let (file, _) = (std::fs::File::create(&path).unwrap(), std::fs::remove_file(&path).unwrap());
    of(file.as_fd()).unwrap_err();

    let unconnected = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    assert_eq!(of(unconnected.as_fd()).unwrap_err().kind(), io::ErrorKind::NotConnected);
}
