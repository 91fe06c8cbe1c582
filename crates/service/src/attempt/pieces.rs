//! One file that is fetched in pieces: given ranges, or what somebody wants first.
//!
//! Answers one question: *which fetch is next, and what did it bring?* Which bytes are wanted is
//! `core`'s word ([`File::next_pieces`]); a fetch brings some of them, in that order, and what is
//! synced is reported by its place. The copy of the file that is kept here follows the reports, so
//! that the next fetch asks for nothing that is there.
//!
//! What holds for every file (`attempt`) holds here. When the server has another version, what is
//! there is dropped as everywhere: written down first. Then the pieces are chosen anew.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use ebb_core::failure::{Failure, ServerTrouble};
use ebb_core::file::{File, Piece, Validators, Wanted};
use ebb_core::job::Report;
use ebb_core::ranges::Range;
use ebb_wire::net::FromNet;
use tokio::sync::watch;

use super::asking::asking;
use super::checked::another;
use super::one_file::{Answer, Head, lost};
use super::{Attempt, Break, Order, stopped, trouble};
use crate::agents::net::{Fetch, NetAgent, STOP_PATIENCE, failure_of, from_wire};
use crate::command::Message;

/// The first byte: asked for where only the answer can tell how large the file is.
const FIRST_BYTE: Piece = Piece { source: 0, length: Some(1), at: 0 };

const INVALID_RANGE: Failure = Failure::Server(ServerTrouble::InvalidRange);
const NO_RANGES: Failure = Failure::Server(ServerTrouble::NoRangeSupport);

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything that is wanted of it is there.
    Done,
    /// The server gives no parts of it: it is to be fetched as a whole.
    InOrder,
}

/// A fetch of pieces under way.
struct Pieces<'a> {
    fetch: Fetch,
    at: u32,
    file: &'a mut File,
    pieces: Vec<Piece>,
    answer: Answer,
    /// How many bytes of the pieces are reported as synced.
    reported: u64,
    /// What was there before.
    before: u64,
    modified: Option<i64>,
    halt: watch::Receiver<bool>,
}

/// How a fetch ended that did not fail.
enum Brought {
    Everything,
    /// The server has another version; nothing that was there counts.
    Anew,
}

