//! Following jobs until they are where one wants them.
//!
//! Answers one question: *has it come to an end, and to which?* It subscribes first, reads then,
//! and after that only listens, so it misses nothing and never polls. Nothing here shows anything
//! or asks for signals; [`crate::attend`] does that.

use ebb_api::client::{Notice, Notices};
use ebb_api::properties::{ErrorInfo, JobProperties};
use ebb_api::values::State;
use ebb_api::{Client, ClientError};

use crate::escape::{shown, shown_path};
use crate::exit::Exit;
use crate::failure::{Failure, cannot};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// All bytes are here.
    Transferred,
    /// All files are in their place.
    Done,
    /// Anything at all.
    AnyChange,
    /// `Done` where the service completes the job by itself, `Transferred` elsewhere.
    Natural,
}

/// How a job stands to a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not there yet.
    Going,
    /// There.
    Reached,
    /// It stopped in an error.
    Failed,
    /// It was given up.
    Cancelled,
}

/// How a job stands to a goal. `AnyChange` is never reached by standing somewhere.
#[must_use]
pub(crate) fn standing(job: &JobProperties, goal: Goal) -> Standing {
    let transferred_is_enough = match goal {
        Goal::Transferred => true,
        Goal::Natural => !job.auto_complete,
        Goal::Done | Goal::AnyChange => false,
    };
    match job.state {
        State::Acknowledged => Standing::Reached,
        State::Transferred if transferred_is_enough => Standing::Reached,
        State::Transferred if needs_attention(job) => Standing::Failed,
        State::Cancelled => Standing::Cancelled,
        State::Error => Standing::Failed,
        State::Transferred
        | State::Queued
        | State::Connecting
        | State::Transferring
        | State::Suspended
        | State::TransientError => Standing::Going,
    }
}

/// Whether a job stands still until somebody does something about it. Also true of one whose bytes
/// are all here, but whose files could not be moved into place.
#[must_use]
pub(crate) fn needs_attention(job: &JobProperties) -> bool {
    let stuck = matches!(job.reason.as_str(), "complete-failed" | "helper-required");
    job.state == State::Error || job.state == State::Transferred && stuck
}

/// Jobs, kept up to date by notices.
#[derive(Debug)]
pub(crate) struct Followed {
    /// The jobs, in the order they were named.
    pub(crate) jobs: Vec<JobProperties>,
    /// Whether the state of any has changed since they were read.
    pub(crate) changed: bool,
    notices: Notices,
}

impl Followed {
    /// Subscribes, then reads the jobs.
    ///
    /// # Errors
    /// Code 5 where one is not there any more.
    pub(crate) async fn begin(client: &Client, ids: &[String]) -> Result<Self, Failure> {
        let notices = client.subscribe().await.map_err(cannot("listen to the service"))?;
        let mut jobs = Vec::new();
        for id in ids {
            jobs.push(client.job(id).properties().await.map_err(cannot("read the job"))?);
        }
        Ok(Followed { jobs, changed: false, notices })
    }

    /// Waits for the next notice. May be given up at any point without losing one.
    ///
    /// # Errors
    /// Code 9 where the service is gone.
    pub(crate) async fn next(&mut self) -> Result<Notice, Failure> {
        self.notices.next().await.map_err(cannot("listen to the service"))
    }

    /// Takes over what a notice says; `true` where it is about one of the jobs.
    ///
    /// # Errors
    /// A failure where it does not fit the contract.
    pub(crate) async fn take(&mut self, client: &Client, notice: &Notice) -> Result<bool, Failure> {
        if matches!(notice, Notice::Missed) {
            return self.read_anew(client).await;
        }
        let Some(job) = self.jobs.iter_mut().find(|job| job.id == notice.job()) else {
            return Ok(false);
        };
        let before = job.state;
        let taken = take_over(client, job, notice).await;
        taken.map_err(cannot("follow the job"))?;
        self.changed |= job.state != before;
        Ok(true)
    }

    async fn read_anew(&mut self, client: &Client) -> Result<bool, Failure> {
        for job in &mut self.jobs {
            let now = client.job(&job.id).properties().await.map_err(cannot("read the job"))?;
            self.changed |= job.state != now.state;
            *job = now;
        }
        Ok(true)
    }
}

