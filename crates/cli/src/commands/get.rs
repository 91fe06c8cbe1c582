//! `ebb get`: fetch now, show progress, wait.
//!
//! The job is the service's from the moment it is made; this command only watches it. So Ctrl+C
//! means *stop watching*, and only a second one within two seconds means *stop the job*.

use std::time::Duration;

use ebb_api::Client;
use ebb_api::client::JobOptions;
use ebb_api::properties::JobProperties;
use ebb_api::values::{Priority, State};

use crate::args::Invocation;
use crate::attend::{Ending, HowMany, Signals, Wish, attend, deadline};
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::follow::{Followed, Goal, verdict};
use crate::progress::Progress;
use crate::{connect, new_files, new_job, output, present, units};

/// Somebody waits: give up after so long without progress.
const NO_PROGRESS_TIMEOUT: u32 = 120;
/// Somebody waits: try again soon. The default would not try again before giving up.
const RETRY_DELAY: u32 = 5;
/// How soon after the first Ctrl+C the second means the job.
const SECOND_INTERRUPT: Duration = Duration::from_secs(2);

/// Makes the job, starts it, and waits for it.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let files = new_files::wanted(call, &call.words()?)?;
    let terms = terms(call)?;
    let entrusted = new_job::entrusted(call, &files)?;
    let name = new_job::name(call, &files)?;
    let mut progress = Progress::wanted(call)?;
    let wanted = present::Wanted::read(call)?;
    let wish = Wish {
        goal: Goal::Natural,
        how_many: HowMany::All,
        deadline: deadline(call.duration("timeout")?),
    };

    let client = connect::service_or_private(call).await?;
    // Caught before there is a job, so that none is ever left behind without a word.
    let mut signals = Signals::catch()?;
    let id = new_job::make(&client, &name, &terms, &entrusted, &files).await?;
    let mut followed = Followed::begin(&client, std::slice::from_ref(&id)).await?;
    client.job(&id).resume().await.map_err(cannot("start the job"))?;
    reread_if_started(&client, &mut followed).await?;

    match attend(&client, &mut followed, wish, Some(&mut signals), &mut progress).await? {
        Ending::Settled => settled(call, &client, &followed.jobs[0], &wanted).await,
        Ending::TimedOut => Err(still_running(Exit::TimedOut, &id)),
        Ending::Interrupted => interrupted(call, &client, &id, &mut signals).await,
        Ending::Terminated => Err(still_running(Exit::Terminated, &id)),
    }
}

fn terms(call: &Invocation) -> Result<JobOptions, Failure> {
    let given = new_job::terms(call)?;
    let usual = match (call.has("polite"), given.priority) {
        (true, Some(_)) => {
            return Err(Failure::usage("--polite is a priority: leave out --polite or --priority"));
        }
        (true, None) => Priority::Normal,
        (false, _) => Priority::Foreground,
    };
    Ok(JobOptions {
        priority: given.priority.or(Some(usual)),
        retry_delay: given.retry_delay.or(Some(RETRY_DELAY)),
        no_progress_timeout: given.no_progress_timeout.or(Some(NO_PROGRESS_TIMEOUT)),
        ..given
    })
}

/// What was read before the start says `suspended`; that would be a poor first line.
async fn reread_if_started(client: &Client, followed: &mut Followed) -> Result<(), Failure> {
    let job = &mut followed.jobs[0];
    if job.state == State::Suspended {
        *job = client.job(&job.id).properties().await.map_err(cannot("read the job"))?;
    }
    Ok(())
}

async fn settled(
    call: &Invocation,
    client: &Client,
    job: &JobProperties,
    wanted: &present::Wanted,
) -> Result<Exit, Failure> {
    // The last notices may have left something out: the result is read, not guessed.
    let job = client.job(&job.id).properties().await.map_err(cannot("read the job"))?;
    let document = present::document(client, &job, wanted.also()).await?;
    present::as_asked(wanted, call, &[document])?;
    verdict(client, &job, Goal::Natural).await?;
    if !call.has("quiet") {
        say_done(client, &job).await?;
    }
    Ok(Exit::Success)
}

async fn say_done(client: &Client, job: &JobProperties) -> Result<(), Failure> {
    let files = client.job(&job.id).files().await.map_err(cannot("read the files"))?;
    let verb = if job.state == State::Transferred { "fetched for" } else { "saved" };
    for file in files {
        let path = crate::escape::shown_path(&file.local_name);
        eprintln!("{verb} {path} ({})", units::size(file.bytes_transferred));
    }
    if job.state == State::Transferred {
        eprintln!("  hint: put in place with: ebb complete {}", &job.id[..8]);
    }
    Ok(())
}

fn still_running(exit: Exit, id: &str) -> Failure {
    let short = &id[..8];
    Failure::new(exit, format!("still running as {short}"))
        .hint(format!("ebb cancel {short} to stop it, ebb wait {short} to wait for it"))
}

async fn interrupted(
    call: &Invocation,
    client: &Client,
    id: &str,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    if call.has("cancel-on-interrupt") {
        return cancel(client, id).await;
    }
    let failure = still_running(Exit::Interrupted, id);
    if call.has("detach-on-interrupt") {
        return Err(failure);
    }
    failure.tell();
    output::remark(call, "  Ctrl+C again within two seconds cancels it");
    match tokio::time::timeout(SECOND_INTERRUPT, signals.next()).await {
        Ok(Ending::Interrupted) => cancel(client, id).await,
        Ok(Ending::Terminated | Ending::Settled | Ending::TimedOut) | Err(_) => {
            Err(Failure::silent(Exit::Interrupted))
        }
    }
}

async fn cancel(client: &Client, id: &str) -> Result<Exit, Failure> {
    client.job(id).cancel().await.map_err(cannot("cancel the job"))?;
    Err(Failure::new(Exit::Interrupted, format!("job {} is cancelled", &id[..8])))
}
