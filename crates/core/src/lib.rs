//! The rules of Ebb, and nothing else.
//!
//! This crate answers: *who may do what, what does it mean, and whose turn is it?* It never reads a
//! clock, a file, a socket or a database, and has no dependencies; the time, chance and the
//! kernel's word are passed in. Whoever wants to know what Ebb does reads here; how it is done is
//! the business of the other crates.
//!
//! Start at [`job::Job::decide`]: the service calls it, writes down what changed, and only then
//! acts on the effects: **decide, record, act**.

#![forbid(unsafe_code)]

pub mod authorities;
pub mod certificate;
pub mod conditions;
pub mod credentials;
pub mod describe;
pub mod digest;
pub mod event;
pub mod explain;
pub mod failure;
pub mod file;
pub mod headers;
pub mod history;
pub mod id;
pub mod job;
pub mod notify;
pub mod paths;
pub mod policy;
pub mod presence;
pub mod proxy;
pub mod ranges;
pub mod refusal;
pub mod retry;
pub mod schedule;
pub mod sharing;
pub mod time;
pub mod token;
