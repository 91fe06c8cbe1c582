//! `ebb pause`, `resume`, `cancel`, `complete`, `take`: one call on each job.
//!
//! Each job is tried, whatever became of the one before; the code is that of the first failure.

use std::io::{BufRead, IsTerminal, Write};

use ebb_api::properties::JobProperties;
use ebb_api::values::Outcome;
use ebb_api::{Client, ClientError};

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, output, reference};

/// Does it to each job.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let client = connect::service(call).await?;
    let jobs = reference::several(&client, call).await?;
    let verb = call.command.name;
    if verb == "cancel" && jobs.len() > 1 && !call.has("yes") {
        confirm(&jobs)?;
    }
    if jobs.is_empty() {
        output::remark(call, "no such jobs");
    }
    let mut exit = Exit::Success;
    for job in &jobs {
        if let Err(error) = steer(&client, verb, job).await {
            let failure = cannot(&format!("{verb} {}", shown(&job.display_name)))(error);
            failure.tell();
            exit = first_failure(exit, failure.exit);
        }
    }
    Ok(exit)
}

fn first_failure(before: Exit, now: Exit) -> Exit {
    if before == Exit::Success { now } else { before }
}

async fn steer(client: &Client, verb: &str, job: &JobProperties) -> Result<(), ClientError> {
    let handle = client.job(&job.id);
    let outcome = match verb {
        "pause" => return handle.suspend().await,
        "resume" => return handle.resume().await,
        "take" => return handle.take_ownership().await,
        "cancel" => handle.cancel().await?,
        _ => handle.complete().await?,
    };
    match outcome {
        Outcome::Done => {}
        Outcome::PartialComplete => {
            eprintln!("{}: only the finished files are in place", shown(&job.display_name));
        }
        Outcome::UnableToDeleteFiles => {
            eprintln!("{}: some temporary files could not be deleted", shown(&job.display_name));
        }
    }
    Ok(())
}

/// Several jobs are not given up by a slip of the finger.
fn confirm(jobs: &[JobProperties]) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("this would cancel {} jobs", jobs.len()))
            .hint("say --yes if that is meant"));
    }
    for job in jobs {
        eprintln!("  {}  {}  {}", &job.id[..8], job.state, shown(&job.display_name));
    }
    eprint!("cancel these {} jobs? [y/N] ", jobs.len());
    let _unshown = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Ok(()),
        false => Err(Failure::new(Exit::Failure, "nothing was cancelled")),
    }
}
