//! A job as JSON, and as fields.
//!
//! Answers one question: *what is this fact called?* The names are stable and follow the job
//! model. Sizes are bytes, durations seconds, times RFC 3339 in UTC; what is unknown or has not
//! happened is `null`. Paths are bytes: they are written without loss, see
//! [`crate::escape::lossless_path`].

use ebb_api::properties::{ErrorInfo, FileProperties, JobProperties};
use ebb_api::values::{TO_END, TokenFlags};
use serde_json::{Map, Value, json};

use crate::escape::lossless_path;
use crate::failure::Failure;
use crate::units;
use crate::users;

/// The fields of a job, in the order help lists them. `error`, `files`, the headers and the authorities are
/// asked for only where they are wanted.
pub(crate) const FIELDS: &[&str] = &[
    "id",
    "name",
    "description",
    "type",
    "state",
    "reason",
    "owner",
    "priority",
    "created",
    "modified",
    "completed",
    "next_attempt",
    "files_total",
    "files_transferred",
    "bytes_total",
    "bytes_transferred",
    "error",
    "error_count",
    "retry_delay",
    "no_progress_timeout",
    "max_download_time",
    "auto_complete",
    "notify_flags",
    "notify_command",
    "notification_interval",
    "proxy",
    "cost",
    "dynamic_content",
    "high_performance",
    "limit_rate",
    "max_download_size",
    "on_demand",
    "stored_credentials",
    "http_method",
    "headers",
    "headers_write_only",
    "authorities",
    "authorities_alone",
    "security_flags",
    "file_mode",
    "file_group",
    "helper",
    "files",
];

/// A job, without its files.
#[must_use]
pub(crate) fn job(job: &JobProperties, error: Option<&ErrorInfo>) -> Map<String, Value> {
    let fields = json!({
        "id": job.id,
        "name": job.display_name,
        "description": job.description,
        "type": job.job_type.as_str(),
        "state": job.state.as_str(),
        "reason": (!job.reason.is_empty()).then_some(&job.reason),
        "owner": { "uid": job.owner_uid, "name": users::name_of(job.owner_uid) },
        "priority": job.priority.as_str(),
        "created": job.created.map(units::time),
        "modified": job.modified.map(units::time),
        "completed": job.transfer_completed.map(units::time),
        "next_attempt": job.next_attempt.map(units::time),
        "files_total": job.files_total,
        "files_transferred": job.files_transferred,
        "bytes_total": job.bytes_total,
        "bytes_transferred": job.bytes_transferred,
        "error": error.map(error_value),
        "error_count": job.error_count,
        "retry_delay": job.minimum_retry_delay,
        "no_progress_timeout": job.no_progress_timeout,
        "max_download_time": job.maximum_download_time,
        "auto_complete": job.auto_complete,
        "helper": helper(job),
    });
    let mut fields = into_map(fields);
    fields.extend(into_map(crate::terms::json(&job.terms)));
    fields
}

/// `null` where no helper is set and none is wanted (any more).
fn helper(job: &JobProperties) -> Value {
    let wanted = job.helper_flags != TokenFlags::NONE && !job.state.is_over();
    if job.helper_uid.is_none() && !wanted {
        return Value::Null;
    }
    json!({
        "uid": job.helper_uid,
        "name": job.helper_uid.and_then(users::name_of),
        "flags": flag_names(job.helper_flags),
        "state": helper_state(job),
    })
}

/// `present`, `missing` (wanted, but not there), or `unused` (there, but not wanted).
#[must_use]
pub(crate) fn helper_state(job: &JobProperties) -> &'static str {
    match (job.helper_uid, job.helper_flags) {
        (None, _) => "missing",
        (Some(_), TokenFlags::NONE) => "unused",
        (Some(_), _) => "present",
    }
}

/// What a helper is for, in words.
#[must_use]
pub(crate) fn flag_names(flags: TokenFlags) -> Vec<&'static str> {
    let all = [
        (TokenFlags::LOCAL_FILE, "local"),
        (TokenFlags::NETWORK, "network"),
        (TokenFlags::CLIENT_CERTIFICATE, "certificate"),
    ];
    all.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name).collect()
}

/// Why a job stopped.
#[must_use]
pub(crate) fn error_value(error: &ErrorInfo) -> Value {
    json!({
        "code": error.name,
        "number": error.code,
        "context": error.context,
        "file": error.file,
        "url": error.remote_name,
        "path": error.local_name.as_deref().map(lossless_path),
        "message": error.message,
        "advice": error.advice,
        "http_status": error.http_status,
    })
}

/// `null` for all of it; else offset and length, which is `null` where it goes on to the end.
fn ranges(ranges: &[(u64, u64)]) -> Value {
    let range = |&(offset, length): &(u64, u64)| json!({ "offset": offset, "length": (length != TO_END).then_some(length) });
    if ranges.is_empty() { Value::Null } else { ranges.iter().map(range).collect() }
}

