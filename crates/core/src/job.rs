//! The life of one job: rules, and nothing else.
//!
//! This module answers one question: *given where the job stands and what just happened, where does
//! it stand now, and what has to be done about it?* It never reads a clock, a file, a socket or a
//! database. States have BITS' names; the table is `job-model.md` 4.2 and 4.4 as ruled by
//! `decisions.md`, as far as downloads need it.
//!
//! ```text
//!                | suspend      resume        complete     cancel     start       retry due   block         allow
//! ---------------+----------------------------------------------------------------------------------------------
//!  suspended     | .            queued        completing   cancelled  .           .           .             .
//!  queued        | suspended    .             completing   cancelled  connecting  .           blocked       .
//!  connecting    | suspended    .             completing   cancelled  .           .           blocked       .
//!  transferring  | suspended    .             completing   cancelled  .           .           blocked       .
//!  transient-error | suspended  queued        completing   cancelled  .           queued      .             .
//!  blocked       | suspended    queued        completing   cancelled  .           .           .             queued
//!  error         | suspended    queued        completing   cancelled  .           .           .             .
//!  transferred   | suspended    .             completing   cancelled  .           .           .             .
//!  completing    | refused      refused       refused      cancelled  .           .           .             .
//!  acknowledged  | refused      refused       refused      refused    .           .           .             .
//!  cancelled     | refused      refused       refused      refused    .           .           .             .
//! ```
//!
//! (For a job with one unfinished file, or, in the last four rows, with one transferred file. A
//! dot: it stays where it is. A test rebuilds this table from the code and compares.)
//!
//! Two are ours. `completing`: Complete was asked and the file agent is renaming; the world is told
//! `transferred`. `blocked`: the machine's surroundings do not allow it now; the world is told
//! `transient-error`. Cancel is never refused on a job that is not over.
//!
//! Start reading at [`Job::decide`]; what the owner asks is in `orders`, what agents report in
//! `reports`, what time does in `clock`, what the network and the like do in `surroundings`, tokens
//! are in `tokens`; what can happen and what a decision comes to is in `events`.

mod authorities;
mod certificate;
mod clock;
mod credentials;
mod events;
mod headers;
mod notify_command;
mod on_demand;
mod orders;
mod ownership;
mod property;
mod remote;
mod reports;
mod restart;
mod settings;
mod surroundings;
#[cfg(test)]
mod tests;
mod tokens;
mod validation;
mod validator;
mod values;

pub use clock::Running;
pub use events::{Brought, CompleteReport, Effect, Event, Report, Spare, Step};
pub use headers::CustomHeaders;
pub use notify_command::{NotifyCommand, PARAMETERS_LIMIT, PROGRAM_LIMIT};
pub use property::{PROPERTIES, Property, READ_ONLY, ReadOnly, Row, WITHOUT_EFFECT, When};
pub use restart::Boot;
pub use settings::{GET, Priority, Setting, Terms};
pub use values::{
    AuthTarget, CostFlags, NotifyFlags, PROXY_LIST_LIMIT, ProxySettings, ProxyUsage, Redirects,
    SecurityFlags,
};

use std::collections::BTreeMap;

use crate::authorities::Authorities;
use crate::credentials::AuthPair;
use crate::failure::{DestinationTrouble, Failure, ServiceTrouble};
use crate::file::{File, Progress};
use crate::headers::Sealed;
use crate::id::{AttemptId, JobId};
use crate::refusal::Refusal;
use crate::time::{Moment, Now, WallTime};
use crate::token::{Resource, Token, TokenFlags, TokenRequired, identity_for};

