//! The one task that owns the jobs: **decide, record, act**.
//!
//! It takes what has come, decides each with `core`, writes everything down in one transaction, and
//! only then answers, tells listeners and acts. Several steps share a transaction when they come
//! together; nothing is answered before it is on disk. After a crash the effects of the last
//! recorded step are done again.
//!
//! | file          | holds                                                              |
//! |---------------|--------------------------------------------------------------------|
//! | `main_loop`   | the loop, the turn                                                   |
//! | `time`        | what time brings: deadlines, memories that fade, restart and end   |
//! | `turns`       | whose turn it is                                                   |
//! | `calls`       | the commands that owners have run when their jobs end             |
//! | `commands`    | what callers ask: permission first, through one function           |
//! | `tokens`      | the capability and its rules (`helper-tokens.md` 2.2, 2.4)         |
//! | `sessions`    | who is there, and the session a token comes from                    |
//! | `surroundings` | who may not move now, and who may again                           |
//! | `buckets`     | how fast those that run may be                                     |
//! | `explain`     | why a job does what it does                                        |
//! | `history`     | who asked for what, and what became of it                          |
//! | `ownership`   | an administrator becomes the owner                                 |
//! | `authority`   | whether polkit makes an administrator of a caller                  |
//! | `policies`    | what administrators change while we run                           |
//! | `paths`       | what agents have learned of paths, written down                   |
//! | `acts`        | what administrators do to others' jobs, noted down                 |
//! | `owners`      | whose jobs are whose, and how they stand                           |
//! | `headers`     | header fields that owners entrust to jobs                          |
//! | `certificates` | client certificates that owners entrust to jobs                   |
//! | `credentials` | what jobs log on with                                              |
//! | `events`      | what happened, with numbers                                        |
//! | `janitor`     | what could not be deleted when its job ended                       |
//! | `registered`  | who registered for a job's notifications, and what they get        |
//! | `validators`  | who judges servers' certificates, and what they accepted          |
//! | `inactive`    | jobs that nobody wants any more                                    |
//! | `on_demand`   | ranges of files: asked for, there, told                            |
//! | `work`        | what is being done for a job, one effect at a time                 |
//! | `queue`       | who wants to run, who runs, which deadline is next                 |
//! | `sums`        | what a job's files come to                                         |
//! | `views`       | a job as callers see it                                            |
//!
//! Never here: D-Bus, SQL, descriptors, users' paths being opened.

mod acts;
mod authorities;
pub(crate) mod authority;
mod buckets;
mod calls;
mod certificates;
mod commands;
mod credentials;
mod events;
mod explain;
mod headers;
mod history;
mod inactive;
mod janitor;
mod on_demand;
mod owners;
mod ownership;
mod paths;
mod policies;
mod queue;
mod registered;
mod sessions;
mod sums;
mod surroundings;
#[cfg(test)]
mod tests;
mod time;
mod tokens;
mod turns;
mod validators;
mod views;
mod work;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use ebb_core::conditions::Surroundings;
use ebb_core::event::{self, Trail};
use ebb_core::history::Before as Past;
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{Boot, Event, Job, Report, State};
use ebb_core::policy::Policy;
use ebb_core::presence::Presence;
use ebb_core::refusal::Refusal;
use ebb_core::schedule::Turns;
use ebb_core::time::{Moment, Now};
use ebb_core::token::BootId;
use ebb_store::Batch;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::agents::Agents;
use crate::audit::{self, journal::Journal};
use crate::clock;
use crate::command::{Answered, JobView, Message, Notice, NoticeKind};
use crate::conditions::Zone;
use crate::polkit::Polkit;
use crate::sessions::Finder;
use crate::settings::Settings;
use crate::vault::Vault;
use crate::writer::Writer;
use buckets::Buckets;
use calls::Calls;
use events::Events;
use inactive::Calendar;
use owners::{Owners, Standing};
use queue::{Kept, Place, Queue};
use registered::Registered;
use sums::Sums;
use surroundings::Weather;
use tokens::Capabilities;
use validators::Validators;
use work::Work;

/// How many messages may share one transaction.
const TURN: usize = 256;

