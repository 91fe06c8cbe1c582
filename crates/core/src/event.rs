//! What is told about a job: events with numbers, kept until nobody can need them any more.
//!
//! This module answers two questions: *what of a step is worth telling?* ([`Before::what_happened`])
//! and *what may be forgotten?* ([`Trail`]). Numbers are given and rows are kept elsewhere; nothing
//! here looks at a clock or knows who listens.
//!
//! An event says *that* something happened, and only what cannot be read from the job later: which
//! state came after which, and what the trouble was. So two events of one kind that both say "look
//! again" are one: the newer takes the older's place.

use std::collections::VecDeque;

use crate::file::Progress;
use crate::id::JobId;
use crate::job::{Event, Job, Report, State, Step, Terms, Trouble};
use crate::time::{Now, WallTime};
use crate::token::{Token, TokenFlags};

/// The most events that are kept for one job.
pub const PER_JOB: usize = 256;
/// The most events that are kept in all, apart from those that are owed.
pub const IN_ALL: usize = 128 * 1024;

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// To which job.
    pub job: JobId,
    /// When, for people.
    pub at: WallTime,
    /// What.
    pub what: What,
    /// Whether somebody said that they know; asked only of what [`What::is_owed`].
    pub acknowledged: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The job is new.
    Added,
    /// It stands somewhere else.
    State {
        /// Where now.
        now: Standing,
        /// Where before.
        before: Standing,
    },
    /// Every file is in its temporary file.
    Transferred,
    /// It stopped and waits for its owner.
    Error(Box<Trouble>),
    /// It ran into something and is tried again by itself.
    TransientError {
        /// What it ran into.
        trouble: Box<Trouble>,
        /// When it is tried again; 0 if a condition has to clear first.
        next_attempt: WallTime,
    },
    /// One file is whole.
    FileTransferred(u32),
    /// It has more files.
    FilesAdded {
        /// The first of them.
        first: u32,
        /// How many they are.
        count: u32,
    },
    /// A property has another value.
    Property,
    /// Bytes have moved, and are recorded.
    Progress,
}

/// Where a job stands, by the name that everybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// `queued`
    Queued,
    /// `connecting`
    Connecting,
    /// `transferring`
    Transferring,
    /// `suspended`
    Suspended,
    /// `error`
    Error,
    /// `transient-error`
    TransientError,
    /// `transferred`
    Transferred,
    /// `acknowledged`
    Acknowledged,
    /// `cancelled`
    Cancelled,
}

/// A job before a step, as far as telling goes.
#[derive(Debug)]
pub struct Before {
    standing: Standing,
    files: usize,
    /// What only somebody's will changes; not looked at for what agents report.
    chosen: Option<Box<Chosen>>,
    /// The file that is about to be whole.
    finishing: Option<u32>,
}

#[derive(Debug, PartialEq)]
struct Chosen {
    owner: Token,
    helper: Option<Token>,
    flags: TokenFlags,
    terms: Terms,
}

impl Chosen {
    fn of(job: &Job) -> Self {
        let Job { owner, helper, flags, terms, .. } = job;
        Self { owner: owner.clone(), helper: helper.clone(), flags: *flags, terms: terms.clone() }
    }
}

/// The numbers of what is kept about one job, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    numbers: VecDeque<u64>,
    progress: Option<u64>,
    property: Option<u64>,
    owed: Option<u64>,
}

/// What need not be kept any more when one more event is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Its place is taken: whoever reads the newer one has missed nothing.
    pub replaced: Option<u64>,
    /// Too many: whoever has not seen it has missed it.
    pub dropped: Option<u64>,
    /// Not owed any more; kept like any other.
    pub released: Option<u64>,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Connecting,
        Self::Transferring,
        Self::Suspended,
        Self::Error,
        Self::TransientError,
        Self::Transferred,
        Self::Acknowledged,
        Self::Cancelled,
    ];

    /// Where a job in this state stands.
    #[must_use]
    pub fn of(state: State) -> Self {
        match state {
            State::Suspended => Self::Suspended,
            State::Queued => Self::Queued,
            State::Connecting { .. } => Self::Connecting,
            State::Transferring { .. } => Self::Transferring,
            State::TransientError { .. } | State::Blocked { .. } => Self::TransientError,
            State::Error => Self::Error,
            State::Transferred | State::Completing => Self::Transferred,
            State::Acknowledged => Self::Acknowledged,
            State::Cancelled => Self::Cancelled,
        }
    }

    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Connecting => "connecting",
            Self::Transferring => "transferring",
            Self::Suspended => "suspended",
            Self::Error => "error",
            Self::TransientError => "transient-error",
            Self::Transferred => "transferred",
            Self::Acknowledged => "acknowledged",
            Self::Cancelled => "cancelled",
        }
    }
}

