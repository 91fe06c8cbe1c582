//! Stands in for an agent in the launcher's tests: waits until its channel ends, and ends with the
//! number of the arguments it was given.

use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    let _ = std::io::stdin().read(&mut [0]);
    ExitCode::from(u8::try_from(std::env::args().count()).unwrap_or(u8::MAX))
}
