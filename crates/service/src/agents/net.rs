//! A network agent, as the service sees it: fetches, and what is heard of them.
//!
//! The agent parses what servers send, so it is the process we trust least: its words are numbers
//! and short texts, checked by the codec, and a message about a fetch it was never given ends it.

mod paths;
mod shares;
mod words;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use ebb_core::authorities::Authorities;
use ebb_core::digest::{Digest, Hashed};
use ebb_core::failure::{Failure, ServiceTrouble};
use ebb_core::file::{File, Piece};
use ebb_wire::Sandbox;
use ebb_wire::net::{
    AuthoritiesId, CertificateId, FetchId, FetchOptions, FromNet, Login, Manners, Path, Question,
    ToNet, ValidationId, Verdict,
};
use ebb_wire::sign::ClientIdentity;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::launcher::Process;
use super::outbox::Outbox;
use super::{Channel, Listening};
use crate::conditions::card::Counters;
pub(crate) use paths::{Memories, Shared};
use shares::Seat;
pub(crate) use shares::Shares;
use words::to_wire;
pub(crate) use words::{digest_to_wire, failure_of, from_wire};

/// A fetch that is told to stop has this long to do so; then its agent is ended.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// A server that does not tell a size at once is not waited for.
const MEASURE_TIMEOUT_MS: u32 = 10_000;

const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);

/// How the fetches of a bucket go about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// What they may take together, in bytes a second; nothing: what they can get.
    pub(crate) bytes_per_second: Option<u64>,
    /// How they behave towards others; nothing: they give way to nobody.
    pub(crate) manners: Option<Manners>,
}

/// How each bucket goes about it; those that do as they like are not in it.
pub(crate) type Paces = Rc<RefCell<HashMap<u32, Pace>>>;

/// One running `ebb-net`.
pub(crate) struct NetAgent {
    outbox: Outbox,
    process: Rc<Process>,
    next: Cell<u64>,
    fetches: Rc<RefCell<Fetches>>,
    paces: Paces,
    /// How the paths are doing on which its fetches give way, and since when that is known.
    paths: Rc<RefCell<HashMap<Manners, (Instant, Path)>>>,
    /// Buckets it has heard of.
    buckets: RefCell<HashSet<u32>>,
    listening: Listening,
}

#[derive(Default)]
struct Fetches {
    listeners: HashMap<FetchId, mpsc::UnboundedSender<FromNet>>,
    validations: HashMap<ValidationId, mpsc::UnboundedSender<Question>>,
    over: bool,
}

/// One fetch in hand. What is heard ends with `Done`, `Failed` or `Stopped`, or, when the agent
/// died, with nothing.
pub(crate) struct Fetch {
    pub(crate) id: FetchId,
    pub(crate) heard: mpsc::UnboundedReceiver<FromNet>,
    /// What it said last of the hashes of what is durable.
    pub(crate) hashed: Option<Hashed>,
}

/// How a file is asked for.
pub(crate) struct How<'a> {
    pub(crate) options: FetchOptions,
    pub(crate) logins: &'a [Login],
    /// Not a byte for this many milliseconds, and the agent gives the connection up.
    pub(crate) stall_timeout_ms: u32,
}

impl Fetch {
    fn new(id: FetchId, heard: mpsc::UnboundedReceiver<FromNet>) -> Self {
        Self { id, heard, hashed: None }
    }

    /// Keeps what it says of the hashes, for the checkpoint that follows.
    pub(crate) fn learn(&mut self, hashed: ebb_wire::net::Hashed) {
        self.hashed = Some(Hashed { at: hashed.at, state: hashed.state });
    }

    /// What is durable when it has ended; nothing if its agent died.
    pub(crate) async fn last_word(&mut self) -> Option<u64> {
        loop {
            match self.heard.recv().await? {
                FromNet::Stopped { durable, .. } | FromNet::Failed { durable, .. } => {
                    return Some(durable);
                }
                FromNet::Done { length, .. } => return Some(length),
                FromNet::Hashed { hashed, .. } => self.learn(hashed),
                FromNet::Head { .. }
                | FromNet::Progress { .. }
                | FromNet::Measured { .. }
                | FromNet::Path(_)
                | FromNet::Learned { .. }
                | FromNet::Question(_)
                | FromNet::Hello { .. } => {}
            }
        }
    }
}

