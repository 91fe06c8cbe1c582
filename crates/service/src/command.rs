//! What callers ask of the main loop, and what it answers: plain types, no D-Bus.
//!
//! The bus makes [`Command`]s out of messages, and messages out of [`Answer`]s. Everything in a
//! command has been checked for form, nothing for permission.

pub(crate) mod remote_name;

use std::os::fd::OwnedFd;
use std::rc::Rc;

use ebb_core::authorities::Authorities;
use ebb_core::certificate::ClientCertificate;
use ebb_core::credentials::{AuthPair, Credentials};
use ebb_core::digest::Digest;
use ebb_core::failure::Failure;
use ebb_core::file::Wanted;
use ebb_core::headers::Headers;
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{CompleteReport, Event, Report, Setting, Spare, Terms};
use ebb_core::policy::Caller;
use ebb_core::presence::Logins;
use ebb_core::ranges::Part;
use ebb_core::refusal::Refusal;
use ebb_core::token::{SessionId, Token};
use tokio::sync::{mpsc, oneshot};

use crate::agents::CommandEnd;
use crate::attempt::kept::KeptFiles;
use crate::polkit;

/// One connection of a client; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Who asks, as the kernel says, and over which connection.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// What permission is judged by.
    pub(crate) caller: Caller,
    /// The identity, should it become a token.
    pub(crate) token: Token,
    /// The caller's process, where the connection tells it (R2).
    pub(crate) process: Option<Process>,
    /// Where the call came from.
    pub(crate) connection: ConnectionId,
    /// What polkit has to do with the call.
    pub(crate) call: polkit::OfCall,
}

/// A process, pinned: the descriptor says whether the number is still its.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) descriptor: Rc<OwnedFd>,
    /// None when it is in another pid namespace.
    pub(crate) number: Option<u32>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new job.
    Create { name: String, settings: Vec<Setting> },
    /// Does this job exist, for this caller?
    Find(JobId),
    /// A page of jobs.
    List(Filter),
    /// About the service, for this caller.
    Status,
    /// What administrators have set.
    GetPolicy,
    /// Another value for a policy; an empty one for what its file says.
    SetPolicy(String, String),
    /// Files for a job.
    AddFiles(JobId, Vec<NewFile>),
    /// These bytes of a file first.
    RequestRanges(JobId, u32, Vec<Part>),
    /// The fields of the last answer about a file.
    FileHeaders(JobId, u32),
    /// Which bytes of a file are there.
    FilledRanges(JobId, u32),
    /// Another beginning for all remote names that begin with the first.
    ReplaceRemotePrefix(JobId, String, String),
    /// Something the owner wants of a job.
    Steer(JobId, Event),
    /// Header fields for every request; none removes them.
    SetHeaders(JobId, Headers),
    /// Those that were set.
    GetHeaders(JobId),
    /// Nobody reads them back any more.
    MakeHeadersWriteOnly(JobId),
    /// What a pair logs on with.
    SetCredentials(JobId, AuthPair, Credentials),
    /// It does not any more.
    RemoveCredentials(JobId, AuthPair),
    /// The certificate that is shown to servers that want one.
    SetCertificate(JobId, ClientCertificate),
    /// None is any more.
    RemoveCertificate(JobId),
    /// Where it is.
    GetCertificate(JobId),
    /// By whom servers' certificates may be signed; nothing: by whom the machine trusts.
    SetAuthorities(JobId, Option<Authorities>),
    /// Who that is.
    GetAuthorities(JobId),
    /// The caller becomes the owner.
    TakeOwnership(JobId),
    /// A job's properties.
    Properties(JobId),
    /// A page of a job's files.
    Files { job: JobId, first: u32, limit: u32 },
    /// A job's error.
    Error(JobId),
    /// What changed since a number: on a job, or on all that the caller may see.
    Changes { job: Option<JobId>, since: u64, limit: u32 },
    /// This connection wants a job's notifications.
    Register(JobId, mpsc::Sender<Notification>),
    /// It does not want them any more.
    Unregister(JobId),
    /// This connection judges servers' certificates for a job.
    SetValidator(JobId, mpsc::Sender<Notification>),
    /// Nobody does any more.
    RemoveValidator(JobId),
    /// What it says to a question about one: 0 accepts it.
    JudgeCertificate(JobId, u64, u32),
    /// Why a job does what it does.
    Explain(JobId),
    /// What is seen of the path on which it gives way.
    Path(JobId),
    /// A page of what is remembered of a job.
    History { job: JobId, after: u64, limit: u32 },
    /// Which of the caller's jobs are transferred or in error, and nobody has said they know.
    Unacknowledged,
    /// The caller knows what happened to their jobs, up to this number.
    Acknowledge(u64),
    /// The capability to set the helper token (R1).
    OpenTokenOptions(JobId),
    /// A call on an opened capability; the random part of its name.
    TokenOptions(String, TokenCall),
}

/// A call on an opened `TokenOptions`.
#[derive(Debug)]
pub(crate) enum TokenCall {
    SetToken,
    SetFlags(u32),
    Flags,
    Clear,
    Identity,
    Close,
}

