//! One window, shared out among the connections of a path.
//!
//! While there is enough, all get the same. When there is less than four segments for each, only as
//! many move as have that much, at least one, and the others wait: what hurts others is the floor of
//! each, not the speed of one. Those who wait take turns.
//!
//! The same among agents: where there is less than the floor for this one, it moves in its turns only,
//! and then with the floor of all. The clock is the machine's, so nobody has to say whose turn it is.

use crate::part::{Part, TURN};
use std::time::Duration;

/// Segments worth having.
const WORTH_HAVING: u64 = 4;
/// Segments that all agents together may always have under way.
const FLOOR: u64 = 2;

/// One connection's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many bytes may be under way to it.
    Move(u64),
    /// Nothing is to be asked of its server now.
    Wait,
}

/// Shares `window` bytes, those of this part, out among `connections`, in their order. `now` is on a
/// clock that all agents have in common.
#[must_use]
pub fn shares(
    now: Duration,
    window: u64,
    segment: u64,
    connections: usize,
    part: &Part,
) -> Vec<Share> {
    if connections == 0 {
        return Vec::new();
    }
    let floor = FLOOR * segment.max(1);
    let (window, turn) = match part.is_shared() && window < floor {
        true if !part.has_the_turn(now) => return vec![Share::Wait; connections],
        true => (floor, part.rounds(now)),
        false => (window, now.as_secs() / TURN.as_secs()),
    };
    let count = u64::try_from(connections).unwrap_or(u64::MAX);
    let movers = (window / (WORTH_HAVING * segment.max(1))).clamp(1, count);
    let each = window / movers;
    let first = turn % count;
    (0..count)
        .map(|place| {
            let after = (place + count - first) % count;
            if after < movers { Share::Move(each) } else { Share::Wait }
        })
        .collect()
}