impl NetAgent {
    /// Waits for the first message and begins to serve.
    pub(crate) async fn greet(
        channel: Channel,
        process: Process,
        Shared { owner, paces, memory, shares }: Shared,
        card: Option<Counters>,
    ) -> Result<(Rc<Self>, Sandbox), Failure> {
        let hello = channel.receive::<FromNet>().await;
        let Ok(Some((FromNet::Hello { sandbox }, None))) = hello else {
            return Err(LOST);
        };
        let (channel, process) = (Rc::new(channel), Rc::new(process));
        let fetches = Rc::new(RefCell::new(Fetches::default()));
        let paths = Rc::default();
        let seat = Seat::new(shares);
        let told = Told {
            fetches: Rc::clone(&fetches),
            paths: Rc::clone(&paths),
            owner,
            memory: Rc::clone(&memory),
            seat: seat.clone(),
        };
        let task = listen(Rc::clone(&channel), Rc::clone(&process), told);
        let listening = Listening::begin(task);
        let (next, buckets) = (Cell::new(1), RefCell::default());
        let outbox = Outbox::begin(channel);
        let this = Self { outbox, process, next, fetches, paces, paths, buckets, listening };
        if let Some(card) = card {
            this.watch_card(card);
        }
        this.remember(&memory.borrow(), owner);
        let this = Rc::new(this);
        seat.take(&this);
        Ok((this, sandbox))
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.fetches.borrow().over
    }

    /// Tells a new pace, if it is one for fetches of this agent.
    pub(crate) fn pace(&self, bucket: u32, pace: Pace) {
        if !self.buckets.borrow().contains(&bucket) {
            return;
        }
        // A dead agent takes nothing at all.
        let _ = self.outbox.put(&limit(bucket, pace), None);
    }

    /// Has a certificate shown to servers; who has its key is at the other end of the channel.
    pub(crate) async fn show(
        &self,
        identity: ClientIdentity,
        signer: OwnedFd,
    ) -> Result<CertificateId, Failure> {
        let certificate = CertificateId(self.next.replace(self.next.get() + 1));
        let message = ToNet::Certificate { certificate, identity };
        self.say(&message, Some(signer)).map(|()| certificate)
    }

    /// It is not shown any more.
    pub(crate) fn forget(&self, certificate: CertificateId) {
        // A dead agent shows nothing at all.
        let _ = self.outbox.put(&ToNet::Forget { certificate }, None);
    }

    /// Has servers judged by these authorities.
    pub(crate) fn trust(&self, them: &Authorities) -> Result<AuthoritiesId, Failure> {
        let authorities = AuthoritiesId(self.next.replace(self.next.get() + 1));
        let (alone, pem) = (them.alone(), them.pem().to_vec());
        self.say(&ToNet::Authorities { authorities, alone, pem }, None).map(|()| authorities)
    }

    /// Nobody is judged by them any more.
    pub(crate) fn distrust(&self, authorities: AuthoritiesId) {
        // A dead agent trusts nobody.
        let _ = self.outbox.put(&ToNet::Distrust { authorities }, None);
    }

    /// Puts in what somebody waits for an answer to. Once it is over nobody would tell them.
    fn say(&self, message: &ToNet, descriptor: Option<OwnedFd>) -> Result<(), Failure> {
        match self.is_alive() {
            true => self.outbox.put(message, descriptor).map_err(|_| LOST),
            false => Err(LOST),
        }
    }

    /// A name under which fetches ask about servers, and where the questions come.
    pub(crate) fn validate(&self) -> (ValidationId, mpsc::UnboundedReceiver<Question>) {
        let id = ValidationId(self.next.replace(self.next.get() + 1));
        let (tell, asked) = mpsc::unbounded_channel();
        self.fetches.borrow_mut().validations.insert(id, tell);
        (id, asked)
    }

    /// Nobody answers them any more.
    pub(crate) fn no_more_questions(&self, id: ValidationId) {
        self.fetches.borrow_mut().validations.remove(&id);
    }

    /// The answer to a question.
    pub(crate) fn answer(&self, question: u64, verdict: Verdict) {
        // A dead agent waits for nothing.
        let _ = self.outbox.put(&ToNet::Verdict { question, verdict }, None);
    }

    /// Fetches of this bucket go about it as it does; those of 0 as they like.
    fn know(&self, bucket: u32) -> Result<(), Failure> {
        // Known before it is asked: a change from now on is told, too.
        self.buckets.borrow_mut().insert(bucket);
        let pace = self.paces.borrow().get(&bucket).copied();
        match pace {
            Some(pace) => self.say(&limit(bucket, pace), None),
            None => Ok(()),
        }
    }

