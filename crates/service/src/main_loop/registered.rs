//! Who registered for a job's notifications, and what they get (`job-model.md` 7.1, 7.2).
//!
//! Told is what the job's `NotifyFlags` want, to each registered connection alone; changes and ranges
//! at the pace of its `MinimumNotificationInterval` ([`ebb_core::notify`]). Nothing is told that has
//! no notice yet: what is not on disk, or waits for work to stop, waits here too. What is owed is
//! told to everybody who registers, until it is acknowledged: that is what makes it "at least once".
//!
//! A registration is a connection's, and ends with it. One that does not read loses changes and
//! ranges first; when the queue is full its registrations end, and it is told so: it registers
//! again, and gets what is owed. Memory is bounded by that queue.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use ebb_core::event::What;
use ebb_core::id::JobId;
use ebb_core::notify::{Kind, Pace, Ranges};
use ebb_core::policy::{Caller, Verb};
use ebb_core::refusal::Refusal;
use ebb_core::time::Moment;
use tokio::sync::mpsc::Sender;

use super::{MainLoop, views};
use crate::clock;
use crate::command::{Answer, Answered, ConnectionId, Notice, NoticeKind, Notification, Told};

/// How many jobs one connection may be registered for.
const PER_CONNECTION: usize = 1024;
/// Changes and ranges are told only while so much of a connection's queue is free.
const ROOM: usize = 64;

/// All registrations.
#[derive(Default)]
pub(super) struct Registered {
    jobs: HashMap<JobId, Watched>,
    due: BTreeSet<(Moment, JobId)>,
}

/// A job that somebody is registered for.
struct Watched {
    listeners: Vec<Listener>,
    /// The state it was last told to be in.
    stands: &'static str,
    /// The newest number there was a notice of.
    newest: u64,
    changes: Pace,
    pieces: Pace,
    ranges: Ranges,
    due: Option<Moment>,
}

/// Who is registered.
struct Listener {
    connection: ConnectionId,
    caller: Caller,
    to: Sender<Notification>,
    /// What is owed and they were told in this registration.
    told: Option<u64>,
}

impl Registered {
    pub(super) fn close_all_of(&mut self, connection: ConnectionId) {
        for watched in self.jobs.values_mut() {
            watched.listeners.retain(|listener| listener.connection != connection);
        }
        let due = &mut self.due;
        self.jobs.retain(|id, watched| {
            if watched.listeners.is_empty()
                && let Some(at) = watched.due.take()
            {
                due.remove(&(at, *id));
            }
            !watched.listeners.is_empty()
        });
    }

    pub(super) fn forget(&mut self, id: JobId) {
        if let Some(at) = self.jobs.remove(&id).and_then(|watched| watched.due) {
            self.due.remove(&(at, id));
        }
    }

    /// Whether somebody is registered for it.
    pub(super) fn has(&self, id: JobId) -> bool {
        self.jobs.contains_key(&id)
    }

    pub(super) fn next_due(&self) -> Option<Moment> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl Watched {
    /// Tells it to everybody who may see the job; gives the connections that do not read.
    fn tell(&self, job: JobId, owner: u32, number: u64, what: &Told) -> Vec<ConnectionId> {
        let may_see =
            |listener: &&Listener| listener.caller.uid == owner || listener.caller.administrator;
        let told = self.listeners.iter().filter(may_see);
        told.filter_map(|listener| listener.tell(job, number, what.clone()).err()).collect()
    }
}

impl Listener {
    fn tell(&self, job: JobId, number: u64, what: Told) -> Result<(), ConnectionId> {
        let may_be_lost = matches!(what, Told::Modification | Told::Ranges(_));
        let room = self.to.capacity();
        if may_be_lost && room <= ROOM {
            return Ok(());
        }
        // The last place is for saying so.
        if room <= 1 {
            return Err(self.connection);
        }
        // A queue that is closed belongs to a connection that is about to be gone.
        let _ = self.to.try_send(Notification { job, number, what });
        Ok(())
    }
}

impl MainLoop {
    /// Registers a connection for a job. To register again is to ask for what is owed again.
    pub(super) fn register(
        &mut self,
        caller: Caller,
        connection: ConnectionId,
        id: JobId,
        to: Sender<Notification>,
    ) -> Answered {
        let entry = self.see(caller, id)?;
        let (stands, newest) = (entry.view(clock::now()).state, entry.last_event());
        let theirs = self.registered.jobs.values().filter(|watched| {
            watched.listeners.iter().any(|listener| listener.connection == connection)
        });
        if theirs.count() >= PER_CONNECTION {
            return Err(Refusal::TooManyRequests);
        }
        let watched = self.registered.jobs.entry(id).or_insert_with(|| Watched {
            listeners: vec![],
            stands,
            newest,
            changes: Pace::default(),
            pieces: Pace::default(),
            ranges: Ranges::default(),
            due: None,
        });
        watched.listeners.retain(|listener| listener.connection != connection);
        watched.listeners.push(Listener { connection, caller, to, told: None });
        Ok(Answer::Done)
    }

    /// Ends a registration; there need not be one.
    pub(super) fn unregister(
        &mut self,
        caller: Caller,
        connection: ConnectionId,
        id: JobId,
    ) -> Answered {
        let _ = self.permit(caller, Verb::See, id)?;
        if let Some(watched) = self.registered.jobs.get_mut(&id) {
            watched.listeners.retain(|listener| listener.connection != connection);
            if watched.listeners.is_empty() {
                self.registered.forget(id);
            }
        }
        Ok(Answer::Done)
    }

    /// Whether anybody is told how a job looks.
    pub(super) fn is_heard(&self, id: JobId) -> bool {
        self.parts.notices.receiver_count() > 0 || self.registered.has(id)
    }