/// Which jobs to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) all_users: bool,
    pub(crate) owner: Option<u32>,
    pub(crate) state: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) id_prefix: Option<String>,
    pub(crate) finished: bool,
    pub(crate) after: Option<JobId>,
    pub(crate) limit: u32,
}

/// A file as the caller names it; URL and path are well formed.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) url: String,
    pub(crate) dir: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) replace: bool,
    pub(crate) wanted: Wanted,
    pub(crate) digest: Option<Box<Digest>>,
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    Job(JobId),
    Jobs(Vec<JobView>, Option<JobId>),
    Status(StatusView),
    /// Key, value, and in which file; none where it was set by a call.
    Policy(Vec<(String, String, String)>),
    FirstFile(u32),
    Outcome(&'static str),
    Replaced(u32),
    /// Whether there was anything to remove.
    Removed(bool),
    /// Names and values.
    Headers(Vec<(String, String)>),
    /// Offsets and lengths.
    Ranges(Vec<(u64, u64)>),
    Properties(Box<JobView>),
    Files(Vec<FileView>, u32),
    Error(ErrorView),
    Events(EventsView),
    CustomHeaders(Headers),
    ClientCertificate(ClientCertificate),
    Authorities(Option<Authorities>),
    Explanation(Vec<ebb_core::explain::Line>),
    Path(Option<ebb_core::explain::Path>),
    /// With their numbers.
    History(Vec<(u64, ebb_core::history::Entry)>),
    TokenOptions(String),
    Flags(u32),
    Identity(Option<u32>),
}

pub(crate) type Answered = Result<Answer, Refusal>;

/// A job, as callers see it. Times are seconds since the epoch, 0 for "not yet".
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobView {
    pub(crate) id: JobId,
    pub(crate) terms: Terms,
    pub(crate) state: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) owner: u32,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) transferred: i64,
    pub(crate) next_attempt: i64,
    pub(crate) files_total: u32,
    pub(crate) files_transferred: u32,
    pub(crate) bytes_total: Option<u64>,
    pub(crate) bytes_transferred: u64,
    pub(crate) error_count: u32,
    pub(crate) helper: Option<u32>,
    pub(crate) helper_flags: u32,
    pub(crate) attempts: u64,
    /// The number of the newest event about it.
    pub(crate) last_event: u64,
}

/// A file, as callers see it.
#[derive(Clone, Debug)]
pub(crate) struct FileView {
    pub(crate) index: u32,
    pub(crate) url: String,
    pub(crate) path: Vec<u8>,
    pub(crate) ranges: Vec<(u64, u64)>,
    /// As [`Digest`] is written; empty without one.
    pub(crate) digest: String,
    pub(crate) total: Option<u64>,
    pub(crate) received: u64,
    pub(crate) durable: u64,
    pub(crate) transferred: bool,
    pub(crate) completed: bool,
    pub(crate) temporary: Vec<u8>,
    pub(crate) final_url: String,
    pub(crate) http_status: u16,
    pub(crate) valid: bool,
}

/// An error, as callers see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ErrorView {
    pub(crate) failure: Failure,
    pub(crate) detail: String,
    pub(crate) file: Option<(u32, String, Vec<u8>)>,
}

/// What changed, as callers see it.
#[derive(Debug)]
pub(crate) struct EventsView {
    pub(crate) events: Vec<EventView>,
    /// The newest number there is for this caller.
    pub(crate) newest: u64,
    /// Whether something is missing: the caller has to look at everything anew.
    pub(crate) missing: bool,
}

/// One event.
#[derive(Debug)]
pub(crate) struct EventView {
    pub(crate) number: u64,
    pub(crate) job: JobId,
    pub(crate) at: i64,
    pub(crate) name: &'static str,
    pub(crate) attempts: u64,
    pub(crate) kind: EventKind,
}

/// What is told besides, by kind.
#[derive(Debug)]
pub(crate) enum EventKind {
    Plain,
    State {
        state: &'static str,
        previous: &'static str,
    },
    /// What it ran into, and when it is tried again; 0: not by itself.
    Trouble(ErrorView, i64),
    /// The file as it is now.
    File(Box<FileView>),
    /// The first one, and how many.
    FilesAdded(u32, u32),
}

/// About the service.
#[derive(Clone, Debug)]
pub(crate) struct StatusView {
    pub(crate) instance: &'static str,
    pub(crate) administrator: bool,
    pub(crate) jobs: Vec<(&'static str, u32)>,
    pub(crate) jobs_per_user: u32,
    pub(crate) jobs_per_machine: u32,
    pub(crate) files_per_job: u32,
    pub(crate) ranges_per_file: u32,
    pub(crate) background_slots: u32,
}

/// What listeners are told, after it is on disk. Sent to those who may see the job.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) job: JobId,
    pub(crate) owner: u32,
    /// Its number, where it is an event; of a view, the newest that it shows.
    pub(crate) number: u64,
    pub(crate) what: NoticeKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum NoticeKind {
    Added,
    Removed,
    StateChanged {
        state: &'static str,
        previous: &'static str,
    },
    Transferred,
    Failed(ErrorView),
    FileTransferred(u32),
    /// Bytes of a file that is asked for in pieces are there: offset and length.
    FileRangesTransferred(u32, (u64, u64)),
    /// Properties have new values; the whole view, to be narrowed by the sender.
    Changed(Box<JobView>),
}

/// What one connection is told of a job it registered for.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) job: JobId,
    /// Of the newest event it tells of.
    pub(crate) number: u64,
    pub(crate) what: Told,
}