    /// Hands a file and its descriptor to the agent, which asks for it in this way.
    pub(crate) async fn fetch(
        &self,
        file: &File,
        how: How<'_>,
        fd: OwnedFd,
        bucket: u32,
    ) -> Result<Fetch, Failure> {
        self.order(file, file.durable, Vec::new(), how, fd, bucket).await
    }

    /// The same for pieces of a file; none of them is there.
    pub(crate) async fn fetch_pieces(
        &self,
        file: &File,
        pieces: &[Piece],
        how: How<'_>,
        fd: OwnedFd,
        bucket: u32,
    ) -> Result<Fetch, Failure> {
        let piece = |piece: &Piece| ebb_wire::net::Piece {
            source: piece.source,
            length: piece.length,
            at: piece.at,
        };
        self.order(file, 0, pieces.iter().map(piece).collect(), how, fd, bucket).await
    }

    async fn order(
        &self,
        file: &File,
        offset: u64,
        pieces: Vec<ebb_wire::net::Piece>,
        how: How<'_>,
        fd: OwnedFd,
        bucket: u32,
    ) -> Result<Fetch, Failure> {
        self.know(bucket)?;
        let id = FetchId(self.next.replace(self.next.get() + 1));
        self.log_on(id, how.logins)?;
        let order = ToNet::Fetch {
            fetch: id,
            url: file.url.clone(),
            offset,
            validators: to_wire(&file.validators),
            hashed: file.hashed.as_ref().map(|Hashed { at, state }| ebb_wire::net::Hashed {
                at: *at,
                state: state.clone(),
            }),
            pieces,
            options: how.options,
            bucket,
            stall_timeout_ms: how.stall_timeout_ms,
        };
        self.begin(id, &order, Some(fd))
    }

    /// Has a file that came in pieces read, whether it has the digests it must have.
    pub(crate) async fn check(
        &self,
        file: &File,
        length: u64,
        (server, owner): (Option<&Digest>, Option<&Digest>),
        fd: OwnedFd,
    ) -> Result<Fetch, Failure> {
        let id = FetchId(self.next.replace(self.next.get() + 1));
        let (server, owner) = (server.map(digest_to_wire), owner.map(digest_to_wire));
        let order = ToNet::Check { fetch: id, url: file.url.clone(), length, server, owner };
        self.begin(id, &order, Some(fd))
    }

    /// Says what begins a fetch; from now on it is listened to.
    fn begin(&self, id: FetchId, order: &ToNet, fd: Option<OwnedFd>) -> Result<Fetch, Failure> {
        self.say(order, fd)?;
        let (tell, heard) = mpsc::unbounded_channel();
        self.fetches.borrow_mut().listeners.insert(id, tell);
        Ok(Fetch::new(id, heard))
    }

    /// Says what a fetch that is to come logs on with.
    fn log_on(&self, fetch: FetchId, logins: &[Login]) -> Result<(), Failure> {
        for login in logins {
            let message = ToNet::Login { fetch, login: login.clone() };
            self.say(&message, None)?;
        }
        Ok(())
    }

    /// Asks the server for the size of a file. When `over` ends first, the question is taken back,
    /// and by the return nothing of it is under way any more.
    pub(crate) async fn measure(
        &self,
        url: &str,
        how: How<'_>,
        over: impl Future<Output = ()>,
    ) -> Option<u64> {
        let id = FetchId(self.next.replace(self.next.get() + 1));
        let order = ToNet::Measure {
            fetch: id,
            url: url.to_owned(),
            options: how.options,
            stall_timeout_ms: MEASURE_TIMEOUT_MS.min(how.stall_timeout_ms),
        };
        self.log_on(id, how.logins).ok()?;
        let Fetch { mut heard, .. } = self.begin(id, &order, None).ok()?;
        tokio::select! {
            answer = heard.recv() => return size_in(answer?),
            () = over => self.stop(id).await,
        }
        if tokio::time::timeout(STOP_PATIENCE, heard.recv()).await.is_err() {
            self.end().await;
        }
        None
    }

    /// The head that drops what is held is written down: go on.
    pub(crate) async fn proceed(&self, fetch: FetchId) {
        // A dead agent is heard of through the fetch itself.
        let _ = self.outbox.put(&ToNet::Proceed { fetch }, None);
    }

    /// Asks a fetch to stop; it is over when its last word is heard.
    pub(crate) async fn stop(&self, fetch: FetchId) {
        let _ = self.outbox.put(&ToNet::Stop { fetch }, None);
    }

