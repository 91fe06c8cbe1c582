//! `ebb status`: how the service is, and what it allows.

use ebb_api::properties::ServiceStatus;
use ebb_api::values::State;

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, output, present};

/// Shows it.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let json = output::json(call)?;
    let client = connect::service(call).await?;
    let status = client.status().await.map_err(cannot("read the status"))?;
    let location = client.location().to_string();
    match json {
        Some(form) => output::object(form, &present::status(&status, &location))?,
        None => output::line(&text(&status, &location))?,
    }
    Ok(Exit::Success)
}

fn text(status: &ServiceStatus, location: &str) -> String {
    let you = if status.administrator { "an administrator" } else { "an ordinary user" };
    [
        format!("    service: {} {} at {location}", status.instance, status.version),
        format!("        you: {you}"),
        format!("  your jobs: {}", jobs(status)),
        format!(
            "     limits: {} jobs a user, {} a machine, {} files a job",
            limit(status.jobs_per_user),
            limit(status.jobs_per_machine),
            limit(status.files_per_job)
        ),
        format!(" background: {} at a time", status.background_slots),
    ]
    .join("\n")
}

fn limit(number: u32) -> String {
    if number == u32::MAX { "any number of".to_owned() } else { number.to_string() }
}

fn jobs(status: &ServiceStatus) -> String {
    let count = |state: State| status.jobs.get(state.as_str()).copied().filter(|count| *count > 0);
    let counted = State::ALL.into_iter().filter_map(|state| Some((count(state)?, state)));
    let words: Vec<String> = counted.map(|(count, state)| format!("{count} {state}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
