//! What is remembered of paths: where they lead, and the best they have shown. Numbers only.

/// Peers that are reached on the same path: the first 24 or 48 bits of their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// Of version 4.
    V4([u8; 3]),
    /// Of version 6.
    V6([u8; 6]),
}

/// The best a path has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// To whom.
    pub peer: Peer,
    /// The lowest round trip, in microseconds.
    pub base_us: u32,
    /// The highest rate in bytes a second; 0 if it is not known.
    pub rate: u64,
}
