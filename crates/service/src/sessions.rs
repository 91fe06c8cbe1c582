//! Who is logged on: a follower of logind that tells the main loop.
//!
//! It looks and tells, and judges nothing: what it means for a token that somebody logs off is
//! `core`'s business ([`ebb_core::presence`]). After every signal of logind everything is read
//! again, so nothing hangs on the order of signals or on one that was missed. While logind is away,
//! its last word counts; when it is back, whoever is gone has left. Where it never was (containers,
//! small systems) everyone counts as logged on, and the log says so once (R13).
//!
//! | file     | holds                                                        |
//! |----------|--------------------------------------------------------------|
//! | `logind` | what is asked of `org.freedesktop.login1`, and what it tells |
//! | `files`  | what it tells by no signal                                   |

mod files;
mod logind;

use std::fs;
use std::time::Duration;

use ebb_core::presence::{Logins, Presence};
use ebb_core::refusal::Refusal;
use ebb_core::token::SessionId;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::command::{Message, Process};
use files::SessionFiles;
use logind::Logind;

/// How often a bus, or a logind that does not answer, is looked for.
const PAUSE: Duration = Duration::from_secs(5);
/// A logind that says nothing for so long says nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the machine says which uids are system users'.
const LOGIN_DEFS: &str = "/etc/login.defs";
/// The last of them where it does not.
const SYS_UID_MAX: u32 = 999;

type Found = Result<Option<SessionId>, Refusal>;

/// Finds the login session of a process.
#[derive(Clone, Debug)]
pub(crate) struct Finder(mpsc::UnboundedSender<Question>);

/// Which session is this process in?
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) process: Process,
    pub(crate) reply: oneshot::Sender<Found>,
}

/// What is followed, and what was said last.
pub(crate) struct Follower {
    bus: Option<String>,
    said: Option<Logins>,
    outbox: mpsc::UnboundedSender<Message>,
    questions: mpsc::UnboundedReceiver<Question>,
}

impl Finder {
    /// A finder, and where its questions come.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Question>) {
        let (ask, questions) = mpsc::unbounded_channel();
        (Self(ask), questions)
    }

    /// The session a process is in; none for one that is in no session. By then the main loop has
    /// been told of that session, if it is still there.
    pub(crate) async fn session_of(&self, process: Option<&Process>) -> Found {
        let process = process.ok_or(Refusal::NoProcessDescriptor)?.clone();
        let (reply, found) = oneshot::channel();
        // The follower ends only with the process.
        let _ = self.0.send(Question { process, reply });
        found.await.unwrap_or(Err(Refusal::ShuttingDown))
    }
}

impl Follower {
    /// A follower of the logind on this bus: the system's if no address is given, none if it is
    /// empty.
    pub(crate) fn new(
        bus: Option<String>,
        outbox: mpsc::UnboundedSender<Message>,
        questions: mpsc::UnboundedReceiver<Question>,
    ) -> Self {
        Self { bus, said: None, outbox, questions }
    }

    /// Who is there as the service begins. Says it if nobody tells.
    pub(crate) async fn first_look(&mut self) -> Presence {
        let everyone = Presence::everyone(system_users());
        let look = async {
            if self.bus.as_deref() == Some("") {
                return None;
            }
            Logind::connect(self.bus.as_deref()).await.ok()?.look().await.ok()?
        };
        match tokio::time::timeout(PATIENCE, look).await.ok().flatten() {
            Some(logins) => {
                println!("logind tells who is logged on: {} sessions", logins.sessions());
                self.said = Some(logins.clone());
                everyone.with(logins)
            }
            None => {
                println!("everyone counts as logged on: there is no logind that tells");
                everyone
            }
        }
    }

    /// Follows for ever.
    pub(crate) async fn follow(mut self) {
        loop {
            if self.bus.as_deref() != Some("")
                && let Ok(logind) = Logind::connect(self.bus.as_deref()).await
            {
                // It ends when the bus does; what was said last counts until it is back.
                if let Err(error) = self.follow_one(logind).await {
                    eprintln!("logind cannot be followed for now: {error}");
                }
            }
            self.wait_without(PAUSE).await;
        }
    }

