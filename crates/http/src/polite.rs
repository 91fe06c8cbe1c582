//! Giving way: the connections of background fetches, steered by the law of `ebb_pace`.
//!
//! A connection joins when a body worth steering begins to come on it, and leaves a moment after that is
//! over: what it is asked for next may come at once, and its window stays what it was until then. A kept
//! connection joins for any body: small files one after the other are a large one to everybody else. While any
//! has joined, one task looks at all of them every few milliseconds, and makes what the law
//! grants the receive window of the live sockets. Everything that comes is read at once: it is the
//! server that sends less.
//!
//! This module answers one question: *what has each path shown, and what may be under way on it?*
//! What to make of it is `ebb_pace`'s business, and what a socket says `kernel`'s. Connections with
//! the same manners share one law; one with larger targets makes one with smaller targets yield, as
//! its queue is seen by all.

mod peers;

use crate::bucket::Bucket;
use crate::echo::{Echo, Echoes};
use crate::kernel::{SMALLEST, Shown, clamp, mark, shown, unclamp};
use ebb_pace::{
    Best, Card, Controller, Course, Credit, Grant, Manners, Part, Sample, Seen, Share, Signals,
    shares,
};
pub use peers::Peer;
use peers::{Peers, address};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A body shorter than this has come before anybody could steer it, in bytes.
const WORTH_STEERING: u64 = 64 * 1024;
/// So long a connection on which nothing comes stays, for the next body on it.
const REST: Duration = Duration::from_millis(250);
/// Headers of a segment on the card, in bytes: Ethernet, IP, TCP with timestamps.
const HEADERS: u64 = 66;
/// After so long without a word about them, other agents count for nothing.
const UNHEARD: Duration = Duration::from_secs(3);
/// What a segment carries if the kernel does not say.
const SEGMENT: u32 = 1448;

/// How one path is doing, for whoever wants to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Those of these manners.
    pub manners: Manners,
    /// How many connections there are.
    pub connections: usize,
    /// What may be under way to all of them, in bytes.
    pub window: u64,
    /// What the law is doing.
    pub course: Course,
    /// What it sees.
    pub signals: Signals,
    /// Whether round trips are those of echoes, as no connection shows any.
    pub echoes: bool,
    /// The lowest round trip that is remembered from before, as long as it counts.
    pub remembered: Option<Duration>,
    /// The part of the path that is this agent's.
    pub part: Part,
}

/// Steers the connections of one identity.
#[derive(Default)]
pub struct Pacer(Mutex<State>);

#[derive(Default)]
struct State {
    members: BTreeMap<u64, Member>,
    next: u64,
    laws: Vec<Law>,
    peers: Peers,
    echoes: Echoes,
    card: Option<Counter>,
    sent: Option<Counter>,
    /// The parts that are this agent's, and when they were told.
    parts: Vec<(Manners, Part, Instant)>,
    looked_at: Option<Duration>,
    credit: Credit,
    epoch: Option<Epoch>,
    steering: bool,
}

/// A moment on the clock that all agents of the machine have in common.
#[derive(Clone, Copy)]
struct Epoch {
    at: Instant,
    since_boot: Duration,
}

/// A file that holds one number, which grows.
struct Counter {
    file: OwnedFd,
    before: Option<u64>,
}

struct Law {
    manners: Manners,
    controller: Controller,
    grant: Option<Grant>,
    connections: usize,
    /// Round trips are those of echoes.
    echoes: bool,
    remembered: Option<Duration>,
    part: Part,
}

struct Member {
    socket: Arc<OwnedFd>,
    bucket: Arc<Bucket>,
    peer: Peer,
    /// Asked for the round trip where the connection shows none.
    echo: Option<Arc<Echo>>,
    /// Whether it was tried to ask.
    asked: bool,
    before: Shown,
    seen: Seen,
    /// Since when no body comes on it.
    resting: Option<Instant>,
    /// The path's law has not heard what is remembered of its peer.
    new: bool,
    /// It has manners, and the kernel has been told.
    steered: bool,
    /// The window it has been told, in bytes.
    told: u64,
}

/// A connection that is being steered. It leaves when this is dropped or has rested, and is free again.
pub(crate) struct Joined {
    pacer: Arc<Pacer>,
    number: u64,
}

