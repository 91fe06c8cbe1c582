//! Making a job from a command line.
//!
//! Answers one question: *what are its terms?* A job whose files are refused is given up again, so
//! that a command that fails leaves nothing behind.

use ebb_api::Client;
use ebb_api::client::{Authorities, Job, JobOptions, NewFile};
use ebb_api::values::Priority;

use crate::args::Invocation;
use crate::authorities;
use crate::certificate;
use crate::credentials::{self, Credentials};
use crate::escape::{lossless_path, shown};
use crate::failure::{Failure, cannot};
use crate::headers::{self, Headers};

/// What is entrusted to a job; most of it is never shown.
pub(crate) struct Entrusted {
    headers: Option<Headers>,
    credentials: Credentials,
    certificate: Option<certificate::Given>,
    authorities: Option<Authorities>,
}

/// Header fields, credentials and a certificate on the command line, for a job with these files.
///
/// # Errors
/// A usage failure where they make no sense, or cannot be read.
pub(crate) fn entrusted(call: &Invocation, files: &[NewFile]) -> Result<Entrusted, Failure> {
    let (headers, credentials) = (headers::of(call)?, credentials::of(call, files)?);
    let (certificate, authorities) = (certificate::of(call)?, authorities::of(call)?);
    Ok(Entrusted { headers, credentials, certificate, authorities })
}

/// The terms on the command line; `auto-complete` unless told otherwise.
///
/// # Errors
/// A usage failure where a value is none.
pub(crate) fn terms(call: &Invocation) -> Result<JobOptions, Failure> {
    Ok(JobOptions {
        description: call.text("description")?.map(str::to_owned),
        priority: call.text("priority")?.map(priority).transpose()?,
        retry_delay: call.duration("retry-delay")?,
        no_progress_timeout: call.duration("no-progress-timeout")?,
        maximum_download_time: call.duration("max-download-time")?,
        auto_complete: Some(!call.has("no-auto-complete")),
        terms: crate::terms::of(call)?,
    })
}

/// Reads a priority.
///
/// # Errors
/// A usage failure where it is none.
pub(crate) fn priority(word: &str) -> Result<Priority, Failure> {
    word.parse().map_err(|_| {
        let words = Priority::ALL.map(Priority::as_str);
        Failure::usage(format!("unknown priority {word:?}"))
            .hint(format!("priorities: {}", words.join(" ")))
    })
}

/// The name of a job nobody named: that of its first file.
///
/// # Errors
/// A usage failure where `--name` is not UTF-8.
pub(crate) fn name(call: &Invocation, files: &[NewFile]) -> Result<String, Failure> {
    if let Some(name) = call.text("name")? {
        return Ok(name.to_owned());
    }
    let path = files.first().map(|file| file.local_name.as_slice()).unwrap_or_default();
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name = lossless_path(last);
    Ok(match files.len() {
        0 | 1 => name,
        several => format!("{name} and {} more", several - 1),
    })
}

/// Makes a job with its files, still suspended, and says its id.
///
/// # Errors
/// A failure where the terms, the headers or a file are not acceptable; then there is no job.
pub(crate) async fn make(
    client: &Client,
    name: &str,
    terms: &JobOptions,
    entrusted: &Entrusted,
    files: &[NewFile],
) -> Result<String, Failure> {
    let id = client.create_job(name, terms).await.map_err(cannot("make a job"))?;
    let job = client.job(&id);
    if let Err(failure) = fill(&job, entrusted, files).await {
        // What matters is why it was refused, not whether tidying up worked.
        let _untidy = job.cancel().await;
        return Err(failure);
    }
    Ok(id)
}

async fn fill(job: &Job<'_>, entrusted: &Entrusted, files: &[NewFile]) -> Result<(), Failure> {
    headers::give(job, entrusted.headers.as_ref()).await?;
    credentials::give(job, &entrusted.credentials).await?;
    certificate::give(job, entrusted.certificate.as_ref()).await?;
    authorities::give(job, entrusted.authorities.as_ref()).await?;
    if !files.is_empty() {
        job.add_files(files).await.map_err(cannot(&what(files)))?;
    }
    Ok(())
}

fn what(files: &[NewFile]) -> String {
    match files {
        [file] => format!("fetch {}", shown(&file.url)),
        _ => format!("fetch these {} files", files.len()),
    }
}