    /// Tells everybody what is on disk and may be told: those who listen, and those registered.
    pub(super) fn say(&mut self, notice: Notice) {
        self.notify(&notice);
        // Nobody may be listening.
        let _ = self.parts.notices.send(notice);
    }

    fn notify(&mut self, notice: &Notice) {
        let id = notice.job;
        let (Some(entry), Some(watched)) = (self.jobs.get(&id), self.registered.jobs.get_mut(&id))
        else {
            return;
        };
        watched.newest = watched.newest.max(notice.number);
        let flags = entry.job.terms.notify_flags;
        let least = Duration::from_millis(entry.job.terms.notification_interval.into());
        let now = clock::now().moment;
        let told = match &notice.what {
            NoticeKind::FileTransferred(file) if Kind::FileTransferred.is_wanted(flags) => {
                Some(Told::FileTransferred(*file))
            }
            NoticeKind::FileRangesTransferred(file, range)
                if Kind::RangesTransferred.is_wanted(flags) =>
            {
                watched.ranges.add(*file, *range);
                let at_once = watched.pieces.offer(now, least);
                at_once.then(|| Told::Ranges(watched.ranges.take()))
            }
            NoticeKind::Changed(view) => {
                // To stop there is told as what it is.
                let moved = std::mem::replace(&mut watched.stands, view.state) != view.state;
                let stopped = moved && ["transferred", "error"].contains(&view.state);
                let wanted = Kind::Modification.is_wanted(flags) && !stopped;
                (wanted && watched.changes.offer(now, least)).then_some(Told::Modification)
            }
            NoticeKind::FileTransferred(_)
            | NoticeKind::FileRangesTransferred(..)
            | NoticeKind::Added
            | NoticeKind::Removed
            | NoticeKind::StateChanged { .. }
            | NoticeKind::Transferred
            | NoticeKind::Failed(_) => None,
        };
        let late = told.map(|what| watched.tell(id, notice.owner, notice.number, &what));
        self.come_back(id, least);
        self.drop_late(late.unwrap_or_default());
        self.tell_owed(id);
    }

    /// Tells what is owed to those who were not told yet, if there has been a notice of it.
    pub(super) fn tell_owed(&mut self, id: JobId) {
        let (Some(entry), Some(watched)) = (self.jobs.get(&id), self.registered.jobs.get_mut(&id))
        else {
            return;
        };
        let owed = entry.trail.owed().filter(|number| *number <= watched.newest);
        let Some(number) = owed.filter(|number| self.events.is_told(*number)) else {
            return;
        };
        let (kind, what) = match self.events.get(number).map(|happening| &happening.what) {
            Some(What::Transferred) => (Kind::Transferred, Told::Transferred),
            Some(What::Error(trouble)) => {
                (Kind::Error, Told::Error(Box::new(views::error(&entry.job, trouble))))
            }
            Some(_) | None => return,
        };
        if !kind.is_wanted(entry.job.terms.notify_flags) {
            return;
        }
        let owner = entry.job.owner.uid;
        let mut late = Vec::new();
        for listener in &mut watched.listeners {
            let may_see = listener.caller.uid == owner || listener.caller.administrator;
            if may_see && listener.told.replace(number) != Some(number) {
                late.extend(listener.tell(id, number, what.clone()).err());
            }
        }
        self.drop_late(late);
    }

    /// What had to wait is told now.
    pub(super) fn tell_waiting(&mut self, now: Moment) {
        while let Some((at, id)) = self.registered.due.first().copied().filter(|due| due.0 <= now) {
            self.registered.due.remove(&(at, id));
            let (Some(entry), Some(watched)) =
                (self.jobs.get(&id), self.registered.jobs.get_mut(&id))
            else {
                continue;
            };
            watched.due = None;
            let (flags, owner) = (entry.job.terms.notify_flags, entry.job.owner.uid);
            let least = Duration::from_millis(entry.job.terms.notification_interval.into());
            let mut late = Vec::new();
            for kind in [Kind::RangesTransferred, Kind::Modification] {
                let changes = kind == Kind::Modification;
                let pace = if changes { &mut watched.changes } else { &mut watched.pieces };
                if !kind.is_wanted(flags) {
                    pace.forget();
                } else if pace.due(least).is_some_and(|due| due <= now) && pace.offer(now, least) {
                    let what = match changes {
                        true => Told::Modification,
                        false => Told::Ranges(watched.ranges.take()),
                    };
                    late.extend(watched.tell(id, owner, watched.newest, &what));
                }
            }
            self.come_back(id, least);
            self.drop_late(late);
        }
    }

    /// Remembers when something that waits may be told.
    fn come_back(&mut self, id: JobId, least: Duration) {
        let Registered { jobs, due } = &mut self.registered;
        let Some(watched) = jobs.get_mut(&id) else {
            return;
        };
        if let Some(at) = watched.due.take() {
            due.remove(&(at, id));
        }
        watched.due = watched.changes.due(least).into_iter().chain(watched.pieces.due(least)).min();
        due.extend(watched.due.map(|at| (at, id)));
    }

    /// Ends the registrations of those who do not read, and says so.
    fn drop_late(&mut self, late: Vec<ConnectionId>) {
        for connection in late {
            let mut listeners =
                self.registered.jobs.iter().flat_map(|(id, watched)| {
                    watched.listeners.iter().map(|listener| (*id, listener))
                });
            if let Some((job, listener)) = listeners.find(|(_, l)| l.connection == connection) {
                // The place was kept for it.
                let _ = listener.to.try_send(Notification { job, number: 0, what: Told::Missed });
            }
            self.registered.close_all_of(connection);
        }
    }
}
