//! Schemes that take several messages, and are for the connection.
//!
//! Answers one question: *what is the next message?* NTLM is spoken here. Tickets come from whoever
//! runs the client ([`Tickets`]): the library that has them blocks, and is not this crate's.

use super::login::{Login, LoginScheme};
use super::ntlm::Ntlm;
use std::sync::Arc;

/// Where tickets come from.
pub trait Tickets: Send + Sync {
    /// Begins to talk to the service `HTTP` at this host: as this user with this password, or as
    /// the identity we run as. The talk is tied to `binding`, if there is one.
    ///
    /// # Errors
    ///
    /// Why it cannot be begun, in words for a person.
    fn begin(
        &self,
        host: &str,
        login: Option<(&str, &str)>,
        binding: Option<&[u8]>,
    ) -> Result<Box<dyn Talk>, String>;
}

/// A talk by tickets.
pub trait Talk: Send {
    /// What to say to what they said; nothing to begin with. Blocks, for it may ask others.
    ///
    /// # Errors
    ///
    /// Why there is nothing to say, in words for a person: there is no ticket, it has expired, or
    /// they are not who they should be.
    fn answer(&mut self, said: Option<&[u8]>) -> Result<Spoken, String>;
}

/// What a talk has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// This is to be said, and they have to answer.
    Say(Vec<u8>),
    /// This is to be said, and they need not answer.
    SayAndDone(Vec<u8>),
    /// They have proved who they are.
    Done,
}

/// Begins to talk with these credentials.
pub(super) fn begin(
    login: &Login,
    host: &str,
    tickets: Option<&Arc<dyn Tickets>>,
    binding: Option<&[u8]>,
) -> Result<Box<dyn Talk>, String> {
    let explicit =
        login.explicit.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
    match (login.scheme, explicit) {
        (LoginScheme::Ntlm, Some((user, password))) => {
            Ok(Box::new(Ntlm::new(user, password).bound_to(binding)))
        }
        (LoginScheme::Ntlm, None) => {
            Err("there is nothing on this machine that NTLM could use implicitly".to_owned())
        }
        (LoginScheme::Negotiate, explicit) => match tickets {
            Some(tickets) => tickets.begin(host, explicit, binding),
            None => Err("there is no library for tickets here".to_owned()),
        },
        (LoginScheme::Basic | LoginScheme::Digest, _) => {
            Err("it is not for connections".to_owned())
        }
    }
}
