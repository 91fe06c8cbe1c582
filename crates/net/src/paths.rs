//! Giving way, from the engine's words to the channel's and back. Decides nothing.

use ebb_http::{Best, Course, Manners, Peer, Standing};
use ebb_wire::net;
use std::time::Duration;

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
    }
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

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
