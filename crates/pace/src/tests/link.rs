//! A link that is simulated: one bottleneck with a queue, in steps of a millisecond.
//!
//! All of the delay lies on the way back: what arrives lets the sender send again a base round trip
//! later. The queue is a fluid, served in proportion to what each flow has in it; what does not fit
//! is dropped, and the flow it belonged to hears of a loss.

use crate::numbers::{real, whole};
use crate::{Card, Controller, Grant, Sample, Seen};
use std::time::Duration;

pub(super) const STEP: f64 = 0.001;

/// What the link is like.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// Bytes per second.
    pub(super) rate: f64,
    /// Seconds.
    pub(super) rtt: f64,
    /// Seconds of queue that fit.
    pub(super) buffer: f64,
    /// Seconds by which a round trip may be longer, for no reason of ours.
    pub(super) jitter: f64,
}

pub(super) const HOUSE: Link = Link { rate: 6_250_000.0, rtt: 0.020, buffer: 0.150, jitter: 0.0 };

/// A flow with a window: ours, or somebody's who fills the queue.
#[derive(Clone)]
pub(super) struct Flow {
    window: Vec<f64>,
    pub(super) sent: f64,
    pub(super) received: Vec<f64>,
    pub(super) queued: f64,
    pub(super) lost: bool,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self { window: Vec::new(), sent: 0.0, received: vec![0.0], queued: 0.0, lost: false }
    }

    pub(super) fn step(&mut self, window: f64, back: usize) -> f64 {
        self.window.push(window);
        let then = self.received.len().saturating_sub(back);
        let received = *self.received.get(then).unwrap_or(&0.0);
        let allowed = self.window[self.window.len().saturating_sub(back.max(1))];
        let sends = (received + allowed - self.sent).max(0.0);
        self.sent += sends;
        sends
    }
}

/// What is seen at each tick, for the test to judge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: f64,
    pub(super) ours: f64,
    pub(super) theirs: f64,
    pub(super) queue: f64,
    pub(super) grant: Grant,
}

/// What others do.
#[derive(Clone, Copy)]
pub(super) enum Others {
    Nobody,
    /// A download that fills the queue, from one moment to another.
    Bulk {
        from: f64,
        until: f64,
    },
    /// A steady rate in bytes per second, on this machine.
    Steady {
        from: f64,
        rate: f64,
    },
    /// An upload of this machine's own, whose queue on the way up has tides.
    Upload {
        from: f64,
    },
    /// The same, and later a download of another machine's.
    UploadAndBulk {
        from: f64,
        until: f64,
    },
}

/// What the receiver can see.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    Full,
    /// Without timestamps there is no round trip.
    NoRoundTrip,
    /// With the card of this machine.
    Card,
}

pub(super) fn steps(seconds: f64) -> usize {
    usize::try_from(whole(seconds / STEP)).unwrap()
}

