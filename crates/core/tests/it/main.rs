//! What `core` says to the outside, as documents: generated, checked in, compared.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod errors;
mod numbers;