async fn take_over(
    client: &Client,
    job: &mut JobProperties,
    notice: &Notice,
) -> Result<(), ClientError> {
    match notice {
        Notice::StateChanged { state, .. } => job.state = *state,
        Notice::PropertiesChanged { changed, .. } => job.update(changed)?,
        // These come with news that the signals of a state leave out.
        Notice::Transferred { .. } | Notice::Failed { .. } | Notice::JobRemoved { .. } => {
            *job = client.job(&job.id).properties().await?;
        }
        // The rest says nothing new of it, or is newer than we are.
        Notice::JobAdded { .. } | Notice::FileTransferred { .. } | Notice::Missed | _ => {}
    }
    Ok(())
}

/// The exit code of one job, and the line that explains it.
///
/// # Errors
/// The failure to show where the job failed, was cancelled, or is not there yet.
pub(crate) async fn verdict(
    client: &Client,
    job: &JobProperties,
    goal: Goal,
) -> Result<(), Failure> {
    let short = &job.id[..8];
    match standing(job, goal) {
        Standing::Reached => Ok(()),
        Standing::Going => Err(Failure::new(
            Exit::NotFinished,
            format!("job {short} is not finished: {}", job.state),
        )),
        Standing::Cancelled => {
            Err(Failure::new(Exit::Cancelled, format!("job {short} was cancelled")))
        }
        Standing::Failed => Err(job_error(client, job).await),
    }
}

/// Why a job stopped, as a failure.
pub(crate) async fn job_error(client: &Client, job: &JobProperties) -> Failure {
    match client.job(&job.id).error().await {
        Ok(error) => told(job, &error),
        Err(_) if job.reason == "helper-required" => {
            let short = &job.id[..8];
            Failure::new(Exit::HelperMissing, format!("job {short} needs its helper to complete"))
                .hint(format!("ebb helper set {short}, as the helper; then: ebb complete {short}"))
        }
        Err(error) => cannot("read why the job stopped")(error),
    }
}

fn told(job: &JobProperties, error: &ErrorInfo) -> Failure {
    let short = &job.id[..8];
    let file = match (&error.remote_name, &error.local_name) {
        (_, Some(path)) if error.context == "local-file" => shown_path(path),
        (Some(url), _) => shown(url),
        (None, Some(path)) => shown_path(path),
        (None, None) => shown(&job.display_name),
    };
    let (verb, again) = match job.state == State::Transferred {
        true => ("complete", "complete"),
        false => ("transfer", "resume"),
    };
    let text = format!("cannot {verb} {file}: {}", shown(&error.message));
    let retry = format!("then: ebb {again} {short}   or give it up: ebb cancel {short}");
    let hint = match error.advice.as_str() {
        "" => retry,
        advice => format!("{}\n  {retry}", shown(advice)),
    };
    Failure::new(Exit::of_job_error(&error.name), text).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;

    fn stands(state: State, goal: Goal, auto_complete: bool) -> Standing {
        let mut job = example();
        (job.state, job.auto_complete) = (state, auto_complete);
        standing(&job, goal)
    }

    #[test]
    fn transferred_is_the_end_only_where_somebody_else_completes() {
        assert_eq!(stands(State::Transferred, Goal::Natural, true), Standing::Going);
        assert_eq!(stands(State::Transferred, Goal::Natural, false), Standing::Reached);
        assert_eq!(stands(State::Transferred, Goal::Transferred, true), Standing::Reached);
        assert_eq!(stands(State::Transferred, Goal::Done, false), Standing::Going);
    }

    #[test]
    fn a_job_that_cannot_be_completed_is_not_waited_for() {
        let mut stuck = example();
        (stuck.state, stuck.reason) = (State::Transferred, "complete-failed".into());
        assert_eq!(standing(&stuck, Goal::Natural), Standing::Failed);
        assert_eq!(standing(&stuck, Goal::Transferred), Standing::Reached);
    }

    #[test]
    fn only_four_states_are_an_end_of_waiting() {
        let ends = State::ALL.map(|state| stands(state, Goal::Transferred, false));
        let going = ends.into_iter().filter(|end| *end == Standing::Going).count();
        assert_eq!(going, State::ALL.len() - 4);
        assert_eq!(stands(State::Error, Goal::Done, true), Standing::Failed);
        assert_eq!(stands(State::Cancelled, Goal::Done, true), Standing::Cancelled);
    }
}
