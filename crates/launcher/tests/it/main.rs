//! Integration tests of ebbd with real processes and real identities.

#[cfg(test)]
mod ending;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod support;
