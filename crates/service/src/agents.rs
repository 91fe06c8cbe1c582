//! The agents: who they are, how one gets hold of one, and how they end.
//!
//! An agent serves one pair *(job owner, identity used)* in one role; two owners never share one,
//! even with the same helper: a connection or a mistake of one must not reach the other
//! (`design.md` 1). It is started by `ebbd` when first needed, kept while it has work, and let go
//! when it has been idle for a while: its channel is closed, and it exits.
//!
//! What we trust: `ebbd`. Agents deal with users' files and the network's bytes; a message that
//! does not fit ends the agent. Never here: what a job does with an agent (`attempt`, `finish`).

mod channel;
pub(crate) mod files;
mod launcher;
pub(crate) mod net;
mod notify;
mod outbox;
pub(crate) mod sign;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ebb_core::certificate::Form;
use ebb_core::failure::{DestinationTrouble, Failure, ServiceTrouble};
use ebb_core::file::{Destination, Temporary};
use ebb_core::paths::{Memory, Paths};
use ebb_core::time::{Moment, Now};
use ebb_core::token::Token;
use ebb_wire::Sandbox;
use ebb_wire::launcher::{DenyReason, Identity, Role};
use ebb_wire::net::{Manners, Path};
use tokio::sync::{Semaphore, watch};

use crate::agents::net::Pace;
use crate::attempt::kept;
use crate::conditions::card;
use crate::groups::Groups;
pub(crate) use channel::Channel;
pub(crate) use ebb_sandbox::Demand as SandboxDemand;
pub(crate) use launcher::{Launcher, LauncherLost, Wish};
pub(crate) use notify::CommandEnd;

/// An agent without work is let go after this long.
const IDLE: Duration = Duration::from_secs(30);
/// How often what is remembered of paths is written down.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// How long an agent may take from its start to its first message.
const GREETING: Duration = Duration::from_secs(20);

/// How many agents may die over one request before it fails.
const TRIES: u32 = 3;

/// Whose jobs, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pair {
    owner: u32,
    identity: Identity,
}

/// Every agent of the service.
pub(crate) struct Agents {
    launcher: Rc<Launcher>,
    groups: Groups,
    demand: SandboxDemand,
    files: Pool<files::FileAgent>,
    nets: Pool<net::NetAgent>,
    signers: Pool<sign::SignAgent>,
    /// The same for keys on tokens.
    holders: Pool<sign::SignAgent>,
    /// How each bucket goes about it; those that do as they like are not in it.
    paces: net::Paces,
    /// What is remembered of paths.
    memory: net::Memories,
    /// When that is written down next.
    note_at: Cell<Moment>,
    /// Which network agents share a path.
    shares: Rc<RefCell<net::Shares>>,
    /// How many descriptors attempts may still leave behind for those that follow.
    pub(crate) room: Arc<Semaphore>,
}

struct Pool<A> {
    agents: RefCell<HashMap<Pair, Slot<A>>>,
    // One start at a time: two jobs of one owner must not start two agents.
    starting: tokio::sync::Mutex<()>,
}

struct Slot<A> {
    agent: Rc<A>,
    last_used: Instant,
}

/// The task that listens to an agent, until its process is gone. It ends with the last user of the
/// agent: only then is the channel closed, and the agent's process exits.
struct Listening {
    task: tokio::task::JoinHandle<()>,
    heard: watch::Receiver<()>,
}

impl Listening {
    fn begin(listen: impl Future<Output = ()> + 'static) -> Self {
        let (hears, heard) = watch::channel(());
        let task = tokio::task::spawn_local(async move {
            listen.await;
            drop(hears);
        });
        Self { task, heard }
    }

