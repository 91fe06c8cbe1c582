//! Ebb's public face: D-Bus names, types, error names, a typed client, the interface XML.
//!
//! This crate is the contract between the transfer service and the world. The service takes its
//! names, error names and introspection XML from here; a program that wants something transferred
//! takes a typed client, and never spells out a D-Bus signature. It holds no rule of what is
//! allowed, and no state but a connection.

#![forbid(unsafe_code)]

pub mod errors;
pub mod names;
