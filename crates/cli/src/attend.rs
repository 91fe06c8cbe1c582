//! Waiting at the terminal: for jobs, for the clock, for Ctrl+C.
//!
//! Answers one question: *what comes first?* The end of the jobs, the end of the patience
//! (`--timeout`), or a signal. Progress is shown meanwhile. What a signal does to a job is the
//! command's business.

use std::future::pending;
use std::time::Duration;

use ebb_api::Client;
use ebb_api::client::Notice;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{Followed, Goal, Standing, standing};
use crate::progress::Progress;

/// What came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The jobs are where they were wanted, or cannot get there.
    Settled,
    /// The time ran out.
    TimedOut,
    /// Ctrl+C.
    Interrupted,
    /// SIGTERM, or the terminal is gone.
    Terminated,
}

/// All jobs, or the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowMany {
    /// Every one.
    All,
    /// The first.
    First,
}

/// What is waited for, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Where the jobs should get.
    pub(crate) goal: Goal,
    /// All of them, or one.
    pub(crate) how_many: HowMany,
    /// Until when.
    pub(crate) deadline: Option<Instant>,
}

/// The signals a waiting command answers itself. They are caught from the moment this is made.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches them.
    ///
    /// # Errors
    /// A failure where the system refuses.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let catch = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(Exit::Failure, format!("cannot catch signals: {error}"))
            })
        };
        Ok(Signals {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupt.recv() => Ending::Interrupted,
            _ = self.terminate.recv() => Ending::Terminated,
            _ = self.hangup.recv() => Ending::Terminated,
        }
    }
}

/// Waits until the wish is fulfilled, or cannot be, or something else comes first.
///
/// # Errors
/// Code 9 where the service is gone.
pub(crate) async fn attend(
    client: &Client,
    followed: &mut Followed,
    wish: Wish,
    signals: Option<&mut Signals>,
    progress: &mut Progress,
) -> Result<Ending, Failure> {
    let mut signals = signals;
    progress.start(&followed.jobs);
    let ending = loop {
        if is_settled(followed, wish) {
            break Ending::Settled;
        }
        let tick = progress.next_tick();
        let notice = tokio::select! {
            biased;
            ending = next_signal(signals.as_deref_mut()) => break ending,
            notice = followed.next() => notice,
            () = at(wish.deadline) => break Ending::TimedOut,
            () = at(tick) => {
                progress.tick(&followed.jobs);
                continue;
            }
        };
        let notice = notice.inspect_err(|_| progress.clear())?;
        take(client, followed, &notice, progress).await?;
    };
    progress.end(&followed.jobs);
    Ok(ending)
}

async fn take(
    client: &Client,
    followed: &mut Followed,
    notice: &Notice,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let ours = followed.take(client, notice).await.inspect_err(|_| progress.clear())?;
    if ours {
        progress.news(&followed.jobs);
    }
    Ok(())
}

fn is_settled(followed: &Followed, wish: Wish) -> bool {
    if wish.goal == Goal::AnyChange {
        return followed.changed;
    }
    let mut settled = followed.jobs.iter().map(|job| standing(job, wish.goal) != Standing::Going);
    match wish.how_many {
        HowMany::All => settled.all(|settled| settled),
        HowMany::First => settled.any(|settled| settled),
    }
}

async fn next_signal(signals: Option<&mut Signals>) -> Ending {
    match signals {
        Some(signals) => signals.next().await,
        None => pending().await,
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}

/// When the patience of `--timeout` ends.
#[must_use]
pub(crate) fn deadline(seconds: Option<u32>) -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(u64::from(seconds?)))
}
