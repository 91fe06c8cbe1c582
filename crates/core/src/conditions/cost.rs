//! What a network costs, and what a job may cost (`job-model.md` 1.3).

use crate::job::{CostFlags, Priority};

/// What the present network costs, in BITS' eight kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostState {
    /// No cost, no cap; also where nobody can tell.
    #[default]
    Unrestricted,
    /// The plan has a cap, and nobody knows how much of it is used.
    CappedUsageUnknown,
    /// Under 80 % of the plan.
    BelowCap,
    /// 80 % to 100 % of the plan.
    NearCap,
    /// Over the cap, and charged for it.
    OvercapCharged,
    /// Over the cap, and slowed down for it.
    OvercapThrottled,
    /// Paid by use.
    UsageBased,
    /// Roaming.
    Roaming,
}

/// What jobs may cost that do not say it themselves, by priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostDefaults {
    /// For foreground jobs.
    pub foreground: CostFlags,
    /// For background jobs of high priority.
    pub high: CostFlags,
    /// For background jobs of normal priority.
    pub normal: CostFlags,
    /// For background jobs of low priority.
    pub low: CostFlags,
}

impl CostState {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Unrestricted,
        Self::CappedUsageUnknown,
        Self::BelowCap,
        Self::NearCap,
        Self::OvercapCharged,
        Self::OvercapThrottled,
        Self::UsageBased,
        Self::Roaming,
    ];

    /// Its bit.
    #[must_use]
    pub fn bit(self) -> u32 {
        match self {
            Self::Unrestricted => 0x1,
            Self::CappedUsageUnknown => 0x2,
            Self::BelowCap => 0x4,
            Self::NearCap => 0x8,
            Self::OvercapCharged => 0x10,
            Self::OvercapThrottled => 0x20,
            Self::UsageBased => 0x40,
            Self::Roaming => 0x80,
        }
    }

    /// What to call it in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Unrestricted => "costs nothing",
            Self::CappedUsageUnknown => "is metered",
            Self::BelowCap => "has a cap",
            Self::NearCap => "is near its cap",
            Self::OvercapCharged => "is over its cap and charged",
            Self::OvercapThrottled => "is over its cap and slowed down",
            Self::UsageBased => "is paid by use",
            Self::Roaming => "is a foreign one (roaming)",
        }
    }
}

impl CostFlags {
    /// Whether a network that costs this may be used.
    #[must_use]
    pub fn allows(self, cost: CostState) -> bool {
        self.bits() & cost.bit() != 0
    }
}

impl CostDefaults {
    /// The same for every priority.
    #[must_use]
    pub const fn all(flags: CostFlags) -> Self {
        Self { foreground: flags, high: flags, normal: flags, low: flags }
    }

    /// What a job of this priority may cost.
    #[must_use]
    pub fn of(&self, priority: Priority) -> CostFlags {
        match priority {
            Priority::Foreground => self.foreground,
            Priority::High => self.high,
            Priority::Normal => self.normal,
            Priority::Low => self.low,
        }
    }
}

impl Default for CostDefaults {
    fn default() -> Self {
        Self::all(CostFlags::ALWAYS)
    }
}
