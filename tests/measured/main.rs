//! Promise: who downloads beside a background transfer does not notice. Measured on an access line in
//! namespaces, in the short form of `bench/politeness`, against bounds that are looser than its own.
//! Apart from all other tests, which would be measured, too.

#![forbid(unsafe_code)]

use std::process::Command;

use support::scratch::binary_directory;
use support::users::{left_out, needs_root};

/// What the measurement ends with where the machine lacks what a line is made of, or is too busy for one.
const LEFT_OUT: i32 = 77;

#[test]
fn a_download_and_a_page_beside_a_background_transfer_have_the_line_and_the_queue_stays_short() {
    if !needs_root("network namespaces with an access line between them") {
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/politeness");
    let output = Command::new("timeout")
        .args(["--kill-after=30", "300", "/usr/bin/python3", script, "--check"])
        .env("BENCH_PROGRAMS", binary_directory())
        .output()
        .expect("coreutils have timeout");
    let said = String::from_utf8_lossy(&output.stdout);
    let code = output.status.code();
    if code == Some(LEFT_OUT) {
        left_out(&format!("giving way, measured on a line: {}", said.trim().replace('\n', "; ")));
        return;
    }
    assert_eq!(code, Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
