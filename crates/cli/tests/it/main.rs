//! The program against a service that keeps the contract and does what a test tells it.
//!
//! These tests look at what a person or a script sees: standard output, standard error, the exit
//! code. The service is a fake in this process, on a socket of its own, so that each answer can be
//! chosen; that the real service keeps the same contract is shown elsewhere.

#![forbid(unsafe_code)]

#[cfg(test)]
mod fake;
mod helper;
mod listing;
#[cfg(test)]
mod program;
mod usage;
mod waiting;