impl Pacer {
    /// Reads the card's counter here from now on: a file that holds one number, the bytes received.
    /// It is another network, too: what was known of its paths is forgotten.
    pub fn watch_card(&self, counter: OwnedFd) {
        let mut state = self.state();
        state.card = Some(Counter { file: counter, before: None });
        state.peers.forget();
        state.laws.clear();
        state.echoes.forget();
    }

    /// The same for the bytes the card has sent.
    pub fn watch_sent(&self, counter: OwnedFd) {
        self.state().sent = Some(Counter { file: counter, before: None });
    }

    /// Goes by what somebody remembers of the network of this number, in place of all that is known.
    pub fn remember(&self, network: u32, paths: &[(Peer, Best)]) {
        let mut state = self.state();
        state.peers.remember(network, paths);
        state.members.values_mut().for_each(|member| member.new = true);
    }

    /// What is worth remembering since this was asked last, at most so much, with the network's
    /// number; nothing before anybody remembers.
    #[must_use]
    pub fn learned(&self, most: usize) -> Option<(u32, Vec<(Peer, Best)>)> {
        let mut state = self.state();
        let now = state.epoch?.now();
        state.peers.learned(now, most)
    }

    /// This is the agent's part of the paths of these manners now. It stays so until the next word; what
    /// the others do is soon old.
    pub fn share(&self, manners: Manners, part: Part) {
        let mut state = self.state();
        state.parts.retain(|(other, ..)| *other != manners);
        state.parts.push((manners, part, Instant::now()));
    }

