//! The real program, over a real channel, against a server that follows a script.
//!
//! There is no launcher here: the test makes the channel, puts it in place as descriptor 0, and
//! plays the service. Run by root, the program runs as `nobody`, as it refuses to hold
//! capabilities; run by anyone else, it runs as they are.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it did not expect has failed"
)]

mod support;

mod borders;
mod transfers;
