//! The audit log: one record for every capture, change, refusal and discard of a token (R14), for
//! every act of an administrator on somebody else's job, and for what is entrusted to jobs.
//!
//! Records are made where something is decided, kept in the turn, and written when the turn is on
//! disk: what was not recorded did not happen. They go to the journal with a field for each number
//! ([`journal`]), or as a line to the log where there is no journal. They hold numbers and fixed words
//! only: no name a user chose, nothing secret.
//!
//! | file      | holds                                               |
//! |-----------|-----------------------------------------------------|
//! | `audit`   | what a record says                                  |
//! | `kinds`   | the kinds of records, with their numbers            |
//! | `journal` | how a record gets to the journal                    |

pub(crate) mod journal;
mod kinds;

use std::fmt::Write as _;

use ebb_config::changes;
use ebb_core::credentials::AuthPair;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use ebb_core::refusal::Refusal;
use ebb_core::token::Token;

pub(crate) use kinds::Kind;

/// What came of it, where it was done.
pub(crate) const DONE: &str = "done";
/// `info`: it was done.
const INFO: u8 = 6;
/// `notice`: the service did it by itself.
const NOTICE: u8 = 5;
/// `warning`: it was refused.
const WARNING: u8 = 4;

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    kind: Kind,
    priority: u8,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Record {
    /// A record of this kind about a job: the message begins with the kind's words, and `act` if the
    /// kind has several.
    fn new(kind: Kind, act: &str, job: JobId) -> Self {
        Self::of_none(kind, act).both("job", "EBB_JOB", &job.to_string())
    }

    /// The same about no job.
    fn of_none(kind: Kind, act: &str) -> Self {
        let words = kind.row().words;
        let act = if act.is_empty() { words.to_owned() } else { format!("{words} {act}") };
        let fields = vec![("EBB_ACT", act.replace(' ', "-"))];
        Self { kind, priority: INFO, message: act, fields }
    }

    /// A fact for both: a word of the message, and a field.
    fn both(self, word: &str, field: &'static str, value: &str) -> Self {
        self.word(word, value).field(field, value)
    }

    fn word(mut self, word: &str, value: &str) -> Self {
        // Nothing is wrong with a string.
        let _ = write!(self.message, " {word}={value}");
        self
    }

    fn field(mut self, field: &'static str, value: impl ToString) -> Self {
        self.fields.push((field, value.to_string()));
        self
    }

    /// What makes an administrator of whoever did it.
    pub(crate) fn by_right(self, right: Option<&str>) -> Self {
        match right {
            Some(right) => self.both("right", "EBB_RIGHT", right),
            None => self,
        }
    }

    /// What came of it: the end of every message.
    fn ended(mut self, outcome: &str) -> Self {
        if outcome != DONE && self.priority == INFO {
            self.priority = WARNING;
        }
        self.both("outcome", "EBB_OUTCOME", outcome)
    }

    /// The line of it.
    fn message(&self) -> &str {
        &self.message
    }

    /// All of it.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let known = [
            ("MESSAGE", self.message.clone()),
            ("MESSAGE_ID", self.kind.row().id.to_owned()),
            ("PRIORITY", self.priority.to_string()),
            ("SYSLOG_IDENTIFIER", "ebb".to_owned()),
        ];
        known.into_iter().chain(self.fields.iter().cloned()).collect()
    }
}

/// What happened to a token.
#[derive(Debug)]
pub(crate) struct OfToken<'a> {
    /// The job.
    pub(crate) job: JobId,
    /// Whose job it is, if there is one.
    pub(crate) owner: Option<u32>,
    /// Who opened the interface; none for the service.
    pub(crate) opener: Option<u32>,
    /// Who called; none for the service.
    pub(crate) caller: Option<u32>,
    /// What was done.
    pub(crate) kind: Kind,
    /// The token before.
    pub(crate) old: Option<&'a Token>,
    /// The token after, or the one refused.
    pub(crate) new: Option<&'a Token>,
    /// The flags after, or those refused.
    pub(crate) flags: u32,
    /// [`DONE`], or why not.
    pub(crate) outcome: &'a str,
}

