//! Giving way: how fetches behave on their path, and what they see of it. Numbers only.

/// How a fetch behaves towards others on its path: the more considerate, the less queue it keeps up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manners {
    /// As a job of high priority.
    High,
    /// As one of normal priority.
    Normal,
    /// As one of low priority.
    Low,
}

/// What the fetches of the same manners, together, see of their path and do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Whose.
    pub manners: Manners,
    /// What they do.
    pub course: Course,
    /// How many connections there are.
    pub connections: u32,
    /// What may be under way to all of them, in bytes.
    pub window: u64,
    /// What has arrived of late, in bytes a second.
    pub rate: u64,
    /// The lowest round trip, in microseconds.
    pub base_us: Option<u32>,
    /// The queue, whoever keeps it up, in microseconds; nothing if it cannot be seen.
    pub queue_us: Option<u32>,
    /// The queue that is aimed at, in microseconds.
    pub target_us: u32,
    /// Whether what the machine's card receives can be seen.
    pub card: bool,
    /// Whether round trips are those of echoes (ICMP), as no connection shows any.
    pub echoes: bool,
    /// The lowest round trip that is remembered from before, as long as it counts, in microseconds.
    pub remembered_us: Option<u32>,
    /// The part of it that is this agent's, in thousandths.
    pub share: u16,
}

/// The part that one of several agents has of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// In thousandths, from 1 to 1000.
    pub weight: u16,
    /// Its place among those that have one, from 0.
    pub place: u16,
    /// How many have one.
    pub of: u16,
    /// What the others may have under way, in bytes.
    pub window: u64,
    /// What others of ours receive, whatever their manners, in bytes a second.
    pub rate: u64,
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
