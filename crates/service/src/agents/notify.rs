//! One command of a job's owner, run by an agent of its own.
//!
//! No agent is kept or shared: each command gets a new one, which is the owner and nobody else, and
//! ends with it. What it may do is the owner's business; how long it may take is ours.

use std::time::Duration;

use ebb_core::failure::{Failure, ServiceTrouble};
use ebb_core::token::Token;
use ebb_wire::launcher::Role;
use ebb_wire::notify::{FromNotify, ToNotify};

use super::{Agents, Pair, within};

/// Seconds a command may take.
const LIMIT: u32 = 300;
/// How long its agent may take to say so.
const PATIENCE: Duration = Duration::from_secs(LIMIT as u64 + 30);

const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandEnd {
    /// With this exit code, or the negated number of a signal.
    Status(i32),
    /// It could not be started; what the kernel said.
    NotStarted(i32),
    /// Nobody could be started to run it, or who ran it was lost.
    NoAgent(Failure),
}

impl Agents {
    /// Runs it as the owner, and waits for its end.
    pub(crate) async fn run_command(
        &self,
        owner: &Token,
        words: Vec<Vec<u8>>,
        environment: Vec<Vec<u8>>,
    ) -> CommandEnd {
        let run = ToNotify::Run { words, environment, limit: LIMIT };
        match self.run(owner, run).await {
            Ok(FromNotify::Ended { status }) => CommandEnd::Status(status),
            Ok(FromNotify::NotStarted { errno }) => CommandEnd::NotStarted(errno),
            Err(failure) => CommandEnd::NoAgent(failure),
        }
    }

    async fn run(&self, owner: &Token, run: ToNotify) -> Result<FromNotify, Failure> {
        let (channel, process) = self.start(Role::Notify, &Pair::of(owner.uid, owner)).await?;
        channel.send(&run, None).await.map_err(|_| LOST)?;
        let answer = async {
            match channel.receive::<FromNotify>().await {
                Ok(Some((answer, _))) => Ok(answer),
                Ok(None) | Err(_) => Err(LOST),
            }
        };
        let answer = within(PATIENCE, answer).await;
        if answer.is_err() {
            process.kill().await;
        }
        answer
    }
}
