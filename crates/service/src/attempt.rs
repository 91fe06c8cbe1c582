//! One try at a job, from its first file to its last.
//!
//! An attempt gets descriptors from the file agent, hands them to the network agent, and reports
//! what it hears to the main loop. It decides nothing: what a report means is `core`'s business.
//! What it guarantees, for each file:
//!
//! * a temporary file is written down before the first byte goes into it;
//! * bytes that are held are dropped only after that is written down (`Proceed`);
//! * a checkpoint is reported only for an answer that was accepted, so bytes are never counted for
//!   another representation than the recorded one;
//! * told to stop, it ends only when the network agent has said that nothing more will be sent or
//!   written, or is dead.
//!
//! | file       | holds                                                         |
//! |------------|---------------------------------------------------------------|
//! | `attempt`  | files in their order, sizes beside them, the end of all        |
//! | `asking`   | how the job's terms say files are to be asked for              |
//! | `checked`  | whether what came in pieces has the digest it must have        |
//! | `certificate` | what is shown where a server wants a certificate             |
//! | `authorities` | by whom servers' certificates may be signed                 |
//! | `secured` | both, as an agent is told of them                              |
//! | `copying`  | a file whose source is on this machine                         |
//! | `logins`   | what is said to log on with                                   |
//! | `flight`   | how many files may be in flight                               |
//! | `one_file` | one file, from its temporary file to the last word about it   |
//! | `pieces`   | the same for a file that is fetched in pieces                  |
//! | `open`     | a temporary file to go on with, or another in its place       |
//! | `validation` | the owner's say in which servers are spoken to              |
//! | `way`      | who stands between a job and the servers                      |
//! | `soon`     | reports that nobody waits for                                 |
//! | `straight` | files that everybody sees grow                                |
//! | `kept`     | descriptors for an attempt under another file identity        |

mod asking;
mod authorities;
mod certificate;
mod checked;
mod copying;
mod flight;
pub(crate) mod kept;
mod logins;
mod one_file;
mod open;
mod pieces;
mod secured;
mod soon;
mod straight;
mod validation;
mod way;

pub(crate) use certificate::Entrusted;
pub(crate) use open::PART;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use ebb_core::authorities::Authorities;
use ebb_core::failure::Failure;
use ebb_core::file::File;
use ebb_core::headers::Headers;
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{Report, Terms, Trouble};
use ebb_core::token::Token;
use ebb_wire::net::{FetchOptions, Login};
use futures_util::StreamExt;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use tokio::sync::{mpsc, oneshot, watch};

use crate::agents::Agents;
use crate::agents::files::Opened;
use crate::agents::net::{How, NetAgent};
use crate::command::Message;
pub(crate) use asking::room;
use flight::Flight;
use kept::KeptFiles;
pub(crate) use logins::logins;
use secured::Secured;
use soon::Soon;
use validation::Validation;

/// Of more files than this nobody asks for the sizes: it would take as long as the files.
const MOST_MEASURED: usize = 200;

/// What an attempt is to do, and as whom.
pub(crate) struct Order {
    pub(crate) job: JobId,
    pub(crate) attempt: AttemptId,
    pub(crate) owner: u32,
    pub(crate) file_identity: Token,
    pub(crate) network_identity: Token,
    pub(crate) terms: Terms,
    /// What it may still fetch; nothing: no limit.
    pub(crate) room: Option<u64>,
    /// Shares this bucket's bandwidth; 0: takes what it can get.
    pub(crate) bucket: u32,
    /// So many connections may bring one large file, where it gives way to nobody.
    pub(crate) connections: u8,
    /// How long a server may be silent, in milliseconds.
    pub(crate) stall_timeout_ms: u32,
    /// Who may delete what is left over, the file identity first.
    pub(crate) clear_up_as: Vec<Token>,
    pub(crate) files: Vec<(u32, File)>,
    /// Header fields its owner wants sent.
    pub(crate) headers: Headers,
    /// What it logs on with.
    pub(crate) logins: Rc<[Login]>,
    /// Where its client certificate is, and who may read it.
    pub(crate) entrusted: Option<Entrusted>,
    /// By whom servers' certificates may be signed, if its owner has a say in that.
    pub(crate) authorities: Option<Authorities>,
    /// Whether a program of the owner's has a say in which servers it speaks to.
    pub(crate) validated: bool,
    /// Whether somebody has asked for it and nothing was tried since; the first fetch takes it.
    pub(crate) afresh: Cell<bool>,
    /// Of files that can be asked for in pieces, only what was requested is fetched.
    pub(crate) only_requested: bool,
}