/// What it is told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Transferred,
    Error(Box<ErrorView>),
    Modification,
    FileTransferred(u32),
    Ranges(Vec<ebb_core::notify::OfFile>),
    /// A question, and what it is about.
    Certificate(u64, Box<UnknownServer>),
    /// It did not read: its registrations are over.
    Missed,
}

/// A server that nobody has judged yet, as the network agent tells of it.
#[derive(Clone, Debug)]
pub(crate) struct UnknownServer {
    pub(crate) job: JobId,
    pub(crate) attempt: AttemptId,
    pub(crate) file: u32,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Its certificates, its own first; nothing here ever looks into them.
    pub(crate) chain: Vec<Vec<u8>>,
}

/// What came of looking at a job's temporary files.
pub(crate) struct Looked {
    pub(crate) job: JobId,
    pub(crate) asker: Asker,
    /// How they were, and what there is for the new owner.
    pub(crate) carry: crate::carry::Carry,
    pub(crate) carried: Result<crate::carry::Carried, Refusal>,
    pub(crate) reply: oneshot::Sender<Answered>,
}

/// Somebody lends an identity, and it has been found out where they come from.
pub(crate) struct Lending {
    /// The random part of the capability's name.
    pub(crate) capability: String,
    pub(crate) asker: Asker,
    pub(crate) session: Result<Option<SessionId>, Refusal>,
    pub(crate) reply: oneshot::Sender<Answered>,
}

/// A call for which polkit was asked; what it said is with who asks.
pub(crate) struct Asked {
    pub(crate) number: u64,
    pub(crate) asker: Asker,
    pub(crate) command: Command,
    pub(crate) reply: oneshot::Sender<Answered>,
}

/// Everything the main loop hears.
pub(crate) enum Message {
    /// A caller asks.
    Ask(Asker, Command, oneshot::Sender<Answered>),
    /// Destinations have been looked at.
    Inspected(JobId, Asker, Result<Vec<ebb_core::file::File>, Refusal>, oneshot::Sender<Answered>),
    /// The temporary files of a job have been looked at by who would take it over.
    Looked(Box<Looked>),
    /// polkit has said whether the caller is an administrator for this call.
    Asked(Box<Asked>),
    /// A connection is gone, and with it the capabilities opened on it.
    Gone(ConnectionId),
    /// An attempt reports; answered, once it is written down, with whether it still counts.
    Report(JobId, AttemptId, Report, oneshot::Sender<bool>),
    /// An attempt has met a server; answered with whether it may be spoken to.
    UnknownServer(UnknownServer, oneshot::Sender<ebb_wire::net::Verdict>),
    /// So many bytes of this file have come; not durable yet.
    Live(JobId, AttemptId, u32, u64),
    /// An attempt has ended; nothing of it runs any more.
    AttemptOver(JobId, AttemptId, KeptFiles),
    /// Complete has been carried out.
    Completed(JobId, CompleteReport),
    /// Temporary files have been deleted.
    Deleted(JobId, Vec<u32>),
    /// Of a file that is copied for another owner; answered with whether it counts.
    Spare(JobId, u32, Spare, oneshot::Sender<bool>),
    /// The command of a job has ended; for which end it ran.
    CommandEnded { job: JobId, attempts: u64, end: CommandEnd },
    /// These sessions and lingering users there are (R6, R13).
    LoggedOn(Logins),
    /// The login session of somebody who lends an identity has been looked for.
    SessionFound(Lending),
    /// The machine's surroundings are, or have become, so.
    Sighted(crate::conditions::Sighting),
    /// Other rules and limits from now on.
    Policy(ebb_core::policy::Policy),
    /// Whether messages are still taken is asked.
    Alive(oneshot::Sender<()>),
    /// Finish cleanly.
    Finish,
}

impl Message {
    /// Who wants what it is about; nobody, where it is about what happened by itself.
    pub(crate) fn asker(&self) -> Option<&Asker> {
        match self {
            Self::Ask(asker, ..) | Self::Inspected(_, asker, ..) => Some(asker),
            Self::Looked(looked) => Some(&looked.asker),
            Self::Asked(asked) => Some(&asked.asker),
            Self::SessionFound(lending) => Some(&lending.asker),
            Self::Gone(_)
            | Self::Report(..)
            | Self::Live(..)
            | Self::AttemptOver(..)
            | Self::Completed(..)
            | Self::Deleted(..)
            | Self::Spare(..)
            | Self::CommandEnded { .. }
            | Self::LoggedOn(_)
            | Self::Sighted(_)
            | Self::Policy(_)
            | Self::UnknownServer(..)
            | Self::Alive(_)
            | Self::Finish => None,
        }
    }
}
