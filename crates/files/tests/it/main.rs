//! Integration tests of ebb-files: the program itself, under identities of its own.

#![forbid(unsafe_code)]

#[cfg(test)]
mod agent;
