//! Why an agent could not be confined. Each of these ends it: nobody else can do anything about it.

use std::fmt;
use std::io;

/// Why an agent could not be confined.
#[derive(Debug)]
pub enum SandboxError {
    /// A step that every kernel offers failed.
    Step(&'static str, io::Error),
    /// `ebbd` is gone.
    ParentGone,
    /// The agent holds a capability, which no agent may.
    CapabilitiesHeld,
    /// The kernel has no Landlock, or it is not enabled.
    NoLandlock,
    /// Landlock refused the rules.
    Landlock(landlock::RulesetError),
    /// The kernel has no seccomp filters, or refused ours.
    Seccomp(seccompiler::Error),
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(what, error) => write!(f, "cannot {what}: {error}"),
            Self::ParentGone => f.write_str("the launcher is gone"),
            Self::CapabilitiesHeld => f.write_str("the agent holds capabilities"),
            Self::NoLandlock => {
                f.write_str("the kernel has no Landlock; allow that with `sandbox = warn`")
            }
            Self::Landlock(error) => write!(f, "cannot confine with Landlock: {error}"),
            Self::Seccomp(error) => write!(f, "cannot filter system calls: {error}"),
        }
    }
}

impl std::error::Error for SandboxError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Step(_, error) => Some(error),
            Self::Landlock(error) => Some(error),
            Self::Seccomp(error) => Some(error),
            Self::ParentGone | Self::CapabilitiesHeld | Self::NoLandlock => None,
        }
    }
}