    /// Ends the agent: it hangs, or is out of its mind. Nobody gets hold of it any more, and when
    /// this returns its process is gone.
    pub(crate) async fn end(&self) {
        self.fetches.borrow_mut().over = true;
        self.process.kill().await;
        self.listening.is_over().await;
    }
}

/// Hands what is heard to whoever waits for it, until the agent is gone. One that breaks the
/// protocol is killed. Whoever waits for more hears that there is none when nothing is done under
/// its identity any more, and not before (R9).
async fn listen(channel: Rc<Channel>, process: Rc<Process>, told: Told) {
    hand_out(&channel, &told).await;
    told.fetches.borrow_mut().over = true;
    told.seat.leave();
    process.kill().await;
    channel.is_closed::<FromNet>().await;
    let mut fetches = told.fetches.borrow_mut();
    fetches.listeners.clear();
    fetches.validations.clear();
}

/// Who and what is told of what is heard.
struct Told {
    fetches: Rc<RefCell<Fetches>>,
    paths: Rc<RefCell<HashMap<Manners, (Instant, Path)>>>,
    owner: u32,
    memory: Memories,
    seat: Seat,
}

fn limit(bucket: u32, pace: Pace) -> ToNet {
    ToNet::Limit { bucket, bytes_per_second: pace.bytes_per_second, manners: pace.manners }
}

async fn hand_out(channel: &Channel, told: &Told) {
    loop {
        let came = channel.receive_train::<FromNet>().await.unwrap_or_default();
        let going_on = !came.is_empty();
        if !going_on || !came.into_iter().all(|(message, _)| hand_over(message, told)) {
            return;
        }
    }
}

/// Hands one message to whoever waits for it; false if it does not fit.
fn hand_over(message: FromNet, told: &Told) -> bool {
    if let FromNet::Path(path) = message {
        told.paths.borrow_mut().insert(path.manners, (Instant::now(), path));
        told.seat.hear(&path);
        return true;
    }
    if let FromNet::Learned { network, paths } = message {
        paths::learn(&mut told.memory.borrow_mut(), (told.owner, network), &paths);
        return true;
    }
    if let FromNet::Question(question) = message {
        // Whoever is not there any more has stopped the fetch.
        let fetches = told.fetches.borrow();
        let asked = fetches.validations.get(&question.validation);
        let _ = asked.map(|asked| asked.send(*question));
        return true;
    }
    let Some(fetch) = fetch_of(&message) else {
        eprintln!("a network agent sent a message that does not fit");
        return false;
    };
    let last = is_last(&message);
    let mut fetches = told.fetches.borrow_mut();
    let Some(listener) = fetches.listeners.get(&fetch) else {
        return false;
    };
    // Whoever listened may have given up on an agent that hung.
    let _ = listener.send(message);
    if last {
        fetches.listeners.remove(&fetch);
    }
    true
}

fn fetch_of(message: &FromNet) -> Option<FetchId> {
    match message {
        FromNet::Hello { .. }
        | FromNet::Path(_)
        | FromNet::Learned { .. }
        | FromNet::Question(_) => None,
        FromNet::Head { fetch, .. }
        | FromNet::Progress { fetch, .. }
        | FromNet::Hashed { fetch, .. }
        | FromNet::Done { fetch, .. }
        | FromNet::Failed { fetch, .. }
        | FromNet::Measured { fetch, .. }
        | FromNet::Stopped { fetch, .. } => Some(*fetch),
    }
}

fn size_in(answer: FromNet) -> Option<u64> {
    match answer {
        FromNet::Measured { size, .. } => size,
        FromNet::Hello { .. }
        | FromNet::Path(_)
        | FromNet::Learned { .. }
        | FromNet::Question(_)
        | FromNet::Head { .. }
        | FromNet::Progress { .. }
        | FromNet::Hashed { .. }
        | FromNet::Done { .. }
        | FromNet::Failed { .. }
        | FromNet::Stopped { .. } => None,
    }
}

fn is_last(message: &FromNet) -> bool {
    match message {
        FromNet::Hello { .. }
        | FromNet::Path(_)
        | FromNet::Learned { .. }
        | FromNet::Question(_)
        | FromNet::Head { .. }
        | FromNet::Hashed { .. }
        | FromNet::Progress { .. } => false,
        FromNet::Done { .. }
        | FromNet::Failed { .. }
        | FromNet::Measured { .. }
        | FromNet::Stopped { .. } => true,
    }
}