impl What {
    /// Its name on every interface.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::State { .. } => "state",
            Self::Transferred => "transferred",
            Self::Error(_) => "error",
            Self::TransientError { .. } => "transient-error",
            Self::FileTransferred(_) => "file-transferred",
            Self::FilesAdded { .. } => "files-added",
            Self::Property => "property",
            Self::Progress => "progress",
        }
    }

    /// Whether it is kept, whatever its age, until somebody acknowledges it or the job goes on.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        matches!(self, Self::Transferred | Self::Error(_))
    }

    /// Whether the job goes on with it, so that what was owed before is old news.
    fn ends_owing(&self) -> bool {
        let stays = [Standing::Error, Standing::Transferred, Standing::Suspended];
        let goes_on = matches!(self, Self::State { now, .. } if !stays.contains(now));
        self.is_owed() || goes_on
    }
}

impl Before {
    /// Looks at a job that is about to hear of an event.
    #[must_use]
    pub fn of(job: &Job, event: Option<&Event>) -> Self {
        let finishing = match event {
            Some(Event::Report(
                attempt,
                Report::FileDone { file, .. } | Report::Brought(file, _),
            )) if job.state.attempt() == Some(*attempt) => Some(*file),
            Some(_) | None => None,
        };
        let unfinished = |at: &u32| {
            let file = job.files.get(*at as usize);
            file.is_some_and(|file| file.progress == Progress::Unfinished)
        };
        Self {
            standing: Standing::of(job.state),
            files: job.files.len(),
            chosen: (!matches!(event, Some(Event::Report(..)) | None))
                .then(|| Box::new(Chosen::of(job))),
            finishing: finishing.filter(unfinished),
        }
    }

    /// What is worth telling of the step the job has taken since, in the order it is told: a file
    /// comes before the job it is the last of.
    #[must_use]
    pub fn what_happened(&self, job: &Job, step: &Step, now: Now) -> Vec<What> {
        let mut found = Vec::new();
        let number = |files: usize| u32::try_from(files).unwrap_or(u32::MAX);
        let whole = |at: &u32| {
            let file = job.files.get(*at as usize);
            file.is_some_and(|file| file.progress == Progress::Transferred)
        };
        if job.files.len() > self.files {
            let count = number(job.files.len() - self.files);
            found.push(What::FilesAdded { first: number(self.files), count });
        } else if let Some(file) = self.finishing.filter(whole) {
            found.push(What::FileTransferred(file));
        } else if !step.files_changed.is_empty() {
            found.push(What::Progress);
        }
        if self.chosen.as_ref().is_some_and(|chosen| **chosen != Chosen::of(job)) {
            found.push(What::Property);
        }
        let standing = Standing::of(job.state);
        if standing != self.standing {
            found.push(What::State { now: standing, before: self.standing });
            if let Some(next_attempt) = next_attempt(job.state, now)
                && let Some(trouble) = &job.error
            {
                found.push(What::TransientError {
                    trouble: Box::new(trouble.clone()),
                    next_attempt,
                });
            }
        }
        if standing == self.standing {
            return found;
        }
        if standing == Standing::Transferred {
            found.push(What::Transferred);
        }
        if standing == Standing::Error
            && let Some(trouble) = &job.error
        {
            found.push(What::Error(Box::new(trouble.clone())));
        }
        found
    }
}

/// When a job in trouble that passes is tried again; 0 if no clock says it.
fn next_attempt(state: State, now: Now) -> Option<WallTime> {
    if let State::TransientError { retry_at } = state {
        let wait = i64::try_from(retry_at.since(now.moment).as_secs()).unwrap_or(0);
        return Some(WallTime(now.wall.0.saturating_add(wait)));
    }
    matches!(state, State::Blocked { .. }).then_some(WallTime(0))
}

impl Trail {
    /// Takes up one more event, and says what need not be kept for it. Numbers must grow.
    pub fn add(&mut self, number: u64, happening: &Happening) -> Gone {
        let what = &happening.what;
        let mut gone = Gone::default();
        if what.ends_owing() {
            gone.released = self.owed.take();
        }
        if what.is_owed() && !happening.acknowledged {
            self.owed = Some(number);
        } else if *what == What::Progress {
            gone.replaced = self.progress.replace(number);
        } else if *what == What::Property {
            gone.replaced = self.property.replace(number);
        }
        if let Some(old) = gone.replaced {
            self.numbers.retain(|kept| *kept != old);
        }
        self.numbers.push_back(number);
        if self.numbers.len() > PER_JOB {
            gone.dropped = self.numbers.iter().copied().find(|number| Some(*number) != self.owed);
            if let Some(old) = gone.dropped {
                self.remove(old);
            }
        }
        gone
    }

    /// Forgets one, because there are too many in all.
    pub fn remove(&mut self, number: u64) {
        self.numbers.retain(|kept| *kept != number);
        for place in [&mut self.progress, &mut self.property, &mut self.owed] {
            place.take_if(|kept| *kept == number);
        }
    }

    /// The one that nobody has acknowledged yet, if there is one.
    #[must_use]
    pub fn owed(&self) -> Option<u64> {
        self.owed
    }

    /// Somebody knows of it now.
    pub fn acknowledge(&mut self) -> Option<u64> {
        self.owed.take()
    }

    /// All of them, oldest first.
    pub fn numbers(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.numbers.iter().copied()
    }
}

#[cfg(test)]
mod tests;
