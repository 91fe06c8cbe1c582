//! `ebb log`: what was done to a job, by whom, and what became of it.
//!
//! The service remembers; this only shows. What servers said about an error is shown with control
//! characters escaped. The table is for people and may change; fields and JSON do not.

use std::collections::HashMap;

use ebb_api::client::HistoryEntry;
use serde_json::{Map, Value, json};

use crate::args::Invocation;
use crate::args::closest::closest;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::present::{self, Document, Wanted};
use crate::{connect, output, reference, table, units, users};

/// Every field, as scripts know it.
const FIELDS: [&str; 8] = ["job", "number", "time", "uid", "user", "deed", "detail", "state"];

/// Shows the history of each job.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    if call.text("fields")? == Some("help") {
        output::line(&FIELDS.join("\n"))?;
        return Ok(Exit::Success);
    }
    let wanted = wanted(call)?;
    let client = connect::service(call).await?;
    let jobs = reference::several(&client, call).await?;
    let (mut names, mut documents) = (Names::default(), Vec::<Vec<Document>>::new());
    for job in &jobs {
        let entries = client.job(&job.id).history().await.map_err(cannot("read the history"))?;
        documents.push(entries.iter().map(|entry| document(&job.id, entry, &mut names)).collect());
    }
    if !present::as_asked(&wanted, call, &documents.concat())? {
        for (at, (job, entries)) in jobs.iter().zip(&documents).enumerate() {
            if jobs.len() > 1 {
                let between = if at > 0 { "\n" } else { "" };
                output::line(&format!("{between}{} {}", job.id, shown(&job.display_name)))?;
            }
            output::line(&text(call, entries))?;
        }
    }
    Ok(Exit::Success)
}

fn wanted(call: &Invocation) -> Result<Wanted, Failure> {
    let fields = |list: &str| list.split(',').map(str::trim).map(field).collect();
    Ok(Wanted {
        fields: call.text("fields")?.map(fields).transpose()?,
        one: call.text("get")?.map(field).transpose()?,
        json: output::json(call)?,
    })
}

fn field(name: &str) -> Result<String, Failure> {
    if FIELDS.contains(&name) {
        return Ok(name.to_owned());
    }
    let failure = Failure::new(Exit::NotFound, format!("there is no field {name:?}"));
    Err(match closest(name, FIELDS.into_iter()) {
        Some(close) => failure.hint(format!("did you mean {close}?")),
        None => failure.hint("ebb log -f help lists them"),
    })
}

/// Names of users, each looked up once.
#[derive(Default)]
struct Names(HashMap<u32, Option<String>>);

impl Names {
    fn of(&mut self, uid: u32) -> Option<String> {
        self.0.entry(uid).or_insert_with(|| users::name_of(uid)).clone()
    }
}

fn document(job: &str, entry: &HistoryEntry, names: &mut Names) -> Document {
    let user = entry.uid.and_then(|uid| names.of(uid));
    let value = json!({
        "job": job,
        "number": entry.number,
        "time": entry.time.map(units::time),
        "uid": entry.uid,
        "user": user,
        "deed": entry.deed,
        "detail": entry.detail,
        "state": entry.state.map(|state| state.to_string()),
    });
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn text(call: &Invocation, entries: &[Document]) -> String {
    let heading: &[&str] = &["TIME", "BY", "DEED", "STATE", "DETAIL"];
    let heading = (!call.has("no-legend")).then_some(heading);
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    table::aligned(heading, &rows, &[4], table::terminal_width())
}

fn row(entry: &Document) -> Vec<String> {
    let word = |name: &str| entry.get(name).map(crate::job_json::bare).unwrap_or_default();
    let by = match (word("user"), word("uid")) {
        (name, _) if !name.is_empty() => name,
        (_, uid) if !uid.is_empty() => uid,
        _ => "service".to_owned(),
    };
    vec![word("time"), by, word("deed"), word("state"), word("detail")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uid: Option<u32>, detail: &str) -> HistoryEntry {
        HistoryEntry {
            number: 3,
            time: Some(60),
            uid,
            deed: "trouble".into(),
            detail: detail.into(),
            state: Some(ebb_api::values::State::Error),
        }
    }

    #[test]
    fn a_row_names_who_did_it_and_no_server_colours_it() {
        let mut names = Names::default();
        let [root, service] = [Some(0), None]
            .map(|uid| row(&document("j", &entry(uid, "http-404: \x1b[31mred"), &mut names)));
        assert_eq!((root[1].as_str(), service[1].as_str()), ("root", "service"));
        assert_eq!(root[0], "1970-01-01T00:01:00Z");
        assert_eq!(root[4], "http-404: \\u{1b}[31mred");
    }

    #[test]
    fn a_document_has_every_field_and_null_where_there_is_nothing() {
        let found = document("j", &entry(None, ""), &mut Names::default());
        let mut names: Vec<&str> = FIELDS.to_vec();
        names.sort_unstable();
        assert!(found.keys().map(String::as_str).eq(names), "{found:?}");
        assert_eq!((&found["uid"], &found["user"]), (&Value::Null, &Value::Null));
        assert!(field("deed").is_ok() && field("deeds").is_err());
    }
}
