//! Keeps house: who runs, what they ask, and how it ends.
//!
//! One loop waits for the service's messages and for signals. However it ends, nothing we started
//! is left running: agents have no reason to outlive the service, and every child also asked the
//! kernel to die with us, should we be killed.
//!
//! | what happens                        | what follows                                       |
//! |-------------------------------------|----------------------------------------------------|
//! | SIGTERM, SIGINT                     | `Finish` to the service, which has ten seconds     |
//! | SIGHUP                              | `Reload` to the service                            |
//! | the service closes and ends with 0  | all agents end; exit 0                             |
//! | the service ends otherwise          | all agents end; exit 70; systemd starts both anew  |
//! | a message that does not fit         | the same, and the service ends too                 |
//! | an agent ends                       | `Ended` to the service                             |
//! | the service does not read           | all end: we never wait for it                      |

use crate::judge::{Phase, Verdict, judge};
use crate::policy::Policy;
use crate::{Fatal, SERVICE, cannot, spawn};
use ebb_wire::channel::{self, ReceiveError, Received};
use ebb_wire::launcher::{AgentId, FromLauncher, ToLauncher};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::ErrorKind;
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
    service: Child,
    /// Our end of its channel, until it closes the other.
    channel: Option<OwnedFd>,
    agents: Vec<(AgentId, Child)>,
    /// Whether we were asked to end.
    asked: bool,
    /// When we stop waiting for the service to end; set once it should.
    deadline: Option<Instant>,
}

/// Starts the service and serves it until there is nothing left to do.
pub(crate) fn keep(policy: Policy, signals: &OwnedFd) -> Result<(), Fatal> {
    let (service, channel) = spawn::service(&policy).map_err(cannot("start ebb-service"))?;
    let mut house = House {
        policy,
        phase: Phase::Serving,
        service,
        channel: Some(channel),
        agents: Vec::new(),
        asked: false,
        deadline: None,
    };
    let result = house.serve(signals);
    // Nobody is left behind. The name of the service does not matter any more.
    for mut left in house.agents.into_iter().chain([(AgentId(0), house.service)]) {
        kill(&mut left);
        let _ = left.1.wait();
    }
    result
}

impl House {
    fn serve(&mut self, signals: &OwnedFd) -> Result<(), Fatal> {
        while self.wait(signals)? {
            self.take_signal(signals)?;
            // Looked at before its last words are heard: then they are all there.
            let ended = self.service.try_wait().map_err(cannot("wait for the service"))?;
            if let Some(status) = ended {
                while self.hear()? {}
                let meant = self.asked || self.phase == Phase::Closing;
                let bad = || Err(broken(&format!("it ended by itself, with {}", code(status))));
                return if meant && status.success() { Ok(()) } else { bad() };
            }
            self.hear()?;
            self.bury_agents()?;
        }
        eprintln!("ebbd: the service did not finish in time");
        if self.asked { Ok(()) } else { Err(broken("it has closed and does not end")) }
    }

