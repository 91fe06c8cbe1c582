//! `ebb set`: change a job, `KEY=VALUE` by `KEY=VALUE`.
//!
//! All of them are read before the first is sent, so a typing error changes nothing. Limits are the
//! service's business: what it refuses is shown as it says it.

use ebb_api::client::{Authorities, Job};
use ebb_api::terms::Term;
use ebb_api::values::Priority;

use crate::args::Invocation;
use crate::args::closest::closest;
use crate::authorities;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::headers::{self, Headers};
use crate::terms::{self, yes_or_no};
use crate::{connect, new_job, reference, units};

/// The keys of this command's own; the others are in [`terms::KEYS`].
pub(crate) const KEYS: &[&str] = &[
    "name",
    "description",
    "priority",
    "retry-delay",
    "no-progress-timeout",
    "max-download-time",
    "auto-complete",
    "headers",
    "headers-write-only",
    "cacert",
    "add-cacert",
];

/// One change, understood.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Name(String),
    Description(String),
    Priority(Priority),
    RetryDelay(u32),
    NoProgressTimeout(u32),
    MaximumDownloadTime(u32),
    AutoComplete(bool),
    Headers(Headers),
    HeadersWriteOnly,
    Authorities(Authorities),
    Term(Term),
}

/// Reads all changes, then makes them, in order.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let Some((job, pairs)) = words.split_first().filter(|(_, pairs)| !pairs.is_empty()) else {
        return Err(call.misused("which job, and what?"));
    };
    let changes = pairs.iter().map(|pair| read(pair)).collect::<Result<Vec<_>, _>>()?;
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    for change in changes {
        apply(&client.job(&job.id), change).await?;
    }
    Ok(Exit::Success)
}

fn read(pair: &str) -> Result<Change, Failure> {
    let Some((key, value)) = pair.split_once('=') else {
        return Err(Failure::usage(format!("{pair:?} is not KEY=VALUE")));
    };
    let seconds = || {
        units::parse_duration(value)
            .ok_or_else(|| Failure::usage(format!("{key}: {value:?} is no duration")))
    };
    match key {
        "name" => Ok(Change::Name(value.to_owned())),
        "description" => Ok(Change::Description(value.to_owned())),
        "priority" => new_job::priority(value).map(Change::Priority),
        "retry-delay" => seconds().map(Change::RetryDelay),
        "no-progress-timeout" => seconds().map(Change::NoProgressTimeout),
        "max-download-time" => seconds().map(Change::MaximumDownloadTime),
        "auto-complete" => yes_or_no(value).map(Change::AutoComplete),
        "headers" => headers::of_value(value).map(Change::Headers),
        "headers-write-only" => match yes_or_no(value)? {
            true => Ok(Change::HeadersWriteOnly),
            false => Err(Failure::usage("headers that are write-only stay so for ever")),
        },
        "cacert" => authorities::of_value(value, true).map(Change::Authorities),
        "add-cacert" => authorities::of_value(value, false).map(Change::Authorities),
        _ => terms::read(key, value)?.map(Change::Term).ok_or_else(|| unknown(key)),
    }
}

fn unknown(key: &str) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("there is no property {key:?} to set"));
    let keys = || KEYS.iter().chain(terms::KEYS).copied();
    match closest(key, keys()) {
        Some(close) => failure.hint(format!("did you mean {close}?")),
        None => failure.hint(format!("properties: {}", keys().collect::<Vec<_>>().join(" "))),
    }
}

async fn apply(job: &Job<'_>, change: Change) -> Result<(), Failure> {
    let done = match &change {
        Change::Name(name) => job.set_display_name(name).await,
        Change::Description(text) => job.set_description(text).await,
        Change::Priority(priority) => job.set_priority(*priority).await,
        Change::RetryDelay(seconds) => job.set_minimum_retry_delay(*seconds).await,
        Change::NoProgressTimeout(seconds) => job.set_no_progress_timeout(*seconds).await,
        Change::MaximumDownloadTime(seconds) => job.set_maximum_download_time(*seconds).await,
        Change::AutoComplete(auto) => job.set_auto_complete(*auto).await,
        Change::Headers(headers) => headers.give(job).await,
        Change::HeadersWriteOnly => job.make_custom_headers_write_only().await,
        Change::Authorities(them) => job.set_authorities(them).await,
        Change::Term(term) => job.set_term(term).await,
    };
    done.map_err(cannot("change the job"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_or_refused() {
        assert_eq!(read("name=a=b").unwrap(), Change::Name("a=b".into()));
        assert_eq!(read("priority=low").unwrap(), Change::Priority(Priority::Low));
        assert_eq!(read("retry-delay=10m").unwrap(), Change::RetryDelay(600));
        let mode = Change::Term(Term::FileMode(Some(0o640)));
        assert_eq!(read("file-mode=640").unwrap(), mode);
        assert_eq!(read("auto-complete=no").unwrap(), Change::AutoComplete(false));
        assert_eq!(read("headers=none").unwrap(), Change::Headers(Headers::default()));
        assert_eq!(read("headers-write-only=yes").unwrap(), Change::HeadersWriteOnly);
        assert_eq!(read("headers-write-only=no").unwrap_err().exit, Exit::Usage);
        assert_eq!(read("name").unwrap_err().exit, Exit::Usage);
        assert_eq!(read("retry-delay=soon").unwrap_err().exit, Exit::Usage);
        assert_eq!(
            read("prioritty=low").unwrap_err().hint.as_deref(),
            Some("did you mean priority?")
        );
    }
}
