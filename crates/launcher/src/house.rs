//! Keeps house: who runs, what they ask, and how it ends.
//!
//! One loop waits for the service's messages and for signals. However it ends, nothing we started
//! is left running: agents have no reason to outlive the service, and every child also asked the
//! kernel to die with us, should we be killed.
//!
//! | what happens                        | what follows                                       |
//! |-------------------------------------|----------------------------------------------------|
//! | SIGTERM, SIGINT                     | `Finish` to the service, which has ten seconds     |
//! | the service closes and ends with 0  | all agents end; exit 0                             |
//! | the service ends otherwise          | all agents end; exit 70; systemd starts both anew  |
//! | a message that does not fit         | the same, and the service ends too                 |
//! | an agent ends                       | `Ended` to the service                             |
//! | the service does not read           | all end: we never wait for it                      |

use crate::judge::{Facts, Phase, Verdict, judge};
use crate::settings::{Instance, Settings};
use crate::{Fatal, spawn};
use ebb_wire::channel::{self, Received};
use ebb_wire::launcher::{AgentId, DenyReason, FromLauncher, Identity, Role, ToLauncher};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the service has to finish when we are asked to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Size of one record of the signal descriptor, and where in it the number is.
const SIGNAL_RECORD: usize = size_of::<libc::signalfd_siginfo>();

/// What runs, and how far it is.
struct House {
    settings: Settings,
    phase: Phase,
    /// The service, until it is reaped.
    service: Option<Pid>,
    /// Our end of its channel, until it closes the other.
    channel: Option<OwnedFd>,
    agents: Vec<(AgentId, Pid)>,
    /// Whether we were asked to end.
    asked: bool,
    /// When we stop waiting for the service to end; set once it should.
    deadline: Option<Instant>,
}

/// Starts the service and serves it until there is nothing left to do.
pub(crate) fn keep(settings: Settings, signals: &OwnedFd) -> Result<(), Fatal> {
    let (service, channel) =
        spawn::service(&settings).map_err(|error| Fatal::System("start ebb-service", error))?;
    let mut house = House {
        settings,
        phase: Phase::Serving,
        service: Some(service),
        channel: Some(channel),
        agents: Vec::new(),
        asked: false,
        deadline: None,
    };
    rustix::io::ioctl_fionbio(house.channel.as_ref().expect("it was just made"), true)
        .map_err(|errno| Fatal::System("set up the channel", errno.into()))?;
    let result = house.serve(signals.as_fd());
    house.end_everything();
    result
}