/// What an owner handed in: some files and their terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name for ever.
    pub id: JobId,
    /// Whose job it is.
    pub owner: Token,
    /// The second identity, while there is one.
    pub helper: Option<Token>,
    /// What the second identity is used for.
    pub flags: TokenFlags,
    /// What the owner chose.
    pub terms: Terms,
    /// What every request of it carries besides.
    pub headers: CustomHeaders,
    /// What it logs on with, sealed.
    pub credentials: BTreeMap<AuthPair, Sealed>,
    /// What it shows where a server wants a certificate, sealed.
    pub certificate: Option<Sealed>,
    /// By whom servers' certificates may be signed, if it has a say in that.
    pub authorities: Option<Authorities>,
    /// Whether a program of the owner's has a say in which servers it speaks to.
    pub validated: bool,
    /// Whether it was ever resumed: some terms are fixed from then on.
    pub resumed: bool,
    /// Where it stands.
    pub state: State,
    /// What it last ran into; kept until it transfers again.
    pub error: Option<Trouble>,
    /// How often it has run into something (`job-model.md` 3.1).
    pub error_count: u32,
    /// Its files, in the order added.
    pub files: Vec<File>,
    /// When it was created.
    pub created: WallTime,
    /// When it last changed.
    pub modified: WallTime,
    /// When it last got nearer to its end, or somebody changed it: what it does by itself, such as
    /// trying again, does not count.
    pub active: WallTime,
    /// When everything was transferred.
    pub transferred: Option<WallTime>,
    /// Attempts made so far.
    pub attempts: u64,
    /// What it has suffered since it last moved.
    pub patience: Patience,
    /// How long it has run.
    pub running: Running,
    /// Whether its command is to be run.
    pub calling: Calling,
}

/// Where a job stands. What only makes sense in one state is stored inside that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing happens until Resume.
    Suspended,
    /// Waits for its turn.
    Queued,
    /// Agents are on it; no answer from the server yet.
    Connecting {
        /// The try in hand.
        attempt: AttemptId,
    },
    /// Bytes are moving.
    Transferring {
        /// The try in hand.
        attempt: AttemptId,
    },
    /// Passing trouble; tried again by itself.
    TransientError {
        /// When.
        retry_at: Moment,
    },
    /// A condition has to clear; tried again when it does. Shown as `transient-error`.
    Blocked {
        /// Since when.
        since: Moment,
    },
    /// Lasting trouble; waits for the owner.
    Error,
    /// Every file is in its temporary file; waits for Complete.
    Transferred,
    /// Complete was asked; files are being renamed. Shown as `transferred`.
    Completing,
    /// Complete succeeded. The end.
    Acknowledged,
    /// Cancelled. The end; temporary files recorded are still to be deleted.
    Cancelled,
}

/// Whether the command of a job that has come to an end is to be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calling {
    /// The job has come to no end.
    #[default]
    Nothing,
    /// If there is one.
    Owed {
        /// How often it has been tried.
        tries: u32,
        /// Not before.
        at: Moment,
    },
    /// It ran, or was tried often enough.
    Done,
}

/// What a job has suffered since it last moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// Tries that failed one after the other without a pause.
    pub tries: u32,
    /// Stays in TRANSIENT_ERROR.
    pub stays: u32,
    /// When the first of them began; the no-progress time-out counts from here.
    pub since: Option<Moment>,
}

/// A failure, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What happened.
    pub failure: Failure,
    /// Which file it happened to.
    pub file: Option<u32>,
    /// A sentence fragment for a person; empty if there is nothing to add.
    pub detail: String,
    /// What the server asked for, in seconds.
    pub retry_after: Option<u32>,
}

impl State {
    /// Every name, in the order of BITS' numbers.
    pub const NAMES: [&str; 9] = [
        "queued",
        "connecting",
        "transferring",
        "suspended",
        "error",
        "transient-error",
        "transferred",
        "acknowledged",
        "cancelled",
    ];

