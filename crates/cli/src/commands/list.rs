//! `ebb list`: the jobs, a line each.
//!
//! The table is for people and may change; fields and JSON are for scripts and do not. The reason
//! stands in a row exactly when the job neither moves nor is over. Changes nothing.

use std::io::IsTerminal;

use ebb_api::properties::JobProperties;
use ebb_api::values::State;
use serde_json::Value;

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::needs_attention;
use crate::present::{self, Document, Wanted};
use crate::progress::amount;
use crate::reference::{self, Over};
use crate::{connect, output, table, units};

/// Lists the jobs that fit.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    if present::listed_fields(call)? {
        return Ok(Exit::Success);
    }
    let wanted = Wanted::read(call)?;
    let colour = Colour::wanted(call)?;
    let client = connect::service(call).await?;
    let jobs = match call.operands.is_empty() {
        false => reference::several(&client, call).await?,
        true => reference::matching(&client, call, over(call)).await?,
    };
    let mut documents = Vec::with_capacity(jobs.len());
    for job in &jobs {
        documents.push(present::document(&client, job, wanted.also()).await?);
    }
    if !present::as_asked(&wanted, call, &documents)? {
        show_table(call, &jobs, &documents, colour)?;
    }
    Ok(Exit::Success)
}

fn over(call: &Invocation) -> Over {
    if call.has("finished") { Over::Wanted } else { Over::Left }
}

fn show_table(
    call: &Invocation,
    jobs: &[JobProperties],
    documents: &[Document],
    colour: Colour,
) -> Result<(), Failure> {
    if jobs.is_empty() {
        output::remark(call, "no jobs");
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        jobs.iter().zip(documents).map(|(job, document)| row(job, document)).collect();
    let legend = !call.has("no-legend");
    let heading: &[&str] = &["ID", "NAME", "STATE", "PROGRESS", "REASON"];
    let text = table::aligned(legend.then_some(heading), &rows, &[1, 4], table::terminal_width());
    let mut lines = text.lines();
    if legend {
        lines.next().map(output::line).transpose()?;
    }
    for (line, job) in lines.zip(jobs) {
        output::line(&colour.paint(line, job.state))?;
    }
    if legend {
        output::line(&summary(jobs))?;
    }
    Ok(())
}

fn row(job: &JobProperties, document: &Document) -> Vec<String> {
    vec![
        job.id[..8].to_owned(),
        shown(&job.display_name),
        job.state.to_string(),
        amount(job),
        reason(job, document),
    ]
}

/// Why it neither moves nor is over; for trouble, what the trouble is.
fn reason(job: &JobProperties, document: &Document) -> String {
    let error = document["error"]["message"].as_str().map(shown);
    let again = match (&document["next_attempt"], job.next_attempt) {
        (Value::String(_), Some(at)) if job.state == State::TransientError => {
            format!("; again at {}", &units::time(at)[11..19])
        }
        _ => String::new(),
    };
    match (error, job.reason.as_str()) {
        (Some(error), _) => format!("{error}{again}"),
        (None, "retry-at") => format!("retry{again}"),
        (None, reason) => shown(reason),
    }
}

fn summary(jobs: &[JobProperties]) -> String {
    let unfinished = jobs.iter().filter(|job| !job.state.is_over()).count();
    let attention = jobs.iter().filter(|job| needs_attention(job)).count();
    let needs = match attention {
        0 => String::new(),
        1 => " · 1 needs attention".to_owned(),
        several => format!(" · {several} need attention"),
    };
    format!("{unfinished} of {} not finished{needs}", jobs.len())
}

/// Whether lines have colour. It never says anything the words do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    Yes,
    No,
}

impl Colour {
    fn wanted(call: &Invocation) -> Result<Self, Failure> {
        let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = std::io::stdout().is_terminal();
        let yes = match call.text("color")? {
            Some("always") => true,
            Some("never") => false,
            None | Some("auto") => !refused && (terminal || forced),
            Some(other) => {
                return Err(Failure::usage(format!("--color={other}: auto, always or never")));
            }
        };
        Ok(if yes { Colour::Yes } else { Colour::No })
    }

    fn paint(self, line: &str, state: State) -> String {
        let code = match state {
            State::Error => "31",
            State::TransientError => "33",
            State::Transferring => "32",
            State::Suspended | State::Acknowledged | State::Cancelled => "2",
            State::Queued | State::Connecting | State::Transferred => return line.to_owned(),
        };
        match self {
            Colour::Yes => format!("\x1b[{code}m{line}\x1b[0m"),
            Colour::No => line.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;

    #[test]
    fn the_summary_counts_what_needs_somebody() {
        let job = |state| {
            let mut job = example();
            job.state = state;
            job
        };
        let jobs = [job(State::Error), job(State::Queued), job(State::Acknowledged)];
        assert_eq!(summary(&jobs), "2 of 3 not finished · 1 needs attention");
        assert_eq!(summary(&jobs[1..2]), "1 of 1 not finished");
    }

    #[test]
    fn a_name_cannot_colour_the_table() {
        let mut job = example();
        job.display_name = "\x1b[31mred".into();
        let row = row(&job, &crate::job_json::job(&job, None));
        assert_eq!(row[1], "\\u{1b}[31mred");
        assert_eq!(Colour::No.paint("x", State::Error), "x");
    }
}
