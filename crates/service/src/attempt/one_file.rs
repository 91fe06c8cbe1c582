//! One file of an attempt, from its temporary file to the last word about it.
//!
//! Answers one question: *what does the attempt do next, given what the agents said about this
//! file?* What an attempt guarantees for each file is listed in `attempt`; here it is kept.
//!
//! It never looks at another file, and never judges a failure: it passes it on.

use std::os::fd::OwnedFd;

use ebb_core::failure::{Failure, ServiceTrouble};
use ebb_core::file::{File, Validators};
use ebb_core::job::{Brought, Redirects, Report};
use ebb_wire::net::FromNet;
use tokio::sync::{oneshot, watch};

use super::asking::{asking, is_elsewhere};
use super::pieces::Outcome;
use super::{Attempt, Break, Order, Ready, stopped, trouble};
use crate::agents::files::Opened;
use crate::agents::net::{Fetch, NetAgent, STOP_PATIENCE, failure_of, from_wire};
use crate::command::Message;

const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);

/// A file in transfer.
struct Following {
    fetch: Fetch,
    at: u32,
    /// What it was like when it was asked for.
    file: File,
    /// Bytes held when it began.
    held: u64,
    answer: Answer,
    /// The last checkpoint that was reported.
    durable: u64,
    halt: watch::Receiver<bool>,
    /// What was heard too early.
    next: Option<FromNet>,
}

/// The answer whose bytes come.
pub(super) enum Answer {
    /// None yet, or none that is written down.
    Missing,
    /// Reported; whether it counts will be told.
    Reported(oneshot::Receiver<bool>),
    /// Written down.
    Accepted,
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) validators: Validators,
    pub(super) final_url: String,
    pub(super) from: u64,
    pub(super) anew: bool,
}

impl Answer {
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Missing)
    }

    /// Waits until it is written down. False if it never will be.
    pub(super) async fn is_accepted(&mut self) -> bool {
        if let Self::Reported(told) = self {
            let counts = told.await.unwrap_or(false);
            *self = if counts { Self::Accepted } else { Self::Missing };
        }
        self.is_there()
    }
}

impl Following {
    fn has_answer(&self) -> bool {
        self.answer.is_there()
    }

    /// The end of what a first answer brings, if that is here already: length and modification time.
    fn came_at_once(&mut self, head: &Head) -> Option<(u64, Option<i64>)> {
        if self.has_answer() || self.held > 0 || head.from > 0 || self.next.is_some() {
            return None;
        }
        let heard = self.fetch.heard.try_recv().ok()?;
        if let FromNet::Done { length, modified, .. } = heard {
            return Some((length, modified));
        }
        self.next = Some(heard);
        None
    }

    /// An answer begins where we stand, or drops everything; a further one goes on somewhere.
    fn takes(&self, head: &Head) -> bool {
        self.has_answer() || head.anew || head.from == self.held
    }

    /// Whether there are bytes that count and that this answer drops.
    fn drops(&self, head: &Head) -> bool {
        head.anew && (self.held > 0 || self.has_answer())
    }

    /// Waits until the answer in hand is written down. False if it never will be.
    async fn is_accepted(&mut self) -> bool {
        self.answer.is_accepted().await
    }
}

impl Attempt {
    /// Brings one file; when this returns, nothing of it is in flight.
    pub(super) async fn one_file(
        &self,
        at: u32,
        file: File,
        opened: Result<Opened, Break>,
    ) -> Result<(), Break> {
        let ended = match opened {
            Ok(opened) => self.fetch_file(at, file, opened).await,
            Err(broken) => Err(broken),
        };
        self.flight.end(at);
        ended
    }

    /// Opens the temporary file of a file whose turn is next.
    pub(super) async fn opened(&self, at: u32, mut file: File) -> Ready {
        let opened = async {
            let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
            self.unless_halted()?;
            let files = self.agents.files(self.order.owner, &self.order.file_identity);
            let files = files.await.map_err(of)?;
            self.unless_halted()?;
            self.open(&files, at, &mut file).await
        };
        let opened = opened.await;
        (at, file, opened)
    }

    /// A file whose turn did not come: what is in it may be of use to the next attempt.
    pub(super) fn was_never_started(&self, (at, file, opened): Ready) {
        if let Ok(Opened { temporary, fd }) = opened
            && file.durable > 0
        {
            self.leave(at, &fd);
            // Where there is no room for it the file may start over.
            let _ = self.kept.borrow_mut().keep(at, temporary, fd, &self.agents.room);
        }
    }

