//! Integration tests of the sandbox: one binary, one file per question.

#[cfg(test)]
mod confinement;
