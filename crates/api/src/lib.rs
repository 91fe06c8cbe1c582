//! Ebb's public face: D-Bus names, types, error names, a typed client, the interface XML.
//!
//! This crate is the contract between the transfer service and the world. The service takes its
//! names, error names and introspection XML from here; a program that wants something transferred
//! takes a typed client, and never spells out a D-Bus signature. It holds no rule of what is
//! allowed, and no state but a connection.
//!
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![deny(rustdoc::broken_intra_doc_links)]
#![forbid(unsafe_code)]

pub mod client;
pub mod errors;
pub mod explanation;
pub mod fields;
pub mod helper;
pub mod names;
pub mod properties;
pub mod terms;
pub mod values;

pub use client::Client;
pub use errors::{ClientError, ServiceError};
pub use helper::{Identity, ImpersonationError};
