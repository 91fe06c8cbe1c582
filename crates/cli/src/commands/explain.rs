//! `ebb explain`: why a job does what it does right now, and what would change that.
//!
//! The sentences are the service's own, made by the rules that decide. What stands in the way comes
//! first; with `--verbose` also what does not.

use ebb_api::explanation::Explanation;
use ebb_api::properties::JobProperties;
use serde_json::{Value, json};

use super::explain_path;
use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, output, reference, units};

/// Explains each job.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let form = output::json(call)?;
    let client = connect::service(call).await?;
    let jobs = reference::several(&client, call).await?;
    if call.has("watch") {
        return explain_path::watch(&client, &jobs, form.is_some()).await;
    }
    let mut documents = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let explained = client.job(&job.id).explain().await.map_err(cannot("explain the job"))?;
        match form {
            Some(_) => documents.push(document(job, &explained)),
            None => {
                if at > 0 {
                    output::line("")?;
                }
                output::line(&text(job, &explained, call.has("verbose")))?;
            }
        }
    }
    match (form, documents.as_slice()) {
        (Some(form), [only]) => output::object(form, only)?,
        (Some(form), _) => output::objects(form, documents)?,
        (None, _) => {}
    }
    Ok(Exit::Success)
}

fn text(job: &JobProperties, explained: &[Explanation], all: bool) -> String {
    let mut lines = vec![format!("{}: {}", shown(&job.display_name), job.state)];
    let rank = |line: &&Explanation| match line.bearing.as_str() {
        "blocking" => 0,
        "limiting" => 1,
        _ => 2,
    };
    let told = |line: &&Explanation| all || rank(line) < 2 || line.condition == "state";
    let mut explained: Vec<&Explanation> = explained.iter().filter(told).collect();
    explained.sort_by_key(rank);
    lines.extend(explained.into_iter().map(|line| {
        let until =
            line.until.map_or_else(String::new, |at| format!(" (until {})", units::time(at)));
        format!("{:>9}  {}{until}", line.condition, shown(&line.sentence))
    }));
    lines.join("\n")
}

fn document(job: &JobProperties, explained: &[Explanation]) -> Value {
    let conditions: Vec<Value> = explained
        .iter()
        .map(|line| {
            json!({
                "condition": line.condition,
                "bearing": line.bearing,
                "sentence": line.sentence,
                "until": line.until.map(units::time),
            })
        })
        .collect();
    let state = job.state.to_string();
    json!({ "id": job.id, "state": state, "reason": job.reason, "conditions": conditions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;

    fn line(condition: &str, bearing: &str, until: i64) -> Explanation {
        let texts = (condition.to_owned(), bearing.to_owned(), format!("About {condition}."));
        Explanation::from((texts.0, texts.1, texts.2, until))
    }

    #[test]
    fn what_stands_in_the_way_comes_first_and_what_does_not_only_if_asked_for() {
        let lines = [line("state", "ok", 0), line("cost", "ok", 0), line("hours", "blocking", 60)];
        let told = text(&example(), &lines, false);
        let told: Vec<&str> = told.lines().skip(1).collect();
        let hours = "    hours  About hours. (until 1970-01-01T00:01:00Z)";
        assert_eq!(told, [hours, "    state  About state."]);
        assert!(text(&example(), &lines, true).contains("About cost."));
    }

    #[test]
    fn the_document_has_every_condition() {
        let lines = [line("state", "ok", 0), line("hours", "blocking", 60)];
        let document = document(&example(), &lines);
        assert_eq!(document["conditions"][0]["until"], Value::Null);
        assert_eq!(document["conditions"][1]["until"], "1970-01-01T00:01:00Z");
    }
}
