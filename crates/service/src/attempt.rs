//! One try at a job, from its first file to its last.
//!
//! An attempt gets the descriptor from the file agent, hands it to the network agent, and reports
//! what it hears to the main loop. It decides nothing: what a report means is `core`'s business.
//! What it guarantees:
//!
//! * a temporary file is written down before the first byte goes into it;
//! * bytes that are held are dropped only after that is written down (`Proceed`);
//! * a checkpoint is reported only for an answer that was accepted, so bytes are never counted for
//!   another representation than the recorded one;
//! * told to stop, it ends only when the network agent has said that nothing more will be sent or
//!   written, or is dead.

use std::rc::Rc;

use ebb_core::failure::{DestinationTrouble, Failure, ServiceTrouble};
use ebb_core::file::{File, Validators, next_mark};
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{Report, Trouble};
use ebb_core::token::Token;
use ebb_wire::net::FromNet;
use tokio::sync::{mpsc, oneshot, watch};

use crate::agents::Agents;
use crate::agents::files::{FileAgent, Opened};
use crate::agents::net::{Fetch, NetAgent, STOP_PATIENCE, failure_of, from_wire};
use crate::command::Message;

/// What an attempt is to do, and as whom.
pub(crate) struct Order {
    pub(crate) job: JobId,
    pub(crate) attempt: AttemptId,
    pub(crate) owner: u32,
    pub(crate) file_identity: Token,
    pub(crate) network_identity: Token,
    pub(crate) files: Vec<(u32, File)>,
}

/// Why a file was not finished.
enum Break {
    /// The attempt was told to stop, or does not count any more.
    Stopped,
    /// It ran into something.
    Trouble(Trouble),
}

/// A file in transfer.
struct Following {
    fetch: Fetch,
    at: u32,
    /// Bytes held when it began.
    held: u64,
    /// Whether the answer in hand is written down.
    accepted: bool,
    /// The last checkpoint that was reported.
    durable: u64,
}

/// The head of an answer.
struct Head {
    status: u16,
    validators: Validators,
    final_url: String,
    from: u64,
}

impl Following {
    /// An answer begins where we stand, or drops everything; a further one goes on somewhere.
    fn takes(&self, head: &Head) -> bool {
        self.accepted || head.from == 0 || head.from == self.held
    }
}

/// An attempt under way.
pub(crate) struct Attempt {
    order: Order,
    agents: Rc<Agents>,
    inbox: mpsc::UnboundedSender<Message>,
    stop: watch::Receiver<bool>,
}

const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);

impl Attempt {
    pub(crate) fn new(
        order: Order,
        agents: Rc<Agents>,
        inbox: mpsc::UnboundedSender<Message>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { order, agents, inbox, stop }
    }

    /// Does it, and says at the very end that nothing of it runs any more.
    pub(crate) async fn run(mut self) {
        let result = self.all_files().await;
        let ended = match result {
            Ok(()) => Some(Ok(())),
            Err(Break::Trouble(trouble)) => Some(Err(trouble)),
            Err(Break::Stopped) => None,
        };
        if let Some(result) = ended {
            self.report(Report::Ended(result)).await;
        }
        self.tell(Message::AttemptOver(self.order.job, self.order.attempt));
    }

    async fn all_files(&mut self) -> Result<(), Break> {
        let files = std::mem::take(&mut self.order.files);
        let (over, is_over) = watch::channel(false);
        let measuring = self.measure(&files, is_over);
        let transfer = async {
            let result = self.one_by_one(files).await;
            over.send_replace(true);
            result
        };
        tokio::join!(transfer, measuring).0
    }

    async fn one_by_one(&mut self, files: Vec<(u32, File)>) -> Result<(), Break> {
        for (at, file) in files {
            self.one_file(at, file).await?;
        }
        Ok(())
    }

