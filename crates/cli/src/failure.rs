//! How a command fails: one line, a hint, a code.
//!
//! Answers one question: *what does the person at the terminal get to read?* A failure says what
//! could not be done and why; a hint says what would help. What came from outside (names, words of
//! a server) is shown with its control characters escaped.

use ebb_api::ClientError;

use crate::escape::shown;
use crate::exit::Exit;

/// Why a command did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// One line, after `ebb: `; empty where everything has been said already.
    pub(crate) text: String,
    /// What would help, after the line.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure with this code and line.
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Failure { exit, text: text.into(), hint: None }
    }

    /// A mistake on the command line.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, text)
    }

    /// The code alone: everything has been said already.
    pub(crate) fn silent(exit: Exit) -> Self {
        Failure::new(exit, "")
    }

    /// With this hint; an empty one is none.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) {
        if !self.text.is_empty() {
            eprintln!("ebb: {}", self.text);
        }
        if let Some(hint) = &self.hint {
            eprintln!("  hint: {hint}");
        }
    }
}

/// Turns a client's error into a failure to do `what`: "cannot WHAT: REASON".
pub(crate) fn cannot(what: &str) -> impl FnOnce(ClientError) -> Failure {
    let what = format!("cannot {what}");
    move |error| match error {
        ClientError::Service(no) => {
            let text = format!("{what}: {}", shown(&no.to_string()));
            Failure::new(Exit::of_refusal(&no.name), text).hint(shown(&no.advice))
        }
        ClientError::NotReachable(_) => {
            Failure::new(Exit::NotReachable, format!("{what}: {}", shown(&error.to_string())))
        }
        ClientError::Protocol(_) => {
            Failure::new(Exit::Failure, format!("{what}: {}", shown(&error.to_string())))
                .hint("ebb and the service may be of different versions; see: ebb status")
        }
        ClientError::Impersonation(why) => {
            Failure::new(Exit::NotPermitted, format!("{what}: {}", shown(&why.to_string())))
        }
        other => Failure::new(Exit::Failure, format!("{what}: {}", shown(&other.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_api::ServiceError;

    #[test]
    fn a_refusal_keeps_its_sentence_and_its_advice() {
        let sentence = "not\u{1b}[31m yours";
        let no = ServiceError::new("access-denied", 0x8007_0005, sentence, "ask");
        let no = ClientError::Service(no);
        let failure = cannot("cancel it")(no);
        assert_eq!(failure.text, "cannot cancel it: not\\u{1b}[31m yours");
        assert_eq!((failure.exit, failure.hint.as_deref()), (Exit::NotPermitted, Some("ask")));
    }
}
