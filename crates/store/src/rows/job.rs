//! A job's own columns, without its files, its header fields and its credentials.
//!
//! Where a value is one of a few (state, priority, failure), its name is kept: stable, and readable
//! for a person. What makes sense only together, such as a state and its attempt, is checked
//! together when it is read.

use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{Calling, CustomHeaders, Job, Patience, Running, State, Trouble};
use ebb_core::time::{Moment, WallTime};
use ebb_core::token::{BootId, SessionId, Token, TokenFlags};
use rusqlite::types::Value;

use super::failures;
use super::terms::{put_terms, terms};
use crate::StoreError;
use crate::cells::{Cell, Cells, Reader, Table};

pub(crate) static JOB: Table = Table {
    name: "job",
    key: &["seq"],
    columns: &[
        "id",
        "owner_uid",
        "owner_gid",
        "owner_groups",
        "owner_session",
        "owner_label",
        "owner_boot",
        "owner_captured",
        "helper_uid",
        "helper_gid",
        "helper_groups",
        "helper_session",
        "helper_label",
        "helper_boot",
        "helper_captured",
        "helper_flags",
        "name",
        "description",
        "priority",
        "retry_delay",
        "no_progress_timeout",
        "maximum_download_time",
        "auto_complete",
        "notify_flags",
        "notify_command",
        "notification_interval",
        "proxy_usage",
        "proxy_list",
        "proxy_bypass",
        "cost_flags",
        "dynamic_content",
        "high_performance",
        "maximum_download_size",
        "bandwidth_limit",
        "on_demand",
        "stored_proxy_credentials",
        "http_method",
        "security_flags",
        "file_mode",
        "file_group",
        "headers_write_only",
        "validated",
        "resumed",
        "state",
        "attempt",
        "state_moment",
        "error",
        "error_number",
        "error_file",
        "error_detail",
        "error_retry_after",
        "error_count",
        "created",
        "modified",
        "active",
        "transferred",
        "attempts",
        "patience_tries",
        "patience_stays",
        "patience_since",
        "running_used",
        "running_since",
        "calling",
        "calling_tries",
        "calling_at",
    ],
};

/// The cells of a job, without its files.
pub(crate) fn cells(job: &Job) -> Vec<Value> {
    let Job {
        id,
        owner,
        helper,
        flags,
        terms,
        headers,
        credentials: _,
        certificate: _,
        authorities: _,
        validated,
        resumed,
        state,
        error,
        error_count,
        files: _,
        created,
        modified,
        active,
        transferred,
        attempts,
        patience,
        running,
        calling,
    } = job;
    let mut cells = Cells::default();
    cells.put(*id);
    put_token(&mut cells, Some(owner));
    put_token(&mut cells, helper.as_ref());
    cells.put(*flags);
    put_terms(&mut cells, terms);
    cells.put(headers.write_only);
    cells.put(*validated);
    cells.put(*resumed);
    put_state(&mut cells, *state);
    put_trouble(&mut cells, error.as_ref());
    cells
        .put(*error_count)
        .put(*created)
        .put(*modified)
        .put(*active)
        .put_option(*transferred)
        .put(*attempts)
        .put(patience.tries)
        .put(patience.stays)
        .put_option(patience.since)
        .put(running.used)
        .put_option(running.since);
    put_calling(&mut cells, *calling);
    cells.into_values()
}

/// Takes a job, without its files.
pub(crate) fn take(cells: &mut Reader<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: cells.take()?,
        owner: match token(cells)? {
            Some(token) => token,
            None => return Err(cells.nonsense("the owner is missing")),
        },
        helper: token(cells)?,
        flags: cells.take()?,
        terms: terms(cells)?,
        headers: CustomHeaders { sealed: None, write_only: cells.take()? },
        credentials: std::collections::BTreeMap::new(),
        certificate: None,
        authorities: None,
        validated: cells.take()?,
        resumed: cells.take()?,
        state: state(cells)?,
        error: trouble(cells)?,
        error_count: cells.take()?,
        files: Vec::new(),
        created: cells.take()?,
        modified: cells.take()?,
        active: cells.take()?,
        transferred: cells.take_option()?,
        attempts: cells.take()?,
        patience: Patience {
            tries: cells.take()?,
            stays: cells.take()?,
            since: cells.take_option()?,
        },
        running: Running { used: cells.take()?, since: cells.take_option()? },
        calling: calling(cells)?,
    })
}

fn put_calling(cells: &mut Cells, calling: Calling) {
    let (name, owed) = match calling {
        Calling::Nothing => ("nothing", None),
        Calling::Owed { tries, at } => ("owed", Some((tries, at))),
        Calling::Done => ("done", None),
    };
    cells
        .put(name.to_owned())
        .put_option(owed.map(|(tries, _)| tries))
        .put_option(owed.map(|(_, at)| at));
}

fn calling(cells: &mut Reader<'_>) -> Result<Calling, StoreError> {
    let name: String = cells.take()?;
    let tries = cells.take_option()?;
    let at = cells.take_option()?;
    match (name.as_str(), tries, at) {
        ("nothing", None, None) => Ok(Calling::Nothing),
        ("owed", Some(tries), Some(at)) => Ok(Calling::Owed { tries, at }),
        ("done", None, None) => Ok(Calling::Done),
        _ => Err(cells.nonsense("calling, its tries and its moment do not fit together")),
    }
}

fn put_token(cells: &mut Cells, token: Option<&Token>) {
    cells
        .put_option(token.map(|t| t.uid))
        .put_option(token.map(|t| t.gid))
        .put_option(token.map(|t| Groups(t.groups.clone())))
        .put_option(token.and_then(|t| t.session.clone()).map(|s| s.0))
        .put_option(token.and_then(|t| t.label.clone()))
        .put_option(token.map(|t| t.boot.0.clone()))
        .put_option(token.map(|t| t.captured));
}