    async fn fetch_file(&self, at: u32, mut file: File, opened: Opened) -> Result<(), Break> {
        let Opened { temporary, fd } = opened;
        let in_hand = fd.try_clone();
        let ended = match file.local_source() {
            Some(path) => self.copy(at, &mut file, &fd, &path).await,
            None => self.bring(at, file, fd).await,
        };
        if let (Err(broken), Ok(fd)) = (&ended, in_hand) {
            self.leave(at, &fd);
            if matches!(broken, Break::Stopped) {
                // Where there is no room for it the file may start over.
                let _ = self.kept.borrow_mut().keep(at, temporary, fd, &self.agents.room);
            }
        }
        ended
    }

    /// Has the bytes brought into an open file.
    async fn bring(&self, at: u32, mut file: File, fd: OwnedFd) -> Result<(), Break> {
        let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
        let net = self.agents.net(self.order.owner, &self.order.network_identity);
        let net = net.await.map_err(of)?;
        self.unless_halted()?;
        if file.comes_in_pieces() {
            self.begun.send_replace(true);
            if self.in_pieces(&net, &fd, at, &mut file).await? == Outcome::Done {
                return Ok(());
            }
        }
        let mut options = asking(&self.order.terms, &self.order.headers, &file, self.order.room);
        options.afresh = self.order.afresh.take();
        options.connections = self.order.connections;
        options.may_share = self.flight.may_share();
        let how = self.how(at, &file.url, &net, options).await?;
        let fetch = net.fetch(&file, how, fd, self.order.bucket).await.map_err(of)?;
        self.begun.send_replace(true);
        let (held, halt) = (file.durable, self.halt.subscribe());
        let answer = Answer::Missing;
        let one = Following { fetch, at, file, held, answer, durable: held, halt, next: None };
        self.follow(&net, one).await
    }

    /// Listens to a fetch until its last word.
    async fn follow(&self, net: &NetAgent, mut one: Following) -> Result<(), Break> {
        loop {
            let heard = match one.next.take() {
                Some(heard) => Some(heard),
                None => tokio::select! {
                    heard = one.fetch.heard.recv() => heard,
                    () = stopped(&mut one.halt) => return self.wind_up(net, one).await,
                },
            };
            match heard {
                Some(FromNet::Head {
                    status,
                    validators,
                    final_url,
                    from,
                    anew,
                    shared,
                    fields,
                    ..
                }) => {
                    self.flight.came(shared);
                    let validators = from_wire(validators);
                    let head = Head { status, validators, final_url, from, anew };
                    if !self.is_straight()
                        && let Some(end) = one.came_at_once(&head)
                    {
                        self.brought(&one, head, fields, end);
                        return Ok(());
                    }
                    drop(self.report_later(Report::Headers(one.at, fields)));
                    if !one.takes(&head) {
                        return self.out_of_its_mind(net, one.at).await;
                    }
                    let is_first = !one.has_answer();
                    if !self.heard_head(net, &mut one, head).await {
                        return self.wind_up(net, one).await;
                    }
                    if is_first && let Err(broken) = self.put_in_place(one.at, &one.file).await {
                        drop(self.wind_up(net, one).await);
                        return Err(broken);
                    }
                }
                Some(FromNet::Hashed { hashed, .. }) => one.fetch.learn(hashed),
                Some(FromNet::Progress { durable, received, .. }) if one.has_answer() => {
                    let Order { job, attempt, .. } = self.order;
                    self.flight.learn(one.at, received);
                    self.tell(Message::Live(job, attempt, one.at, received));
                    if !self.checkpoint(&mut one, durable).await {
                        return self.wind_up(net, one).await;
                    }
                }
                Some(FromNet::Done { length, modified, .. }) if one.has_answer() => {
                    self.report_soon(Report::FileDone { file: one.at, length, modified });
                    return Ok(());
                }
                Some(FromNet::Failed {
                    durable,
                    trouble: told,
                    retry_after,
                    redirect,
                    detail,
                    ..
                }) => {
                    self.checkpoint(&mut one, durable).await;
                    if let Some(there) = redirect {
                        self.report(Report::Moved(one.at, there)).await;
                    }
                    let found = trouble(one.at, failure_of(told), detail, retry_after);
                    return Err(Break::Trouble(found));
                }
                // Bytes without a head, a stop nobody asked for.
                Some(
                    FromNet::Progress { .. }
                    | FromNet::Done { .. }
                    | FromNet::Measured { .. }
                    | FromNet::Path(_)
                    | FromNet::Learned { .. }
                    | FromNet::Question(_)
                    | FromNet::Stopped { .. }
                    | FromNet::Hello { .. },
                ) => return self.out_of_its_mind(net, one.at).await,
                None => return Err(lost(one.at)),
            }
        }
    }