/// What the main loop is made of.
pub(crate) struct Parts {
    pub(crate) instance: &'static str,
    /// The one user of a private instance.
    pub(crate) private_to: Option<u32>,
    pub(crate) policy: Policy,
    pub(crate) boot: BootId,
    /// Whether the last life of the service was in the same boot.
    pub(crate) boot_before: Boot,
    pub(crate) agents: Rc<Agents>,
    pub(crate) vault: Vault,
    pub(crate) writer: Writer,
    pub(crate) journal: Journal,
    pub(crate) inbox: mpsc::UnboundedReceiver<Message>,
    pub(crate) outbox: mpsc::UnboundedSender<Message>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) surroundings: Surroundings,
    pub(crate) zone: Zone,
    /// Who is there, as far as logind tells.
    pub(crate) presence: Presence,
    pub(crate) finder: Finder,
    pub(crate) polkit: Rc<Polkit>,
    pub(crate) settings: Rc<Settings>,
}

/// What was on disk beside the jobs.
pub(crate) struct Found {
    pub(crate) events: ebb_store::Events,
    pub(crate) newest_of_histories: Vec<(JobId, u64)>,
}

/// The jobs, and everything that belongs to deciding about them.
pub(crate) struct MainLoop {
    parts: Parts,
    jobs: HashMap<JobId, Entry>,
    order: BTreeMap<u64, JobId>,
    next_number: u64,
    events: Events,
    registered: Registered,
    capabilities: Capabilities,
    waiting: authority::Waiting,
    validators: Validators,
    turns: Turns,
    queue: Queue,
    owners: Owners,
    reschedule: bool,
    weather: Weather,
    buckets: Buckets,
    calls: Calls,
    forget_at: Moment,
    calendar: Calendar,
    slice_ends: Option<Moment>,
    finishing: bool,
}

/// A job, and what is being done for it.
struct Entry {
    job: Job,
    number: u64,
    work: Work,
    sums: Sums,
    kept: Kept,
    trail: Trail,
    /// The number of the newest entry of its history.
    remembered: u64,
    swept: janitor::Swept,
}

impl Entry {
    fn view(&self, now: Now) -> JobView {
        views::job(&self.job, &self.sums, &self.work, self.last_event(), now)
    }

    fn last_event(&self) -> u64 {
        self.trail.numbers().next_back().unwrap_or(0)
    }

    fn standing(&self) -> Standing {
        Standing::of(self.job.owner.uid, self.job.state)
    }
}

/// What is decided together and recorded together.
#[derive(Default)]
struct Turn {
    batch: Batch,
    /// Whose message is being heard; nobody's: the service acts by itself.
    acting: Option<u32>,
    /// What makes an administrator of them.
    right: Option<authority::Right>,
    /// Why the next step is taken, where the step itself does not say.
    why: Option<&'static str>,
    /// Jobs that changed again after they were put.
    again: HashSet<JobId>,
    /// Written as soon as the turn is on disk, before anybody is answered.
    audit: Vec<audit::Record>,
    /// Jobs that look different now, and are listened to.
    shown: HashSet<JobId>,
    after: Vec<After>,
}

impl Turn {
    /// Has a job recorded as it is at the end of the turn.
    fn put_job(&mut self, job: &Job) {
        if self.batch.has_job(job.id) {
            self.again.insert(job.id);
        } else {
            self.batch.put_job(job);
        }
    }
}

/// What is done once the turn is on disk.
enum After {
    Answer(oneshot::Sender<Answered>, Answered),
    Acknowledge(oneshot::Sender<bool>, bool),
    Tell(Notice),
    /// To those registered for it, what is owed.
    Owed(JobId),
    Act(JobId),
}

impl MainLoop {
    /// Takes over the jobs as they were on disk.
    pub(crate) fn new(parts: Parts, jobs: Vec<Job>, found: Found) -> Self {
        let mut this = Self {
            parts,
            jobs: HashMap::new(),
            order: BTreeMap::new(),
            next_number: 0,
            events: Events::default(),
            registered: Registered::default(),
            capabilities: Capabilities::default(),
            waiting: authority::Waiting::default(),
            validators: Validators::default(),
            turns: Turns::default(),
            queue: Queue::default(),
            owners: Owners::default(),
            reschedule: true,
            weather: Weather::default(),
            buckets: Buckets::default(),
            calls: Calls::default(),
            forget_at: clock::now().moment,
            calendar: Calendar::default(),
            slice_ends: None,
            finishing: false,
        };
        for job in jobs {
            this.adopt(job);
        }
        this.adopt_events(found.events);
        this.adopt_histories(&found.newest_of_histories);
        this
    }