/// The fields of a token: uid, gid, session.
type Names = [&'static str; 3];
const HELPER: Names = ["EBB_HELPER_UID", "EBB_HELPER_GID", "EBB_SESSION"];
const OLD_HELPER: Names = ["EBB_OLD_HELPER_UID", "EBB_OLD_HELPER_GID", "EBB_OLD_SESSION"];
const NEW_OWNER: Names = ["EBB_NEW_OWNER_UID", "EBB_NEW_OWNER_GID", "EBB_NEW_OWNER_SESSION"];

impl OfToken<'_> {
    /// The record of it.
    pub(crate) fn record(&self) -> Record {
        let mut record = Record::new(self.kind, "", self.job);
        let named = |token: Option<&Token>| match token {
            Some(token) => format!("{}:{}", token.uid, token.gid),
            None => "none".to_owned(),
        };
        let opener = self.opener.map_or_else(|| "service".to_owned(), |uid| uid.to_string());
        let uids = [
            ("EBB_OWNER_UID", self.owner),
            ("EBB_OPENER_UID", self.opener),
            ("EBB_CALLER_UID", self.caller),
        ];
        for (name, uid) in uids {
            record.fields.extend(uid.map(|uid| (name, uid.to_string())));
        }
        let of_owner = matches!(self.kind, Kind::OwnerCaptured | Kind::OwnershipTaken);
        let tokens = match of_owner {
            true => [(None, self.old), (Some(NEW_OWNER), self.new)],
            false => [(Some(OLD_HELPER), self.old), (Some(HELPER), self.new)],
        };
        for (names, token) in tokens {
            let (Some([uid, gid, session]), Some(token)) = (names, token) else { continue };
            record = record.field(uid, token.uid).field(gid, token.gid);
            record.fields.extend(token.session.iter().map(|it| (session, it.0.clone())));
        }
        if self.kind == Kind::HelperDiscarded {
            record.priority = NOTICE;
        }
        let (old, new) = (named(self.old), named(self.new));
        record
            .word("opener", &opener)
            .word("old", &old)
            .word("new", &new)
            .both("flags", "EBB_FLAGS", &format!("{:#x}", self.flags))
            .ended(self.outcome)
    }
}

/// What an administrator did to somebody else's job.
#[derive(Debug)]
pub(crate) struct Act {
    /// The job.
    pub(crate) job: JobId,
    /// Who did it.
    pub(crate) by: u32,
    /// Whose job it is.
    pub(crate) owner: u32,
    /// What was done.
    pub(crate) what: &'static str,
    /// Which property was set, where that is what was done.
    pub(crate) property: Option<&'static str>,
}

impl Act {
    /// The record of it: by which right they are an administrator, and [`DONE`] or why not.
    pub(crate) fn record(&self, right: Option<&str>, outcome: &str) -> Record {
        let mut record = by(Record::new(Kind::Administrator, self.what, self.job), self.by).both(
            "owner",
            "EBB_OWNER_UID",
            &self.owner.to_string(),
        );
        if let Some(property) = self.property {
            record = record.both("property", "EBB_PROPERTY", property);
        }
        record.by_right(right).ended(outcome)
    }
}

/// A policy was changed while the service ran, or that was refused. A key that nobody can change is not
/// told: the caller has made it up.
pub(crate) fn policy(caller: u32, key: &str, right: Option<&str>, outcome: &str) -> Record {
    let key = changes::KEYS.into_iter().find(|known| *known == key).unwrap_or("unknown");
    by(Record::of_none(Kind::Policy, "set"), caller)
        .both("policy", "EBB_POLICY", key)
        .by_right(right)
        .ended(outcome)
}

/// The header fields of a job were set, removed or made write-only, or that was refused. What they
/// are is nobody's business.
pub(crate) fn headers(job: JobId, caller: u32, what: &str, outcome: &str) -> Record {
    by(Record::new(Kind::Headers, what, job), caller).ended(outcome)
}

/// The client certificate of a job was set or removed, or that was refused; never which, and where.
pub(crate) fn certificate(job: JobId, caller: u32, what: &str, outcome: &str) -> Record {
    by(Record::new(Kind::Certificate, what, job), caller).ended(outcome)
}

/// Who judges servers' certificates for a job was set or removed, or that was refused.
pub(crate) fn validator(job: JobId, caller: u32, what: &str, outcome: &str) -> Record {
    by(Record::new(Kind::Validator, what, job), caller).ended(outcome)
}

/// The authorities of a job's own were set or removed, or that was refused; not which.
pub(crate) fn authorities(job: JobId, caller: u32, what: &str, outcome: &str) -> Record {
    by(Record::new(Kind::Authorities, what, job), caller).ended(outcome)
}

/// What a job logs on with was set or removed, or that was refused; never what it is.
pub(crate) fn credentials(
    job: JobId,
    caller: u32,
    pair: AuthPair,
    what: &str,
    outcome: &str,
) -> Record {
    by(Record::new(Kind::Credentials, what, job), caller)
        .both("target", "EBB_TARGET", pair.target.name())
        .both("scheme", "EBB_SCHEME", pair.scheme.name())
        .ended(outcome)
}

/// The owner token of a new job.
pub(crate) fn owner_captured(job: &Job) -> Record {
    let uid = Some(job.owner.uid);
    let (kind, new) = (Kind::OwnerCaptured, Some(&job.owner));
    let outcome = DONE;
    OfToken {
        job: job.id,
        owner: uid,
        opener: uid,
        caller: uid,
        kind,
        old: None,
        new,
        flags: 0,
        outcome,
    }
    .record()
}

/// Somebody asked for the capability and may not have it, or asked for a job that is none.
pub(crate) fn open_refused(job: JobId, asker: u32, refusal: &Refusal) -> Record {
    let (kind, by, outcome) = (Kind::TokenOptionsRefused, Some(asker), refusal.name());
    // Whose it is stays unsaid: the asker may have made the number up.
    OfToken {
        job,
        owner: None,
        opener: by,
        caller: by,
        kind,
        old: None,
        new: None,
        flags: 0,
        outcome,
    }
    .record()
}

fn by(record: Record, caller: u32) -> Record {
    record.both("by", "EBB_CALLER_UID", &caller.to_string())
}

#[cfg(test)]
mod tests;
