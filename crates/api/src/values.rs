//! The values of the interface, typed: states, priorities, flags.
//!
//! Answers one question: *which words may stand here?* Every word is spelled in exactly one
//! `as_str`, and reading is the search for it among all of them. A word we do not know is a
//! breach of the contract, not something to guess at.

use std::fmt;
use std::str::FromStr;

use crate::errors::ClientError;

/// The length of a range that goes on to the end of the file.
pub const TO_END: u64 = u64::MAX;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobType {
    /// From a server to local files.
    Download,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// An agent is on its way to the server.
    Connecting,
    /// Data is flowing.
    Transferring,
    /// Its owner asked to hold it.
    Suspended,
    /// Lasting trouble; waits for its owner.
    Error,
    /// Passing trouble; tried again by itself.
    TransientError,
    /// Everything is here, and waits for `Complete`.
    Transferred,
    /// The files are in place. The end.
    Acknowledged,
    /// Given up. The end.
    Cancelled,
}

impl JobType {
    /// All of them.
    pub const ALL: [JobType; 1] = [JobType::Download];

    /// The word on the bus.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobType::Download => "download",
        }
    }
}

impl State {
    /// All of them.
    pub const ALL: [State; 9] = [
        State::Queued,
        State::Connecting,
        State::Transferring,
        State::Suspended,
        State::Error,
        State::TransientError,
        State::Transferred,
        State::Acknowledged,
        State::Cancelled,
    ];

    /// The word on the bus.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Connecting => "connecting",
            State::Transferring => "transferring",
            State::Suspended => "suspended",
            State::Error => "error",
            State::TransientError => "transient-error",
            State::Transferred => "transferred",
            State::Acknowledged => "acknowledged",
            State::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will ever change again.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, State::Acknowledged | State::Cancelled)
    }
}

/// How much a job matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Somebody is waiting for it; gives way to nothing.
    Foreground,
    /// In the background, first.
    High,
    /// In the background.
    Normal,
    /// In the background, last.
    Low,
}

impl Priority {
    /// All of them, most important first.
    pub const ALL: [Priority; 4] =
        [Priority::Foreground, Priority::High, Priority::Normal, Priority::Low];

    /// The word on the bus.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Foreground => "foreground",
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }
}

/// What `Cancel` and `Complete` could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Everything.
    Done,
    /// The finished files are in place; the others are given up.
    PartialComplete,
    /// Done, but temporary files remain.
    UnableToDeleteFiles,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 3] =
        [Outcome::Done, Outcome::PartialComplete, Outcome::UnableToDeleteFiles];

    /// The word on the bus.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::PartialComplete => "partial-complete",
            Outcome::UnableToDeleteFiles => "unable-to-delete-files",
        }
    }
}

/// Finds a word among all there are.
fn find<T: Copy>(
    kind: &str,
    word: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, ClientError> {
    let found = all.iter().copied().find(|value| as_str(*value) == word);
    found.ok_or_else(|| ClientError::Protocol(format!("unknown {kind} {word:?}")))
}

impl FromStr for JobType {
    type Err = ClientError;
    fn from_str(word: &str) -> Result<Self, ClientError> {
        find("job type", word, &Self::ALL, Self::as_str)
    }
}

impl FromStr for State {
    type Err = ClientError;
    fn from_str(word: &str) -> Result<Self, ClientError> {
        find("state", word, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Priority {
    type Err = ClientError;
    fn from_str(word: &str) -> Result<Self, ClientError> {
        find("priority", word, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Outcome {
    type Err = ClientError;
    fn from_str(word: &str) -> Result<Self, ClientError> {
        find("outcome", word, &Self::ALL, Self::as_str)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which resources use the helper token. Bits the service does not know are refused there, so
/// any number can be carried here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TokenFlags(pub u32);

impl TokenFlags {
    /// The owner's identity for everything.
    pub const NONE: TokenFlags = TokenFlags(0);
    /// Local files are the helper's.
    pub const LOCAL_FILE: TokenFlags = TokenFlags(0x1);
    /// The network is the helper's.
    pub const NETWORK: TokenFlags = TokenFlags(0x2);
    /// Client certificates are the helper's.
    pub const CLIENT_CERTIFICATE: TokenFlags = TokenFlags(0x4);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn contains(self, other: TokenFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for TokenFlags {
    type Output = TokenFlags;
    fn bitor(self, other: TokenFlags) -> TokenFlags {
        TokenFlags(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_as_what_it_was() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
        }
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse::<Priority>().unwrap(), priority);
        }
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse::<Outcome>().unwrap(), outcome);
        }
        assert_eq!("download".parse::<JobType>().unwrap(), JobType::Download);
    }

    #[test]
    fn an_unknown_word_is_a_breach_of_the_contract() {
        assert!(matches!("Queued".parse::<State>(), Err(ClientError::Protocol(_))));
        assert!(matches!("".parse::<Priority>(), Err(ClientError::Protocol(_))));
    }

    #[test]
    fn only_two_states_are_the_end() {
        let over: Vec<_> = State::ALL.into_iter().filter(|state| state.is_over()).collect();
        assert_eq!(over, [State::Acknowledged, State::Cancelled]);
    }
}
