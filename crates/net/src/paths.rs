//! Giving way, from the engine's words to the channel's and back. Decides nothing.

use ebb_http::{Best, Course, Manners, PathPart, Peer, Standing};
use ebb_wire::net;
use std::collections::HashMap;
use std::time::Duration;

/// Paths that nobody shares are told every so many times.
const MOST_TIMES: u32 = 5;

/// How a fetch is to behave.
pub(crate) fn manners(told: net::Manners) -> Manners {
    match told {
        net::Manners::High => Manners::HIGH,
        net::Manners::Normal => Manners::NORMAL,
        net::Manners::Low => Manners::LOW,
    }
}

/// How a path is doing.
pub(crate) fn told(standing: &Standing) -> net::Path {
    let signals = standing.signals;
    net::Path {
        manners: match standing.manners {
            Manners::HIGH => net::Manners::High,
            Manners::LOW => net::Manners::Low,
            _ => net::Manners::Normal,
        },
        course: match standing.course {
            Course::Taking => net::Course::Taking,
            Course::Creeping => net::Course::Creeping,
            Course::Yielding => net::Course::Yielding,
            Course::Halved => net::Course::Halved,
            Course::Looking => net::Course::Looking,
            Course::Alarmed => net::Course::Alarmed,
            Course::Tethered => net::Course::Tethered,
        },
        connections: u32::try_from(standing.connections).unwrap_or(u32::MAX),
        window: standing.window,
        rate: signals.rate,
        base_us: signals.base.map(micros),
        queue_us: signals.queue.map(micros),
        target_us: micros(signals.target),
        card: signals.card,
        echoes: standing.echoes,
        remembered_us: standing.remembered.map(micros),
        share: thousandths(standing.part.weight),
    }
}

/// The part of a path that is ours.
pub(crate) fn part(told: net::Part) -> PathPart {
    let net::Part { weight, place, of, window, rate } = told;
    let weight = f64::from(weight.clamp(1, 1000)) / 1000.0;
    PathPart { weight, place: place.into(), of: of.into(), window, rate }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such casts saturate, and a NaN becomes 0"
)]
fn thousandths(weight: f64) -> u16 {
    (weight * 1000.0).round() as u16
}

/// What is remembered of a path.
pub(crate) fn remembered(told: &net::Remembered) -> (Peer, Best) {
    let peer = match told.peer {
        net::Peer::V4(bytes) => Peer::V4(bytes),
        net::Peer::V6(bytes) => Peer::V6(bytes),
    };
    (peer, Best { base: Duration::from_micros(told.base_us.into()), rate: told.rate })
}

/// What is worth remembering of a path.
pub(crate) fn learned((peer, best): &(Peer, Best)) -> net::Remembered {
    let peer = match *peer {
        Peer::V4(bytes) => net::Peer::V4(bytes),
        Peer::V6(bytes) => net::Peer::V6(bytes),
    };
    net::Remembered { peer, base_us: micros(best.base), rate: best.rate }
}

/// What was told of paths, and how often it was time to.
#[derive(Default)]
pub(crate) struct Tellings {
    times: u32,
    connections: HashMap<net::Manners, u32>,
}

impl Tellings {
    /// Whether all paths are told this time.
    pub(crate) fn is_due(&mut self) -> bool {
        self.times = (self.times + 1) % MOST_TIMES;
        self.times == 1
    }

    /// Whether this is to be told: nothing is said of one without connections but that.
    pub(crate) fn is_news(&mut self, path: &net::Path, due: bool) -> bool {
        let before = self.connections.insert(path.manners, path.connections).unwrap_or(0);
        before != path.connections || due && path.connections > 0
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(connections: u32) -> net::Path {
        net::Path {
            manners: net::Manners::Low,
            course: net::Course::Taking,
            connections,
            window: 1,
            rate: 1,
            base_us: None,
            queue_us: None,
            target_us: 1,
            card: false,
            echoes: false,
            remembered_us: None,
            share: 1000,
        }
    }

    #[test]
    fn a_path_is_told_when_it_is_time_or_has_other_connections_and_its_end_once() {
        let mut tellings = Tellings::default();
        let due: Vec<bool> = (0..7).map(|_| tellings.is_due()).collect();
        assert_eq!(due, [true, false, false, false, false, true, false]);
        let mut told = |connections, due| tellings.is_news(&path(connections), due);
        assert!(!told(0, true) && told(1, false) && !told(1, false) && told(1, true));
        assert!(told(2, false) && told(0, false) && !told(0, false) && !told(0, true));
    }
}