/// A file.
#[must_use]
pub(crate) fn file(file: &FileProperties) -> Value {
    let temporary = (!file.temporary_name.is_empty()).then(|| lossless_path(&file.temporary_name));
    json!({
        "index": file.index,
        "url": file.remote_name,
        "path": lossless_path(&file.local_name),
        "ranges": ranges(&file.ranges),
        "digest": (!file.digest.is_empty()).then_some(&file.digest),
        "bytes_total": file.bytes_total,
        "bytes_transferred": file.bytes_transferred,
        "bytes_durable": file.bytes_durable,
        "transferred": file.transferred,
        "completed": file.completed,
        "valid": file.valid,
        "temporary_path": temporary,
        "final_url": (!file.final_url.is_empty()).then_some(&file.final_url),
        "http_status": (file.http_status != 0).then_some(file.http_status),
    })
}

fn into_map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// The value of one field; a dot leads into a field: `error.code`.
#[must_use]
pub(crate) fn field<'a>(job: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut parts = name.split('.');
    let first = job.get(parts.next()?)?;
    parts.try_fold(first, |value, part| {
        // Where there is no error, there is no code of it either.
        if value.is_null() { Some(value) } else { value.get(part) }
    })
}

/// A field as bare text: words without quotes, nothing for `null`, JSON for the rest.
#[must_use]
pub(crate) fn bare(value: &Value) -> String {
    match value.as_str() {
        Some(text) => crate::escape::shown(text),
        None if value.is_null() => String::new(),
        None => value.to_string(),
    }
}

/// Reads `A,B` and refuses what is no field.
///
/// # Errors
/// A failure with code 5 that names the closest field.
pub(crate) fn check_fields(list: &str) -> Result<Vec<String>, Failure> {
    list.split(',').map(|name| check_field(name.trim())).collect()
}

/// Refuses what is no field.
///
/// # Errors
/// A failure with code 5 that names the closest field.
pub(crate) fn check_field(name: &str) -> Result<String, Failure> {
    let first = name.split('.').next().unwrap_or_default();
    if FIELDS.contains(&first) {
        return Ok(name.to_owned());
    }
    let failure = Failure::new(crate::exit::Exit::NotFound, format!("there is no field {name:?}"));
    Err(match crate::args::closest::closest(first, FIELDS.iter().copied()) {
        Some(close) => failure.hint(format!("did you mean {close}?")),
        None => failure.hint("ebb list -f help lists them"),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ebb_api::values::State;

    pub(crate) fn example() -> JobProperties {
        let mut job = JobProperties::example("3f2ac1d0-0000-4000-8000-00000000002a");
        "nightly".clone_into(&mut job.display_name);
        (job.state, job.reason) = (State::Transferring, String::new());
        (job.files_total, job.files_transferred, job.bytes_transferred) = (2, 1, 7);
        (job.no_progress_timeout, job.auto_complete) = (120, true);
        (job.attempts, job.last_event) = (1, 9);
        job
    }

    const ASKED: [&str; 5] =
        ["files", "headers", "headers_write_only", "authorities", "authorities_alone"];

    #[test]
    fn a_job_has_exactly_the_promised_fields() {
        let job = job(&example(), None);
        let mut promised: Vec<&str> =
            FIELDS.iter().copied().filter(|name| !ASKED.contains(name)).collect();
        promised.sort_unstable();
        assert_eq!(job.keys().map(String::as_str).collect::<Vec<_>>(), promised);
        assert_eq!(job["bytes_total"], Value::Null);
        assert_eq!(job["owner"], json!({"uid": 0, "name": "root"}));
        assert_eq!(job["created"], "1970-01-01T00:00:00Z");
        assert_eq!(job["helper"], Value::Null);
    }

    #[test]
    fn a_dot_leads_into_a_field() {
        let job = job(&example(), None);
        assert_eq!(field(&job, "owner.uid"), Some(&json!(0)));
        assert_eq!(field(&job, "error.code"), Some(&Value::Null));
        assert_eq!(field(&job, "owner.shoe_size"), None);
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_closest() {
        assert_eq!(check_fields("id, state").unwrap(), ["id", "state"]);
        let failure = check_fields("stat").unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean state?"));
    }

    #[test]
    fn a_helper_that_is_wanted_but_gone_is_missing() {
        let mut job = example();
        job.helper_flags = TokenFlags::LOCAL_FILE | TokenFlags::NETWORK;
        let value = helper(&job);
        assert_eq!(value["state"], "missing");
        assert_eq!(value["flags"], json!(["local", "network"]));
    }
}
