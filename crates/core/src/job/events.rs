//! What can happen to a job, and what a decision about it comes to.
//!
//! Words only: what they mean is decided in the files that take them, [`super::orders`],
//! [`super::reports`], [`super::clock`], [`super::surroundings`] and [`super::tokens`].

use super::{Setting, Trouble};
use crate::authorities::Authorities;
use crate::credentials::AuthPair;
use crate::digest::Hashed;
use crate::failure::Blocked;
use crate::file::{File, Temporary, Validators};
use crate::headers::Sealed;
use crate::id::AttemptId;
use crate::ranges::{Part, Range};
use crate::token::{Token, TokenFlags};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The owner wants it held.
    Suspend,
    /// The owner wants it to go on.
    Resume,
    /// The owner gives it up.
    Cancel,
    /// The owner wants the files.
    Complete,
    /// The owner adds files; their destinations have been looked at.
    AddFiles(Vec<File>),
    /// The owner wants these bytes of a file first.
    RequestRanges(u32, Vec<Part>),
    /// The owner reads a file from here on.
    SetPosition(u32, u64),
    /// The owner says where files come from now, by index.
    SetRemoteNames(Vec<(u32, String)>),
    /// The owner changes a property.
    Set(Setting),
    /// The owner wants these header fields sent; nothing: none.
    SetHeaders(Option<Sealed>),
    /// Nobody shall read them back any more.
    MakeHeadersWriteOnly,
    /// The owner wants this pair to log on with these; nothing: not any more.
    SetCredentials(AuthPair, Option<Sealed>),
    /// The owner wants this certificate shown; nothing: none.
    SetCertificate(Option<Sealed>),
    /// The owner says by whom servers' certificates may be signed; nothing: as the machine has it.
    SetAuthorities(Option<Authorities>),
    /// A program of the owner's has a say in which servers it speaks to, or not any more.
    SetValidator(bool),
    /// Somebody else becomes the owner.
    TakeOwnership(Token),
    /// A helper lends its identity.
    SetHelperToken(Token),
    /// What the helper is used for changes.
    SetHelperTokenFlags(TokenFlags),
    /// The helper token is dropped; the flags stay.
    ClearHelperToken,
    /// The session the helper token came from has ended (R6).
    HelperTokenLost,
    /// It is the job's turn.
    Start,
    /// Others are due: its time slice is over, or something more urgent has come.
    Preempt,
    /// The clock on the wall leapt: what was counted by it counts no more.
    ClockLeapt,
    /// A deadline has come; see [`Job::deadline`].
    Due,
    /// The machine's surroundings do not allow it now.
    Block(Blocked),
    /// They do.
    Allow,
    /// There is a network again, or another one.
    NetworkCame,
    /// An attempt reports.
    Report(AttemptId, Report),
    /// Complete has been carried out, as far as it went.
    CompleteEnded(CompleteReport),
    /// Whoever can tell says whether a file that is here is what it should be.
    SetValidationState {
        /// Which file.
        file: u32,
        /// Whether it is.
        valid: bool,
    },
    /// A file that is whole is being copied for another owner.
    Spare(u32, Spare),
    /// The command of the job has run.
    CommandEnded {
        /// How many attempts there were when it was started: for which end it ran.
        attempts: u64,
        /// Whether it ended with 0.
        well: bool,
    },
    /// It is time to try again what could not be deleted.
    SweepLeftOvers,
    /// The temporary file of this file is deleted.
    Deleted(u32),
}

/// What becomes of the copy of a file that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spare {
    /// It was made, and is empty.
    Made(Temporary),
    /// It holds everything, and takes the place of the first.
    TookOver(Temporary),
    /// This one is deleted.
    Gone(Temporary),
}