impl House {
    fn serve(&mut self, signals: BorrowedFd<'_>) -> Result<(), Fatal> {
        loop {
            if self
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now())
            {
                eprintln!("ebbd: the service did not finish in time");
                let late = Fatal::Service("it has closed and does not end");
                return if self.asked { Ok(()) } else { Err(late) };
            }
            self.wait(signals)?;
            if self.take_signals(signals)? {
                self.ask_to_finish();
            }
            self.take_messages()?;
            if let Some(end) = self.reap()? {
                return end;
            }
        }
    }

    /// Waits until there is something to read or the deadline is over.
    fn wait(&self, signals: BorrowedFd<'_>) -> Result<(), Fatal> {
        let left = self
            .deadline
            .map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut ready = vec![PollFd::from_borrowed_fd(signals, PollFlags::IN)];
        ready.extend(
            self.channel
                .iter()
                .map(|channel| PollFd::new(channel, PollFlags::IN)),
        );
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(Fatal::System("wait", errno.into())),
        }
    }

    /// Empties the signal descriptor; says whether we were asked to end.
    fn take_signals(&self, signals: BorrowedFd<'_>) -> Result<bool, Fatal> {
        let mut asked = false;
        let mut record = [0; SIGNAL_RECORD];
        loop {
            match rustix::io::read(signals, &mut record) {
                Ok(_) => {
                    let (number, _) = record.split_at(4);
                    let number = u32::from_ne_bytes(number.try_into().expect("four bytes"));
                    asked |= number != libc::SIGCHLD.unsigned_abs();
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(asked),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Fatal::System("read signals", errno.into())),
            }
        }
    }

    fn ask_to_finish(&mut self) {
        if !self.asked {
            self.asked = true;
            self.expect_end();
            if let Err(fatal) = self.tell(&FromLauncher::Finish, None) {
                // It will not finish, then; that ends us at the deadline at the latest.
                eprintln!("ebbd: {fatal}");
            }
        }
    }

    /// From now on the service has so long, and not longer for hearing it twice.
    fn expect_end(&mut self) {
        self.deadline
            .get_or_insert_with(|| Instant::now() + PATIENCE);
    }

    fn take_messages(&mut self) -> Result<(), Fatal> {
        while let Some(channel) = &self.channel {
            match channel::receive(channel) {
                Ok(Received::Message(request, _)) => self.answer(&request)?,
                // Its exit status, not this, says whether that was meant.
                Ok(Received::Closed) => self.hang_up(),
                Err(error) if error.would_block() => break,
                Err(channel::ReceiveError::Io(_)) => self.hang_up(),
                Err(error) => {
                    eprintln!("ebbd: {error}");
                    return Err(Fatal::Service("a message that does not fit"));
                }
            }
        }
        Ok(())
    }

    fn hang_up(&mut self) {
        self.channel = None;
        self.expect_end();
    }

    fn answer(&mut self, request: &ToLauncher) -> Result<(), Fatal> {
        let running: Vec<AgentId> = self.agents.iter().map(|(agent, _)| *agent).collect();
        let bound_to = match self.settings.instance {
            Instance::System => None,
            Instance::Private => Some(&self.settings.service),
        };
        let policy = &self.settings.policy;
        let facts = Facts {
            phase: self.phase,
            policy,
            bound_to,
            running: &running,
        };
        match (judge(&facts, request), request) {
            (Verdict::Fatal(what), _) => Err(Fatal::Service(what)),
            (
                Verdict::Allow,
                ToLauncher::Start {
                    agent,
                    role,
                    identity,
                },
            ) => self.start(*agent, *role, identity),
            (
                Verdict::Deny(reason),
                ToLauncher::Start {
                    agent,
                    role,
                    identity,
                },
            ) => {
                eprintln!(
                    "ebbd: no {role:?} agent for uid {}: {reason:?}",
                    identity.uid
                );
                self.tell(
                    &FromLauncher::Denied {
                        agent: *agent,
                        reason,
                    },
                    None,
                )
            }
            (Verdict::Allow | Verdict::Deny(_), ToLauncher::Stop { agent }) => {
                let found = self.agents.iter().find(|(running, _)| running == agent);
                found.into_iter().for_each(|(_, pid)| kill(*pid));
                Ok(())
            }
            (Verdict::Allow | Verdict::Deny(_), ToLauncher::Close) => {
                self.phase = Phase::Closing;
                self.expect_end();
                self.agents.iter().for_each(|(_, pid)| kill(*pid));
                Ok(())
            }
        }
    }

    fn start(&mut self, agent: AgentId, role: Role, identity: &Identity) -> Result<(), Fatal> {
        match spawn::agent(&self.settings, role, identity) {
            Ok((pid, end)) => {
                self.agents.push((agent, pid));
                let pid = pid.as_raw_nonzero().get().unsigned_abs();
                self.tell(&FromLauncher::Started { agent, pid }, Some(end.as_fd()))
            }
            Err(error) => {
                eprintln!(
                    "ebbd: cannot start a {role:?} agent as uid {}: {error}",
                    identity.uid
                );
                let reason = DenyReason::System;
                self.tell(&FromLauncher::Denied { agent, reason }, None)
            }
        }
    }

    /// Tells the service something, without ever waiting for it.
    fn tell(&self, message: &FromLauncher, end: Option<BorrowedFd<'_>>) -> Result<(), Fatal> {
        let Some(channel) = &self.channel else {
            return Ok(());
        };
        match channel::send(channel, message, end) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                Err(Fatal::Service("it does not read what we tell it"))
            }
            // It has closed its end; what that means is told by how it ends.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Buries the dead. Says how we end, if the service is among them.
    fn reap(&mut self) -> Result<Option<Result<(), Fatal>>, Fatal> {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if self.service == Some(pid) {
                self.service = None;
                // Its last words may have come after we last looked.
                self.take_messages()?;
                return Ok(Some(self.farewell(status)));
            }
            let Some(index) = self.agents.iter().position(|(_, running)| *running == pid) else {
                continue;
            };
            let (agent, _) = self.agents.swap_remove(index);
            self.tell(
                &FromLauncher::Ended {
                    agent,
                    status: code(status),
                },
                None,
            )?;
        }
        Ok(None)
    }

    /// What the end of the service means.
    fn farewell(&self, status: WaitStatus) -> Result<(), Fatal> {
        let was_asked = self.asked || self.phase == Phase::Closing;
        if was_asked && code(status) == 0 {
            return Ok(());
        }
        eprintln!("ebbd: ebb-service ended with {}", code(status));
        Err(Fatal::Service("it ended by itself"))
    }

    /// Leaves nobody behind.
    fn end_everything(&mut self) {
        let left = self
            .agents
            .drain(..)
            .map(|(_, pid)| pid)
            .chain(self.service.take());
        for pid in left {
            kill(pid);
            // Ours and not reaped yet, so the number is still that process'.
            let _ = rustix::io::retry_on_intr(|| {
                rustix::process::waitpid(Some(pid), WaitOptions::empty())
            });
        }
    }
}

/// Ends a child of ours. One that has ended already, and is not reaped, is no error.
fn kill(pid: Pid) {
    if let Err(errno) = rustix::process::kill_process(pid, Signal::KILL) {
        eprintln!("ebbd: cannot end process {pid}: {errno}");
    }
}

/// The exit code, or the negated number of the signal.
fn code(status: WaitStatus) -> i32 {
    status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| -signal))
        .unwrap_or(-1)
}