/// Why a file was not finished.
enum Break {
    /// The attempt was told to stop, or does not count any more.
    Stopped,
    /// It ran into something.
    Trouble(Trouble),
}

/// An attempt under way.
pub(crate) struct Attempt {
    order: Order,
    agents: Rc<Agents>,
    inbox: mpsc::UnboundedSender<Message>,
    /// Tells the whole attempt to stop.
    stop: watch::Receiver<bool>,
    /// Tells its files to stop, because the attempt is to, or because one of them failed.
    halt: watch::Sender<bool>,
    /// Whether a file has been asked for.
    begun: watch::Sender<bool>,
    flight: Flight,
    secured: Rc<Secured>,
    validation: Validation,
    /// What attempts leave for the one that follows.
    kept: RefCell<KeptFiles>,
    soon: Soon,
}

/// A file whose temporary file is open, or could not be opened.
type Ready = (u32, File, Result<Opened, Break>);

impl Attempt {
    pub(crate) fn new(
        mut order: Order,
        kept: KeptFiles,
        agents: Rc<Agents>,
        inbox: mpsc::UnboundedSender<Message>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (halt, flight) = (watch::Sender::new(false), Flight::default());
        let begun = watch::Sender::new(false);
        let (entrusted, authorities) = (order.entrusted.take(), order.authorities.take());
        let secured = Rc::new(Secured::new(order.owner, entrusted, authorities));
        let asks = (order.job, order.attempt);
        let validation = Validation::new(order.validated, asks, inbox.clone());
        let kept = RefCell::new(kept);
        let soon = Soon::default();
        Self { order, agents, inbox, stop, halt, begun, flight, secured, validation, kept, soon }
    }

    /// Does it, and says at the very end that nothing of it runs any more.
    pub(crate) async fn run(mut self) {
        let files = std::mem::take(&mut self.order.files);
        let ended = match self.all_files(files).await {
            Ok(()) => Some(Ok(())),
            Err(Break::Trouble(trouble)) => Some(Err(trouble)),
            Err(Break::Stopped) => None,
        };
        if let Some(result) = ended {
            self.report(Report::Ended(result)).await;
        }
        self.tell_soon();
        let kept = self.kept.take();
        self.tell(Message::AttemptOver(self.order.job, self.order.attempt, kept));
    }

    async fn all_files(&self, files: Vec<(u32, File)>) -> Result<(), Break> {
        let (over, is_over) = watch::channel(false);
        let measuring = self.measure(&files, is_over);
        let transfer = async {
            let result = self.in_order(files).await;
            over.send_replace(true);
            result
        };
        tokio::join!(transfer, measuring).0
    }

