//! Talking to `ebbd`: start an agent, stop it, close.
//!
//! Answers are matched to questions by the agent's number, which is never used twice. Anything that
//! does not fit, or the end of the channel, is [`LauncherLost`], and the service ends with it.
//! Never decides who may be started; the launcher's own policy has the last word.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ebb_wire::launcher::{AgentId, DenyReason, FromLauncher, Identity, Role, ToLauncher};
use tokio::sync::oneshot;

use super::Channel;

type Answer = Result<(Channel, u32), DenyReason>;

/// The connection to `ebbd` is gone or broken: the service ends.
#[derive(Debug, thiserror::Error)]
#[error("the launcher is lost: {0}")]
pub(crate) struct LauncherLost(pub(crate) String);

/// Our side of the channel to `ebbd`.
pub(crate) struct Launcher {
    channel: Channel,
    next: Cell<u32>,
    starting: RefCell<HashMap<AgentId, oneshot::Sender<Answer>>>,
}

/// What `ebbd` wants of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// End cleanly.
    Finish,
    /// Read the configuration again.
    Reload,
}

/// A started process, and the right to have it killed.
pub(crate) struct Process {
    agent: AgentId,
    pid: u32,
    launcher: Rc<Launcher>,
}

impl Process {
    /// Its number; another process may have it when this one is gone.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Has the process killed. It is gone when its channel closes.
    pub(crate) async fn kill(&self) {
        // If ebbd does not hear us, it is gone, and its children with it.
        let _ = self.launcher.channel.send(&ToLauncher::Stop { agent: self.agent }, None).await;
    }
}

impl Launcher {
    pub(crate) fn new(channel: Channel) -> Rc<Self> {
        Rc::new(Self { channel, next: Cell::new(1), starting: RefCell::default() })
    }

    /// Starts an agent; `Err(None)` when `ebbd` is gone.
    pub(crate) async fn start(
        self: &Rc<Self>,
        role: Role,
        identity: Identity,
    ) -> Result<(Channel, Process), Option<DenyReason>> {
        let agent = AgentId(self.next.replace(self.next.get() + 1));
        let (tell, told) = oneshot::channel();
        self.starting.borrow_mut().insert(agent, tell);
        let start = ToLauncher::Start { agent, role, identity };
        self.channel.send(&start, None).await.map_err(|_| None)?;
        let (channel, pid) = told.await.map_err(|_| None)?.map_err(Some)?;
        Ok((channel, Process { agent, pid, launcher: Rc::clone(self) }))
    }

    /// Tells `ebbd` that we are done.
    pub(crate) async fn close(&self) {
        // Nobody there to hear it is as good as closed.
        let _ = self.channel.send(&ToLauncher::Close, None).await;
    }

    /// Hears what `ebbd` says until it wants something of us.
    pub(crate) async fn listen(&self) -> Result<Wish, LauncherLost> {
        loop {
            let message = self.channel.receive::<FromLauncher>().await;
            let message = message.map_err(|error| LauncherLost(error.to_string()))?;
            let Some((message, fd)) = message else {
                return Err(LauncherLost("ebbd is gone".into()));
            };
            match (message, fd) {
                (FromLauncher::Started { agent, pid }, Some(fd)) => {
                    let channel = Channel::new(fd).map_err(|e| LauncherLost(e.to_string()))?;
                    self.tell(agent, Ok((channel, pid)));
                }
                (FromLauncher::Denied { agent, reason }, None) => self.tell(agent, Err(reason)),
                // The agent's own channel tells its users.
                (FromLauncher::Ended { .. }, None) => {}
                (FromLauncher::Finish, None) => return Ok(Wish::Finish),
                (FromLauncher::Reload, None) => return Ok(Wish::Reload),
                (FromLauncher::Started { .. }, None)
                | (
                    FromLauncher::Denied { .. }
                    | FromLauncher::Ended { .. }
                    | FromLauncher::Finish
                    | FromLauncher::Reload,
                    Some(_),
                ) => return Err(LauncherLost("ebbd sent a message that does not fit".into())),
            }
        }
    }

    fn tell(&self, agent: AgentId, answer: Answer) {
        if let Some(tell) = self.starting.borrow_mut().remove(&agent) {
            // Whoever asked may have given up; then the channel closes and the agent ends.
            let _ = tell.send(answer);
        }
    }
}
