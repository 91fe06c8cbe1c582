//! Integration tests of the sandbox: one binary, one file per question.

#![forbid(unsafe_code)]

#[cfg(test)]
mod confinement;
