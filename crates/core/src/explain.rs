//! Why a job does what it does right now, in sentences for its owner.
//!
//! One question: *what lets it move, what slows it down, what stands in its way, and until when?*
//! ([`explain`]). Every sentence follows from the same rules that decide; nothing is decided here.
//! About other users a sentence tells at most that there are some: no name, no number of jobs.

use crate::conditions::{LocalTime, Network, Power, Reach, Rules, Surroundings, Wanting};
use crate::job::{Job, Priority, State};
use crate::schedule::{SLICE, SLICE_BYTES};
use crate::time::{Moment, Now, WallTime};

mod path;
pub use path::{Course, Path};

/// What one condition means for the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which condition.
    pub condition: &'static str,
    /// What it does to the job.
    pub bearing: Bearing,
    /// The same, for a person.
    pub sentence: String,
    /// Until when, where that is known.
    pub until: Option<WallTime>,
}

/// What a condition does to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// Nothing.
    Ok,
    /// It slows the job down, or will.
    Limiting,
    /// It holds the job.
    Blocking,
}

/// How things stand around the job.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The present.
    pub now: Now,
    /// The same on the machine's clocks.
    pub time: LocalTime,
    /// The administrator's word.
    pub rules: &'a Rules,
    /// What the machine's surroundings are like.
    pub surroundings: Surroundings,
    /// Who runs.
    pub slots: Occupied,
    /// The owner is not logged on, and has to be.
    pub owner_away: bool,
    /// How it gives way, if it transfers and does.
    pub path: Option<Path>,
}

/// Who holds the slots that the job could have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// How many there are.
    pub all: usize,
    /// By other jobs of the same owner.
    pub by_owner: usize,
    /// By jobs of others.
    pub by_others: usize,
    /// More urgent background jobs have work.
    pub outranked: bool,
    /// When the slices of those that run end, the first of them.
    pub slice_ends: Option<Moment>,
    /// Others wait for the slots it could have.
    pub others_wait: bool,
    /// Since when the job itself has one.
    pub since: Option<Moment>,
}

impl Bearing {
    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Limiting => "limiting",
            Self::Blocking => "blocking",
        }
    }
}

/// Explains a job: its state first, then every condition that bears on it.
#[must_use]
pub fn explain(job: &Job, standing: &Standing<'_>) -> Vec<Line> {
    let mut lines = vec![state(job, standing)];
    lines.extend(helper(job));
    let wants_to_move =
        job.minds_surroundings() || matches!(job.state, State::TransientError { .. });
    if wants_to_move {
        lines.extend(standing.owner_away.then(owner_away));
        let wanting = Wanting::of(job);
        lines.push(network(standing, wanting));
        lines.push(cost(standing, wanting));
        lines.push(power(standing, wanting));
        lines.push(hours(standing, wanting));
        lines.extend(limit(job));
    }
    lines.extend(standing.path.map(path::line));
    lines.extend(slice(job, standing));
    if job.state == State::Queued {
        lines.push(slot(job, standing));
    }
    lines
}

fn line(condition: &'static str, bearing: Bearing, sentence: impl Into<String>) -> Line {
    Line { condition, bearing, sentence: sentence.into(), until: None }
}

fn owner_away() -> Line {
    let sentence = "Its owner is not logged on, and the policy lets jobs run only while they are.";
    line("owner", Bearing::Blocking, sentence)
}

fn state(job: &Job, standing: &Standing<'_>) -> Line {
    let ok = |sentence: &str| line("state", Bearing::Ok, sentence);
    let blocking = |sentence: String| line("state", Bearing::Blocking, sentence);
    let failure = || job.error.as_ref().map(|trouble| trouble.failure);
    match job.state {
        State::Suspended if job.rests() => blocking(
            "All that was asked for is here. It goes on when more is asked for and it is resumed."
                .to_owned(),
        ),
        State::Suspended => blocking("It is paused, until somebody resumes it.".to_owned()),
        State::Queued => ok("It waits for its turn."),
        State::Connecting { .. } => ok("The server is being asked."),
        State::Transferring { .. } => ok("It is transferring."),
        State::Blocked { .. } => {
            let by = job.blocked_by().map_or_else(String::new, |by| format!(": {by}"));
            blocking(format!("It goes on by itself when the machine's surroundings allow it{by}."))
        }
        State::TransientError { retry_at } => {
            let what = failure().map_or_else(String::new, |failure| format!(" ({failure})"));
            let mut line = line(
                "retry",
                Bearing::Blocking,
                format!("It ran into passing trouble{what} and is tried again."),
            );
            line.until = Some(on_the_wall(standing.now, retry_at));
            line
        }
        State::Error => match failure() {
            Some(failure) => {
                blocking(format!("It has stopped: {failure}. What helps: {}.", failure.advice()))
            }
            None => blocking("It has stopped, and waits for its owner.".to_owned()),
        },
        State::Transferred => match failure() {
            Some(failure) => blocking(format!(
                "Everything is here, but could not be put in place: {failure}. What helps: {}.",
                failure.advice()
            )),
            None => blocking("Everything is here, and waits for Complete.".to_owned()),
        },
        State::Completing => ok("Its files are being put in place."),
        State::Acknowledged => ok("It is complete."),
        State::Cancelled => ok("It was cancelled."),
    }
}

