//! Digests of files, and what is known of hashes that are not yet digests.
//!
//! What is in [`Hashed::state`] only a network agent reads. The service keeps it beside the number
//! of bytes it is of, and gives it back with them.

/// The digest of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

/// What is known of the hashes of the first bytes of a file, to go on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// Of how many bytes.
    pub at: u64,
    /// What the agent wants to be told again.
    pub state: Vec<u8>,
}
