//! Stands in for `ebb-service` in the launcher's tests: passes on what a test says and hears.
//!
//! It connects to the socket `control` in its runtime directory, where the test listens. What the
//! test sends goes to ebbd byte for byte, right or wrong; what ebbd says, and the descriptors with
//! it, goes to the test. When the test closes the socket, it ends with 0.

#![forbid(unsafe_code)]

use ebb_wire::channel::{self, Received};
use ebb_wire::launcher::FromLauncher;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType};
use std::os::fd::AsFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let dir = arguments.iter().find_map(|argument| argument.strip_prefix("--runtime-dir="));
    let path = format!("{}/control", dir.expect("ebbd says where"));
    let control = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None)
        .expect("a socket can be made");
    let address = SocketAddrUnix::new(path).expect("the path is short");
    rustix::net::connect(&control, &address).expect("the test listens");

    let to_test = control.try_clone().expect("there are descriptors left");
    std::thread::spawn(move || {
        while let Ok(Received::Message(message, end)) =
            channel::receive::<FromLauncher>(std::io::stdin())
        {
            if channel::send(&to_test, &message, end.as_ref().map(AsFd::as_fd)).is_err() {
                return;
            }
        }
    });
    let mut bytes = vec![0; 128 * 1024];
    while let Ok((length @ 1.., _)) =
        rustix::net::recv(&control, &mut bytes[..], RecvFlags::empty())
    {
        rustix::net::send(std::io::stdin(), &bytes[..length], SendFlags::NOSIGNAL)
            .expect("ebbd is there as long as we are");
    }
    ExitCode::SUCCESS
}
