//! `ebb files`: the files of a job.

use ebb_api::Client;
use ebb_api::properties::FileProperties;
use serde_json::{Value, json};

use crate::args::Invocation;
use crate::escape::{shown, shown_path};
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, job_json, output, reference, table, units};

/// Lists the files of each job.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let json = output::json(call)?;
    let client = connect::service(call).await?;
    for job in reference::several(&client, call).await? {
        let files = client.job(&job.id).files().await.map_err(cannot("read the files"))?;
        if call.has("headers") {
            headers(&client, &job.id, &files, json).await?;
            continue;
        }
        match json {
            Some(form) => {
                output::objects(form, files.iter().map(job_json::file).collect::<Vec<Value>>())?
            }
            None => output::line(&table(call, &files))?,
        }
    }
    Ok(Exit::Success)
}

/// What the server said of each file: a block of fields for people, an object each for programs.
async fn headers(
    client: &Client,
    job: &str,
    files: &[FileProperties],
    json: Option<output::Json>,
) -> Result<(), Failure> {
    let mut objects = Vec::new();
    for file in files {
        let asked = client.job(job).file_headers(file.index).await;
        let fields = asked.map_err(cannot("read what the server said"))?;
        match json {
            Some(_) => objects.push(json!({ "index": file.index, "headers": fields })),
            None => {
                output::line(&format!("{} {}", file.index, shown(&file.remote_name)))?;
                for (name, value) in fields {
                    output::line(&format!("  {}: {}", shown(&name), shown(&value)))?;
                }
            }
        }
    }
    json.map_or(Ok(()), |form| output::objects(form, objects))
}

/// The files as a table.
pub(super) fn table(call: &Invocation, files: &[FileProperties]) -> String {
    let heading: &[&str] = &["#", "STATE", "PROGRESS", "HTTP", "PATH", "URL"];
    let heading = (!call.has("no-legend")).then_some(heading);
    let rows: Vec<Vec<String>> = files.iter().map(row).collect();
    table::aligned(heading, &rows, &[5, 4], table::terminal_width())
}

fn row(file: &FileProperties) -> Vec<String> {
    let here = units::size(file.bytes_transferred);
    let total = file.bytes_total.map_or_else(|| "?".to_owned(), units::size);
    let status = (file.http_status != 0).then(|| file.http_status.to_string());
    vec![
        file.index.to_string(),
        state(file).to_owned(),
        format!("{here}/{total}"),
        status.unwrap_or_default(),
        shown_path(&file.local_name),
        shown(&file.remote_name),
    ]
}

fn state(file: &FileProperties) -> &'static str {
    match (file.completed, file.transferred, file.bytes_transferred) {
        (true, _, _) => "in place",
        (false, true, _) => "transferred",
        (false, false, 0) => "waiting",
        (false, false, _) => "partial",
    }
}
