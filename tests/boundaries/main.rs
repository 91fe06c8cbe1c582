//! The borders of the design, as far as they can be seen in the sources.
//!
//! Who links what (`closure`), and what the source files may and must contain (`sources`). Who may
//! do what at run time is not seen here but in `tests/e2e`, with real processes.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod closure;
mod sources;
