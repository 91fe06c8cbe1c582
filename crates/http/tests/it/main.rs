//! The engine against servers that are slow, confused, broken or lying.
//!
//! Every server here is a script: it reads a request, and answers with bytes written out verbatim.
//! A test's name is the promise it checks.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that meets what it did not expect has failed"
)]

mod support;

mod auth;
mod authorities;
mod certificates;
mod connections;
mod continuing;
mod crowded;
mod digests;
mod framing;
mod limits;
mod measuring;
mod options;
mod pacing;
mod parts;
mod proxies;
mod proxy_auth;
mod redirects;
mod relaxed;
mod revocation;
mod several;
mod sharing;
mod stopping;
mod swaps;
mod tls;
mod validation;