/// Runs it for so many seconds, with so many connections.
pub(super) fn run(
    link: Link,
    law: &mut Controller,
    others: Others,
    sight: Sight,
    limit: Option<u64>,
    (connections, seconds): (usize, f64),
) -> Vec<Moment> {
    let (mut ours, mut theirs) = (Flow::new(), Flow::new());
    let (mut bulk, mut halved) = (14_480.0_f64, -1.0_f64);
    let back = steps(link.rtt);
    let mut grant = Grant { window: 14_480, next: Duration::ZERO, course: crate::Course::Taking };
    let (mut told, mut card_told) = (0.0, 0.0);
    let (mut smoothed, mut wobble) = (link.rtt, 0.0);
    let mut seed = 12_345_u64;
    let mut moments = Vec::new();
    for step in 0..steps(seconds) {
        let at = real(step as u64) * STEP;
        let uploads = match others {
            Others::Upload { from } => at >= from,
            Others::UploadAndBulk { .. } => at >= 5.0,
            Others::Nobody | Others::Bulk { .. } | Others::Steady { .. } => false,
        };
        let tide = if uploads { tide(at) } else { 0.0 };
        // What we acknowledge waits on the way up.
        let came = ours.step(real(grant.window), steps(link.rtt + tide));
        let pushed = match others {
            Others::Nobody => 0.0,
            Others::Bulk { from, until } if at >= from && at < until => theirs.step(bulk, back),
            Others::UploadAndBulk { from, until } if at >= from && at < until => {
                theirs.step(bulk, back)
            }
            Others::Bulk { .. } | Others::UploadAndBulk { .. } => 0.0,
            Others::Steady { from, rate } if at >= from => rate * STEP,
            Others::Steady { .. } | Others::Upload { .. } => 0.0,
        };
        for (flow, bytes) in [(&mut ours, came), (&mut theirs, pushed)] {
            flow.queued += bytes;
        }
        let over = ours.queued + theirs.queued - link.buffer * link.rate - link.rate * STEP;
        if over > 0.0 {
            let all = ours.queued + theirs.queued;
            for flow in [&mut ours, &mut theirs] {
                let dropped = over * flow.queued / all;
                flow.lost |= dropped > 700.0;
                flow.queued -= dropped;
                flow.sent -= dropped;
            }
        }
        let all = ours.queued + theirs.queued;
        let served = all.min(link.rate * STEP);
        for flow in [&mut ours, &mut theirs] {
            let part = if all > 0.0 { served * flow.queued / all } else { 0.0 };
            flow.queued -= part;
            flow.received.push(flow.received.last().unwrap() + part);
        }
        let queue = (ours.queued + theirs.queued) / link.rate;
        if theirs.lost && at - halved > 2.0 * (link.rtt + queue) {
            bulk /= 2.0;
            halved = at;
        } else if at > halved {
            // Half of a segment for each round trip would be Reno's delayed way; cubic is quicker.
            bulk += 4.0 * 1448.0 * STEP / (link.rtt + queue);
        }
        theirs.lost = false;
        if step % 8 == 0 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let dice = real(seed >> 33) / real(1 << 31);
            wobble = link.jitter * dice * dice;
        }
        // As the kernel does it: a lower sample is taken at once, a higher one by an eighth.
        let rtt = link.rtt + queue + wobble + tide;
        smoothed = if rtt < smoothed { rtt } else { smoothed + (rtt - smoothed) / 8.0 };
        let now = Duration::from_secs_f64(at);
        if now < grant.next {
            continue;
        }
        let got = *ours.received.last().unwrap();
        let bytes = whole(got - told) / connections as u64;
        told += real(bytes * connections as u64);
        let rtt = Some(Duration::from_secs_f64((smoothed * 1000.0).round() / 1000.0));
        let seen = Seen {
            bytes,
            rtt: rtt.filter(|_| sight != Sight::NoRoundTrip),
            // The handshake shows it, with timestamps or without.
            base: Some(Duration::from_secs_f64(link.rtt)),
            lost: u32::from(ours.lost),
        };
        ours.lost = false;
        // Another machine's are not on our card.
        let elsewhere = matches!(others, Others::UploadAndBulk { .. });
        let theirs_here = if elsewhere { 0.0 } else { *theirs.received.last().unwrap() };
        let all = got + theirs_here;
        let card = Card {
            all: whole(all - card_told),
            own: bytes * connections as u64,
            sent: if uploads { 25_000 } else { 0 },
        };
        card_told = all;
        grant = law.tick(&Sample {
            now,
            connections: &vec![seen; connections],
            card: (sight == Sight::Card).then_some(card),
            limit,
        });
        moments.push(Moment {
            at,
            ours: got,
            theirs: *theirs.received.last().unwrap(),
            queue,
            grant,
        });
    }
    moments
}

/// The queue on the way up, in seconds, of one cubic flow in a buffer of 150 ms: after a loss a third
/// of the window is gone within a round trip, most of it is back after two seconds, and then it waits.
fn tide(at: f64) -> f64 {
    let wait = (at % 7.0 / 6.0 - 1.0).powi(3);
    (0.150 + 0.051 * wait).min(0.150)
}

/// The part of the link that somebody had between two moments.
pub(super) fn part(
    link: Link,
    moments: &[Moment],
    (from, until): (f64, f64),
    whose: fn(&Moment) -> f64,
) -> f64 {
    let within: Vec<_> = moments.iter().filter(|m| m.at >= from && m.at < until).collect();
    let (first, last) = (within[0], within[within.len() - 1]);
    (whose(last) - whose(first)) / (last.at - first.at) / link.rate
}

/// The queue that 95 of 100 moments stay below, in seconds.
pub(super) fn queue_p95(moments: &[Moment], from: f64, until: f64) -> f64 {
    let mut queues: Vec<_> =
        moments.iter().filter(|m| m.at >= from && m.at < until).map(|m| m.queue).collect();
    queues.sort_by(f64::total_cmp);
    queues[queues.len() * 95 / 100]
}