    /// Follows for as long as the bus is there.
    async fn follow_one(&mut self, mut logind: Logind) -> zbus::Result<()> {
        let files = SessionFiles::watch();
        let mut certain = self.look(&logind).await?;
        loop {
            tokio::select! {
                signal = logind.signals.next() => {
                    let Some(signal) = signal else { return Ok(()) };
                    let mut matters = logind::matters(&signal?);
                    // Those that have come by now are about what is read next.
                    while let Some(Some(signal)) = logind.signals.next().now_or_never() {
                        matters |= logind::matters(&signal?);
                    }
                    if matters {
                        certain = self.look(&logind).await?;
                    }
                }
                () = files.changed() => certain = self.look(&logind).await?,
                Some(question) = self.questions.recv() => {
                    certain = self.answer(&logind, question).await?;
                }
                () = tokio::time::sleep(PAUSE), if !certain => {
                    certain = self.look(&logind).await?;
                }
            }
        }
    }

    /// Reads everything and tells it if it is new. Says whether logind answered, or is not there.
    async fn look(&mut self, logind: &Logind) -> zbus::Result<bool> {
        match tokio::time::timeout(PATIENCE, logind.look()).await {
            Ok(Ok(Some(logins))) => {
                self.tell(logins);
                Ok(true)
            }
            // Not there: its coming is a signal.
            Ok(Ok(None)) => Ok(true),
            Ok(Err(error)) if !logind::is_refusal(&error) => Err(error),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    fn tell(&mut self, logins: Logins) {
        if self.said.as_ref() == Some(&logins) {
            return;
        }
        if self.said.is_none() {
            println!("logind tells who is logged on from now on");
        }
        self.said = Some(logins.clone());
        // The main loop ends only with the process.
        let _ = self.outbox.send(Message::LoggedOn(logins));
    }

    /// First the session, then everything, then the answer: so the main loop knows of the session,
    /// or that it has ended.
    async fn answer(&mut self, logind: &Logind, question: Question) -> zbus::Result<bool> {
        let found = tokio::time::timeout(PATIENCE, logind.session_of(&question.process)).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => self.without(),
        };
        let certain = self.look(logind).await;
        // Whoever asked may be gone.
        let _ = question.reply.send(found);
        certain
    }

    /// The answer where there is no logind: without one no session is known, but one that is away
    /// for a while comes back.
    fn without(&self) -> Found {
        match self.said {
            Some(_) => Err(Refusal::SessionUnknown("logind does not answer now")),
            None => Ok(None),
        }
    }

    async fn wait_without(&mut self, pause: Duration) {
        let end = tokio::time::sleep(pause);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                Some(question) = self.questions.recv() => {
                    let _ = question.reply.send(self.without());
                }
            }
        }
    }
}

fn system_users() -> u32 {
    last_system_user(&fs::read_to_string(LOGIN_DEFS).unwrap_or_default())
}

/// The last uid of system users, by the text of `login.defs`.
fn last_system_user(text: &str) -> u32 {
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(wanted)).then(|| words.next()?.parse::<u32>().ok()).flatten()
        })
    };
    let before_users = || value("UID_MIN").and_then(|first| first.checked_sub(1));
    value("SYS_UID_MAX").or_else(before_users).unwrap_or(SYS_UID_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_users_are_those_the_machine_says_are() {
        for (text, last) in [
            ("", 999),
            ("#SYS_UID_MAX 99\nUID_MIN\t\t 500\n", 499),
            ("UID_MIN 1000\nSYS_UID_MAX\t\t  799\n", 799),
            ("SYS_UID_MAX many\n", 999),
            ("UID_MIN 0\n", 999),
        ] {
            assert_eq!(last_system_user(text), last, "{text:?}");
        }
    }
}
