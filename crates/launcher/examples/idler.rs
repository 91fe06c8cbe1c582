//! Stands in for an agent in the launcher's tests: says that it runs, waits until its channel ends,
//! and ends with the number of the arguments it was given.

#![forbid(unsafe_code)]

use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before this the dynamic loader may hold a descriptor of its own. A test that is gone already
    // is no trouble.
    let _ = rustix::net::send(std::io::stdin(), b"!", rustix::net::SendFlags::NOSIGNAL);
    let _ = std::io::stdin().read(&mut [0]);
    ExitCode::from(u8::try_from(std::env::args().count()).unwrap_or(u8::MAX))
}
