//! What happened, with numbers: written down with the step it belongs to, and told to whoever asks
//! "what changed since N".
//!
//! A number is given in the turn that decides, and reaches the disk in the transaction that records
//! the step. Numbers grow, are never used twice, and are the same for everybody; who may not see a
//! job does not see its events. What may be forgotten is `core`'s rule ([`ebb_core::event`]); for
//! whom something is missing is kept by owner, so that one user's flood does not make others start
//! anew.
//!
//! An event whose work must stop first (`work`, I3) is written down and not told: until it is,
//! whoever may see the job is told of nothing that came after it.

use std::collections::{BTreeMap, HashMap};

use ebb_core::event::{Happening, IN_ALL, What};
use ebb_core::id::JobId;
use ebb_core::job::Job;
use ebb_core::policy::{Caller, Verb};
use ebb_core::time::{Now, WallTime};

use super::{After, Entry, MainLoop, Turn, views};
use crate::clock;
use crate::command::{Answer, Answered, EventKind, EventView, EventsView, Notice, NoticeKind};

/// The most events a page holds.
const PAGE: u32 = 1000;

/// All that is kept of what happened.
#[derive(Default)]
pub(super) struct Events {
    newest: u64,
    /// What goes when there is too much.
    recent: BTreeMap<u64, Happening>,
    /// What stays until somebody acknowledges it, or its job goes on.
    owed: BTreeMap<u64, Happening>,
    /// Up to where something is missing, by the owner of the job it was about.
    missing: HashMap<u32, u64>,
    /// What is written down and not told yet, with the owner of its job.
    untold: BTreeMap<u64, (u32, JobId)>,
}

impl Events {
    pub(super) fn get(&self, number: u64) -> Option<&Happening> {
        self.recent.get(&number).or_else(|| self.owed.get(&number))
    }

    /// Whether nothing has to stop before it may be told.
    pub(super) fn is_told(&self, number: u64) -> bool {
        !self.untold.contains_key(&number)
    }

    fn missing_for(&mut self, owner: u32, number: u64) -> u64 {
        let up_to = self.missing.entry(owner).or_default();
        *up_to = number.max(*up_to);
        *up_to
    }

    /// The last number that may be told to this caller.
    fn horizon(&self, caller: Caller) -> u64 {
        let theirs = |owner: u32| caller.administrator || owner == caller.uid;
        let mut untold = self.untold.iter().filter(|(_, (owner, _))| theirs(*owner));
        untold.next().map_or(self.newest, |(number, _)| number - 1)
    }

    fn missing_to(&self, caller: Caller) -> u64 {
        match caller.administrator {
            true => self.missing.values().copied().max().unwrap_or(0),
            false => self.missing.get(&caller.uid).copied().unwrap_or(0),
        }
    }

    /// What came after `since`, up to `to`, in order.
    fn between(&self, since: u64, to: u64) -> impl Iterator<Item = (u64, &Happening)> {
        let range = since.saturating_add(1)..=to.max(since.saturating_add(1));
        let mut recent = self.recent.range(range.clone()).peekable();
        let mut owed = self.owed.range(range).peekable();
        let next = move || {
            let recent_first = match (recent.peek(), owed.peek()) {
                (Some((a, _)), Some((b, _))) => a < b,
                (first, _) => first.is_some(),
            };
            if recent_first { recent.next() } else { owed.next() }
        };
        std::iter::from_fn(next)
            .map(|(number, what)| (*number, what))
            .filter(move |(n, _)| *n <= to)
    }
}

impl MainLoop {
    /// Takes over what was kept of what happened. What is about no job of ours is dropped.
    pub(super) fn adopt_events(&mut self, events: ebb_store::Events) {
        let newest = events.kept.last().map(|(number, _)| *number);
        let missing = events.missing.iter().map(|(_, up_to)| *up_to).max();
        self.events.newest = newest.into_iter().chain(missing).max().unwrap_or(0);
        self.events.missing = events.missing.into_iter().collect();
        for (number, happening) in events.kept {
            let Some(entry) = self.jobs.get_mut(&happening.job) else {
                continue;
            };
            // What had to go for it, went when it was written down.
            let gone = entry.trail.add(number, &happening);
            if let Some(released) =
                gone.released.and_then(|old| self.events.owed.remove_entry(&old))
            {
                self.events.recent.insert(released.0, released.1);
            }
            let place = match entry.trail.owed() == Some(number) {
                true => &mut self.events.owed,
                false => &mut self.events.recent,
            };
            place.insert(number, happening);
        }
    }