    /// Its name on every interface.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Queued => "queued",
            Self::Connecting { .. } => "connecting",
            Self::Transferring { .. } => "transferring",
            Self::TransientError { .. } | Self::Blocked { .. } => "transient-error",
            Self::Error => "error",
            Self::Transferred | Self::Completing => "transferred",
            Self::Acknowledged => "acknowledged",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing can be asked of the job any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Acknowledged | Self::Cancelled)
    }

    /// The try in hand, if there is one.
    #[must_use]
    pub fn attempt(&self) -> Option<AttemptId> {
        match self {
            Self::Connecting { attempt } | Self::Transferring { attempt } => Some(*attempt),
            Self::Suspended
            | Self::Queued
            | Self::TransientError { .. }
            | Self::Blocked { .. }
            | Self::Error
            | Self::Transferred
            | Self::Completing
            | Self::Acknowledged
            | Self::Cancelled => None,
        }
    }
}

impl Job {
    /// A new job: suspended, without files.
    #[must_use]
    pub fn new(id: JobId, owner: Token, terms: Terms, now: Now) -> Self {
        Self {
            id,
            owner,
            helper: None,
            flags: TokenFlags::NONE,
            terms,
            headers: CustomHeaders::default(),
            credentials: BTreeMap::new(),
            certificate: None,
            authorities: None,
            validated: false,
            resumed: false,
            state: State::Suspended,
            error: None,
            error_count: 0,
            files: Vec::new(),
            created: now.wall,
            modified: now.wall,
            active: now.wall,
            transferred: None,
            attempts: 0,
            patience: Patience::default(),
            running: Running::default(),
            calling: Calling::Nothing,
        }
    }

    /// Decides what `event` means for this job, and takes the job there.
    ///
    /// Asking twice is as good as asking once: suspending a suspended job, or hearing from an
    /// attempt that is no longer ours, changes nothing and has no effects. The step must be written
    /// down before its effects are carried out.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when an owner asks something impossible; then nothing has changed. Reports
    /// are never refused; at worst they are ignored.
    pub fn decide(&mut self, event: Event, now: Now) -> Result<Step, Refusal> {
        let is_activity = event.is_activity();
        let before = self.state;
        let command_set = matches!(event, Event::Set(Setting::NotifyCommand(_)));
        let mut step = match event {
            Event::Suspend => self.suspend()?,
            Event::Resume => self.resume(now)?,
            Event::Cancel => self.cancel()?,
            Event::Complete => self.complete()?,
            Event::AddFiles(files) => self.add_files(files)?,
            Event::RequestRanges(file, parts) => self.request_ranges(file, &parts)?,
            Event::SetPosition(file, offset) => self.set_position(file, offset)?,
            Event::SetRemoteNames(names) => self.set_remote_names(names)?,
            Event::Set(setting) => self.set(setting)?,
            Event::SetValidationState { file, valid } => self.set_validation_state(file, valid)?,
            Event::SetHeaders(sealed) => self.set_headers(sealed)?,
            Event::MakeHeadersWriteOnly => self.make_headers_write_only()?,
            Event::SetCredentials(pair, sealed) => self.set_credentials(pair, sealed)?,
            Event::SetCertificate(sealed) => self.set_certificate(sealed)?,
            Event::SetAuthorities(them) => self.set_authorities(them)?,
            Event::SetValidator(wanted) => self.set_validator(wanted)?,
            Event::Spare(file, spare) => self.spare(file, spare)?,
            Event::TakeOwnership(token) => self.take_ownership(token)?,
            Event::SetHelperToken(token) => self.set_helper_token(token)?,
            Event::SetHelperTokenFlags(flags) => self.set_helper_token_flags(flags)?,
            Event::ClearHelperToken => self.clear_helper_token()?,
            Event::HelperTokenLost => self.helper_token_lost(),
            Event::Start => self.start(now),
            Event::Preempt => self.preempt(),
            Event::ClockLeapt => self.clock_leapt(),
            Event::Due => self.due(now),
            Event::Block(by) => self.block(by, now),
            Event::Allow => self.allow(now),
            Event::NetworkCame => self.network_came(),
            Event::Report(attempt, report) => self.hear(attempt, report, now),
            Event::CompleteEnded(report) => self.complete_ended(report),
            Event::Deleted(file) => self.deleted(file),
            Event::CommandEnded { attempts, well } => self.command_ended(attempts, well, now),
            Event::SweepLeftOvers => self.sweep_left_overs(),
        };
        if self.state.is_final() {
            step = self.forget_headers(step);
            step = self.forget_credentials(step);
            step = self.forget_certificate(step);
            step = self.forget_authorities(step);
        }
        let files = self.files.len();
        step.files_changed.retain(|&at| (at as usize) < files);
        // Bytes that arrive date the job, and end what it has suffered.
        step.job_changed |= !step.files_changed.is_empty();
        step.job_changed |= self.owe_command(before, command_set);
        if step.job_changed {
            self.modified = now.wall;
            self.add_up(now);
            if is_activity {
                self.active = now.wall;
            }
        }
        Ok(step)
    }