    /// Waits until there is something to do; says whether there still is time for it.
    fn wait(&self, signals: &OwnedFd) -> Result<bool, Fatal> {
        let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut ready = vec![PollFd::new(signals, PollFlags::IN)];
        ready.extend(self.channel.iter().map(|channel| PollFd::new(channel, PollFlags::IN)));
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(left != Some(Duration::ZERO)),
            Err(errno) => Err(cannot("wait")(errno)),
        }
    }

    /// Takes one signal, if there is one, and acts on those that ask for something.
    fn take_signal(&mut self, signals: &OwnedFd) -> Result<(), Fatal> {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(signals, &mut record) {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            read => read.map_err(cannot("read signals"))?,
        };
        // The number comes first.
        let is = |signal: libc::c_int| record.starts_with(&signal.to_ne_bytes());
        let wish = if (is(libc::SIGTERM) || is(libc::SIGINT)) && !self.asked {
            self.asked = true;
            self.expect_end();
            FromLauncher::Finish
        } else if is(libc::SIGHUP) && !self.asked {
            FromLauncher::Reload
        } else {
            return Ok(());
        };
        if let Err(Fatal(_, why)) = self.tell(&wish, None) {
            // If it was to finish it will not; that ends us at the deadline at the latest.
            eprintln!("ebbd: {why}");
        }
        Ok(())
    }

    /// From now on the service has so long, and not longer for hearing it twice.
    fn expect_end(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
    }

    /// Hears and answers one message; says whether there may be more. One at a time, so that a
    /// service that never stops talking cannot keep us from anything else.
    fn hear(&mut self) -> Result<bool, Fatal> {
        let Some(channel) = &self.channel else {
            return Ok(false);
        };
        match channel::receive(channel) {
            Ok(Received::Message(request, _)) => self.answer(request).map(|()| true),
            Err(error) if error.would_block() => Ok(false),
            // Its exit status, not this, says whether that was meant.
            Ok(Received::Closed) | Err(ReceiveError::Io(_)) => {
                self.channel = None;
                self.expect_end();
                Ok(false)
            }
            Err(error) => Err(broken(&format!("a message that does not fit: {error}"))),
        }
    }

    fn answer(&mut self, request: ToLauncher) -> Result<(), Fatal> {
        let running: Vec<AgentId> = self.agents.iter().map(|(agent, _)| *agent).collect();
        let admitted = match judge(self.phase, &self.policy, &running, &request) {
            Verdict::Allow => Ok(()),
            Verdict::Deny(reason) => Err(reason),
            Verdict::Fatal(what) => return Err(broken(what)),
        };
        match request {
            ToLauncher::Start { agent, role, identity } => {
                match admitted.and_then(|()| spawn::agent(&self.policy, role, &identity)) {
                    Ok((child, end)) => {
                        let pid = child.id();
                        self.agents.push((agent, child));
                        self.tell(&FromLauncher::Started { agent, pid }, Some(end.as_fd()))?;
                    }
                    Err(reason) => {
                        eprintln!("ebbd: no {role:?} agent for uid {}: {reason:?}", identity.uid);
                        self.tell(&FromLauncher::Denied { agent, reason }, None)?;
                    }
                }
            }
            ToLauncher::Stop { agent } => {
                self.agents.iter_mut().filter(|(name, _)| *name == agent).for_each(kill);
            }
            ToLauncher::Close => {
                self.phase = Phase::Closing;
                self.expect_end();
                self.agents.iter_mut().for_each(kill);
            }
        }
        Ok(())
    }

    /// Tells the service something, without ever waiting for it.
    fn tell(&self, message: &FromLauncher, end: Option<BorrowedFd<'_>>) -> Result<(), Fatal> {
        let Some(channel) = &self.channel else {
            return Ok(());
        };
        match channel::send(channel, message, end) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(broken("it does not read what we tell it"))
            }
            // It has closed its end; what that means is told by how it ends.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Reaps agents that have ended, and says so.
    fn bury_agents(&mut self) -> Result<(), Fatal> {
        let mut ended = Vec::new();
        self.agents.retain_mut(|(agent, child)| {
            let status = child.try_wait().ok().flatten();
            ended.extend(status.map(|status| (*agent, code(status))));
            status.is_none()
        });
        ended
            .into_iter()
            .try_for_each(|(agent, status)| self.tell(&FromLauncher::Ended { agent, status }, None))
    }
}

/// Ends a child of ours. One that has ended already is no error.
fn kill((_, child): &mut (AgentId, Child)) {
    if let Err(error) = child.kill() {
        eprintln!("ebbd: cannot end process {}: {error}", child.id());
    }
}

/// The exit code, or the negated number of the signal.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-1)
}

fn broken(what: &str) -> Fatal {
    Fatal(SERVICE, format!("ending because of the service: {what}"))
}