    /// Runs until it is asked to finish.
    ///
    /// # Errors
    ///
    /// A store that cannot be written: then nothing more is answered, and the service ends.
    pub(crate) async fn run(mut self) -> Result<(), ebb_store::StoreError> {
        let mut turn = Turn::default();
        self.after_restart(&mut turn);
        self.finish_turn(turn).await?;
        while !self.finishing {
            let sleep = self.sleep(clock::now().moment);
            let first = tokio::time::timeout(sleep, self.parts.inbox.recv()).await;
            let mut turn = Turn::default();
            if let Ok(Some(message)) = first {
                self.hear(message, &mut turn);
                // Who else has something to say by now shares the transaction.
                tokio::task::yield_now().await;
            }
            for _ in 0..TURN {
                let Ok(message) = self.parts.inbox.try_recv() else {
                    break;
                };
                self.hear(message, &mut turn);
            }
            self.look_at_the_clock(&mut turn);
            self.finish_turn(turn).await?;
        }
        self.wind_up().await
    }

    /// Records the turn, then acts on it.
    async fn finish_turn(&mut self, mut turn: Turn) -> Result<(), ebb_store::StoreError> {
        self.schedule(&mut turn);
        for entry in turn.again.iter().filter_map(|id| self.jobs.get(id)) {
            turn.batch.put_job(&entry.job);
        }
        self.parts.writer.commit(turn.batch).await?;
        turn.audit.iter().for_each(|record| self.parts.journal.write(record));
        for after in turn.after {
            match after {
                // Whoever asked may be gone.
                After::Answer(reply, answer) => drop(reply.send(answer)),
                After::Acknowledge(reply, counts) => drop(reply.send(counts)),
                After::Tell(notice) => self.say(notice),
                After::Owed(job) => self.tell_owed(job),
                After::Act(job) => self.act(job),
            }
        }
        turn.shown.into_iter().for_each(|job| self.show(job));
        self.make_calls();
        Ok(())
    }

    fn hear(&mut self, message: Message, turn: &mut Turn) {
        turn.acting = message.asker().map(|asker| asker.token.uid);
        turn.right = message.asker().and_then(|asker| self.right_of(asker));
        self.heard(message, turn);
        turn.acting = None;
    }

    fn heard(&mut self, message: Message, turn: &mut Turn) {
        match message {
            Message::Ask(asker, command, reply) => self.ask(asker, command, reply, turn),
            Message::Inspected(job, asker, files, reply) => {
                self.inspected(job, &asker, files, reply, turn);
            }
            Message::Looked(looked) => self.looked(*looked, turn),
            Message::Asked(asked) => self.asked(*asked, turn),
            Message::Gone(connection) => {
                self.waiting.forget(connection);
                self.capabilities.close_all_of(connection);
                self.registered.close_all_of(connection);
                self.validators.close_all_of(connection);
            }
            Message::Report(job, attempt, report, reply) => {
                let counts = self.report(job, attempt, report, turn);
                turn.after.push(After::Acknowledge(reply, counts));
            }
            Message::UnknownServer(server, reply) => self.unknown_server(server, reply),
            Message::Live(job, attempt, file, received) => {
                self.live(job, attempt, file, received);
            }
            Message::AttemptOver(job, attempt, kept) => {
                if let Some(entry) = self.jobs.get_mut(&job) {
                    let had = entry.work.attempt_over(attempt, kept, &entry.job);
                    self.turns.used(entry.job.owner.uid, had);
                }
                self.reschedule = true;
                turn.after.push(After::Act(job));
            }
            Message::Completed(job, report) => {
                self.free(job);
                self.step(job, Event::CompleteEnded(report), turn).ok();
                turn.after.push(After::Act(job));
            }
            Message::Deleted(job, files) => {
                self.free(job);
                for file in files {
                    self.step(job, Event::Deleted(file), turn).ok();
                }
                turn.after.push(After::Act(job));
            }
            Message::Spare(job, file, spare, reply) => {
                let counts = self.step(job, Event::Spare(file, spare), turn).is_ok();
                turn.after.push(After::Acknowledge(reply, counts));
            }
            Message::CommandEnded { job, attempts, end } => {
                self.call_ended(job, attempts, end, turn);
            }
            Message::LoggedOn(logins) => self.logged_on(logins, turn),
            Message::SessionFound(lending) => self.session_found(lending, turn),
            Message::Policy(policy) => self.now_holds(policy),
            Message::Sighted(sighting) => self.sighted(sighting),
            // Who asked may have given up.
            Message::Alive(answer) => drop(answer.send(())),
            Message::Finish => self.finishing = true,
        }
    }