    /// Writes down what happened in a step, and tells it, in order, once that is on disk and what has
    /// to stop for it has stopped.
    pub(super) fn tell(
        &mut self,
        id: JobId,
        before: &views::Before,
        happened: Vec<What>,
        turn: &mut Turn,
        now: Now,
    ) {
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        for what in &happened {
            if let What::FileTransferred(file) = what {
                entry.work.live.remove(file);
            }
        }
        let signals = happened.iter().map(|what| signal(what, &entry.job)).collect::<Vec<_>>();
        let any = !happened.is_empty();
        let numbers: Vec<u64> =
            happened.into_iter().map(|what| self.note(id, now.wall, what, turn)).collect();
        let Some(entry) = self.jobs.get(&id) else {
            return;
        };
        let owner = entry.job.owner.uid;
        let notice = |number, what| Notice { job: id, owner, number, what };
        let told = signals.into_iter().zip(&numbers);
        let mut notices: Vec<Notice> =
            told.filter_map(|(what, number)| Some(notice(*number, what?))).collect();
        let last = entry.last_event();
        if entry.job.state.is_final() && !before.state.is_final() {
            notices.push(notice(last, NoticeKind::Removed));
        }
        let shown = self.is_heard(id) && (any || before.differs(&entry.job, &entry.sums));
        // After a notice that work has stopped, none of it may run: it waits for the stop.
        if entry.work.is_stopping() {
            if shown {
                notices.push(notice(last, NoticeKind::Changed(Box::new(self.view(entry, now)))));
            }
            if let Some(entry) = self.jobs.get_mut(&id) {
                entry.work.hold_back(notices);
            }
            self.events.untold.extend(numbers.into_iter().map(|number| (number, (owner, id))));
        } else {
            turn.after.extend(notices.into_iter().map(After::Tell));
            if shown {
                turn.shown.insert(id);
            }
        }
    }

    /// Tells what a job looks like after a turn, once, however often it has changed in it.
    pub(super) fn show(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get(&id).filter(|entry| !entry.work.is_stopping()) else {
            return;
        };
        let what = NoticeKind::Changed(Box::new(self.view(entry, clock::now())));
        let (owner, number) = (entry.job.owner.uid, entry.last_event());
        self.say(Notice { job: id, owner, number, what });
    }

    /// Gives what happened to a job its number, and puts it into the turn's transaction.
    pub(super) fn note(&mut self, id: JobId, at: WallTime, what: What, turn: &mut Turn) -> u64 {
        let Some(entry) = self.jobs.get_mut(&id) else {
            return 0;
        };
        let events = &mut self.events;
        events.newest += 1;
        let number = events.newest;
        let happening = Happening { job: id, at, what, acknowledged: false };
        turn.batch.put_event(number, &happening);
        let gone = entry.trail.add(number, &happening);
        let owner = entry.job.owner.uid;
        if let Some(old) = gone.replaced {
            events.recent.remove(&old);
            turn.batch.drop_event(old);
        }
        if let Some(old) = gone.dropped {
            events.recent.remove(&old);
            turn.batch.drop_event(old);
            turn.batch.put_missing(owner, events.missing_for(owner, old));
        }
        if let Some((old, released)) = gone.released.and_then(|old| events.owed.remove_entry(&old))
        {
            events.recent.insert(old, released);
        }
        let place = match entry.trail.owed() == Some(number) {
            true => &mut events.owed,
            false => &mut events.recent,
        };
        place.insert(number, happening);
        self.keep_events_in_bounds(turn);
        number
    }

    fn keep_events_in_bounds(&mut self, turn: &mut Turn) {
        while self.events.recent.len() > IN_ALL {
            let Some((number, happening)) = self.events.recent.pop_first() else {
                return;
            };
            turn.batch.drop_event(number);
            if let Some(entry) = self.jobs.get_mut(&happening.job) {
                entry.trail.remove(number);
                let owner = entry.job.owner.uid;
                turn.batch.put_missing(owner, self.events.missing_for(owner, number));
            }
        }
    }

    /// A job is forgotten, and with it what happened to it.
    pub(super) fn forget_events(&mut self, entry: &Entry, turn: &mut Turn) {
        self.registered.forget(entry.job.id);
        let owner = entry.job.owner.uid;
        for number in entry.trail.numbers() {
            self.events.recent.remove(&number);
            self.events.owed.remove(&number);
            self.events.untold.remove(&number);
            turn.batch.drop_event(number);
            turn.batch.put_missing(owner, self.events.missing_for(owner, number));
        }
    }

    /// Nothing of this job runs any more that must not: what happened to it may be told.
    pub(super) fn may_be_told(&mut self, id: JobId) {
        self.events.untold.retain(|_, (_, job)| *job != id);
    }

