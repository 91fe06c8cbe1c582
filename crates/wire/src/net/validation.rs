//! What a network agent asks about a server's certificate, and what it is answered.
//!
//! Where a job has a validator, a program of its owner's, the agent asks before it shakes hands to the
//! end: [`Question`]. The service passes on what it is given and never looks inside a certificate.

/// Names what the fetches of one attempt have asked and were allowed; chosen by the service, never
/// used twice on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValidationId(pub u64);

/// That the servers of a fetch are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validation {
    /// Among which.
    pub id: ValidationId,
    /// The number of the file in its job; said again with each question.
    pub file: u32,
}

/// May we speak to this server?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Among which.
    pub validation: ValidationId,
    /// Its number; of one agent no two are the same.
    pub number: u64,
    /// For which file.
    pub file: u32,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The certificates it sent as DER, its own first.
    pub chain: Vec<Vec<u8>>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Accepted,
    /// No, for a reason of the validator's own.
    Rejected(u32),
    /// There is nobody to be asked.
    Nobody,
}
