//! A job's history, for people who ask later: what was done to it, by whom, and what became of it.
//!
//! This module answers one question: *what of a step is remembered?* ([`Before::entry`]). Events
//! ([`crate::event`]) say that something changed, and are forgotten once everybody can know; the
//! history says who did what, and is kept as long as the job, its newest [`PER_JOB`] entries.
//!
//! An entry holds fixed words, names of properties and errors, numbers, and what a server or the
//! machine said about an error. Never a value of a property, an address, a header or a secret.
//! Nothing here knows who asked, or what time it is.

use std::fmt::Write as _;

use crate::event::Standing;
use crate::job::{Event, Job, Report, Step, Trouble};
use crate::time::WallTime;
use crate::token::{Resource, Token};

/// The most entries that are kept for one job.
pub const PER_JOB: u64 = 200;
/// The most characters of what somebody else said that are kept.
const SAID: usize = 300;

/// Something that is remembered of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, for people.
    pub at: WallTime,
    /// The user who asked for it; nobody: the service by itself.
    pub by: Option<u32>,
    /// What.
    pub deed: Deed,
    /// What there is to say about it, for people.
    pub detail: String,
    /// Where the job stands since then, if it stood somewhere else before.
    pub state: Option<Standing>,
}

macro_rules! deeds {
    ($($(#[$about:meta])* $deed:ident $name:literal,)*) => {
        /// What was done to a job, or happened to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Deed {
            $($(#[$about])* $deed,)*
        }

        impl Deed {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$deed,)*];

            /// Its name on every interface.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$deed => $name,)*
                }
            }
        }
    };
}

deeds! {
    /// It was created.
    Created "created",
    /// Somebody wanted it held.
    Suspend "suspend",
    /// Somebody wanted it to go on.
    Resume "resume",
    /// Somebody gave it up.
    Cancel "cancel",
    /// Somebody wanted the files.
    Complete "complete",
    /// It got more files.
    FilesAdded "files-added",
    /// Files come from elsewhere now.
    RemoteNames "remote-names",
    /// A property was set.
    Property "property",
    /// Header fields were set or removed.
    Headers "headers",
    /// Credentials were set or removed.
    Credentials "credentials",
    /// A client certificate was set or removed.
    Certificate "certificate",
    /// Authorities of its own were set or removed.
    Authorities "authorities",
    /// A program of the owner's judges servers, or not any more.
    Validator "validator",
    /// Somebody said whether a file is what it should be.
    Validation "validation",
    /// An administrator took it over.
    Owner "owner",
    /// A helper lent its identity.
    HelperSet "helper-set",
    /// What the helper is used for was set.
    HelperFlags "helper-flags",
    /// The helper was dropped because somebody asked for it.
    HelperCleared "helper-cleared",
    /// The helper was dropped because nothing vouches for it any more.
    HelperLost "helper-lost",
    /// An attempt began.
    Attempt "attempt",
    /// A server answered.
    Answer "answer",
    /// One file is whole.
    FileTransferred "file-transferred",
    /// It ran into something.
    Trouble "trouble",
    /// The files have their names.
    Completed "completed",
    /// The command of the job ran.
    Command "command",
    /// It stands somewhere else, by itself.
    State "state",
}

/// A job before a step, as far as remembering goes.
#[derive(Debug)]
pub struct Before {
    standing: Standing,
    said: Option<(Deed, String)>,
}

impl Before {
    /// Looks at a job that is about to hear of an event; none: of a new life of the service.
    #[must_use]
    pub fn of(job: &Job, event: Option<&Event>) -> Self {
        let said = match event {
            Some(event) => said(job, event),
            None => Some((Deed::State, "the service was started anew".to_owned())),
        };
        Self { standing: Standing::of(job.state), said }
    }

    /// What is remembered of the step the job has taken since: the deed, what there is to say about
    /// it, and where the job stands now if that is somewhere else.
    #[must_use]
    pub fn entry(self, job: &Job, step: &Step) -> Option<(Deed, String, Option<Standing>)> {
        let standing = Standing::of(job.state);
        let moved = (standing != self.standing).then_some(standing);
        // A state's entry says how the job got somewhere else, and nothing if it did not.
        let counts = |(deed, _): &(Deed, String)| match *deed == Deed::State {
            true => moved.is_some(),
            false => changed(step),
        };
        let by_itself = || moved.map(|_| (Deed::State, String::new()));
        let (deed, mut detail) = self.said.filter(counts).or_else(by_itself)?;
        if deed == Deed::Attempt && job.state.attempt().is_some() {
            detail = attempt(job);
        }
        let stopped = matches!(moved, Some(Standing::Error | Standing::TransientError));
        let trouble = job.error.as_ref().filter(|_| stopped && deed != Deed::Trouble);
        if let Some(trouble) = trouble {
            let between = if detail.is_empty() { "" } else { "; " };
            detail = format!("{detail}{between}{}", told(trouble));
        }
        Some((deed, detail, moved))
    }
}

fn changed(step: &Step) -> bool {
    let Step { headers_changed, credentials_changed, certificate_changed, .. } = step;
    let entrusted = *headers_changed || *credentials_changed || *certificate_changed;
    step.job_changed || entrusted || step.authorities_changed
}

