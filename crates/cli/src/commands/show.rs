//! `ebb show`: everything about a job, for people, as JSON, or one field of it.
//!
//! What is shown comes in one reading of the job, its files and its error; between the three the
//! job may move on. Names from outside are shown with control characters escaped.

use ebb_api::Client;
use ebb_api::properties::JobProperties;
use serde_json::Value;

use super::files;
use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::job_json::{bare, field};
use crate::present::{self, Also, Document, Wanted};
use crate::progress::amount;
use crate::{authorities, connect, output, reference, units};

/// Shows each job.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    if present::listed_fields(call)? {
        return Ok(Exit::Success);
    }
    let wanted = Wanted::read(call)?;
    let client = connect::service(call).await?;
    let jobs = reference::several(&client, call).await?;
    let whole_json = wanted.json.is_some() && wanted.fields.is_none() && wanted.one.is_none();
    let also = match whole_json {
        true => Also { files: true, headers: true, authorities: true },
        false => wanted.also(),
    };
    let mut documents = Vec::new();
    for job in &jobs {
        documents.push(present::document(&client, job, also).await?);
    }
    if let (Some(form), [document], None) = (wanted.json, documents.as_slice(), &wanted.one) {
        // One job was asked for: one object, not a list of one.
        output::object(form, &Value::Object(present::chosen(document, &wanted)))?;
        return Ok(Exit::Success);
    }
    if !present::as_asked(&wanted, call, &documents)? {
        for (at, (job, document)) in jobs.iter().zip(&documents).enumerate() {
            if at > 0 {
                output::line("")?;
            }
            let them = authorities::told(&present::authorities(&client, job).await?);
            output::line(&text(job, document, them))?;
            show_files(call, &client, job).await?;
        }
    }
    Ok(Exit::Success)
}

async fn show_files(
    call: &Invocation,
    client: &Client,
    job: &JobProperties,
) -> Result<(), Failure> {
    let files = client.job(&job.id).files().await.map_err(cannot("read the files"))?;
    match files.is_empty() {
        true => Ok(()),
        false => output::line(&files::table(call, &files)),
    }
}

fn text(job: &JobProperties, document: &Document, authorities: String) -> String {
    let word = |name: &str| field(document, name).map(bare).unwrap_or_default();
    let mut lines = vec![
        ("id", job.id.clone()),
        ("name", shown(&job.display_name)),
        ("description", shown(&job.description)),
        ("owner", who(job.owner_uid, &word("owner.name"))),
        ("type", job.job_type.as_str().to_owned()),
        ("priority", job.priority.to_string()),
        ("state", job.state.to_string()),
        ("reason", shown(&job.reason)),
        (
            "progress",
            format!("{}, {}/{} files", amount(job), job.files_transferred, job.files_total),
        ),
        ("created", word("created")),
        ("modified", word("modified")),
        ("transferred", word("completed")),
        ("next attempt", word("next_attempt")),
        ("retry delay", units::duration(u64::from(job.minimum_retry_delay))),
        (
            "no progress",
            format!("gives up after {}", units::duration(u64::from(job.no_progress_timeout))),
        ),
        ("runs for", format!("{} at most", units::duration(u64::from(job.maximum_download_time)))),
        ("auto-complete", if job.auto_complete { "yes" } else { "no" }.to_owned()),
    ];
    lines.extend(crate::terms::lines(&job.terms));
    lines.extend([
        ("authorities", authorities),
        ("helper", helper(job, &word("helper.name"))),
        ("errors", job.error_count.to_string()),
        ("error", error(document)),
        ("advice", word("error.advice")),
    ]);
    lines.retain(|(_, value)| !value.is_empty());
    let lines: Vec<String> =
        lines.iter().map(|(name, value)| format!("{name:>13}: {value}")).collect();
    lines.join("\n")
}

fn who(uid: u32, name: &str) -> String {
    match name {
        "" => format!("uid {uid}"),
        name => format!("{name} (uid {uid})"),
    }
}

pub(super) fn helper(job: &JobProperties, name: &str) -> String {
    let uses = crate::job_json::flag_names(job.helper_flags).join(", ");
    match (job.helper_uid, uses.as_str()) {
        (None, "") => String::new(),
        // A job that is over has given its token back.
        (None, _) if job.state.is_over() => String::new(),
        (None, uses) => format!("missing, wanted for {uses}"),
        (Some(uid), "") => format!("{}, not used", who(uid, name)),
        (Some(uid), uses) => format!("{} for {uses}", who(uid, name)),
    }
}

fn error(document: &Document) -> String {
    let error = &document["error"];
    match (&error["code"], &error["message"], &error["context"]) {
        (Value::String(code), Value::String(message), Value::String(context)) => {
            format!("{} ({}, {})", shown(message), shown(code), shown(context))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;
    use ebb_api::values::TokenFlags;

    #[test]
    fn what_is_not_there_has_no_line() {
        let job = example();
        let text = text(&job, &crate::job_json::job(&job, None), String::new());
        assert!(text.contains("        owner: root (uid 0)"), "{text}");
        assert!(!text.contains("helper:") && !text.contains("error:"), "{text}");
    }

    #[test]
    fn a_helper_shows_what_it_is_for() {
        let mut job = example();
        assert_eq!(helper(&job, ""), "");
        job.helper_flags = TokenFlags::NETWORK;
        assert_eq!(helper(&job, ""), "missing, wanted for network");
        job.helper_uid = Some(1001);
        assert_eq!(helper(&job, "bob"), "bob (uid 1001) for network");
    }
}
