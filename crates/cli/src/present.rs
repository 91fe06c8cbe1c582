//! Showing jobs: as JSON, as bare values, or as a table.
//!
//! Answers one question: *in which form?* `-g` comes before `--json`, and both before the table.
//! What a job does not carry with it (its error, its files, its headers) is asked for only where it shows.

use ebb_api::client::{Authorities, CustomHeaders};
use ebb_api::properties::{JobProperties, ServiceStatus};
use ebb_api::values::State;
use ebb_api::{Client, ClientError};
use serde_json::{Map, Value};

use crate::args::Invocation;
use crate::failure::{Failure, cannot};
use crate::follow::needs_attention;
use crate::job_json;
use crate::output::{self, Json};
use crate::table;

/// A job as fields.
pub(crate) type Document = Map<String, Value>;

/// What is asked for beside the job itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Also {
    /// Its files.
    pub(crate) files: bool,
    /// Its custom headers.
    pub(crate) headers: bool,
    /// The authorities it judges servers by.
    pub(crate) authorities: bool,
}

/// What is to be shown of each job.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The fields of `-f`.
    pub(crate) fields: Option<Vec<String>>,
    /// The field of `-g`.
    pub(crate) one: Option<String>,
    /// The form of `--json`.
    pub(crate) json: Option<Json>,
}

impl Wanted {
    /// Reads it from the command line.
    ///
    /// # Errors
    /// A failure where a field does not exist.
    pub(crate) fn read(call: &Invocation) -> Result<Self, Failure> {
        Ok(Wanted {
            fields: call.text("fields")?.map(job_json::check_fields).transpose()?,
            one: call.text("get")?.map(job_json::check_field).transpose()?,
            json: output::json(call)?,
        })
    }

    /// What these fields need.
    #[must_use]
    pub(crate) fn also(&self) -> Also {
        let headers = self.names("headers") || self.names("headers_write_only");
        let authorities = self.names("authorities") || self.names("authorities_alone");
        Also { files: self.names("files"), headers, authorities }
    }

    /// Whether this field is named.
    fn names(&self, field: &str) -> bool {
        let leads_to = |name: &String| name.split('.').next() == Some(field);
        self.one.as_ref().is_some_and(leads_to)
            || self.fields.as_ref().is_some_and(|fields| fields.iter().any(leads_to))
    }
}

/// Answers `-f help`; `true` where that was asked.
///
/// # Errors
/// A failure where standard output takes nothing.
pub(crate) fn listed_fields(call: &Invocation) -> Result<bool, Failure> {
    let asked = call.text("fields")? == Some("help");
    if asked {
        output::line(&job_json::FIELDS.join("\n"))?;
    }
    Ok(asked)
}

/// A job as fields, with its error, and what else is wanted.
///
/// # Errors
/// A failure where the service does not tell.
pub(crate) async fn document(
    client: &Client,
    job: &JobProperties,
    also: Also,
) -> Result<Document, Failure> {
    let may_have_error = job.state == State::TransientError || needs_attention(job);
    let error = if may_have_error { known_error(client, job).await? } else { None };
    let mut document = job_json::job(job, error.as_ref());
    if also.headers {
        add_headers(client, job, &mut document).await?;
    }
    if also.authorities {
        let them = authorities(client, job).await?;
        let pem = String::from_utf8_lossy(&them.pem).into_owned();
        let pem = if pem.is_empty() { Value::Null } else { Value::String(pem) };
        document.insert("authorities".to_owned(), pem);
        document.insert("authorities_alone".to_owned(), Value::Bool(them.alone));
    }
    if also.files {
        let files = client.job(&job.id).files().await.map_err(cannot("read the files"))?;
        document.insert("files".to_owned(), files.iter().map(job_json::file).collect());
    }
    Ok(document)
}

