//! What the service and `ebbd` say to each other.
//!
//! An identity is numbers only, as the kernel reported them to the service. The service never
//! sends a path, a command line or an environment.

/// Names one agent on this channel; chosen by the service, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub u32);

/// Which of the programs an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `ebb-files`: files of one identity, no network.
    Files,
    /// `ebb-net`: the network as one identity, no files.
    Network,
    /// `ebb-notify`: one command of a job's owner.
    Notify,
    /// `ebb-sign`: keys of one identity, no network.
    Sign,
    /// `ebb-sign` for keys on tokens: the libraries that speak to these are foreign code.
    Token,
}

/// Who an agent becomes: uid, gid and supplementary groups, as the kernel vouched for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups, without `gid`, in the kernel's order.
    pub groups: Vec<u32>,
}

/// From the service to `ebbd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToLauncher {
    /// Start an agent; answered by `Started` or `Denied`.
    Start {
        /// Its name from now on.
        agent: AgentId,
        /// Which program.
        role: Role,
        /// Whom it becomes.
        identity: Identity,
    },
    /// Kill this agent now (`SIGKILL`); answered by `Ended`. Unknown or ended agents are no error.
    Stop {
        /// Which one.
        agent: AgentId,
    },
    /// The answer to `Finish`: no more starts; everything still running is ended.
    Close,
}

/// From `ebbd` to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromLauncher {
    /// The agent runs; the other end of its channel comes with this message.
    Started {
        /// Which one.
        agent: AgentId,
        /// Its process id, for logs only.
        pid: u32,
    },
    /// The agent was not started.
    Denied {
        /// Which one.
        agent: AgentId,
        /// Why.
        reason: DenyReason,
    },
    /// The agent's process is gone and reaped.
    Ended {
        /// Which one.
        agent: AgentId,
        /// Its exit code, or the negated signal number.
        status: i32,
    },
    /// `ebbd` was asked to end (SIGTERM): finish cleanly, send `Close`, and exit.
    Finish,
    /// `ebbd` was asked to have the configuration read again (SIGHUP).
    Reload,
}

/// Why the launcher would not start an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenyReason {
    /// The policy file does not admit this identity.
    NotAdmitted,
    /// A private instance has one identity, and this is another.
    NotOurIdentity,
    /// Too many agents run already.
    TooMany,
    /// The operating system refused; the launcher's log says why.
    System,
}