fn helper(job: &Job) -> Option<Line> {
    let missing = job.helper.is_none() && !job.flags.is_empty() && !job.state.is_final();
    let sentence = "It is to use a helper's identity, and nobody lends it one.";
    missing.then(|| line("helper", Bearing::Blocking, sentence))
}

fn network(standing: &Standing<'_>, job: Wanting) -> Line {
    match (job.reach, standing.surroundings.network) {
        (Reach::Machine, _) => {
            line("network", Bearing::Ok, "It needs no network: its server is this machine.")
        }
        (Reach::Network, Network::Up) => line("network", Bearing::Ok, "There is a network."),
        (Reach::Network, Network::Down) => {
            line("network", Bearing::Blocking, "There is no network. It goes on when there is.")
        }
    }
}

fn cost(standing: &Standing<'_>, job: Wanting) -> Line {
    let cost = standing.surroundings.cost;
    let flags = standing.rules.cost_of(job);
    let words = cost.words();
    if job.reach == Reach::Machine {
        return line("cost", Bearing::Ok, "It costs nothing: its server is this machine.");
    }
    if flags.allows(cost) {
        return line("cost", Bearing::Ok, format!("The network {words}, and the job may use it."));
    }
    let whose = match job.cost {
        Some(_) => "its own cost setting",
        None => "the policy for its priority",
    };
    line("cost", Bearing::Blocking, format!("The network {words}, which {whose} does not allow."))
}

fn power(standing: &Standing<'_>, job: Wanting) -> Line {
    let power = standing.surroundings.power;
    let words = match power {
        Power::Mains => "The machine is not on its battery.",
        Power::Battery => "The machine runs on its battery",
        Power::Saver => "The machine saves power",
    };
    match standing.rules.power(power, job.priority) {
        None if power == Power::Mains => line("power", Bearing::Ok, words),
        None => line("power", Bearing::Ok, format!("{words}, and the job may run all the same.")),
        Some(_) => line(
            "power",
            Bearing::Blocking,
            format!("{words}, and the policy holds the job for so long."),
        ),
    }
}

fn hours(standing: &Standing<'_>, job: Wanting) -> Line {
    let bandwidth = &standing.rules.bandwidth;
    let priority = job.priority.name();
    let at = |still| Some(on_the_wall(standing.now, standing.now.moment.after(still)));
    match bandwidth.limit(job.priority, standing.time) {
        None if job.priority == Priority::Foreground => {
            line("hours", Bearing::Ok, "Foreground jobs know no hours.")
        }
        None => line(
            "hours",
            Bearing::Ok,
            format!("Nothing limits jobs of {priority} priority at this hour."),
        ),
        Some(0) => Line {
            until: bandwidth.until_open(job.priority, standing.time).and_then(at),
            ..line(
                "hours",
                Bearing::Blocking,
                format!("The policy gives jobs of {priority} priority no bandwidth at this hour."),
            )
        },
        Some(limit) => Line {
            until: bandwidth.until_change(standing.time).and_then(at),
            ..line(
                "hours",
                Bearing::Limiting,
                format!("Jobs of {priority} priority have {limit} kbit/s together at this hour."),
            )
        },
    }
}

fn limit(job: &Job) -> Option<Line> {
    let rate = job.terms.bandwidth_limit;
    let sentence = format!("It has a limit of its own: {rate} bytes a second.");
    (rate > 0).then(|| line("limit", Bearing::Limiting, sentence))
}

/// Foreground jobs make room for other owners only; what that means is the schedule's business.
fn slice(job: &Job, standing: &Standing<'_>) -> Option<Line> {
    let since = standing.slots.since.filter(|_| job.state.attempt().is_some())?;
    if !standing.slots.others_wait || job.terms.priority == Priority::Foreground {
        return None;
    }
    let megabytes = SLICE_BYTES >> 20;
    let sentence = format!("Others wait: it makes room after its slice, or after {megabytes} MiB.");
    let until = Some(on_the_wall(standing.now, since.after(SLICE)));
    Some(Line { until, ..line("slice", Bearing::Limiting, sentence) })
}

fn slot(job: &Job, standing: &Standing<'_>) -> Line {
    let Occupied { all, by_owner, by_others, outranked, slice_ends, .. } = standing.slots;
    if outranked {
        return line("slot", Bearing::Blocking, "More urgent background jobs come first.");
    }
    if by_owner + by_others < all {
        return line("slot", Bearing::Ok, "There is room for it.");
    }
    let class =
        if job.terms.priority == Priority::Foreground { "foreground" } else { "background" };
    let who = match (by_owner, by_others) {
        (_, 0) => "other jobs of the same owner",
        (0, _) => "jobs of other users",
        _ => "other jobs of the same owner, and jobs of other users",
    };
    let sentence = format!("Every {class} slot is taken, by {who}; they make room in turn.");
    let until = slice_ends.map(|end| on_the_wall(standing.now, end));
    Line { until, ..line("slot", Bearing::Blocking, sentence) }
}

/// What the clock on the wall will show then.
fn on_the_wall(now: Now, then: Moment) -> WallTime {
    let wait = i64::try_from(then.since(now.moment).as_secs()).unwrap_or(i64::MAX);
    WallTime(now.wall.0.saturating_add(wait))
}

#[cfg(test)]
mod tests;
