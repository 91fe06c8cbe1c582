//! Who we are, where a server asks.
//!
//! | file        | holds                                                             |
//! |-------------|-------------------------------------------------------------------|
//! | `login`     | what there is to log on with                                      |
//! | `challenge` | what they want to know, and how (pure)                            |
//! | `digest`    | the scheme Digest                                                 |
//! | `ntlm`      | the scheme NTLM                                                   |
//! | `talk`      | schemes that take several messages; where tickets come from       |
//! | `binding`   | what ties a talk to the TLS under it (pure)                       |
//! | `standing`  | what was accepted and rejected, and what is said next (pure)      |
//! | `account`   | the same credentials in several fetches                           |
//! | `exchange`  | an exchange in which we say who we are                            |
//! | `proxied`   | the same for who stands between us and the server                 |
//! | `turns`     | a scheme that takes several messages, spoken to a proxy           |
//!
//! What is never done: something is said before it is asked for; a rejected password is said a second
//! time; anything is said to another origin than the one it was given for.

mod account;
pub(crate) mod binding;
mod challenge;
mod digest;
mod exchange;
mod login;
mod ntlm;
mod proxied;
mod standing;
mod talk;
mod turns;

pub(crate) use account::{Account, Accounts, InHand};
pub use login::{Login, LoginScheme, LoginTarget, Logins, Secret};
pub use talk::{Spoken, Talk, Tickets};
pub(crate) use turns::{Told, in_turns};

#[cfg(any(test, feature = "checks"))]
pub(crate) mod checks;

use crate::shown::printable;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use standing::Why;
use std::fmt;

/// The longest reason that is shown.
const LONGEST_WHY: usize = 160;

/// Somebody wants to know who asks, and was not told so that they took it.
#[derive(Debug)]
pub struct LogOnError {
    target: LoginTarget,
    offered: Vec<String>,
    tried: Vec<(LoginScheme, Why)>,
}

impl LogOnError {
    fn of(target: LoginTarget, offered: Vec<String>, tried: Vec<(LoginScheme, Why)>) -> Self {
        Self { target, offered, tried }
    }

    /// Who it was.
    #[must_use]
    pub fn target(&self) -> LoginTarget {
        self.target
    }
}

impl fmt::Display for LogOnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (party, status) = match self.target {
            LoginTarget::Server => ("the server", 401),
            LoginTarget::Proxy => ("the proxy", 407),
        };
        write!(f, "{party} wants to know who asks ({status})")?;
        // A long list would leave no room for the rest.
        let mut offered = self.offered.iter().map(String::as_str).take(6).peekable();
        if offered.peek().is_some() {
            write!(f, ", by {}", offered.collect::<Vec<_>>().join(" or "))?;
        }
        if self.tried.is_empty() {
            return f.write_str("; the job has no credentials for that");
        }
        f.write_str(&tried_text(&self.tried))
    }
}

impl std::error::Error for LogOnError {}

/// What was tried and did not do, as it may be shown; nothing if nothing was.
fn tried_text(tried: &[(LoginScheme, Why)]) -> String {
    let one = |(scheme, why): &(LoginScheme, Why)| match (scheme.name(), why) {
        (scheme, Why::Rejected) => format!("; it rejected the credentials for {scheme}"),
        (scheme, Why::Unusable(why)) => {
            let why: String = printable(why).chars().take(LONGEST_WHY).collect();
            format!("; {scheme} could not be used: {why}")
        }
    };
    tried.iter().map(one).collect()
}

/// A message of a scheme for the connection, as it stands in a field.
fn token_value(scheme: LoginScheme, message: &[u8]) -> HeaderValue {
    let text = format!("{} {}", scheme.name(), BASE64_STANDARD.encode(message));
    let mut value = HeaderValue::try_from(text).expect("a name and base64 can stand in a field");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_who_asks_by_what_and_what_was_tried() {
        let offered = vec!["Negotiate".to_owned(), "Basic".to_owned()];
        let nothing = LogOnError::of(LoginTarget::Server, offered.clone(), vec![]);
        assert_eq!(
            nothing.to_string(),
            "the server wants to know who asks (401), by Negotiate or Basic; the job has no \
             credentials for that"
        );
        let ticket = Why::Unusable("no ticket\n".to_owned());
        let tried = vec![(LoginScheme::Negotiate, ticket), (LoginScheme::Basic, Why::Rejected)];
        assert_eq!(
            LogOnError::of(LoginTarget::Proxy, offered, tried).to_string(),
            "the proxy wants to know who asks (407), by Negotiate or Basic; Negotiate could not be \
             used: no ticket\\u{a}; it rejected the credentials for Basic"
        );
    }
}