/// What an attempt reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A new, empty temporary file was made, in place of the one there was.
    Created(u32, Temporary),
    /// A second temporary file was made; what is held is about to be copied into it.
    Prepared(u32, Temporary),
    /// The second temporary file holds, synced, every byte that counts, and takes the first one's
    /// place.
    TookOver(u32),
    /// The second temporary file is deleted.
    SpareDeleted(u32),
    /// The server was asked for the size of this file, and told it.
    Measured(u32, u64),
    /// The server has sent us elsewhere for this file, and by the job's terms that is its remote
    /// name from now on.
    Moved(u32, String),
    /// The server answers, and will send bytes beginning at `from`.
    Answered {
        /// Which file.
        file: u32,
        /// What the server says it is.
        validators: Validators,
        /// Where it comes from, after redirects.
        final_url: String,
        /// HTTP status.
        status: u16,
        /// The first byte it will send; 0 drops what is held.
        from: u64,
    },
    /// The server's answer about this file has these fields.
    Headers(u32, Vec<(String, String)>),
    /// What is known of the hashes of a file's bytes; said before the checkpoint it goes with.
    Hashed(u32, Hashed),
    /// So many bytes are synced.
    Checkpoint {
        /// Which file.
        file: u32,
        /// Bytes from the beginning.
        durable: u64,
    },
    /// These bytes of a file are synced, at their place.
    Filled(u32, Range),
    /// Somebody else may have written into the file since the last attempt: nothing in it counts.
    Doubted(u32),
    /// The server gives no parts of the file: it comes as a whole, from its beginning.
    InOrder(u32),
    /// The file is whole and synced.
    FileDone {
        /// Which file.
        file: u32,
        /// Its length in bytes.
        length: u64,
        /// The server's modification time.
        modified: Option<i64>,
    },
    /// The server has answered, and all of what it sent from the first byte on is there and synced: what
    /// `Answered`, `Headers` and `FileDone` say, in one.
    Brought(u32, Box<Brought>),
    /// The attempt is over: every file it knew of is done, or it ran into something.
    Ended(Result<(), Trouble>),
}

/// A file that came whole in one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// What the server says it is.
    pub validators: Validators,
    /// Where it comes from, after redirects.
    pub final_url: String,
    /// HTTP status.
    pub status: u16,
    /// The fields of the answer.
    pub headers: Vec<(String, String)>,
    /// Its length in bytes.
    pub length: u64,
    /// The server's modification time.
    pub modified: Option<i64>,
}

/// How Complete went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompleteReport {
    /// Files that have their final name now.
    pub renamed: Vec<u32>,
    /// Unfinished files whose temporary files are gone.
    pub dropped: Vec<u32>,
    /// Unfinished files whose temporary files could not be deleted.
    pub left_over: Vec<u32>,
    /// The first rename that failed.
    pub trouble: Option<Trouble>,
}

/// What must be done, in this order, once the step is written down. Safe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Stop this attempt; nothing else of the job is done before it has stopped.
    StopAttempt(AttemptId),
    /// Begin an attempt.
    StartAttempt(AttemptId),
    /// Rename what is transferred, delete the rest, report `CompleteEnded`.
    Complete,
    /// Delete every temporary file, report `Deleted` for each.
    DeleteTemporaries,
}

/// What a decision comes to: what to write down, then what to do.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What to do after it is written down.
    pub effects: Vec<Effect>,
    /// Whether the job itself changed; it does whenever a file does.
    pub job_changed: bool,
    /// Which files changed.
    pub files_changed: Vec<u32>,
    /// Whether its header fields changed, which are kept apart from it.
    pub headers_changed: bool,
    /// Whether its credentials changed, which are kept apart from it, too.
    pub credentials_changed: bool,
    /// Whether its client certificate changed, likewise.
    pub certificate_changed: bool,
    /// Whether its authorities changed, likewise.
    pub authorities_changed: bool,
}

impl Step {
    pub(super) fn stay() -> Self {
        Self::default()
    }

    pub(super) fn changed(effects: Vec<Effect>) -> Self {
        Self { effects, job_changed: true, ..Self::stay() }
    }

    pub(super) fn and_files(mut self, files: impl IntoIterator<Item = u32>) -> Self {
        self.files_changed.extend(files);
        self
    }
}
