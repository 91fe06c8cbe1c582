//! `ebb wait`: until jobs are where one wants them; the exit code is the outcome.

use ebb_api::Client;
use ebb_api::properties::JobProperties;

use crate::args::Invocation;
use crate::attend::{Ending, HowMany, Wish, attend, deadline};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{Followed, Goal, Standing, standing, verdict};
use crate::output;
use crate::progress::{Mode, Progress};
use crate::{connect, reference};

/// Waits, and says how it ended.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let patience = call.duration("timeout")?;
    let wish = Wish {
        goal: goal(call)?,
        how_many: if call.has("any") { HowMany::First } else { HowMany::All },
        deadline: deadline(patience.filter(|seconds| *seconds > 0)),
    };
    let client = connect::service(call).await?;
    let jobs = reference::several(&client, call).await?;
    if jobs.is_empty() {
        output::remark(call, "no such jobs");
        return Ok(Exit::Success);
    }
    if patience == Some(0) {
        return judge(&client, &jobs, wish).await;
    }
    let ids: Vec<String> = jobs.into_iter().map(|job| job.id).collect();
    let mut followed = Followed::begin(&client, &ids).await?;
    let mut silent = Progress::in_mode(Mode::Never);
    match attend(&client, &mut followed, wish, None, &mut silent).await? {
        Ending::TimedOut => Err(Failure::new(Exit::TimedOut, "the time is up; the job goes on")),
        Ending::Settled | Ending::Interrupted | Ending::Terminated => {
            judge(&client, &followed.jobs, wish).await
        }
    }
}

fn goal(call: &Invocation) -> Result<Goal, Failure> {
    match call.text("for")? {
        None => Ok(Goal::Natural),
        Some("transferred") => Ok(Goal::Transferred),
        Some("done") => Ok(Goal::Done),
        Some("any-change") => Ok(Goal::AnyChange),
        Some(other) => {
            Err(Failure::usage(format!("--for {other}: transferred, done or any-change")))
        }
    }
}

/// The first failure in the order the jobs were named; with `--any`, the first job that settled.
async fn judge(client: &Client, jobs: &[JobProperties], wish: Wish) -> Result<Exit, Failure> {
    if wish.goal == Goal::AnyChange {
        return Ok(Exit::Success);
    }
    let settled = jobs.iter().find(|job| standing(job, wish.goal) != Standing::Going);
    if let (HowMany::First, Some(job)) = (wish.how_many, settled) {
        output::line(&job.id)?;
        return verdict(client, job, wish.goal).await.map(|()| Exit::Success);
    }
    for job in jobs {
        verdict(client, job, wish.goal).await?;
    }
    Ok(Exit::Success)
}