    /// Returns when the agent's process is gone: nothing happens under its identity any more.
    async fn is_over(&self) {
        while self.heard.clone().changed().await.is_ok() {}
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the pool needs to know of an agent.
trait Alive {
    fn is_alive(&self) -> bool;
}

impl Alive for files::FileAgent {
    fn is_alive(&self) -> bool {
        files::FileAgent::is_alive(self)
    }
}

impl Alive for net::NetAgent {
    fn is_alive(&self) -> bool {
        net::NetAgent::is_alive(self)
    }
}

impl Alive for sign::SignAgent {
    fn is_alive(&self) -> bool {
        sign::SignAgent::is_alive(self)
    }
}

impl<A: Alive> Pool<A> {
    fn new() -> Self {
        Self { agents: RefCell::default(), starting: tokio::sync::Mutex::default() }
    }

    fn find(&self, pair: &Pair) -> Option<Rc<A>> {
        let mut agents = self.agents.borrow_mut();
        let slot = agents.get_mut(pair).filter(|slot| slot.agent.is_alive())?;
        slot.last_used = Instant::now();
        Some(Rc::clone(&slot.agent))
    }

    fn keep(&self, pair: Pair, agent: &Rc<A>) {
        let slot = Slot { agent: Rc::clone(agent), last_used: Instant::now() };
        self.agents.borrow_mut().insert(pair, slot);
    }

    fn let_idle_go(&self) {
        self.agents.borrow_mut().retain(|_, slot| {
            let in_use = Rc::strong_count(&slot.agent) > 1;
            if in_use {
                slot.last_used = Instant::now();
            }
            slot.agent.is_alive() && (in_use || slot.last_used.elapsed() < IDLE)
        });
    }
}

impl Agents {
    pub(crate) fn new(launcher: Rc<Launcher>, groups: Groups, demand: SandboxDemand) -> Self {
        let room = Arc::new(Semaphore::new(kept::MOST));
        Self {
            launcher,
            groups,
            demand,
            files: Pool::new(),
            nets: Pool::new(),
            signers: Pool::new(),
            holders: Pool::new(),
            paces: Rc::default(),
            memory: Rc::default(),
            shares: Rc::default(),
            note_at: Cell::default(),
            room,
        }
    }

    /// The file agent of this owner under this identity; started if there is none.
    pub(crate) async fn files(
        &self,
        owner: u32,
        token: &Token,
    ) -> Result<Rc<files::FileAgent>, Failure> {
        let pair = Pair::of(owner, token);
        // Who is there already does not wait for others to start.
        if let Some(agent) = self.files.find(&pair) {
            return Ok(agent);
        }
        let _one = self.files.starting.lock().await;
        if let Some(agent) = self.files.find(&pair) {
            return Ok(agent);
        }
        let (channel, process) = self.start(Role::Files, &pair).await?;
        let starting = files::FileAgent::greet(channel, process, pair.identity.uid);
        let (agent, sandbox) = within(GREETING, starting).await?;
        self.judge(sandbox)?;
        self.files.keep(pair, &agent);
        Ok(agent)
    }

    /// Asks the file agent of this owner under this identity, and asks another one if it dies over
    /// it: every request may be repeated.
    pub(crate) async fn ask_files<T>(
        &self,
        owner: u32,
        token: &Token,
        question: impl AsyncFn(&files::FileAgent) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);
        for _ in 1..TRIES {
            let answer = match self.files(owner, token).await {
                Ok(agent) => question(&agent).await,
                Err(failure) => Err(failure),
            };
            if !matches!(answer, Err(LOST)) {
                return answer;
            }
        }
        question(&*self.files(owner, token).await?).await
    }

    /// Deletes a temporary file under the identity that made it, if it is among `tokens`, else under
    /// the first of them that may: whoever may write the directory may delete in it. Where the
    /// directory is gone, there is nothing left of it.
    pub(crate) async fn delete(
        &self,
        owner: u32,
        tokens: &[&Token],
        destination: &Destination,
        temporary: &Temporary,
    ) -> Result<(), Failure> {
        let (makers, others): (Vec<&Token>, Vec<_>) =
            tokens.iter().partition(|token| token.uid == temporary.made_by);
        let mut result = Ok(());
        for token in makers.into_iter().chain(others) {
            let ask = async |agent: &files::FileAgent| agent.delete(destination, temporary).await;
            result = match self.ask_files(owner, token, ask).await {
                Ok(()) | Err(Failure::Destination(DestinationTrouble::NoSuchDirectory)) => {
                    return Ok(());
                }
                Err(failure) => Err(failure),
            };
        }
        result
    }

    /// The network agent of this owner under this identity; started if there is none.
    pub(crate) async fn net(
        &self,
        owner: u32,
        token: &Token,
    ) -> Result<Rc<net::NetAgent>, Failure> {
        let pair = Pair::of(owner, token);
        if let Some(agent) = self.nets.find(&pair) {
            return Ok(agent);
        }
        let _one = self.nets.starting.lock().await;
        if let Some(agent) = self.nets.find(&pair) {
            return Ok(agent);
        }
        let (channel, process) = self.start(Role::Network, &pair).await?;
        let (agent, sandbox) = within(
            GREETING,
            net::NetAgent::greet(channel, process, self.shared(owner), card::counters()),
        )
        .await?;
        self.judge(sandbox)?;
        self.nets.keep(pair, &agent);
        Ok(agent)
    }

    /// The signing agent of this owner under this identity for what is kept so; started if there is
    /// none.
    pub(crate) async fn sign(
        &self,
        owner: u32,
        token: &Token,
        form: Form,
    ) -> Result<Rc<sign::SignAgent>, Failure> {
        let (pool, role) = match form {
            Form::Pem | Form::Pkcs12 => (&self.signers, Role::Sign),
            Form::Pkcs11 => (&self.holders, Role::Token),
        };
        let pair = Pair::of(owner, token);
        if let Some(agent) = pool.find(&pair) {
            return Ok(agent);
        }
        let _one = pool.starting.lock().await;
        if let Some(agent) = pool.find(&pair) {
            return Ok(agent);
        }
        let (channel, process) = self.start(role, &pair).await?;
        let (agent, sandbox) = within(GREETING, sign::SignAgent::greet(channel, process)).await?;
        self.judge(sandbox)?;
        pool.keep(pair, &agent);
        Ok(agent)
    }

    /// From now on the fetches of this bucket go about it so, whichever agents they are in.
    pub(crate) fn pace(&self, bucket: u32, pace: Pace) {
        let before = match pace == Pace::default() {
            true => self.paces.borrow_mut().remove(&bucket),
            false => self.paces.borrow_mut().insert(bucket, pace),
        };
        if before.unwrap_or_default() == pace {
            return;
        }
        for slot in self.nets.agents.borrow().values() {
            slot.agent.pace(bucket, pace);
        }
    }

    /// These identities serve jobs in the foreground now; the agents of all others give way.
    pub(crate) fn hurry(&self, urgent: BTreeSet<u32>) {
        self.groups.hurry(urgent);
    }

    /// Goes on with what was written down of paths, as far as it is about the network of now.
    pub(crate) fn recall(&self, memory: Memory) {
        *self.memory.borrow_mut() = memory;
        self.network_seen(false);
    }

    /// The way out is, or has become, as it is now. If another one came, what was known of paths counts
    /// no more, but for what is remembered of this very network.
    pub(crate) fn network_seen(&self, came: bool) {
        let new = self.memory.borrow_mut().look(card::network().as_deref());
        for (pair, slot) in self.nets.agents.borrow().iter() {
            if let Some(card) = came.then(card::counters).flatten() {
                slot.agent.watch_card(card);
            }
            if came || new {
                slot.agent.remember(&self.memory.borrow(), pair.owner);
            }
        }
    }

    /// What is to be written down of paths, if that has changed. It is learned all the time, and what a
    /// crash loses is learned again: so not too often.
    pub(crate) fn paths_learned(&self, now: Now) -> Option<Paths> {
        if self.note_at.get() > now.moment {
            return None;
        }
        self.note_at.set(now.moment.after(NOTE_EVERY));
        self.last_paths_learned(now)
    }

    /// The same, however lately it was asked.
    pub(crate) fn last_paths_learned(&self, now: Now) -> Option<Paths> {
        self.memory.borrow_mut().changes(now.wall)
    }

    /// What a network agent for this owner has in common with others.
    fn shared(&self, owner: u32) -> net::Shared {
        net::Shared {
            owner,
            paces: Rc::clone(&self.paces),
            memory: Rc::clone(&self.memory),
            shares: Rc::clone(&self.shares),
        }
    }

    /// How the path is doing on which this owner's fetches of these manners give way.
    pub(crate) fn path(&self, owner: u32, token: &Token, manners: Manners) -> Option<Path> {
        let agents = self.nets.agents.borrow();
        agents.get(&Pair::of(owner, token))?.agent.path(manners)
    }

    /// Closes the channels of agents that have had nothing to do for a while.
    pub(crate) fn let_idle_go(&self) {
        self.files.let_idle_go();
        self.nets.let_idle_go();
        self.signers.let_idle_go();
        self.holders.let_idle_go();
    }

    async fn start(
        &self,
        role: Role,
        pair: &Pair,
    ) -> Result<(Channel, launcher::Process), Failure> {
        let started = self.launcher.start(role, pair.identity.clone()).await;
        if let Ok((_, process)) = &started {
            self.groups.place(role, pair.identity.uid, process.pid());
        }
        started.map_err(|denied| {
            Failure::Service(match denied {
                Some(DenyReason::NotAdmitted | DenyReason::NotOurIdentity) => {
                    ServiceTrouble::IdentityNotAdmitted
                }
                Some(DenyReason::TooMany | DenyReason::System) | None => ServiceTrouble::AgentLost,
            })
        })
    }

    /// Whole means: the filter is on, and Landlock rules paths, of whatever version the kernel has.
    /// What older versions leave open the filter closes (see `ebb-sandbox`).
    fn judge(&self, sandbox: Sandbox) -> Result<(), Failure> {
        let whole = sandbox.seccomp && sandbox.landlock_abi > 0;
        match (whole, self.demand) {
            (true, _) => Ok(()),
            (false, SandboxDemand::Warn) => {
                eprintln!("an agent works without its whole sandbox: {sandbox:?}");
                Ok(())
            }
            (false, SandboxDemand::Required) => {
                Err(Failure::Service(ServiceTrouble::SandboxFailed))
            }
        }
    }
}

impl Pair {
    fn of(owner: u32, token: &Token) -> Self {
        let identity = Identity { uid: token.uid, gid: token.gid, groups: token.groups.clone() };
        Self { owner, identity }
    }
}

async fn within<T>(
    limit: Duration,
    greeting: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, greeting)
        .await
        .unwrap_or(Err(Failure::Service(ServiceTrouble::AgentLost)))
}