/// What is said of an event, if it is worth remembering.
fn said(job: &Job, event: &Event) -> Option<(Deed, String)> {
    let helper = || job.helper.as_ref().map_or_else(String::new, who);
    let plain = |deed| (deed, String::new());
    Some(match event {
        Event::Suspend => plain(Deed::Suspend),
        Event::Resume => plain(Deed::Resume),
        Event::Cancel => plain(Deed::Cancel),
        Event::Complete => plain(Deed::Complete),
        Event::AddFiles(files) => (Deed::FilesAdded, format!("{} files", files.len())),
        Event::SetRemoteNames(names) => (Deed::RemoteNames, format!("{} files", names.len())),
        Event::Set(setting) => (Deed::Property, setting.property().row().name.to_owned()),
        Event::SetHeaders(sealed) => (Deed::Headers, set_or_removed(sealed.as_ref())),
        Event::MakeHeadersWriteOnly => (Deed::Headers, "write-only".to_owned()),
        Event::SetCredentials(pair, sealed) => {
            let (target, scheme) = (pair.target.name(), pair.scheme.name());
            let what = set_or_removed(sealed.as_ref());
            (Deed::Credentials, format!("{what}: {target} {scheme}"))
        }
        Event::SetCertificate(sealed) => (Deed::Certificate, set_or_removed(sealed.as_ref())),
        Event::SetAuthorities(them) => (Deed::Authorities, set_or_removed(them.as_ref())),
        Event::SetValidator(set) => {
            (Deed::Validator, if *set { "set" } else { "removed" }.to_owned())
        }
        Event::SetValidationState { file, valid } => {
            (Deed::Validation, format!("file {file}: {}", if *valid { "valid" } else { "invalid" }))
        }
        Event::TakeOwnership(token) => {
            (Deed::Owner, format!("{}, before: {}", who(token), who(&job.owner)))
        }
        Event::SetHelperToken(token) => (Deed::HelperSet, who(token)),
        Event::SetHelperTokenFlags(flags) => (Deed::HelperFlags, format!("{:#x}", flags.bits())),
        Event::ClearHelperToken => (Deed::HelperCleared, helper()),
        Event::HelperTokenLost => (Deed::HelperLost, helper()),
        Event::Start => plain(Deed::Attempt),
        Event::Preempt => (Deed::State, "others are due".to_owned()),
        Event::Report(attempt, report) if job.state.attempt() == Some(*attempt) => {
            reported(report)?
        }
        Event::CompleteEnded(report) => match &report.trouble {
            Some(trouble) => (Deed::Trouble, told(trouble)),
            None => (Deed::Completed, format!("{} files", report.renamed.len())),
        },
        Event::CommandEnded { well, .. } => {
            (Deed::Command, if *well { "done" } else { "failed" }.to_owned())
        }
        Event::RequestRanges(..)
        | Event::SetPosition(..)
        | Event::ClockLeapt
        | Event::Due
        | Event::Block(_)
        | Event::Allow
        | Event::NetworkCame
        | Event::Report(..)
        | Event::Spare(..)
        | Event::SweepLeftOvers
        | Event::Deleted(_) => return None,
    })
}

fn reported(report: &Report) -> Option<(Deed, String)> {
    Some(match report {
        Report::Answered { file, status, from, .. } => {
            (Deed::Answer, format!("file {file}: {status}, from byte {from}"))
        }
        Report::FileDone { file, length, .. } => {
            (Deed::FileTransferred, format!("file {file}: {length} bytes"))
        }
        Report::Brought(file, brought) => {
            let (status, length) = (brought.status, brought.length);
            (Deed::FileTransferred, format!("file {file}: {status}, {length} bytes"))
        }
        Report::Ended(Err(trouble)) => (Deed::Trouble, told(trouble)),
        Report::Created(..)
        | Report::Prepared(..)
        | Report::TookOver(_)
        | Report::SpareDeleted(_)
        | Report::Measured(..)
        | Report::Moved(..)
        | Report::Headers(..)
        | Report::Hashed(..)
        | Report::Checkpoint { .. }
        | Report::Filled(..)
        | Report::Doubted(_)
        | Report::InOrder(_)
        | Report::Ended(Ok(())) => return None,
    })
}

/// The try in hand: its number, and as whom it is made.
fn attempt(job: &Job) -> String {
    let as_whom = |resource| {
        let identity = job.identity_for(resource);
        identity.map_or_else(|_| "nobody".to_owned(), |token| token.uid.to_string())
    };
    let (files, network) = (as_whom(Resource::LocalFile), as_whom(Resource::Network));
    format!("number {}, files as {files}, network as {network}", job.attempts)
}

/// An error: its name, the file, and what the server or the machine said.
fn told(trouble: &Trouble) -> String {
    let mut text = trouble.failure.full_name();
    // Nothing is wrong with a string.
    if let Some(file) = trouble.file {
        let _ = write!(text, ", file {file}");
    }
    if !trouble.detail.is_empty() {
        let said: String = trouble.detail.chars().take(SAID).collect();
        let _ = write!(text, ": {said}");
    }
    text
}

fn who(token: &Token) -> String {
    match &token.session {
        Some(session) => format!("uid {}, session {}", token.uid, session.0),
        None => format!("uid {}", token.uid),
    }
}

fn set_or_removed<T>(it: Option<&T>) -> String {
    if it.is_some() { "set" } else { "removed" }.to_owned()
}