    /// How the paths are doing; also those that have no connection any more.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let state = self.state();
        let of = |manners| {
            let members = state.members.values();
            members.filter(|member| member.bucket.manners() == Some(manners)).count()
        };
        let laws = state.laws.iter();
        laws.filter_map(|law| {
            let grant = law.grant?;
            Some(Standing {
                manners: law.manners,
                connections: law.connections.min(of(law.manners)),
                window: grant.window,
                course: grant.course,
                signals: law.controller.signals(),
                echoes: law.echoes,
                remembered: law.remembered,
                part: law.part,
            })
        })
        .collect()
    }

    /// Steers this connection, whose body has so many bytes, as its bucket says.
    pub(crate) fn join(
        self: &Arc<Self>,
        socket: Arc<OwnedFd>,
        bucket: &Arc<Bucket>,
        length: Option<u64>,
    ) -> Option<Joined> {
        if length.is_some_and(|length| length < WORTH_STEERING) {
            return None;
        }
        // Nobody shares a path with what does not leave the machine.
        let peer = Peer::of(&socket)?;
        let before = shown(&socket).ok()?;
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let seen = Seen { bytes: 0, rtt: None, base: None, lost: 0 };
        let bucket = Arc::clone(bucket);
        let member = Member {
            socket,
            bucket,
            peer,
            echo: None,
            asked: false,
            before,
            seen,
            resting: None,
            new: true,
            steered: false,
            told: u64::MAX,
        };
        state.members.insert(number, member);
        if !std::mem::replace(&mut state.steering, true) {
            tokio::spawn(steer(Arc::downgrade(self)));
        }
        Some(Joined { pacer: Arc::clone(self), number })
    }

    /// Looks at all connections, and says when to look again; nothing when there are none.
    fn tick(&self) -> Option<Instant> {
        let mut state = self.state();
        state.leave_rested();
        if state.members.is_empty() {
            state.steering = false;
            return None;
        }
        let epoch = *state.epoch.get_or_insert_with(Epoch::begin);
        let (now, next) = state.tick(epoch);
        Some(epoch.at + (next.max(now) - epoch.since_boot))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn steer(pacer: Weak<Pacer>) {
    loop {
        let Some(next) = pacer.upgrade().and_then(|pacer| pacer.tick()) else { return };
        sleep_until(next).await;
    }
}

impl Joined {
    /// Another body begins to come, for whoever has this bucket. False if it has left meanwhile.
    pub(crate) fn go_on(&self, bucket: &Arc<Bucket>) -> bool {
        let mut state = self.pacer.state();
        let Some(member) = state.members.get_mut(&self.number) else { return false };
        member.resting = None;
        member.bucket = Arc::clone(bucket);
        true
    }

    /// No body comes for now.
    pub(crate) fn rest(&self) {
        if let Some(member) = self.pacer.state().members.get_mut(&self.number) {
            member.resting = Some(Instant::now());
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        if let Some(mut member) = self.pacer.state().members.remove(&self.number) {
            member.let_go();
        }
    }
}

impl State {
    /// Whoever has rested for long enough leaves.
    fn leave_rested(&mut self) {
        self.members.retain(|_, member| {
            let stays = member.resting.is_none_or(|since| since.elapsed() < REST);
            if !stays {
                member.let_go();
            }
            stays
        });
    }

    /// Returns now, and when to look again.
    fn tick(&mut self, epoch: Epoch) -> (Duration, Duration) {
        // The card first: what arrives between the two readings counts as ours.
        let all = self.card.as_mut().and_then(Counter::passed);
        let sent = self.sent.as_mut().and_then(Counter::passed).unwrap_or(0);
        let now = epoch.now();
        let own = self.look(now);
        let length = self.looked_at.map_or(Duration::ZERO, |at| now.saturating_sub(at));
        self.looked_at = Some(now);
        let rate = self.parts().map(|(_, part)| part.rate).max().unwrap_or(0);
        let card = all.map(|all| {
            let others = self.credit.take(length, rate, all.saturating_sub(own));
            Card { all, own: own.saturating_add(others), sent }
        });
        let mut next = now + Duration::from_secs(1);
        let mut laws = std::mem::take(&mut self.laws);
        for manners in self.manners() {
            if !laws.iter().any(|law| law.manners == manners) {
                laws.push(Law::new(manners));
            }
        }
        for law in &mut laws {
            let grant = self.follow(now, card, law);
            next = next.min(grant.map_or(next, |grant| grant.next));
        }
        self.laws = laws;
        (now, next)
    }

    /// Asks the kernel about each connection. Returns what all of them have received on the card.
    fn look(&mut self, now: Duration) -> u64 {
        let mut own: u64 = 0;
        let present: Vec<Peer> = self.members.values().map(|member| member.peer).collect();
        for member in self.members.values_mut() {
            let Ok(after) = shown(&member.socket) else { continue };
            let bytes = after.bytes.saturating_sub(member.before.bytes);
            let segments = after.segments.wrapping_sub(member.before.segments);
            own = own.saturating_add(bytes.saturating_add(HEADERS * u64::from(segments)));
            let known = self.peers.of(member.peer, |peer| present.contains(peer));
            known.receive(now, bytes);
            if member.bucket.manners().is_none() {
                member.let_go();
            } else if !after.timestamps && !std::mem::replace(&mut member.asked, true) {
                member.echo = address(&member.socket).and_then(|peer| self.echoes.to(peer));
            }
            let echo = member.echo.as_ref().and_then(|echo| echo.round_trip());
            let rtt = after.rtt.or(echo);
            // Before data has flowed the receiver knows no round trip.
            if let Some(rtt) = rtt.or(after.lowest) {
                known.see(now, rtt);
            }
            let lost = after.out_of_order.wrapping_sub(member.before.out_of_order);
            member.seen = Seen { bytes, rtt, base: known.base(), lost };
            member.before = after;
        }
        own
    }

    fn manners(&self) -> Vec<Manners> {
        let mut all: Vec<Manners> = Vec::new();
        for manners in self.members.values().filter_map(|member| member.bucket.manners()) {
            if !all.contains(&manners) {
                all.push(manners);
            }
        }
        all
    }

    /// What is this agent's, with what the others do as long as that is fresh.
    fn parts(&self) -> impl Iterator<Item = (Manners, Part)> {
        self.parts.iter().map(|(manners, part, told)| match told.elapsed() < UNHEARD {
            true => (*manners, *part),
            false => (*manners, part.unheard()),
        })
    }

    /// Has one law look at its connections, and tells the kernel what it grants.
    fn follow(&mut self, now: Duration, card: Option<Card>, law: &mut Law) -> Option<Grant> {
        let part = self.parts().find(|(manners, _)| *manners == law.manners);
        law.part = part.map_or(Part::WHOLE, |(_, part)| part);
        law.controller.set_part(law.part);
        let of_law = |member: &&mut Member| member.bucket.manners() == Some(law.manners);
        let mut members: Vec<&mut Member> = self.members.values_mut().filter(of_law).collect();
        law.connections = members.len();
        law.echoes =
            members.iter().all(|member| member.before.rtt.is_none() && member.echo.is_some());
        let segment = members.iter().map(|member| member.before.segment).max()?;
        law.controller.set_segment(if segment == 0 { SEGMENT } else { segment });
        let heard = |member: &&mut Member| self.peers.heard(member.peer);
        law.remembered = members.iter().filter_map(heard).map(|best| best.base).min();
        for member in members.iter_mut().filter(|member| member.new) {
            member.new = false;
            if let Some(best) = self.peers.heard(member.peer) {
                law.controller.expect(best.rate);
            }
        }
        let seen: Vec<Seen> = members.iter().map(|member| member.seen).collect();
        let sample = Sample { now, connections: &seen, card, limit: None };
        let grant = law.controller.tick(&sample);
        let out = shares(now, grant.window, u64::from(segment.max(1)), members.len(), &law.part);
        for (member, share) in members.iter_mut().zip(out) {
            member.take(share);
        }
        law.grant = Some(grant);
        Some(grant)
    }
}

impl Epoch {
    fn begin() -> Self {
        let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let since_boot = Duration::try_from(clock).unwrap_or_default();
        Self { at: Instant::now(), since_boot }
    }

    fn now(&self) -> Duration {
        self.since_boot + self.at.elapsed()
    }
}

impl Law {
    fn new(manners: Manners) -> Self {
        let controller = Controller::new(manners, 0);
        let (grant, connections, echoes, remembered) = (None, 0, false, None);
        Self { manners, controller, grant, connections, echoes, remembered, part: Part::WHOLE }
    }
}

impl Counter {
    /// What has passed since it was read last.
    fn passed(&mut self) -> Option<u64> {
        let mut text = [0; 32];
        let length = rustix::io::pread(&self.file, &mut text, 0).ok()?;
        let all: u64 = std::str::from_utf8(&text[..length]).ok()?.trim().parse().ok()?;
        let since = self.before.map(|before| all.saturating_sub(before));
        self.before = Some(all);
        since
    }
}

impl Member {
    /// Makes a share the window of the live socket, every time: the kernel forgets it.
    fn take(&mut self, share: Share) {
        if !std::mem::replace(&mut self.steered, true) {
            mark(&self.socket, true);
        }
        let bytes = match share {
            Share::Move(bytes) => bytes,
            Share::Wait => u64::from(SMALLEST),
        };
        let bytes = bytes.min(self.limit().unwrap_or(bytes));
        if may_tell(self.before.window, self.told, bytes) {
            clamp(&self.socket, bytes);
            self.told = bytes;
        }
    }

    /// It gives way to nobody any more.
    fn let_go(&mut self) {
        if std::mem::take(&mut self.steered) {
            unclamp(&self.socket);
            self.told = u64::MAX;
            (self.echo, self.asked) = (None, false);
            mark(&self.socket, false);
        }
    }

    /// What a limited bandwidth brings in a round trip. A little more is left to the bucket.
    fn limit(&self) -> Option<u64> {
        let rate = u128::from(self.bucket.rate()?);
        let rtt = self.seen.rtt.or(self.seen.base)?.max(Duration::from_millis(20));
        let window = rate * rtt.as_micros() / 1_000_000 * 5 / 4;
        Some(u64::try_from(window).unwrap_or(u64::MAX).max(u64::from(SMALLEST)))
    }
}

/// A closed window is not made smaller: kernels before 6.7 may never open it again then. Nothing comes
/// through it anyway.
fn may_tell(window: Option<u32>, told: u64, bytes: u64) -> bool {
    window != Some(0) || bytes >= told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_window_is_not_made_smaller_and_every_other_is() {
        assert!(!may_tell(Some(0), 5000, 4999) && !may_tell(Some(0), u64::MAX, 5000));
        assert!(may_tell(Some(0), 5000, 5000) && may_tell(Some(0), 5000, 5001));
        assert!(may_tell(Some(1), 5000, 4999) && may_tell(None, 5000, 4999));
    }
}
