//! The commands that owners have run when their jobs end (`job-model.md` 7.3, 7.4).
//!
//! When one is owed is `core`'s word ([`Job::command_due`]), and on disk before it runs: whoever is
//! killed in between runs it again, and one that has ended well is not run twice. It is the last
//! resort: nobody is registered for the job, and nobody has acknowledged its end. It runs as the
//! owner, never as the helper, and only while the policy allows commands at all; what runs is not
//! ended when that changes. A job does not wait for it: the command may complete the job itself.
//!
//! The journal is told which job's command ended and how, and nothing an owner wrote.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use ebb_core::id::JobId;
use ebb_core::job::{Event, Job, Setting, State};
use ebb_core::policy::{Permit, Verb};
use ebb_core::refusal::Refusal;
use ebb_core::time::Moment;

use super::{MainLoop, Turn};
use crate::agents::CommandEnd;
use crate::clock;
use crate::command::Message;

/// How many commands of one owner run at the same time (BITS: four notifications).
const OF_ONE_OWNER: usize = 4;

/// Which commands are owed, and which run.
#[derive(Default)]
pub(super) struct Calls {
    owed: BTreeSet<JobId>,
    /// With the owner.
    running: HashMap<JobId, u32>,
}

impl Calls {
    pub(super) fn keep(&mut self, job: &Job) {
        match job.command_due() {
            Some(_) => self.owed.insert(job.id),
            None => self.owed.remove(&job.id),
        };
    }

    pub(super) fn forget(&mut self, job: JobId) {
        self.owed.remove(&job);
    }

    fn has_room_for(&self, owner: u32) -> bool {
        self.running.values().filter(|running| **running == owner).count() < OF_ONE_OWNER
    }
}

/// What it takes to do this to a job. A command runs as the owner, so nobody else says which; that
/// there shall be none, an administrator may say too.
pub(super) fn verb_for(event: &Event) -> Verb {
    if sets_command(event) { Verb::Entrust } else { Verb::Steer }
}

fn sets_command(event: &Event) -> bool {
    matches!(event, Event::Set(Setting::NotifyCommand(words)) if !words.is_empty())
}

impl MainLoop {
    /// Whether the policy lets this be done, whoever asks.
    pub(super) fn admit_event(&self, permit: Permit, event: &Event) -> Result<(), Refusal> {
        if !sets_command(event) {
            return Ok(());
        }
        let entry = self.jobs.get(&permit.job()).ok_or(Refusal::NotFound)?;
        self.parts.policy.admit_command(&entry.job.owner)
    }

    /// When the next command is to be tried again.
    pub(super) fn next_call(&self, now: Moment) -> Option<Moment> {
        let owed = self.calls.owed.iter().filter(|id| !self.calls.running.contains_key(*id));
        let due = owed.filter_map(|id| self.jobs.get(id)?.job.command_due());
        due.filter(|at| *at > now).min()
    }

    /// Runs what is owed, may be run now, and is told in no other way.
    pub(super) fn make_calls(&mut self) {
        if self.finishing || !self.parts.policy.allow_notify_command {
            return;
        }
        let now = clock::now().moment;
        let owed: Vec<JobId> = self.calls.owed.iter().copied().collect();
        for id in owed {
            if self.may_call(id, now) {
                self.make_call(id);
            }
        }
    }

    fn may_call(&self, id: JobId, now: Moment) -> bool {
        let Some(entry) = self.jobs.get(&id) else {
            return false;
        };
        let (job, owner) = (&entry.job, &entry.job.owner);
        // What is over has no more to be acknowledged.
        let unknown = job.state == State::Acknowledged || entry.trail.owed().is_some();
        job.command_due().is_some_and(|at| at <= now)
            && unknown
            && !entry.work.is_busy()
            && !self.calls.running.contains_key(&id)
            && !self.registered.has(id)
            && self.parts.policy.admit_command(owner).is_ok()
            && self.calls.has_room_for(owner.uid)
    }

    fn make_call(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get(&id) else {
            return;
        };
        let (job, attempts) = (&entry.job, entry.job.attempts);
        let (owner, words) = (job.owner.clone(), job.terms.notify_command.words().to_vec());
        let environment = environment(job);
        self.calls.running.insert(id, owner.uid);
        let (agents, outbox) = (Rc::clone(&self.parts.agents), self.parts.outbox.clone());
        tokio::task::spawn_local(async move {
            let end = agents.run_command(&owner, words, environment).await;
            // The main loop ends only with the process.
            let _ = outbox.send(Message::CommandEnded { job: id, attempts, end });
        });
    }

    pub(super) fn call_ended(
        &mut self,
        id: JobId,
        attempts: u64,
        end: CommandEnd,
        turn: &mut Turn,
    ) {
        self.calls.running.remove(&id);
        match end {
            CommandEnd::Status(status) => {
                eprintln!("job {id}: its command ended with {status}");
            }
            CommandEnd::NotStarted(errno) => {
                let why = std::io::Error::from_raw_os_error(errno);
                eprintln!("job {id}: its command could not be started: {why}");
            }
            CommandEnd::NoAgent(failure) => {
                eprintln!("job {id}: its command could not be run: {failure}");
            }
        }
        let well = end == CommandEnd::Status(0);
        // A job that is forgotten needs none.
        self.step(id, Event::CommandEnded { attempts, well }, turn).ok();
    }
}

/// What the command finds in its environment.
fn environment(job: &Job) -> Vec<Vec<u8>> {
    let mut first = Vec::new();
    if let Some(file) = job.files.first() {
        first = file.destination.dir.clone();
        if !first.ends_with(b"/") {
            first.push(b'/');
        }
        first.extend_from_slice(&file.destination.name);
    }
    let error = job.error.as_ref().map(|trouble| trouble.failure.full_name()).unwrap_or_default();
    let text = |name: &str, value: &str| format!("{name}={value}").into_bytes();
    vec![
        text("EBB_JOB_ID", &job.id.to_string()),
        text("EBB_JOB_NAME", &job.terms.name),
        text("EBB_STATE", job.state.name()),
        text("EBB_ERROR_CODE", &error),
        text("EBB_FILE_COUNT", &job.files.len().to_string()),
        [b"EBB_FIRST_FILE=".as_slice(), &first].concat(),
    ]
}
