//! Integration tests of ebbd with real processes and real identities.

#![forbid(unsafe_code)]

#[cfg(test)]
mod ending;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod support;
