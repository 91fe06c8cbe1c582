//! Keeps house: who runs, what they ask, and how it ends.
//!
//! One loop waits for the service's messages and for signals. However it ends, nothing we started is
//! left running: agents do not outlive the service, and the kernel ends every child with us.
//!
//! | what happens                      | what follows                                         |
//! |-----------------------------------|------------------------------------------------------|
//! | SIGTERM, SIGINT                   | `Finish` to the service, which has ten seconds       |
//! | the service ends well after that  | all agents end; exit 0; so too after ten seconds     |
//! | SIGHUP                            | `Reload` to the service                              |
//! | the service ends otherwise        | all agents end; exit 78 if it did so, else 70        |
//! | a message that does not fit       | the same, and the service ends too                   |
//! | the service does not read         | the same: we never wait for it                       |
//! | the service closes its channel    | it is killed, unless it did so by ending             |
//! | an agent ends                     | `Ended` to the service                               |

use crate::judge::{Phase, judge};
use crate::policy::Policy;
use crate::{CONFIG, Fatal, SERVICE, cannot, sys};
use ebb_wire::channel::{self, ReceiveError, Received};
use ebb_wire::launcher::{AgentId, DenyReason, FromLauncher, Identity, ToLauncher};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long the service has to finish when we are asked to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What runs, and how far it is.
struct House {
    policy: Policy,
    phase: Phase,
    /// When we stop waiting for the service to end; set once we were asked to.
    deadline: Option<Instant>,
    service: Child,
    channel: OwnedFd,
    agents: BTreeMap<AgentId, Child>,
}

/// Starts the service and serves it until there is nothing left to do.
pub(crate) fn keep(policy: Policy, service: Identity, signals: &OwnedFd) -> Result<(), Fatal> {
    let started = sys::start(policy.service()?, service);
    let (service, channel) = started.map_err(cannot("start ebb-service"))?;
    let (phase, agents) = (Phase::Serving, BTreeMap::new());
    let mut house = House { policy, phase, deadline: None, service, channel, agents };
    let result = house.serve(signals);
    // Nobody is left behind.
    house.agents.values_mut().chain([&mut house.service]).for_each(end);
    result
}

impl House {
    fn serve(&mut self, signals: &OwnedFd) -> Result<(), Fatal> {
        while self.wait(signals)? {
            self.take_signal(signals)?;
            if let Some(status) = self.service.try_wait().map_err(cannot("wait for the service"))? {
                let is_meant = self.phase != Phase::Serving && status.success();
                let bad = broken(&format!("it ended by itself, with {}", code(status)));
                let bad = if status.code() == Some(78) { Fatal(CONFIG, bad.1) } else { bad };
                return if is_meant { Ok(()) } else { Err(bad) };
            }
            self.hear()?;
            self.bury_agents()?;
        }
        eprintln!("ebbd: the service did not finish in time");
        Ok(())
    }

    /// Waits until there is something to do; says whether there still is time for it.
    fn wait(&self, signals: &OwnedFd) -> Result<bool, Fatal> {
        let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut ready = [signals, &self.channel].map(|fd| PollFd::new(fd, PollFlags::IN));
        retry_on_intr(|| poll(&mut ready, timeout.as_ref())).map_err(cannot("wait"))?;
        Ok(left != Some(Duration::ZERO))
    }

    /// Takes one signal, if there is one. Once asked to end, we ask nothing more of the service.
    fn take_signal(&mut self, signals: &OwnedFd) -> Result<(), Fatal> {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        match retry_on_intr(|| rustix::io::read(signals, &mut record)) {
            Err(Errno::AGAIN) => return Ok(()),
            read => read.map_err(cannot("read signals"))?,
        };
        // The number comes first.
        let is = |signal: libc::c_int| record.starts_with(&signal.to_ne_bytes());
        if self.phase == Phase::Serving && is(libc::SIGHUP) {
            self.tell(&FromLauncher::Reload, None)?;
        } else if self.phase == Phase::Serving && (is(libc::SIGTERM) || is(libc::SIGINT)) {
            self.phase = Phase::Finishing;
            self.deadline = Some(Instant::now() + PATIENCE);
            self.tell(&FromLauncher::Finish, None)?;
        }
        Ok(())
    }

    /// Hears and answers one message, so that a service that never stops talking blocks nothing.
    fn hear(&mut self) -> Result<(), Fatal> {
        match channel::receive(&self.channel) {
            Ok(Received::Message(request, _)) => self.answer(request)?,
            Err(error) if error.would_block() => {}
            // It closes by ending. That is not changed by ending it, and its status says how.
            Ok(Received::Closed) | Err(ReceiveError::Io(_)) => end(&mut self.service),
            Err(error) => return Err(broken(&format!("a message that does not fit: {error}"))),
        }
        Ok(())
    }

    fn answer(&mut self, request: ToLauncher) -> Result<(), Fatal> {
        let running: Vec<AgentId> = self.agents.keys().copied().collect();
        let admitted = judge(self.phase, &self.policy, &running, &request).map_err(broken)?;
        match request {
            ToLauncher::Start { agent, role, identity } => {
                let start = || sys::start(self.policy.agent(role), identity.clone());
                let failed = |error: &_| eprintln!("ebbd: cannot start a process: {error}");
                let start = || start().inspect_err(failed).or(Err(DenyReason::System));
                match admitted.and_then(|()| start()) {
                    Ok((child, end)) => {
                        let started = FromLauncher::Started { agent, pid: child.id() };
                        self.agents.insert(agent, child);
                        self.tell(&started, Some(end.as_fd()))?;
                    }
                    Err(reason) => {
                        eprintln!("ebbd: no {role:?} agent for uid {}: {reason:?}", identity.uid);
                        self.tell(&FromLauncher::Denied { agent, reason }, None)?;
                    }
                }
            }
            ToLauncher::Stop { agent } => self.agents.get_mut(&agent).map_or((), kill),
            ToLauncher::Close => {
                self.phase = Phase::Closing;
                self.agents.values_mut().for_each(kill);
            }
        }
        Ok(())
    }

    /// Tells the service something, without ever waiting for it.
    fn tell(&self, message: &FromLauncher, end: Option<BorrowedFd<'_>>) -> Result<(), Fatal> {
        let sent = channel::send(&self.channel, message, end);
        // Any other error is that it has closed its end, and that we hear.
        let is_full = sent.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        if is_full { Err(broken("it does not read what we tell it")) } else { Ok(()) }
    }

    /// Reaps agents that have ended, and says so.
    fn bury_agents(&mut self) -> Result<(), Fatal> {
        let mut ended = Vec::new();
        self.agents.retain(|agent, child| {
            let status = child.try_wait().ok().flatten().map(code);
            ended.extend(status.map(|status| FromLauncher::Ended { agent: *agent, status }));
            status.is_none()
        });
        ended.iter().try_for_each(|ended| self.tell(ended, None))
    }
}

/// Kills a child of ours. One that has ended already is no error.
fn kill(child: &mut Child) {
    if let Err(error) = child.kill() {
        eprintln!("ebbd: cannot end process {}: {error}", child.id());
    }
}

/// Kills a child of ours and waits until it is gone.
fn end(child: &mut Child) {
    kill(child);
    let _ = child.wait();
}

/// The exit code, or the negated number of the signal.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-1)
}

fn broken(what: &str) -> Fatal {
    Fatal(SERVICE, format!("ending because of the service: {what}"))
}