    /// Who touches this resource for the job.
    ///
    /// # Errors
    ///
    /// [`TokenRequired`] if it is the helper and there is none.
    pub fn identity_for(&self, resource: Resource) -> Result<&Token, TokenRequired> {
        identity_for(resource, &self.owner, self.helper.as_ref(), self.flags)
    }

    /// Who opens its client certificate, if it has one.
    ///
    /// # Errors
    ///
    /// As [`Self::identity_for`].
    pub fn certificate_identity(&self) -> Result<Option<&Token>, TokenRequired> {
        let wanted =
            self.certificate.as_ref().map(|_| self.identity_for(Resource::ClientCertificate));
        wanted.transpose()
    }

    /// The files that are not whole yet.
    pub fn unfinished(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.files).filter(|(_, f)| f.progress == Progress::Unfinished).map(|(at, _)| at)
    }

    fn start(&mut self, now: Now) -> Step {
        if self.state != State::Queued {
            return Step::stay();
        }
        let identities = self
            .identity_for(Resource::LocalFile)
            .and_then(|_| self.identity_for(Resource::Network))
            .and_then(|_| self.certificate_identity())
            .map(|_| ());
        if let Err(TokenRequired) = identities {
            return self.fail(Trouble::of(ServiceTrouble::TokenRequired));
        }
        if self.unfinished().next().is_none() {
            return self.all_transferred(now);
        }
        if !self.has_work() {
            return self.rest();
        }
        self.begin_attempt()
    }

    fn begin_attempt(&mut self) -> Step {
        self.attempts += 1;
        self.transferred = None;
        let attempt = AttemptId(self.attempts);
        self.state = State::Connecting { attempt };
        let again = self.drop_what_cannot_be_continued();
        Step::changed(vec![Effect::StartAttempt(attempt)]).and_files(again)
    }

    /// Some jobs fetch every file in one piece, or from its first byte again.
    fn drop_what_cannot_be_continued(&mut self) -> Vec<u32> {
        if self.terms.starts_over() { self.start_over() } else { Vec::new() }
    }

    /// Every file that is not whole starts over; which of them held something.
    fn start_over(&mut self) -> Vec<u32> {
        let held: Vec<u32> =
            self.unfinished().filter(|at| self.files[*at as usize].durable > 0).collect();
        for at in &held {
            self.files[*at as usize].start_over();
        }
        held
    }

    fn preempt(&mut self) -> Step {
        match self.state.attempt() {
            Some(attempt) => {
                self.state = State::Queued;
                Step::changed(vec![Effect::StopAttempt(attempt)])
            }
            None => Step::stay(),
        }
    }
}

impl Trouble {
    /// The file whose temporary file turned out to be gone, or another identity's.
    fn lost_temporary(&self) -> Option<u32> {
        let lost = Failure::Destination(DestinationTrouble::TemporaryLost);
        if self.failure == lost { self.file } else { None }
    }

    /// Trouble of our own, about no file.
    #[must_use]
    pub fn of(trouble: ServiceTrouble) -> Self {
        Self {
            failure: Failure::Service(trouble),
            file: None,
            detail: String::new(),
            retry_after: None,
        }
    }
}