/// Those that only the owner may read are nothing to others; nor is there any of a job that is over.
async fn add_headers(
    client: &Client,
    job: &JobProperties,
    document: &mut Document,
) -> Result<(), Failure> {
    let mine = job.owner_uid == rustix::process::getuid().as_raw();
    let (headers, write_only) = match client.job(&job.id).custom_headers().await {
        Ok(CustomHeaders::Readable(lines)) => (Value::from(lines), Value::Bool(false)),
        Ok(CustomHeaders::Closed) if mine => (Value::Null, Value::Bool(true)),
        Ok(CustomHeaders::Closed) | Err(ClientError::Service(_)) => (Value::Null, Value::Null),
        Err(error) => return Err(cannot("read the headers")(error)),
    };
    document.insert("headers".to_owned(), headers);
    document.insert("headers_write_only".to_owned(), write_only);
    Ok(())
}

/// Those a job judges servers by; none where it has gone away in the meantime.
pub(crate) async fn authorities(
    client: &Client,
    job: &JobProperties,
) -> Result<Authorities, Failure> {
    match client.job(&job.id).authorities().await {
        Ok(them) => Ok(them),
        Err(ClientError::Service(_)) => Ok(Authorities::default()),
        Err(error) => Err(cannot("read the authorities")(error)),
    }
}

/// Nothing where the job has gone on, or away, in the meantime.
async fn known_error(
    client: &Client,
    job: &JobProperties,
) -> Result<Option<ebb_api::properties::ErrorInfo>, Failure> {
    match client.job(&job.id).error().await {
        Ok(error) => Ok(Some(error)),
        Err(ClientError::Service(_)) => Ok(None),
        Err(error) => Err(cannot("read why the job stopped")(error)),
    }
}

/// Shows jobs in the form that was asked for; `false` where it is the command's own table.
///
/// # Errors
/// A failure where standard output takes nothing.
pub(crate) fn as_asked(
    wanted: &Wanted,
    call: &Invocation,
    jobs: &[Document],
) -> Result<bool, Failure> {
    if let Some(field) = &wanted.one {
        for job in jobs {
            output::line(&value(job, field)?)?;
        }
        return Ok(true);
    }
    if let Some(form) = wanted.json {
        let values = jobs.iter().map(|job| Value::Object(chosen(job, wanted))).collect();
        output::objects(form, values)?;
        return Ok(true);
    }
    let Some(fields) = &wanted.fields else {
        return Ok(false);
    };
    let rows = jobs.iter().map(|job| fields.iter().map(|field| value(job, field)).collect());
    let rows: Vec<Vec<String>> = rows.collect::<Result<_, _>>()?;
    let names: Vec<String> = fields.iter().map(|field| field.to_uppercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let heading = (!call.has("no-legend")).then_some(names.as_slice());
    output::line(&table::aligned(heading, &rows, &[], None))?;
    Ok(true)
}

fn value(job: &Document, field: &str) -> Result<String, Failure> {
    match job_json::field(job, field) {
        Some(value) => Ok(job_json::bare(value)),
        None => {
            Err(Failure::new(crate::exit::Exit::NotFound, format!("there is no field {field:?}")))
        }
    }
}

/// The fields of `-f`, or all.
#[must_use]
pub(crate) fn chosen(job: &Document, wanted: &Wanted) -> Document {
    let Some(fields) = &wanted.fields else {
        return job.clone();
    };
    let pick = |field: &String| {
        let value = job_json::field(job, field).cloned().unwrap_or(Value::Null);
        (field.clone(), value)
    };
    fields.iter().map(pick).collect()
}

/// The state of the service as JSON.
#[must_use]
pub(crate) fn status(status: &ServiceStatus, location: &str) -> Value {
    serde_json::json!({
        "version": status.version,
        "instance": status.instance,
        "location": location,
        "administrator": status.administrator,
        "jobs": status.jobs,
        "limits": {
            "jobs_per_user": status.jobs_per_user,
            "jobs_per_machine": status.jobs_per_machine,
            "files_per_job": status.files_per_job,
            "ranges_per_file": status.ranges_per_file,
            "background_slots": status.background_slots,
        },
    })
}
