//! What the connections of one path show together.
//!
//! Their bytes are of one path, and so is the queue: it is the smallest that any of them sees, since a
//! queue they share is seen by all.

use crate::words::Seen;
use std::time::Duration;

/// What all connections of a path together show.
pub(crate) struct Path {
    pub(crate) rtt: Option<Duration>,
    pub(crate) base: Option<Duration>,
    /// Seconds.
    pub(crate) queue: Option<f64>,
    pub(crate) fresh: Option<Duration>,
    pub(crate) lost: bool,
    /// Somebody on this machine sends, and the base is what that makes of it.
    pub(crate) uploads: bool,
}

impl Path {
    /// Of those that received something, the one that sees the shortest queue speaks for the path;
    /// when none did, of all.
    pub(crate) fn of(connections: &[Seen]) -> Self {
        let seen = |only_live: bool| {
            let live = connections.iter().filter(move |seen| !only_live || seen.bytes > 0);
            live.filter_map(|seen| {
                let (rtt, base) = (seen.rtt?, seen.base?);
                Some((rtt.saturating_sub(base), rtt, base, seen.bytes > 0))
            })
            .min()
        };
        let found = seen(true).or_else(|| seen(false));
        Self {
            rtt: found.map(|(_, rtt, ..)| rtt),
            base: found
                .map(|(_, _, base, _)| base)
                .or_else(|| connections.iter().filter_map(|seen| seen.base).min()),
            queue: found.map(|(queue, ..)| queue.as_secs_f64()),
            fresh: found.and_then(|(_, rtt, _, live)| live.then_some(rtt)),
            lost: connections.iter().any(|seen| seen.lost > 0),
            uploads: false,
        }
    }
}