    /// The one way a job changes: decided, put into the turn's transaction, effects and notices
    /// kept for after it.
    fn step(&mut self, id: JobId, event: Event, turn: &mut Turn) -> Result<(), Refusal> {
        self.step_at(id, event, turn, clock::now())
    }

    fn step_at(
        &mut self,
        id: JobId,
        event: Event,
        turn: &mut Turn,
        now: Now,
    ) -> Result<(), Refusal> {
        let entry = self.jobs.get_mut(&id).ok_or(Refusal::NotFound)?;
        let before = views::Before::of(&entry.job, &entry.sums, &event);
        let (number, standing) = (entry.number, entry.standing());
        let untold = event::Before::of(&entry.job, Some(&event));
        let past = Past::of(&entry.job, Some(&event));
        let file_before = sums::Before::of(&entry.job, &event);
        let terms_change = surroundings::may_matter(&event);
        let step = entry.job.decide(event, now)?;
        entry.sums.follow(&file_before, &entry.job, &step.files_changed);
        debug_assert_eq!(entry.sums, Sums::of(&entry.job), "sums are kept true");
        if step.job_changed {
            turn.put_job(&entry.job);
        }
        turn.batch.put_apart(&entry.job, &step);
        for &at in &step.files_changed {
            turn.batch.put_file(id, at, &entry.job.files[at as usize]);
        }
        let happened = untold.what_happened(&entry.job, &step, now);
        if let Some(deed) = past.entry(&entry.job, &step) {
            entry.remember(deed, turn, now);
        }
        entry.work.expect(step.effects);
        if terms_change || before.state != entry.job.state {
            self.reschedule = true;
            self.weather.judge(id);
        }
        self.owners.keep((number, id), Some(standing), Some(entry.standing()));
        self.tell(id, &before, happened, turn, now);
        turn.after.push(After::Act(id));
        self.index(id);
        Ok(())
    }

    /// Keeps the indexes true after a change.
    fn index(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        let (job, number) = (&entry.job, entry.number);
        let place = if entry.work.attempt_in_hand() || job.state.attempt().is_some() {
            Some(Place::Running)
        } else if job.state == State::Queued {
            let (priority, owner) = (job.terms.priority, job.owner.uid);
            Some(Place::Waiting { priority, owner, served: self.turns.of_job(id) })
        } else {
            None
        };
        self.queue.keep((number, id), &mut entry.kept, place, job.deadline());
        self.calls.keep(job);
        if job.state.is_final() {
            self.capabilities.close_all_for(id);
            self.validators.forget(id);
            self.turns.forget(id);
        }
    }

    fn adopt(&mut self, job: Job) {
        let (id, number) = (job.id, self.next_number);
        self.next_number += 1;
        self.order.insert(number, id);
        let (work, sums, kept) = (Work::default(), Sums::of(&job), Kept::default());
        let (trail, remembered, swept) = (Trail::default(), 0, None);
        let entry = Entry { job, number, work, sums, kept, trail, remembered, swept };
        self.owners.keep((number, id), None, Some(entry.standing()));
        self.jobs.insert(id, entry);
        self.index(id);
    }

    fn report(&mut self, id: JobId, attempt: AttemptId, report: Report, turn: &mut Turn) -> bool {
        let counts =
            self.jobs.get(&id).is_some_and(|entry| entry.job.state.attempt() == Some(attempt));
        let ranges = self.ranges_told(id, &report);
        // Reports are never refused; a job that is forgotten needs none.
        self.step(id, Event::Report(attempt, report), turn).ok();
        turn.after.extend(ranges.filter(|_| counts).map(After::Tell));
        counts
    }

    fn live(&mut self, id: JobId, attempt: AttemptId, file: u32, received: u64) {
        let now = clock::now();
        let heard = self.is_heard(id);
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        if entry.job.state.attempt() != Some(attempt) {
            return;
        }
        entry.work.live.insert(file, received);
        if !heard {
            return;
        }
        let view = entry.view(now);
        let (number, what) = (view.last_event, NoticeKind::Changed(Box::new(view)));
        let owner = entry.job.owner.uid;
        self.say(Notice { job: id, owner, number, what });
    }
}