    /// Asks for the sizes of several files beside the transfer, the last file first: the first ones
    /// will tell theirs by themselves. A single file's size comes with the file itself
    /// (`decisions.md`, Sizes). Ends when the attempt is stopped or the transfer is over.
    fn measure(
        &self,
        files: &[(u32, File)],
        mut is_over: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + use<> {
        let unknown = files.iter().filter(|(_, file)| file.total().is_none());
        let unknown: Vec<_> = unknown.map(|(at, file)| (*at, file.url.clone())).collect();
        let Order { job, attempt, owner, .. } = self.order;
        let identity = self.order.network_identity.clone();
        let (agents, inbox, mut stop) =
            (Rc::clone(&self.agents), self.inbox.clone(), self.stop.clone());
        async move {
            if unknown.len() < 2 {
                return;
            }
            let Ok(net) = agents.net(owner, &identity).await else { return };
            for (at, url) in unknown.into_iter().rev() {
                if *stop.borrow() || *is_over.borrow() {
                    return;
                }
                let over = async {
                    tokio::select! {
                        () = stopped(&mut stop) => {}
                        () = stopped(&mut is_over) => {}
                    }
                };
                let Some(size) = net.measure(&url, over).await else { continue };
                let (tell, _) = oneshot::channel();
                // The main loop ends only with the process.
                let _ = inbox.send(Message::Report(job, attempt, Report::Measured(at, size), tell));
            }
        }
    }

    async fn one_file(&mut self, at: u32, mut file: File) -> Result<(), Break> {
        let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
        self.unless_stopped()?;
        let files = self.agents.files(self.order.owner, &self.order.file_identity);
        let files = files.await.map_err(of)?;
        self.unless_stopped()?;
        let opened = self.open(&files, at, &mut file).await?;
        let net = self.agents.net(self.order.owner, &self.order.network_identity);
        let net = net.await.map_err(of)?;
        self.unless_stopped()?;
        let fetch = net.fetch(&file, opened.fd).await.map_err(of)?;
        let held = file.durable;
        let one = Following { fetch, at, held, accepted: false, durable: held };
        self.follow(&net, one).await
    }

    /// The temporary file of an earlier attempt, if it is still ours; else a new one.
    async fn open(&self, files: &FileAgent, at: u32, file: &mut File) -> Result<Opened, Break> {
        let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
        let before = file.temporary.clone();
        if let Some(temporary) = &before {
            match files.reopen(&file.destination, temporary, file.durable).await {
                Ok(opened) => return Ok(opened),
                Err(Failure::Destination(
                    DestinationTrouble::TemporaryLost | DestinationTrouble::AccessDenied,
                )) => self.log_start_over(at),
                Err(failure) => return Err(of(failure)),
            }
        }
        let mark = next_mark(self.order.job, at, file);
        // One that was made and never written down, because we crashed in between.
        files.sweep(&file.destination, mark).await.map_err(of)?;
        let opened = files.create(&file.destination, mark).await.map_err(of)?;
        self.report(Report::Created(at, opened.temporary.clone())).await;
        if let Some(temporary) = before {
            // Made under another identity; whoever may write the directory may delete it.
            if files.delete(&file.destination, &temporary).await.is_err() {
                eprintln!(
                    "job {}: an old temporary file of file {at} is left over",
                    self.order.job
                );
            }
        }
        file.start_over();
        Ok(opened)
    }

    fn log_start_over(&self, at: u32) {
        eprintln!(
            "job {}: file {at} starts over: its temporary file is out of reach for uid {}",
            self.order.job, self.order.file_identity.uid
        );
    }

    /// Listens to a fetch until its last word.
    async fn follow(&mut self, net: &NetAgent, mut one: Following) -> Result<(), Break> {
        loop {
            let heard = tokio::select! {
                heard = one.fetch.heard.recv() => heard,
                () = stopped(&mut self.stop) => return self.wind_up(net, one).await,
            };
            match heard {
                Some(FromNet::Head { status, validators, final_url, from, .. }) => {
                    let head = Head { status, validators: from_wire(validators), final_url, from };
                    if !one.takes(&head) {
                        return self.out_of_its_mind(net, one.at).await;
                    }
                    if !self.heard_head(net, &mut one, head).await {
                        return self.wind_up(net, one).await;
                    }
                }
                Some(FromNet::Progress { durable, received, .. }) if one.accepted => {
                    let Order { job, attempt, .. } = self.order;
                    self.tell(Message::Live(job, attempt, one.at, received));
                    self.checkpoint(&mut one, durable).await;
                }
                Some(FromNet::Done { length, modified, .. }) if one.accepted => {
                    let done = Report::FileDone { file: one.at, length, modified };
                    return if self.report(done).await { Ok(()) } else { Err(Break::Stopped) };
                }
                Some(FromNet::Failed { durable, trouble: told, retry_after, detail, .. }) => {
                    self.checkpoint(&mut one, durable).await;
                    let found = trouble(one.at, failure_of(told), detail, retry_after);
                    return Err(Break::Trouble(found));
                }
                // Bytes without a head, a stop nobody asked for.
                Some(
                    FromNet::Progress { .. }
                    | FromNet::Done { .. }
                    | FromNet::Measured { .. }
                    | FromNet::Stopped { .. }
                    | FromNet::Hello { .. },
                ) => return self.out_of_its_mind(net, one.at).await,
                None => return Err(lost(one.at)),
            }
        }
    }

    /// Has a head written down, and lets the agent go on where it drops bytes. False if this
    /// attempt does not count any more.
    async fn heard_head(&self, net: &NetAgent, one: &mut Following, head: Head) -> bool {
        // The rest of the same file in another piece, proved to be the same: nothing new.
        if one.accepted && head.from > 0 {
            return true;
        }
        let Head { status, validators, final_url, from } = head;
        let answered = Report::Answered { file: one.at, validators, final_url, status, from };
        if !self.report(answered).await {
            one.accepted = false;
            return false;
        }
        if from == 0 && (one.held > 0 || one.accepted) {
            net.proceed(one.fetch.id).await;
        }
        one.accepted = true;
        one.durable = from;
        true
    }

    async fn out_of_its_mind(&self, net: &NetAgent, at: u32) -> Result<(), Break> {
        eprintln!("job {}: a network agent broke the protocol; it is ended", self.order.job);
        net.end().await;
        Err(lost(at))
    }

    /// Stops a fetch, and waits until it has stopped or its agent is dead.
    async fn wind_up(&self, net: &NetAgent, mut one: Following) -> Result<(), Break> {
        net.stop(one.fetch.id).await;
        match tokio::time::timeout(STOP_PATIENCE, last_word(&mut one.fetch)).await {
            Ok(Some(durable)) => self.checkpoint(&mut one, durable).await,
            Ok(None) => {}
            Err(_) => {
                net.end().await;
                while one.fetch.heard.recv().await.is_some() {}
            }
        }
        Err(Break::Stopped)
    }

    /// Reports a checkpoint, if it is one, and belongs to an answer that was accepted.
    async fn checkpoint(&self, one: &mut Following, durable: u64) {
        if one.accepted && durable > one.durable {
            one.durable = durable;
            self.report(Report::Checkpoint { file: one.at, durable }).await;
        }
    }

    /// Reports, waits until it is written down, and says whether this attempt still counts.
    async fn report(&self, report: Report) -> bool {
        let (tell, told) = oneshot::channel();
        self.tell(Message::Report(self.order.job, self.order.attempt, report, tell));
        told.await.unwrap_or(false)
    }

    fn tell(&self, message: Message) {
        // The main loop ends only with the process.
        let _ = self.inbox.send(message);
    }

    fn unless_stopped(&self) -> Result<(), Break> {
        if *self.stop.borrow() { Err(Break::Stopped) } else { Ok(()) }
    }
}

/// What is durable when a fetch has ended; nothing if its agent died.
async fn last_word(fetch: &mut Fetch) -> Option<u64> {
    loop {
        match fetch.heard.recv().await? {
            FromNet::Stopped { durable, .. } | FromNet::Failed { durable, .. } => {
                return Some(durable);
            }
            FromNet::Done { length, .. } => return Some(length),
            FromNet::Head { .. }
            | FromNet::Progress { .. }
            | FromNet::Measured { .. }
            | FromNet::Hello { .. } => {}
        }
    }
}

/// Returns once the attempt is told to stop. A main loop that is gone wants nothing any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn lost(at: u32) -> Break {
    Break::Trouble(trouble(at, LOST, String::new(), None))
}

fn trouble(at: u32, failure: Failure, detail: String, retry_after: Option<u32>) -> Trouble {
    Trouble { failure, file: Some(at), detail, retry_after }
}
