//! Enters the sandbox and then tries what it should forbid; the integration test reads the result.
//!
//! `probe files|sign|network|service DIR`: prints the sandbox, then one line `what: ok` or `what: errno` for
//! each attempt. DIR is a directory its identity may write. It is a program of its own because
//! nothing leaves a sandbox again.

#![forbid(unsafe_code)]

use ebb_sandbox::{Confinement, Demand};
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use uapi::{UstrPtr, c};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (role, dir) = (arguments[1].as_str(), Path::new(&arguments[2]));
    let confinement = match role {
        "files" => Confinement::Files,
        "sign" => Confinement::Sign,
        "service" => {
            Confinement::Service { own: vec![dir.join("sub")], readable: vec![], groups: None }
        }
        _ => Confinement::Network { readable: vec![dir.join("extra")] },
    };
    match ebb_sandbox::enter(confinement, Demand::Required) {
        Ok(sandbox) => println!("sandbox: {sandbox:?}"),
        Err(error) => {
            println!("refused: {error}");
            return;
        }
    }
    paths(dir);
    network(dir);
    calls(dir);
    let dumpable = rustix::process::dumpable_behavior();
    println!("dumpable: {dumpable:?}");
}

fn say<T>(what: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{what}: ok"),
        Err(error) => println!("{what}: {}", error.raw_os_error().unwrap_or(-1)),
    }
}

fn paths(dir: &Path) {
    say("write", fs::write(dir.join("new"), "x"));
    say("truncate", fs::write(dir.join("new"), ""));
    say("read", fs::read(dir.join("extra")));
    say("rename", fs::rename(dir.join("old"), dir.join("newer")));
    say("move", fs::rename(dir.join("extra"), dir.join("sub/extra")));
    say("remove", fs::remove_file(dir.join("spare")));
    say("mkdir", fs::create_dir(dir.join("made")));
    say("symlink", std::os::unix::fs::symlink("x", dir.join("link")));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    say("chmod", fs::set_permissions(dir.join("extra"), mode));
    say("chown", std::os::unix::fs::chown(dir.join("extra"), None, None));
    let attribute =
        rustix::fs::setxattr(dir.join("extra"), "user.ebb", b"x", rustix::fs::XattrFlags::empty());
    say("setxattr", attribute.map_err(io::Error::from));
    say("read passwd", File::open("/etc/passwd"));
    say("read certificates", fs::read_dir("/etc/ssl"));
    say("read resolv.conf", File::open("/etc/resolv.conf"));
    say("write own", fs::write(dir.join("sub/own"), "x"));
    say("read own", fs::read(dir.join("sub/own")));
    say("own socket", UnixListener::bind(dir.join("sub/socket")));
    say("write null", fs::write("/dev/null", "x"));
}

fn network(dir: &Path) {
    say("udp", UdpSocket::bind("127.0.0.1:0"));
    say("tcp listen", TcpListener::bind("127.0.0.1:0"));
    say("unix listen", UnixListener::bind(dir.join("socket")));
    say("unix pair", UnixStream::pair());
    say("resolve", ("localhost", 80).to_socket_addrs());
    let open = |family, kind| rustix::net::socket(family, kind, None).map_err(io::Error::from);
    use rustix::net::{AddressFamily, SocketType};
    say("tcp socket", open(AddressFamily::INET6, SocketType::STREAM));
    say("vsock", open(AddressFamily::VSOCK, SocketType::STREAM));
    say("netlink route", open(AddressFamily::NETLINK, SocketType::RAW));
    say("thread", std::thread::Builder::new().spawn(|| ()).map(std::thread::JoinHandle::join));
}

/// Calls that must not be reached at all. Let through they would do no harm, and most would say
/// something else than `EPERM`. What no safe function offers is left to the tests of the filter.
fn calls(dir: &Path) {
    let nowhere = dir.join("nowhere");
    say("execve", Err::<(), _>(Command::new(&nowhere).exec()));
    let (here, none) = (c::AT_FDCWD, UstrPtr::new());
    say("execveat", uapi::execveat(here, &*nowhere, &none, &none, 0).map_err(io::Error::from));
    say("start a program", Command::new(&nowhere).spawn());
    let uapi = |what, result: uapi::Result<()>| say(what, result.map_err(io::Error::from));
    uapi("kill", uapi::kill(uapi::getpid(), 0));
    uapi("pidfd_getfd", uapi::pidfd_getfd(-1, 0, 0).map(drop));
    uapi("mount", uapi::mount("none", &*nowhere, "tmpfs", 0, None));
    uapi("open_tree", uapi::open_tree(here, &*nowhere, 0).map(drop));
    uapi("unshare", uapi::unshare(0));
    uapi("setns", uapi::setns(-1, 0));
    uapi("mknodat", uapi::mknodat(here, &*dir.join("sub/pipe"), c::S_IFIFO | 0o600, 0));
    uapi("listen", uapi::listen(-1, 0));
}
