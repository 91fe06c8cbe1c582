//! Who has which part of a path: the agents of all owners that give way, as one.
//!
//! Each agent has a law of its own, and sees the same queue as the others. So that together they cost
//! nobody more than one would, each gets a part. This module answers one question: *given what the
//! agents have said, and when, what is to be told to whom?*
//!
//! * All that have connections of one class get the same weight, whatever they say of themselves:
//!   who says more gets no more. The weights together are never more than one.
//! * Each has a place of its own, by which they take turns while not all can move.
//! * Each hears what the others of its class may have under way, and what others of ours receive in
//!   any class: on the network card those bytes are not a stranger's.
//! * Who says nothing for [`SILENCE`], and who is gone, has no part any more.
//!
//! A class is a kind of manners; nobody here knows which.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::time::Moment;

/// Who says nothing for so long has no connections any more.
pub const SILENCE: Duration = Duration::from_secs(3);
/// Numbers about the others are told at most this often, and again at least this often.
const TELL: (Duration, Duration) = (Duration::from_millis(150), Duration::from_secs(1));
/// All of a path, in thousandths.
const WHOLE: u16 = 1000;

/// What an agent says of its path in one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many connections there are.
    pub connections: u32,
    /// What may be under way to all of them, in bytes.
    pub window: u64,
    /// What arrives, in bytes a second.
    pub rate: u64,
}

/// What an agent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its part, in thousandths.
    pub weight: u16,
    /// Its place among those that have one, from 0.
    pub place: u16,
    /// How many those are.
    pub of: u16,
    /// What the others of its class may have under way, in bytes.
    pub window: u64,
    /// What other agents receive in any class, in bytes a second.
    pub rate: u64,
}

impl Part {
    /// Of whoever is alone; nobody needs to be told.
    const ALL: Self = Self { weight: WHOLE, place: 0, of: 1, window: 0, rate: 0 };
}

/// All agents that give way.
#[derive(Debug)]
pub struct Sharing<C> {
    reports: BTreeMap<(C, u64), (Moment, Report)>,
    told: BTreeMap<(C, u64), (Moment, Part)>,
}

impl<C> Default for Sharing<C> {
    fn default() -> Self {
        Self { reports: BTreeMap::new(), told: BTreeMap::new() }
    }
}

impl<C: Copy + Ord> Sharing<C> {
    /// An agent has said this.
    pub fn hear(&mut self, agent: u64, class: C, report: Report, now: Moment) {
        match report.connections {
            0 => self.reports.remove(&(class, agent)),
            _ => self.reports.insert((class, agent), (now, report)),
        };
    }

    /// An agent is no more.
    pub fn gone(&mut self, agent: u64) {
        self.reports.retain(|(_, other), _| *other != agent);
        self.told.retain(|(_, other), _| *other != agent);
    }

    /// What is to be told to whom, now. It counts as told, as long as the agent is there.
    pub fn news(&mut self, now: Moment) -> Vec<(u64, C, Part)> {
        self.reports.retain(|_, (at, _)| now.since(*at) < SILENCE);
        let parts = self.parts();
        let mut news = Vec::new();
        for (&(class, agent), &part) in &parts {
            let before = self.told.get(&(class, agent)).copied();
            let (at, told) = before.unwrap_or((now, Part::ALL));
            if is_worth_telling(&told, &part, now.since(at)) {
                self.told.insert((class, agent), (now, part));
                news.push((agent, class, part));
            }
        }
        news
    }

    /// The part of everybody that has connections.
    fn parts(&self) -> BTreeMap<(C, u64), Part> {
        let mut parts = BTreeMap::new();
        for (&(class, agent), (_, own)) in &self.reports {
            let of_class = || self.reports.iter().filter(move |((other, _), _)| *other == class);
            let of = u16::try_from(of_class().count()).unwrap_or(u16::MAX);
            let place = of_class().position(|((_, other), _)| *other == agent).unwrap_or(0);
            let windows = of_class().map(|(_, (_, report))| report.window);
            let others = self.reports.iter().filter(|((_, other), _)| *other != agent);
            let rates = others.map(|(_, (_, report))| report.rate);
            let part = Part {
                weight: (WHOLE / of.max(1)).max(1),
                place: u16::try_from(place).unwrap_or(u16::MAX),
                of,
                window: windows.fold(0, u64::saturating_add).saturating_sub(own.window),
                rate: rates.fold(0, u64::saturating_add),
            };
            parts.insert((class, agent), part);
        }
        parts
    }
}

/// Parts at once; numbers when they are others, and not too often; everything before it is too old.
fn is_worth_telling(told: &Part, part: &Part, since: Duration) -> bool {
    if (told.weight, told.place, told.of) != (part.weight, part.place, part.of) {
        return true;
    }
    let others = |before: u64, now: u64| before.abs_diff(now) > before / 8;
    let changed = others(told.window, part.window) || others(told.rate, part.rate);
    let alone = *part == Part::ALL;
    changed && (since >= TELL.0 || since.is_zero() || alone) || !alone && since >= TELL.1
}

#[cfg(test)]
mod tests;