impl Attempt {
    /// Brings what is wanted of a file, piece after piece.
    pub(super) async fn in_pieces(
        &self,
        net: &Rc<NetAgent>,
        fd: &OwnedFd,
        at: u32,
        file: &mut File,
    ) -> Result<Outcome, Break> {
        let only_requested = self.order.only_requested;
        let (mut modified, mut doubted) = (None, false);
        self.learn_size(net, at, file).await?;
        loop {
            self.unless_halted()?;
            let pieces = match file.next_pieces(only_requested) {
                Some(pieces) if !doubted => pieces,
                Some(_) | None => vec![FIRST_BYTE],
            };
            if pieces.is_empty() {
                return self.all_pieces(net, fd, at, file, modified).await;
            }
            let fd = another(fd, at)?;
            let on_demand = matches!(file.wanted, Wanted::OnDemand(_));
            match self.some_pieces(net, fd, at, file, pieces, &mut modified).await {
                Ok(()) => doubted = false,
                Err(Break::Trouble(found))
                    if on_demand && !doubted && found.failure == INVALID_RANGE =>
                {
                    // The file may have become shorter: its first byte tells.
                    doubted = true;
                }
                Err(Break::Trouble(found))
                    if on_demand && !only_requested && found.failure == NO_RANGES =>
                {
                    if !self.report(Report::InOrder(at)).await {
                        return Err(Break::Stopped);
                    }
                    file.start_over();
                    file.wanted = Wanted::InOrder;
                    return Ok(Outcome::InOrder);
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Asks how large the file is, where requests have to be cut to it.
    async fn learn_size(&self, net: &Rc<NetAgent>, at: u32, file: &mut File) -> Result<(), Break> {
        if file.is_given_as_ranges() || file.size_at_server().is_some() {
            return Ok(());
        }
        let mut halt = self.halt.subscribe();
        let options = asking(&self.order.terms, &self.order.headers, file, None);
        let how = self.how(at, &file.url, net, options).await?;
        if let Some(size) = net.measure(&file.url, how, stopped(&mut halt)).await {
            file.told_size = Some(size);
            self.report(Report::Measured(at, size)).await;
        }
        self.unless_halted()
    }

    /// Nothing is missing any more, or nothing that was requested.
    async fn all_pieces(
        &self,
        net: &NetAgent,
        fd: &OwnedFd,
        at: u32,
        file: &File,
        modified: Option<i64>,
    ) -> Result<Outcome, Break> {
        let whole = match &file.wanted {
            Wanted::OnDemand(order) => {
                file.size_at_server().is_some_and(|size| order.is_whole(size))
            }
            Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => true,
        };
        if whole {
            self.unless_wrong(net, fd, at, file).await?;
            let done = Report::FileDone { file: at, length: file.durable, modified };
            if !self.report(done).await {
                return Err(Break::Stopped);
            }
        }
        Ok(Outcome::Done)
    }

    /// One fetch, until its last word.
    async fn some_pieces(
        &self,
        net: &Rc<NetAgent>,
        fd: OwnedFd,
        at: u32,
        file: &mut File,
        pieces: Vec<Piece>,
        modified: &mut Option<i64>,
    ) -> Result<(), Break> {
        let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
        let mut options = asking(&self.order.terms, &self.order.headers, file, self.order.room);
        options.afresh = self.order.afresh.take();
        let how = self.how(at, &file.url, net, options).await?;
        let fetch =
            net.fetch_pieces(file, &pieces, how, fd, self.order.bucket).await.map_err(of)?;
        let (before, halt) = (file.durable, self.halt.subscribe());
        let answer = Answer::Missing;
        let known = file.modified;
        let mut one =
            Pieces { fetch, at, file, pieces, answer, reported: 0, before, modified: known, halt };
        match self.follow_pieces(net, &mut one).await? {
            Brought::Everything => *modified = one.modified.or(*modified),
            Brought::Anew => *modified = None,
        }
        Ok(())
    }

    async fn follow_pieces(&self, net: &NetAgent, one: &mut Pieces<'_>) -> Result<Brought, Break> {
        loop {
            let heard = tokio::select! {
                heard = one.fetch.heard.recv() => heard,
                () = stopped(&mut one.halt) => return self.break_off(net, one).await,
            };
            match heard {
                Some(FromNet::Head { status, validators, final_url, anew, fields, .. }) => {
                    drop(self.report_later(Report::Headers(one.at, fields)));
                    let validators = from_wire(validators);
                    // `from` counts bytes of the pieces; what is there stays or goes as a whole.
                    let from = if anew { 0 } else { one.before };
                    let head = Head { status, validators, final_url, from, anew };
                    let is_first = !one.answer.is_there();
                    let kept = self.heard_head_of_pieces(net, one, head).await;
                    if is_first
                        && kept.is_some()
                        && let Err(broken) = self.put_in_place(one.at, one.file).await
                    {
                        drop(self.break_off(net, one).await);
                        return Err(broken);
                    }
                    match kept {
                        Some(true) => {}
                        Some(false) => return self.begin_anew(net, one).await,
                        None => return self.break_off(net, one).await,
                    }
                }
                Some(FromNet::Progress { durable, received, .. }) if one.answer.is_there() => {
                    let Order { job, attempt, .. } = self.order;
                    let there = one.before.saturating_add(received);
                    self.flight.learn(one.at, there);
                    self.tell(Message::Live(job, attempt, one.at, there));
                    if !self.synced(one, durable).await {
                        return self.break_off(net, one).await;
                    }
                }
                Some(FromNet::Done { length, modified, .. }) if one.answer.is_there() => {
                    if !one.may_end_after(length) {
                        return self
                            .out_of_its_mind(net, one.at)
                            .await
                            .map(|()| Brought::Everything);
                    }
                    one.modified = modified;
                    let counts = self.synced(one, length).await;
                    return if counts { Ok(Brought::Everything) } else { Err(Break::Stopped) };
                }
                Some(FromNet::Failed {
                    durable,
                    trouble: told,
                    retry_after,
                    redirect,
                    detail,
                    ..
                }) => {
                    self.synced(one, durable).await;
                    if let Some(there) = redirect {
                        self.report(Report::Moved(one.at, there)).await;
                    }
                    let found = trouble(one.at, failure_of(told), detail, retry_after);
                    return Err(Break::Trouble(found));
                }
                // Pieces come in any order: they are hashed when all are there.
                Some(FromNet::Hashed { .. }) => {}
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
                ) => {
                    return self.out_of_its_mind(net, one.at).await.map(|()| Brought::Everything);
                }
                None => return Err(lost(one.at)),
            }
        }
    }

    /// Has a head written down. False if it dropped what the pieces were chosen by; nothing if this
    /// attempt does not count any more.
    async fn heard_head_of_pieces(
        &self,
        net: &NetAgent,
        one: &mut Pieces<'_>,
        head: Head,
    ) -> Option<bool> {
        let Head { status, validators, final_url, from, anew } = head;
        if one.answer.is_there() && !anew {
            return Some(true);
        }
        let waits = anew && (one.answer.is_there() || one.file.validators != Validators::default());
        // Wherever they go, bytes of the new version are of use; but given ranges go on from what
        // is there.
        let kept = !anew || one.before == 0 || !one.file.is_given_as_ranges();
        self.tell_if_moved(one.at, &one.file.url, &final_url);
        let told = validators.clone();
        let answered = Report::Answered { file: one.at, validators: told, final_url, status, from };
        one.answer = Answer::Reported(self.report_later(answered));
        if !one.answer.is_accepted().await {
            return None;
        }
        if anew {
            one.file.start_over();
            one.before = 0;
        }
        one.file.answered(validators);
        if waits {
            net.proceed(one.fetch.id).await;
        }
        Some(kept)
    }

    /// What is there is dropped, and so other pieces are wanted: this fetch is over.
    async fn begin_anew(&self, net: &NetAgent, one: &mut Pieces<'_>) -> Result<Brought, Break> {
        // What it brings until it has stopped is in the middle of the file, and does not count.
        one.answer = Answer::Missing;
        match self.break_off(net, one).await {
            Err(Break::Stopped) => Ok(Brought::Anew),
            other => other,
        }
    }

    /// Reports what is synced, if it belongs to an answer that counts; false if none does.
    async fn synced(&self, one: &mut Pieces<'_>, durable: u64) -> bool {
        if !one.answer.is_accepted().await {
            return false;
        }
        let mut counts = true;
        for range in one.between(one.reported, durable) {
            let report = match one.file.wanted {
                Wanted::OnDemand(_) => Report::Filled(one.at, range),
                Wanted::Whole | Wanted::Given(_) | Wanted::InOrder => {
                    Report::Checkpoint { file: one.at, durable: range.end() }
                }
            };
            one.file.fill(range);
            counts = self.report(report).await;
        }
        one.reported = one.reported.max(durable);
        counts
    }

    /// Stops a fetch, and waits until it has stopped or its agent is dead.
    async fn break_off(&self, net: &NetAgent, one: &mut Pieces<'_>) -> Result<Brought, Break> {
        net.stop(one.fetch.id).await;
        match tokio::time::timeout(STOP_PATIENCE, one.fetch.last_word()).await {
            // Whether it counts or not, this is over.
            Ok(Some(durable)) => drop(self.synced(one, durable).await),
            Ok(None) => {}
            Err(_) => {
                net.end().await;
                while one.fetch.heard.recv().await.is_some() {}
            }
        }
        Err(Break::Stopped)
    }
}

impl Pieces<'_> {
    /// Where in the file the bytes of the pieces from one count to another are.
    fn between(&self, from: u64, to: u64) -> Vec<Range> {
        let mut begin = 0_u64;
        let mut found = Vec::new();
        for piece in &self.pieces {
            let end = piece.length.map_or(u64::MAX, |length| begin.saturating_add(length));
            let (first, last) = (from.max(begin), to.min(end));
            let place = |count: u64| piece.at.saturating_add(count.saturating_sub(begin));
            found.extend(Range::new(place(first), place(last.max(first))));
            begin = end;
        }
        found
    }

    /// Whether a fetch of these pieces may be over after so many bytes.
    fn may_end_after(&self, length: u64) -> bool {
        let closed =
            self.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.length?));
        closed.is_none_or(|closed| closed == length)
    }
}
