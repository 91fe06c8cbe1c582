//! Integration tests of ebb-files: the program itself, under identities of its own.

#[cfg(test)]
mod agent;
