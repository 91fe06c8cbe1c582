//! Giving way, in a sentence: what is seen of the path, what is aimed at, and what is done.

use super::{Bearing, Line};
use std::time::Duration;

/// How a job gives way on its path, together with the owner's other jobs of the same priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// What is done.
    pub course: Course,
    /// How many connections there are.
    pub connections: u32,
    /// What may be under way to all of them, in bytes.
    pub window: u64,
    /// What has arrived of late, in bytes a second.
    pub rate: u64,
    /// The lowest round trip.
    pub base: Option<Duration>,
    /// The queue, whoever keeps it up; nothing if it cannot be seen.
    pub queue: Option<Duration>,
    /// The queue that is aimed at.
    pub target: Duration,
    /// Whether what this machine's card receives can be seen.
    pub card: bool,
    /// Whether round trips are those of echoes, as no connection shows any.
    pub echoes: bool,
    /// The lowest round trip that is remembered from before, as long as it counts.
    pub remembered: Option<Duration>,
    /// The part of it that these connections have, in thousandths; those of other agents have the rest.
    pub share: u16,
}

/// What is done about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Nobody queues: it is being taken.
    Taking,
    /// It is full, by us.
    Creeping,
    /// Somebody queues.
    Yielding,
    /// Something was lost.
    Halved,
    /// Holding still, to see it without us.
    Looking,
    /// Others on this machine have begun.
    Alarmed,
    /// What arrives bounds it: the server, or a limit.
    Tethered,
}

impl Course {
    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Taking => "taking",
            Self::Creeping => "creeping",
            Self::Yielding => "yielding",
            Self::Halved => "halved",
            Self::Looking => "looking",
            Self::Alarmed => "alarmed",
            Self::Tethered => "tethered",
        }
    }
}

/// The line of it.
pub(super) fn line(path: Path) -> Line {
    let (bearing, what) = match path.course {
        Course::Taking => {
            (Bearing::Ok, "Nobody else queues on its path, and it takes what is free")
        }
        Course::Creeping => (Bearing::Ok, "It fills what others leave of its path"),
        Course::Yielding => (Bearing::Limiting, "Others queue on its path, and it yields to them"),
        Course::Halved => (Bearing::Limiting, "Something was lost on its path, and it has halved"),
        Course::Looking => (Bearing::Limiting, "It holds still for a moment to see its path empty"),
        Course::Alarmed => (
            Bearing::Limiting,
            "Other programs of this machine have begun to receive, and it yields",
        ),
        Course::Tethered => (Bearing::Ok, "Its server, or a limit, is slower than its path"),
    };
    let kib = path.window.div_ceil(1024);
    let sentence = format!("{what}: {}, {kib} KiB under way. {}", queue(path), signals(path));
    let before = path.remembered.map(|base| format!(" Remembered: {} ms.", millis(base)));
    let sentence = sentence + before.as_deref().unwrap_or_default() + &share(path);
    Line { condition: "path", bearing, sentence, until: None }
}

/// What of the path is left to jobs of other owners, and under other identities.
fn share(path: Path) -> String {
    match path.share {
        1000.. => String::new(),
        share => format!(
            " Other background jobs share it: its part of it is {}.{} %.",
            share / 10,
            share % 10
        ),
    }
}

fn queue(path: Path) -> String {
    let target = millis(path.target);
    match path.queue {
        Some(queue) => format!("the queue is {} ms, its share of it {target} ms", millis(queue)),
        None => format!("the queue cannot be seen, its share of it would be {target} ms"),
    }
}

/// What can be seen, and what cannot.
fn signals(path: Path) -> String {
    let card = if path.card { "this machine's card" } else { "not this machine's card" };
    match (path.queue, path.base, path.echoes) {
        (Some(_), Some(base), false) => {
            format!("Seen: round trips (at best {} ms), {card}.", millis(base))
        }
        (Some(_), Some(base), true) => format!(
            "Seen: echoes (ICMP, as the connection has no timestamps; at best {} ms), {card}.",
            millis(base)
        ),
        (Some(_), None, _) => format!("Seen: round trips, {card}."),
        (None, ..) => format!(
            "Seen: {card}; no round trips, as the connection has no timestamps. What arrives in a \
             round trip bounds it."
        ),
    }
}

fn millis(duration: Duration) -> String {
    let tenths = duration.as_micros().div_ceil(100);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Path = Path {
        course: Course::Yielding,
        connections: 1,
        window: 2896,
        rate: 100_000,
        base: Some(Duration::from_millis(20)),
        queue: Some(Duration::from_micros(48_250)),
        target: Duration::from_millis(10),
        card: true,
        echoes: false,
        remembered: None,
        share: 1000,
    };

    #[test]
    fn what_it_yields_to_is_told_in_milliseconds_with_the_signals_that_tell() {
        let line = line(PATH);
        assert_eq!((line.condition, line.bearing), ("path", Bearing::Limiting));
        assert_eq!(
            line.sentence,
            "Others queue on its path, and it yields to them: the queue is 48.3 ms, its share of it \
             10.0 ms, 3 KiB under way. Seen: round trips (at best 20.0 ms), this machine's card."
        );
    }

    #[test]
    fn what_is_remembered_is_told_while_it_counts() {
        let remembered = Some(Duration::from_micros(19_500));
        let line = line(Path { remembered, ..PATH }).sentence;
        assert!(line.ends_with("this machine's card. Remembered: 19.5 ms."), "{line}");
    }

    #[test]
    fn echoes_are_told_from_what_the_connection_shows_itself() {
        let line = line(Path { echoes: true, ..PATH }).sentence;
        let told =
            "Seen: echoes (ICMP, as the connection has no timestamps; at best 20.0 ms), this";
        assert!(line.contains(told), "{line}");
    }

    #[test]
    fn a_path_that_is_shared_with_other_agents_says_which_part_is_ours() {
        let line = line(Path { share: 333, ..PATH }).sentence;
        assert!(line.ends_with("share it: its part of it is 33.3 %."), "{line}");
    }

    #[test]
    fn signals_that_are_missing_are_named() {
        let blind = line(Path { queue: None, base: None, card: false, ..PATH }).sentence;
        assert!(blind.contains("the queue cannot be seen"), "{blind}");
        assert!(blind.contains("not this machine's card; no round trips"), "{blind}");
        let courses = [Course::Taking, Course::Creeping, Course::Tethered];
        assert!(
            courses
                .iter()
                .all(|course| { line(Path { course: *course, ..PATH }).bearing == Bearing::Ok })
        );
    }
}