fn token(cells: &mut Reader<'_>) -> Result<Option<Token>, StoreError> {
    let uid = cells.take_option()?;
    let gid = cells.take_option()?;
    let groups = cells.take_option::<Groups>()?;
    let session = cells.take_option()?.map(SessionId);
    let label = cells.take_option()?;
    let boot = cells.take_option()?.map(BootId);
    let captured = cells.take_option()?;
    match (uid, gid, groups, boot, captured) {
        (Some(uid), Some(gid), Some(Groups(groups)), Some(boot), Some(captured)) => {
            Ok(Some(Token { uid, gid, groups, session, label, boot, captured }))
        }
        (None, None, None, None, None) if session.is_none() && label.is_none() => Ok(None),
        _ => Err(cells.nonsense("only a part of the token is there")),
    }
}

fn put_state(cells: &mut Cells, state: State) {
    // Not `State::name`: the world is told `transferred` while a job is completing.
    let (name, moment) = match state {
        State::Suspended => ("suspended", None),
        State::Queued => ("queued", None),
        State::Connecting { .. } => ("connecting", None),
        State::Transferring { .. } => ("transferring", None),
        State::TransientError { retry_at } => ("transient-error", Some(retry_at)),
        State::Blocked { since } => ("blocked", Some(since)),
        State::Error => ("error", None),
        State::Transferred => ("transferred", None),
        State::Completing => ("completing", None),
        State::Acknowledged => ("acknowledged", None),
        State::Cancelled => ("cancelled", None),
    };
    cells
        .put(name.to_owned())
        .put_option(state.attempt().map(|attempt| attempt.0))
        .put_option(moment);
}

fn state(cells: &mut Reader<'_>) -> Result<State, StoreError> {
    let name: String = cells.take()?;
    let attempt = cells.take_option()?.map(AttemptId);
    let moment = cells.take_option()?;
    Ok(match (name.as_str(), attempt, moment) {
        ("suspended", None, None) => State::Suspended,
        ("queued", None, None) => State::Queued,
        ("connecting", Some(attempt), None) => State::Connecting { attempt },
        ("transferring", Some(attempt), None) => State::Transferring { attempt },
        ("transient-error", None, Some(retry_at)) => State::TransientError { retry_at },
        ("blocked", None, Some(since)) => State::Blocked { since },
        ("error", None, None) => State::Error,
        ("transferred", None, None) => State::Transferred,
        ("completing", None, None) => State::Completing,
        ("acknowledged", None, None) => State::Acknowledged,
        ("cancelled", None, None) => State::Cancelled,
        _ => return Err(cells.nonsense("state, attempt and state_moment do not fit together")),
    })
}

pub(super) fn put_trouble(cells: &mut Cells, trouble: Option<&Trouble>) {
    cells
        .put_option(trouble.map(|t| t.failure.name().to_owned()))
        .put_option(trouble.and_then(|t| failures::number_of(t.failure)))
        .put_option(trouble.and_then(|t| t.file))
        .put_option(trouble.map(|t| t.detail.clone()))
        .put_option(trouble.and_then(|t| t.retry_after));
}

pub(super) fn trouble(cells: &mut Reader<'_>) -> Result<Option<Trouble>, StoreError> {
    let name: Option<String> = cells.take_option()?;
    let number = cells.take_option()?;
    let failure = match &name {
        Some(name) => failures::restore(name, number),
        None => None,
    };
    if failure.is_some() != name.is_some() || (name.is_none() && number.is_some()) {
        return Err(cells.nonsense("error and error_number are no failure of ours"));
    }
    let file = cells.take_option()?;
    let detail = cells.take_option()?;
    let retry_after = cells.take_option()?;
    match (failure, detail) {
        (Some(failure), Some(detail)) => Ok(Some(Trouble { failure, file, detail, retry_after })),
        (None, None) if file.is_none() && retry_after.is_none() => Ok(None),
        _ => Err(cells.nonsense("only a part of the error is there")),
    }
}

/// Supplementary groups, readable for a person: `4,27,1001`.
struct Groups(Vec<u32>);

impl Cell for Groups {
    type Stored = String;

    fn store(self) -> String {
        let groups: Vec<_> = self.0.iter().map(u32::to_string).collect();
        groups.join(",")
    }

    fn restore(stored: String) -> Option<Self> {
        if stored.is_empty() {
            return Some(Self(Vec::new()));
        }
        let groups: Result<_, _> = stored.split(',').map(str::parse).collect();
        groups.ok().map(Self)
    }
}

impl Cell for JobId {
    type Stored = Vec<u8>;

    fn store(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn restore(stored: Vec<u8>) -> Option<Self> {
        stored.try_into().ok().map(Self::from_bytes)
    }
}

impl Cell for TokenFlags {
    type Stored = i64;

    fn store(self) -> i64 {
        self.bits().into()
    }

    fn restore(stored: i64) -> Option<Self> {
        Self::from_bits(stored.try_into().ok()?)
    }
}

impl Cell for Moment {
    type Stored = i64;

    fn store(self) -> i64 {
        self.0.store()
    }

    fn restore(stored: i64) -> Option<Self> {
        u64::restore(stored).map(Self)
    }
}

impl Cell for WallTime {
    type Stored = i64;

    fn store(self) -> i64 {
        self.0
    }

    fn restore(stored: i64) -> Option<Self> {
        Some(Self(stored))
    }
}
