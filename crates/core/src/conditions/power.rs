//! Where the machine's power comes from, and who may run on it (`job-model.md` 6.2).

use crate::job::Priority;

/// Where the power comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// From the wall, or nobody can tell.
    #[default]
    Mains,
    /// From a battery.
    Battery,
    /// From a battery, and the machine saves what it can.
    Saver,
}

/// Who may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayRun {
    /// Every job.
    All,
    /// Jobs that somebody waits for.
    Foreground,
    /// None.
    Nobody,
}

impl MayRun {
    /// Every choice, by the name it has in the configuration.
    pub const ALL: [(&'static str, Self); 3] =
        [("all", Self::All), ("foreground", Self::Foreground), ("none", Self::Nobody)];

    /// The choice of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(choice, _)| *choice == name).map(|(_, choice)| choice)
    }

    /// Whether a job of this priority may.
    #[must_use]
    pub fn admits(self, priority: Priority) -> bool {
        match self {
            Self::All => true,
            Self::Foreground => priority == Priority::Foreground,
            Self::Nobody => false,
        }
    }
}
