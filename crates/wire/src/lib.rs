//! Private talk between Ebb's own processes: messages, framing, descriptors.
//!
//! Every channel is one `SOCK_SEQPACKET` socket pair made by the launcher (the last one below: by the
//! service). One datagram is one
//! message, or several that were ready at the same time ([`train`]); a descriptor, where a message carries
//! one, travels with it as `SCM_RIGHTS`. This crate
//! answers one question: *which bytes are which message?* It never decides what a message means.
//!
//! | channel             | to it          | from it          |
//! |---------------------|----------------|------------------|
//! | service and ebbd    | [`launcher::ToLauncher`] | [`launcher::FromLauncher`] |
//! | service and ebb-files | [`files::ToFiles`] | [`files::FromFiles`] |
//! | service and ebb-net | [`net::ToNet`] | [`net::FromNet`] |
//! | service and ebb-notify | [`notify::ToNotify`] | [`notify::FromNotify`] |
//! | service and ebb-sign | [`sign::ToSign`] | [`sign::FromSign`] |
//! | ebb-net and ebb-sign | [`sign::ToSigner`] | [`sign::FromSigner`] |
//!
//! Names are seen from the service, the middle of the star; in the last line, from the network agent,
//! which gets its end from the service. Reading past the end of a message, a
//! length that lies, an unknown number and *trailing bytes* are all errors: both ends are ours and
//! of one version, so a message that does not fit means one of us is broken or taken over, and
//! whoever reads it ends. The codec is written by hand because the program that runs as root
//! links it.

#![forbid(unsafe_code)]

pub mod channel;
#[cfg(any(test, feature = "checks"))]
pub mod checks;
pub mod codec;
pub mod files;
pub mod launcher;
pub mod net;
pub mod notify;
pub mod sign;
pub mod train;

/// What an agent's sandbox enforces, as it reports in its first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// The Landlock ABI in force; 0 when the kernel has none.
    pub landlock_abi: u8,
    /// Everything the agent asked of Landlock is enforced.
    pub landlock_full: bool,
    /// The system call filter is on.
    pub seccomp: bool,
}
