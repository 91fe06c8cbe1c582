//! The promises, each with real processes, real users and a server that lies.
//!
//! One module per promise. Everything that needs several identities needs root and says aloud when
//! it is left out. The programs under test have to be built first (`make test` does).

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod administration;
mod asking;
mod attacks;
mod audit;
mod authorities;
mod bad_input;
mod certificates;
mod command_line;
mod conditions;
mod configuration;
mod contract;
mod crash;
mod credentials;
mod digests;
mod events;
mod explain;
mod failures;
mod file_sources;
mod files_only_by_ebb_files;
mod groups;
mod handover;
mod hanging;
mod headers;
mod high_performance;
mod history;
mod identities;
mod job_model;
mod library;
mod limits;
mod logging_off;
mod logging_on;
mod logind;
mod newer_store;
mod notifications;
mod notify_command;
mod on_demand;
mod ownership;
mod package;
mod policy_changes;
mod politeness;
mod polkit;
mod processes;
mod properties;
mod proxies;
mod proxy_logins;
mod python;
mod ranges;
mod server_certificates;
mod server_matrix;
mod sessions;
mod set;
mod several;
mod sharing;
mod shells;
mod small_files;
mod stapling;
mod state_table;
mod stopping;
mod swap;
mod system_bus;
mod table;
mod tokens;
mod validation;
mod vault;