    /// A file is there, and its head was not written down by itself.
    fn brought(
        &self,
        one: &Following,
        head: Head,
        headers: Vec<(String, String)>,
        (length, modified): (u64, Option<i64>),
    ) {
        let Head { status, validators, final_url, .. } = head;
        self.flight.learn(one.at, length);
        self.tell_if_moved(one.at, &one.file.url, &final_url);
        let brought = Brought { validators, final_url, status, headers, length, modified };
        self.report_soon(Report::Brought(one.at, Box::new(brought)));
    }

    /// Has a head written down, and lets the agent go on where it drops bytes. False if this
    /// attempt does not count any more.
    async fn heard_head(&self, net: &NetAgent, one: &mut Following, head: Head) -> bool {
        self.flight.learn(one.at, head.validators.total.unwrap_or(0));
        // The rest of the same file in another piece, proved to be the same: nothing new.
        if one.has_answer() && !head.anew {
            return true;
        }
        let (drops, first) = (one.drops(&head), one.held == 0 && !one.has_answer());
        let Head { status, validators, final_url, from, anew: _ } = head;
        self.tell_if_moved(one.at, &one.file.url, &final_url);
        let answered = Report::Answered { file: one.at, validators, final_url, status, from };
        one.answer = Answer::Reported(self.report_later(answered));
        one.durable = from;
        // Where nothing is held, nothing depends on this being written down but checkpoints, and the
        // name of a file that is to be seen.
        if first && !self.is_straight() {
            return true;
        }
        let accepted = one.is_accepted().await;
        if accepted && drops {
            net.proceed(one.fetch.id).await;
        }
        accepted
    }

    /// A redirect that was followed is the file's remote name from now on, if the job wants that.
    pub(super) fn tell_if_moved(&self, at: u32, remote_name: &str, final_url: &str) {
        let wanted = self.order.terms.security_flags.redirects() == Redirects::Report;
        if wanted && is_elsewhere(remote_name, final_url) {
            self.report_later(Report::Moved(at, final_url.to_owned()));
        }
    }

    pub(super) async fn out_of_its_mind(&self, net: &NetAgent, at: u32) -> Result<(), Break> {
        eprintln!("job {}: a network agent broke the protocol; it is ended", self.order.job);
        net.end().await;
        Err(lost(at))
    }

    /// Stops a fetch, and waits until it has stopped or its agent is dead.
    async fn wind_up(&self, net: &NetAgent, mut one: Following) -> Result<(), Break> {
        net.stop(one.fetch.id).await;
        match tokio::time::timeout(STOP_PATIENCE, one.fetch.last_word()).await {
            // Whether it counts or not, this is over.
            Ok(Some(durable)) => drop(self.checkpoint(&mut one, durable).await),
            Ok(None) => {}
            Err(_) => {
                net.end().await;
                while one.fetch.heard.recv().await.is_some() {}
            }
        }
        Err(Break::Stopped)
    }

    /// Reports a checkpoint, if it is one, and belongs to an answer that was accepted; false if
    /// none was.
    async fn checkpoint(&self, one: &mut Following, durable: u64) -> bool {
        let accepted = one.is_accepted().await;
        if accepted && durable > one.durable {
            one.durable = durable;
            if let Some(hashed) = one.fetch.hashed.take().filter(|hashed| hashed.at == durable) {
                drop(self.report_later(Report::Hashed(one.at, hashed)));
            }
            self.report(Report::Checkpoint { file: one.at, durable }).await;
        }
        accepted
    }

    pub(super) fn unless_halted(&self) -> Result<(), Break> {
        if *self.halt.borrow() { Err(Break::Stopped) } else { Ok(()) }
    }
}

pub(super) fn lost(at: u32) -> Break {
    Break::Trouble(trouble(at, LOST, String::new(), None))
}