    /// What is owed to this caller: of each of their jobs that waits for them, why it does.
    pub(super) fn unacknowledged(&self, caller: Caller) -> Answer {
        let newest = self.events.horizon(Caller { administrator: false, ..caller });
        let theirs = self.events.owed.range(..=newest).filter_map(|(number, happening)| {
            let entry = self.jobs.get(&happening.job)?;
            let is_theirs = entry.job.owner.uid == caller.uid;
            is_theirs.then(|| event(*number, happening, entry))
        });
        let events = theirs.take(PAGE as usize).collect();
        Answer::Events(EventsView { events, newest, missing: false })
    }

    /// The caller knows of what is owed to them up to this number: it is kept like any other event.
    pub(super) fn acknowledge(&mut self, caller: Caller, up_to: u64, turn: &mut Turn) -> Answer {
        // What was not told yet cannot be known.
        let known = up_to.min(self.events.horizon(Caller { administrator: false, ..caller }));
        let owed: Vec<(u64, JobId)> =
            self.events.owed.range(..=known).map(|(number, what)| (*number, what.job)).collect();
        for (number, id) in owed {
            let Some(entry) = self.jobs.get_mut(&id).filter(|e| e.job.owner.uid == caller.uid)
            else {
                continue;
            };
            entry.trail.acknowledge();
            turn.batch.acknowledge_event(number);
            if let Some(mut happening) = self.events.owed.remove(&number) {
                happening.acknowledged = true;
                self.events.recent.insert(number, happening);
            }
        }
        self.keep_events_in_bounds(turn);
        Answer::Done
    }

    /// What changed since this number, for this caller: on one job, or on all they may see.
    pub(super) fn changes(
        &self,
        caller: Caller,
        job: Option<JobId>,
        since: u64,
        limit: u32,
    ) -> Answered {
        if let Some(id) = job {
            let _ = self.permit(caller, Verb::See, id)?;
        }
        let events = &self.events;
        let to = events.horizon(caller);
        // A number we never gave: the caller knows another store than this one.
        let missing = since < events.missing_to(caller) || since > events.newest;
        if missing {
            return Ok(Answer::Events(EventsView { events: vec![], newest: to, missing }));
        }
        let limit = if limit == 0 { PAGE } else { limit.min(PAGE) } as usize;
        let mut found = Vec::new();
        let mut seen = |(number, happening): (u64, &Happening)| {
            let entry = self.jobs.get(&happening.job)?;
            self.permit(caller, Verb::See, happening.job).ok().map(drop)?;
            Some(event(number, happening, entry))
        };
        match job.and_then(|id| self.jobs.get(&id)) {
            Some(entry) => {
                let numbers = entry.trail.numbers().filter(|n| *n > since && *n <= to);
                let known = numbers.filter_map(|n| Some((n, events.get(n)?)));
                found.extend(known.filter_map(&mut seen).take(limit));
            }
            None => found.extend(events.between(since, to).filter_map(&mut seen).take(limit)),
        }
        Ok(Answer::Events(EventsView { events: found, newest: to, missing }))
    }
}

/// The signal that tells it; what has none of its own is told by the view that follows.
fn signal(what: &What, job: &Job) -> Option<NoticeKind> {
    match what {
        What::Added => Some(NoticeKind::Added),
        What::State { now, before } => {
            Some(NoticeKind::StateChanged { state: now.name(), previous: before.name() })
        }
        What::Transferred => Some(NoticeKind::Transferred),
        What::Error(trouble) => Some(NoticeKind::Failed(views::error(job, trouble))),
        What::FileTransferred(file) => Some(NoticeKind::FileTransferred(*file)),
        What::TransientError { .. } | What::FilesAdded { .. } | What::Property | What::Progress => {
            None
        }
    }
}

/// An event as callers see it: with what the job can say about it now.
fn event(number: u64, happening: &Happening, entry: &Entry) -> EventView {
    let job = &entry.job;
    let kind = match &happening.what {
        What::State { now, before } => {
            EventKind::State { state: now.name(), previous: before.name() }
        }
        What::Error(trouble) => EventKind::Trouble(views::error(job, trouble), 0),
        What::TransientError { trouble, next_attempt } => {
            EventKind::Trouble(views::error(job, trouble), next_attempt.0)
        }
        What::FileTransferred(at) => {
            let file = views::files(job, &entry.work, *at, 1).pop();
            file.map_or(EventKind::Plain, |file| EventKind::File(Box::new(file)))
        }
        What::FilesAdded { first, count } => EventKind::FilesAdded(*first, *count),
        What::Added | What::Transferred | What::Property | What::Progress => EventKind::Plain,
    };
    EventView {
        number,
        job: happening.job,
        at: happening.at.0,
        name: happening.what.name(),
        attempts: job.attempts,
        kind,
    }
}
