//! The borders of the design, as far as they can be seen in the sources.
//!
//! Who links what (`closure`), what the source files may and must contain (`sources`), and whether
//! the documents name tests that exist (`documents`), and whether the Python module has every name of
//! the contract (`python`). Who may do what at run time is not seen here
//! but in `tests/e2e`, with real processes.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod closure;
mod documents;
mod python;
mod sources;
