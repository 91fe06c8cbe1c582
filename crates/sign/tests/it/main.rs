//! The program, with a test in the place of the service and of a network agent.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it did not expect has failed"
)]

mod forms;
mod pem;
mod support;
mod tokens;
