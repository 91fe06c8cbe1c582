//! One window, shared out among the connections of a path.
//!
//! While there is enough, all get the same. When there is less than four segments for each, only as
//! many move as have that much, at least one, and the others wait: what hurts others is the floor of
//! each, not the speed of one. Those who wait take turns.

use std::time::Duration;

/// Segments worth having.
const WORTH_HAVING: u64 = 4;
/// How long a turn lasts while not all can move.
const TURN: Duration = Duration::from_secs(1);

/// One connection's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many bytes may be under way to it.
    Move(u64),
    /// Nothing is to be asked of its server now.
    Wait,
}

/// Shares `window` bytes out among `connections`, in their order.
#[must_use]
pub fn shares(now: Duration, window: u64, segment: u64, connections: usize) -> Vec<Share> {
    if connections == 0 {
        return Vec::new();
    }
    let count = u64::try_from(connections).unwrap_or(u64::MAX);
    let movers = (window / (WORTH_HAVING * segment.max(1))).clamp(1, count);
    let each = window / movers;
    let first = (now.as_secs() / TURN.as_secs()) % count;
    (0..count)
        .map(|place| {
            let after = (place + count - first) % count;
            if after < movers { Share::Move(each) } else { Share::Wait }
        })
        .collect()
}