    /// Starts the files in their order, several at a time while they are small; the temporary files of
    /// those that are next are opened meanwhile. The first that breaks halts the others; this returns
    /// when the last of them has ended.
    async fn in_order(&self, files: Vec<(u32, File)>) -> Result<(), Break> {
        let mut waiting = files.into_iter();
        let mut opening = FuturesOrdered::new();
        let mut ready: VecDeque<Ready> = VecDeque::new();
        let mut running = FuturesUnordered::new();
        let mut stop = self.stop.clone();
        let mut result = Ok(());
        loop {
            while result.is_ok() && self.flight.room() > 0 {
                let Some((at, file, opened)) = ready.pop_front() else { break };
                self.flight.start(at, file.total());
                running.push(self.one_file(at, file, opened));
            }
            if result.is_ok() {
                let more = self.flight.to_open(ready.len() + opening.len());
                opening.extend(waiting.by_ref().take(more).map(|(at, file)| self.opened(at, file)));
            }
            if running.is_empty() && opening.is_empty() && (result.is_err() || ready.is_empty()) {
                ready.into_iter().for_each(|one| self.was_never_started(one));
                return result;
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop), if result.is_ok() => result = Err(Break::Stopped),
                Some(ended) = running.next() => result = result.and(ended),
                Some(opened) = opening.next() => ready.push_back(opened),
                () = self.soon.is_due() => self.tell_soon(),
            }
            if result.is_err() {
                self.halt.send_replace(true);
            }
        }
    }

    /// Asking so, with what the job logs on with, and what it shows at this address. Waits for that no
    /// longer than the attempt may.
    async fn how(
        &self,
        at: u32,
        url: &str,
        net: &Rc<NetAgent>,
        options: FetchOptions,
    ) -> Result<How<'_>, Break> {
        let mut halt = self.halt.subscribe();
        let secured = tokio::select! {
            biased;
            () = stopped(&mut halt) => return Err(Break::Stopped),
            options = self.secured.at(url, options, net, &self.agents) => options,
        };
        let of = |(failure, detail)| Break::Trouble(trouble(at, failure, detail, None));
        let options = secured.map_err(of)?;
        let options = FetchOptions { validation: self.validation.of(net, at), ..options };
        let stall_timeout_ms = self.order.stall_timeout_ms;
        Ok(How { options, logins: &self.order.logins, stall_timeout_ms })
    }

    /// Asks for the sizes of several files beside the transfer, the last file first: the first ones
    /// will tell theirs by themselves. A single file's size comes with the file itself
    /// (`decisions.md`, Sizes). Ends when the attempt is stopped or the transfer is over.
    fn measure(
        &self,
        files: &[(u32, File)],
        mut is_over: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + use<> {
        let unknown = files
            .iter()
            .filter(|(_, file)| file.total().is_none() && file.local_source().is_none());
        let asking = |file| asking::asking(&self.order.terms, &self.order.headers, file, None);
        // A program that judges servers is asked for what is needed only.
        let wanted = asking::may_measure(&self.order.terms) && !self.order.validated;
        let unknown: Vec<_> =
            unknown.map(|(at, file)| (*at, file.url.clone(), asking(file))).collect();
        let Order { job, attempt, owner, .. } = self.order;
        let stall_timeout_ms = self.order.stall_timeout_ms;
        let identity = self.order.network_identity.clone();
        let logins = Rc::clone(&self.order.logins);
        let (agents, inbox, mut stop) =
            (Rc::clone(&self.agents), self.inbox.clone(), self.stop.clone());
        let secured = Rc::clone(&self.secured);
        // What was rejected may be said again once, and the first fetch is what forgives it. Asked
        // before that, a server would hear a wrong password twice.
        let waits = self.order.afresh.get() && !logins.is_empty();
        let mut begun = self.begun.subscribe();
        async move {
            if !wanted || !(2..=MOST_MEASURED).contains(&unknown.len()) {
                return;
            }
            if waits {
                tokio::select! {
                    () = stopped(&mut stop) => return,
                    () = stopped(&mut is_over) => return,
                    () = stopped(&mut begun) => {}
                }
            }
            let Ok(net) = agents.net(owner, &identity).await else { return };
            for (at, url, options) in unknown.into_iter().rev() {
                if *stop.borrow() || *is_over.borrow() {
                    return;
                }
                // The file itself will tell what is wrong with it.
                let options = tokio::select! {
                    () = stopped(&mut stop) => return,
                    () = stopped(&mut is_over) => return,
                    options = secured.at(&url, options, &net, &agents) => options,
                };
                let Ok(options) = options else { return };
                let over = async {
                    tokio::select! {
                        () = stopped(&mut stop) => {}
                        () = stopped(&mut is_over) => {}
                    }
                };
                let how = How { options, logins: &logins, stall_timeout_ms };
                let Some(size) = net.measure(&url, how, over).await else {
                    continue;
                };
                let (tell, _) = oneshot::channel();
                // The main loop ends only with the process.
                let _ = inbox.send(Message::Report(job, attempt, Report::Measured(at, size), tell));
            }
        }
    }

    /// Reports, waits until it is written down, and says whether this attempt still counts.
    async fn report(&self, report: Report) -> bool {
        self.report_later(report).await.unwrap_or(false)
    }

    /// Reports; whether it counts is told when it is written down. Reports are taken in the order
    /// in which they are made.
    fn report_later(&self, report: Report) -> oneshot::Receiver<bool> {
        self.tell_soon();
        let (tell, told) = oneshot::channel();
        self.tell(Message::Report(self.order.job, self.order.attempt, report, tell));
        told
    }

    fn tell(&self, message: Message) {
        // The main loop ends only with the process.
        let _ = self.inbox.send(message);
    }
}

/// Returns once the attempt is told to stop. A main loop that is gone wants nothing any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn trouble(at: u32, failure: Failure, detail: String, retry_after: Option<u32>) -> Trouble {
    Trouble { failure, file: Some(at), detail, retry_after }
}
