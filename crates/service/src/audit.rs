//! The audit log: one line for every capture, change, refusal and discard of a token (R14), and for
//! every act of an administrator on somebody else's job.
//!
//! Lines go to standard error, which is the journal under systemd. They hold numbers and fixed
//! words only: no name a user chose, nothing secret.

use std::fmt;
use std::io::Write;

use ebb_core::credentials::AuthPair;
use ebb_core::id::JobId;
use ebb_core::job::Job;
use ebb_core::refusal::Refusal;
use ebb_core::token::Token;

/// An identity as the log shows it.
pub(crate) struct Who<'a>(pub(crate) Option<&'a Token>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(token) => write!(f, "{}:{}", token.uid, token.gid),
            None => f.write_str("none"),
        }
    }
}

/// What happened to a token.
pub(crate) struct Record<'a> {
    /// The job.
    pub(crate) job: JobId,
    /// Who opened the interface, or "service".
    pub(crate) opener: String,
    /// What was done: `owner`, `take`, `open`, `set`, `flags`, `clear`, `discard`.
    pub(crate) action: &'static str,
    /// The token before.
    pub(crate) old: Option<&'a Token>,
    /// The token after, or the one refused.
    pub(crate) new: Option<&'a Token>,
    /// The flags after, or those refused.
    pub(crate) flags: u32,
    /// `done`, or why not.
    pub(crate) outcome: &'a str,
}

impl Record<'_> {
    /// Writes the line, in one piece: standard error has no buffer, and is shared with the agents.
    pub(crate) fn write(&self) {
        let line = format!(
            "audit: token {} job={} opener={} old={} new={} flags={:#x} outcome={}\n",
            self.action,
            self.job,
            self.opener,
            Who(self.old),
            Who(self.new),
            self.flags,
            self.outcome
        );
        write(&line);
    }
}

/// What an administrator did to somebody else's job.
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
    /// Writes the line; `outcome` is `done`, or why not.
    pub(crate) fn write(&self, outcome: &str) {
        let Self { job, by, owner, what, property } = self;
        let property = property.map(|name| format!(" property={name}")).unwrap_or_default();
        write(&format!(
            "audit: administrator {what} job={job} by={by} owner={owner}{property} outcome={outcome}\n"
        ));
    }
}

/// The header fields of a job were set, removed or made write-only, or that was refused. What they
/// are is nobody's business.
pub(crate) fn headers(job: JobId, by: u32, what: &'static str, outcome: &str) {
    write(&format!("audit: headers {what} job={job} by={by} outcome={outcome}\n"));
}

/// The client certificate of a job was set or removed, or that was refused; never which, and where.
pub(crate) fn certificate(job: JobId, by: u32, what: &'static str, outcome: &str) {
    write(&format!("audit: certificate {what} job={job} by={by} outcome={outcome}\n"));
}

/// What a job logs on with was set or removed, or that was refused; never what it is.
pub(crate) struct Credentials {
    /// The job.
    pub(crate) job: JobId,
    /// Who did it.
    pub(crate) by: u32,
    /// For whom, and how.
    pub(crate) pair: AuthPair,
    /// What was done.
    pub(crate) what: &'static str,
}

impl Credentials {
    /// Writes the line; `outcome` is `done`, or why not.
    pub(crate) fn write(&self, outcome: &str) {
        let Self { job, by, pair, what } = self;
        let (target, scheme) = (pair.target.name(), pair.scheme.name());
        write(&format!(
            "audit: credentials {what} job={job} by={by} target={target} scheme={scheme} outcome={outcome}\n"
        ));
    }
}

fn write(line: &str) {
    // Where nobody reads the log, nothing can be said about it.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The owner token of a new job.
pub(crate) fn owner_captured(job: &Job) {
    let (opener, new) = (job.owner.uid.to_string(), Some(&job.owner));
    let outcome = "done";
    Record { job: job.id, opener, action: "owner", old: None, new, flags: 0, outcome }.write();
}

/// Somebody asked for the capability and may not have it, or asked for a job that is none.
pub(crate) fn open_refused(job: JobId, asker: u32, refusal: &Refusal) {
    let (opener, outcome) = (asker.to_string(), refusal.name());
    Record { job, opener, action: "open", old: None, new: None, flags: 0, outcome }.write();
}
