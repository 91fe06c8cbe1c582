//! What administrators do to other users' jobs: each act is one record in the audit log, whatever came
//! of it (`job-model.md` 2.3, 8.4).
//!
//! A record names the act, the job and two uids. Of a property it has the name and never the value,
//! of a file nothing: what users write may be secret, and an owner may be watched by many. What
//! owners do to their own jobs is nobody's business; taking a job over and lending tokens are in
//! the audit log anyway.

use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::policy::Caller;
use ebb_core::refusal::Refusal;

use super::authority::Right;
use super::{MainLoop, Turn};
use crate::audit;

/// What is done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Suspend,
    Resume,
    Cancel,
    Complete,
    AddFiles,
    RemoteNames,
    OpenTokenOptions,
    /// Which one.
    Property(&'static str),
    /// Nothing a caller can ask for in this way.
    Other,
}

/// An act of an administrator on another's job; of anybody else there is nothing to note.
pub(super) struct OnAnother(Option<audit::Act>);

impl Act {
    pub(super) fn of(event: &Event) -> Self {
        let plain = [
            (Event::Suspend, Self::Suspend),
            (Event::Resume, Self::Resume),
            (Event::Cancel, Self::Cancel),
            (Event::Complete, Self::Complete),
        ];
        if let Event::Set(setting) = event {
            Self::Property(setting.property().row().name)
        } else if let Event::SetRemoteNames(_) = event {
            Self::RemoteNames
        } else {
            let found = plain.into_iter().find(|(plain, _)| plain == event);
            found.map_or(Self::Other, |(_, act)| act)
        }
    }

    /// What it is called in the journal; BITS' words where it has a word.
    fn name(self) -> &'static str {
        match self {
            Self::Suspend => "job-suspended",
            Self::Resume => "job-resumed",
            Self::Cancel => "job-cancelled",
            Self::Complete => "job-completed",
            Self::AddFiles => "files-added",
            Self::RemoteNames => "remote-names-changed",
            Self::OpenTokenOptions => "token-options-opened",
            Self::Property(_) => "job-property-change",
            Self::Other => "job-changed",
        }
    }
}

impl OnAnother {
    /// Writes it down with what came of it.
    pub(super) fn note<T>(self, result: &Result<T, Refusal>, turn: &mut Turn) {
        let outcome = result.as_ref().err().map_or(audit::DONE, Refusal::name);
        let right = turn.right.map(Right::name);
        turn.audit.extend(self.0.map(|act| act.record(right, outcome)));
    }
}

impl MainLoop {
    /// Whether this would be an administrator's act on somebody else's job. Asked before it is
    /// done: afterwards the job may be another's.
    pub(super) fn act_on_another(
        &self,
        caller: Caller,
        id: JobId,
        act: impl FnOnce() -> Act,
    ) -> OnAnother {
        let owner = self.jobs.get(&id).map(|entry| entry.job.owner.uid);
        let another = owner.filter(|owner| caller.administrator && *owner != caller.uid);
        OnAnother(another.map(|owner| {
            let act = act();
            let property = if let Act::Property(name) = act { Some(name) } else { None };
            audit::Act { job: id, by: caller.uid, owner, what: act.name(), property }
        }))
    }
}
