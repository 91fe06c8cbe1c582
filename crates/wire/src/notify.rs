//! What the service and a notification agent say to each other: one command, and how it ended.
//!
//! The agent is the job's owner, and the command is the owner's own. Words go to the program as
//! they are; no shell looks at them.

/// From the service to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToNotify {
    /// Run this; said once. Answered by `Ended` or `NotStarted`. When the channel is closed before
    /// that, the command is ended.
    Run {
        /// The program, by its absolute path, and its parameters.
        words: Vec<Vec<u8>>,
        /// `NAME=value`, in place of any other environment but the usual few.
        environment: Vec<Vec<u8>>,
        /// It is ended after so many seconds.
        limit: u32,
    },
}

/// From the agent to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromNotify {
    /// It has ended.
    Ended {
        /// Its exit code, or the negated number of the signal.
        status: i32,
    },
    /// It could not be started.
    NotStarted {
        /// What the kernel said.
        errno: i32,
    },
}
