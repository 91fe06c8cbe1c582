//! What the machine's surroundings do not allow right now: names, and what to do about it.
//!
//! None of these is a mistake, and none is tried again by a timer: the job goes on when the
//! condition clears (`job-model.md` 4.4 rows 11 to 14).

use core::fmt;

/// What stands in a job's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// There is no network.
    NetworkDisconnected,
    /// What this network costs is not what the job may cost.
    CostPolicy,
    /// The policy gives background jobs no bandwidth at this hour.
    BandwidthPolicy,
    /// The machine saves power.
    BatterySaver,
    /// The machine runs on its battery.
    BatteryPolicy,
}

impl Blocked {
    /// Everything that can stand in the way.
    pub const ALL: [Self; 5] = [
        Self::NetworkDisconnected,
        Self::CostPolicy,
        Self::BandwidthPolicy,
        Self::BatterySaver,
        Self::BatteryPolicy,
    ];

    pub(super) fn code(self) -> u32 {
        match self {
            Self::NetworkDisconnected => 0x8020_0010,
            Self::CostPolicy => 0x8020_0059,
            Self::BandwidthPolicy => 0x8020_003e,
            Self::BatterySaver => 0x8020_0068,
            Self::BatteryPolicy => 0x8020_0067,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NetworkDisconnected => "network-disconnected",
            Self::CostPolicy => "blocked-by-cost-transfer-policy",
            Self::BandwidthPolicy => "blocked-by-policy",
            Self::BatterySaver => "blocked-by-battery-saver",
            Self::BatteryPolicy => "blocked-by-battery-policy",
        }
    }

    /// The reason shown in tables (`command-line.md` 5.8).
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NetworkDisconnected => "network-down",
            Self::CostPolicy => "metered",
            Self::BandwidthPolicy => "policy-window",
            Self::BatterySaver | Self::BatteryPolicy => "power-saving",
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NetworkDisconnected => "nothing to do: it goes on when there is a network",
            Self::CostPolicy => "wait for another network, or let the job cost more",
            Self::BandwidthPolicy => "wait for another hour, or make it a foreground job",
            Self::BatterySaver => "leave the power saver, or make it a foreground job",
            Self::BatteryPolicy => {
                "connect the machine to its charger, or make it a foreground job"
            }
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkDisconnected => "there is no network",
            Self::CostPolicy => "the job may not use a network that costs this much",
            Self::BandwidthPolicy => "the policy gives background jobs no bandwidth at this hour",
            Self::BatterySaver => "the machine saves power",
            Self::BatteryPolicy => "the machine runs on its battery",
        })
    }
}
