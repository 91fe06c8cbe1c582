//! How a no travels: symbolic names, D-Bus names, and what a client gets to see.
//!
//! Answers one question: *which error name is which?* A symbolic name is words of lower-case
//! letters, or of digits, with dashes between them (`token-required`, `http-404`); its D-Bus name
//! is [`ERROR_PREFIX`] and the same words in camel case. The two lead to each other, so nobody
//! keeps a table. The body of an error reply is `(sus)`: a sentence for a person, BITS' number (0
//! where BITS has none), and advice.
//!
//! Nothing here decides what is refused, or why.

use std::fmt;

use crate::helper::ImpersonationError;

/// What the D-Bus names of our errors start with.
pub const ERROR_PREFIX: &str = "org.ebb.Transfer1.Error.";

/// The D-Bus name of an error.
///
/// ```
/// let name = ebb_api::errors::error_name("token-required");
/// assert_eq!(name, "org.ebb.Transfer1.Error.TokenRequired");
/// ```
#[must_use]
pub fn error_name(symbolic: &str) -> String {
    let mut name = String::from(ERROR_PREFIX);
    for word in symbolic.split('-') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// The symbolic name of one of our D-Bus errors; nothing where the error is not ours.
#[must_use]
pub fn symbolic_name(error: &str) -> Option<String> {
    let camel = error.strip_prefix(ERROR_PREFIX)?;
    let ours = camel.starts_with(|first: char| first.is_ascii_uppercase())
        && camel.chars().all(|letter| letter.is_ascii_alphanumeric());
    ours.then(|| split_words(camel))
}

fn split_words(camel: &str) -> String {
    let mut words = String::new();
    let mut before = '-';
    for letter in camel.chars() {
        let starts_word =
            letter.is_ascii_uppercase() || letter.is_ascii_digit() && !before.is_ascii_digit();
        if starts_word && before != '-' {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
        before = letter;
    }
    words
}

/// A no from the service, as it came over the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceError {
    /// The symbolic name, such as `access-denied`.
    pub name: String,
    /// BITS' number; 0 where BITS has none.
    pub code: u32,
    /// What happened, for a person.
    pub sentence: String,
    /// What would help; may be empty.
    pub advice: String,
}

impl ServiceError {
    /// A no of this name, as a service would say it: for tests of programs.
    #[must_use]
    pub fn new(name: &str, code: u32, sentence: &str, advice: &str) -> Self {
        let (name, sentence) = (name.to_owned(), sentence.to_owned());
        ServiceError { name, code, sentence, advice: advice.to_owned() }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.sentence.is_empty() { &self.name } else { &self.sentence })
    }
}

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The service answered, and the answer is no.
    #[error("{0}")]
    Service(ServiceError),
    /// There is nobody to ask, or there no longer is.
    #[error("the transfer service is not reachable: {0}")]
    NotReachable(String),
    /// Whoever answered does not keep to the contract.
    #[error("the answer of the service is not understood: {0}")]
    Protocol(String),
    /// The identity to be lent could not be taken on; see [`crate::helper`].
    #[error("becoming the helper failed: {0}")]
    Impersonation(#[from] ImpersonationError),
}

impl ClientError {
    /// The symbolic name, if the service said no.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            ClientError::Service(error) => Some(&error.name),
            ClientError::NotReachable(_)
            | ClientError::Protocol(_)
            | ClientError::Impersonation(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbolic_name_survives_the_bus() {
        let names = [
            "token-required",
            "access-denied",
            "http-404",
            "internal",
            "destination-changed",
            "http-2-not-spoken",
            "no-such-job",
        ];
        for name in names {
            assert_eq!(symbolic_name(&error_name(name)).as_deref(), Some(name));
        }
    }

    #[test]
    fn an_error_of_somebody_else_has_no_symbolic_name() {
        let others = [
            "org.freedesktop.DBus.Error.AccessDenied",
            ERROR_PREFIX,
            "org.ebb.Transfer1.Error.a",
            "org.ebb.Transfer1.Error.A.B",
            "org.ebb.Transfer1.Error.A-B",
        ];
        for other in others {
            assert_eq!(symbolic_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_no_without_a_sentence_shows_its_name() {
        let error = ServiceError {
            name: "access-denied".into(),
            code: 0x8007_0005,
            sentence: String::new(),
            advice: String::new(),
        };
        assert_eq!(error.to_string(), "access-denied");
    }
}
