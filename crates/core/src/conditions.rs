//! What the machine's surroundings allow.
//!
//! One question: *given the network, what it costs, the power and the hour, may this job move now,
//! and how fast?* ([`Rules::verdict`]). The surroundings are passed in; nothing here asks for them.
//! What a verdict does to a job is decided in `job`, and nobody who is blocked holds others back.
//!
//! | condition | blocks                                     | clears when                    |
//! |-----------|--------------------------------------------|--------------------------------|
//! | network   | every job, but to the machine itself       | there is a network             |
//! | cost      | jobs whose mask leaves this network out    | another network, another mask  |
//! | bandwidth | background jobs while their limit is 0     | the hour is over               |
//! | power     | whom the policy names                      | the machine is charged again   |
//!
//! A destination on the machine itself needs no network and costs nothing. Foreground jobs know no
//! hours (`job-model.md` 6.3).

mod cost;
mod hours;
mod power;
mod share;
#[cfg(test)]
mod tests;

pub use cost::{CostDefaults, CostState};
pub use hours::{Bandwidth, Limits, LocalTime, Window};
pub use power::{MayRun, Power};
pub use share::share;

use core::time::Duration;

use crate::failure::Blocked;
use crate::file::is_local;
use crate::job::{CostFlags, Job, Priority};

/// What the machine's surroundings are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether there is a network.
    pub network: Network,
    /// What it costs.
    pub cost: CostState,
    /// Where the power comes from.
    pub power: Power,
}

/// Whether there is a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// There is, or nobody can tell.
    #[default]
    Up,
    /// There is none.
    Down,
}

/// How far away what a job fetches is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On the machine itself.
    Machine,
    /// Somewhere in a network.
    Network,
}

/// The administrator's word on when jobs may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What a network may cost, for jobs that do not say it themselves.
    pub cost: CostDefaults,
    /// How much background jobs may use, and when.
    pub bandwidth: Bandwidth,
    /// Who may run while the machine saves power.
    pub power_saver: MayRun,
    /// Who may run on the battery.
    pub battery: MayRun,
}

/// What matters of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanting {
    /// How urgent it is.
    pub priority: Priority,
    /// What its owner lets it cost.
    pub cost: Option<CostFlags>,
    /// Where it wants to go.
    pub reach: Reach,
}

/// Whether a job may move now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may; all of its class together no faster than this, in bytes a second.
    May(Option<u64>),
    /// It may not.
    Blocked {
        /// What stands in its way.
        by: Blocked,
        /// How long still, where that is known.
        still: Option<Duration>,
    },
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            cost: CostDefaults::default(),
            bandwidth: Bandwidth::default(),
            power_saver: MayRun::Foreground,
            battery: MayRun::All,
        }
    }
}

impl Wanting {
    /// What matters of this job.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        let mut unfinished = job.unfinished().map(|at| &job.files[at as usize]);
        let abroad = unfinished.any(|file| !is_here(&file.url));
        Self {
            priority: job.terms.priority,
            cost: job.terms.cost_flags,
            reach: if abroad { Reach::Network } else { Reach::Machine },
        }
    }
}

impl Rules {
    /// Whether a job may move now. Of several things in its way the one is named that is hardest
    /// to change.
    #[must_use]
    pub fn verdict(&self, now: Surroundings, time: LocalTime, job: Wanting) -> Verdict {
        let blocked = |by| Verdict::Blocked { by, still: None };
        if job.reach == Reach::Network {
            if now.network == Network::Down {
                return blocked(Blocked::NetworkDisconnected);
            }
            if !self.cost_of(job).allows(now.cost) {
                return blocked(Blocked::CostPolicy);
            }
        }
        if let Some(by) = self.power(now.power, job.priority) {
            return blocked(by);
        }
        match self.bandwidth.limit(job.priority, time) {
            Some(0) => {
                let still = self.bandwidth.until_open(job.priority, time);
                Verdict::Blocked { by: Blocked::BandwidthPolicy, still }
            }
            Some(limit) => Verdict::May(Some(hours::bytes_a_second(limit))),
            None => Verdict::May(None),
        }
    }
}

/// What single conditions come to.
impl Rules {
    /// What a job may cost: its own word, or the policy's for its priority.
    pub(crate) fn cost_of(&self, job: Wanting) -> CostFlags {
        job.cost.unwrap_or_else(|| self.cost.of(job.priority))
    }

    /// Whether this power holds a job of this priority.
    pub(crate) fn power(&self, power: Power, priority: Priority) -> Option<Blocked> {
        if power == Power::Saver && !self.power_saver.admits(priority) {
            return Some(Blocked::BatterySaver);
        }
        let held = power != Power::Mains && !self.battery.admits(priority);
        held.then_some(Blocked::BatteryPolicy)
    }
}

/// Whether a URL leads to the machine itself: a file of it, `localhost`, or a loopback address. Of what looks
/// odd the answer is no, which at worst makes a job wait for a network it does not need.
#[must_use]
pub fn is_here(url: &str) -> bool {
    if is_local(url) {
        return true;
    }
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host_and_port = rest[..end].rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(v6) => return v6.split_once(']').is_some_and(|(v6, _)| is_loopback_v6(v6)),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let by_name = name == "localhost" || name.ends_with(".localhost");
    by_name || name.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn is_loopback_v6(text: &str) -> bool {
    text.parse::<core::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}
