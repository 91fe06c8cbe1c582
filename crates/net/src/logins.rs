//! What fetches log on with, from the message it comes in to the fetch it is for.
//!
//! Answers one question: *which credentials does this fetch have?* They are here from their first
//! part until their fetch begins, and nowhere after its end. The service says all of a fetch before
//! the fetch itself, and not much of many: more than fits into [`MOST`] is a message that does not
//! fit.

use ebb_http::{Login, LoginScheme, LoginTarget, Logins, Secret};
use ebb_wire::net::{self, AuthScheme, AuthTarget, FetchId};
use std::collections::HashMap;

/// A password has up to 65,536 characters, of four bytes at the most.
const MOST_PASSWORD: usize = 4 * 65_536;
/// Fetches whose credentials are here before they are.
const MOST: usize = 64;

/// Credentials of fetches to come.
#[derive(Default)]
pub(crate) struct Waiting(HashMap<FetchId, Vec<net::Login>>);

impl Waiting {
    /// Takes credentials, or the next part of them; false if that is too much.
    pub(crate) fn take(&mut self, fetch: FetchId, login: net::Login) -> bool {
        if !self.0.contains_key(&fetch) && self.0.len() == MOST {
            return false;
        }
        let logins = self.0.entry(fetch).or_default();
        let same =
            |other: &&mut net::Login| (other.target, other.scheme) == (login.target, login.scheme);
        let Some(begun) = logins.iter_mut().find(same) else {
            logins.push(login);
            return true;
        };
        match (&mut begun.explicit, login.explicit) {
            (Some((user, password)), Some((again, part))) if *user == again => {
                // A buffer that grows would leave copies behind.
                let mut whole = Secret::with_capacity(password.0.len() + part.0.len());
                whole.extend(&password.0);
                whole.extend(&part.0);
                *password = net::Secret(whole.take());
                password.0.len() <= MOST_PASSWORD
            }
            (Some(_) | None, Some(_) | None) => false,
        }
    }

    /// All that was said for a fetch, as the engine wants it. `None` if a text is none.
    pub(crate) fn of(&mut self, fetch: FetchId) -> Option<Logins> {
        let logins = self.0.remove(&fetch).unwrap_or_default();
        logins.into_iter().map(login).collect()
    }
}

fn login(login: net::Login) -> Option<Login> {
    let target = match login.target {
        AuthTarget::Server => LoginTarget::Server,
        AuthTarget::Proxy => LoginTarget::Proxy,
    };
    let scheme = match login.scheme {
        AuthScheme::Basic => LoginScheme::Basic,
        AuthScheme::Digest => LoginScheme::Digest,
        AuthScheme::Ntlm => LoginScheme::Ntlm,
        AuthScheme::Negotiate => LoginScheme::Negotiate,
    };
    let text = |secret: &net::Secret| {
        let text = std::str::from_utf8(&secret.0).ok()?;
        Some(Secret::of(text))
    };
    let explicit = match &login.explicit {
        Some((user, password)) => Some((text(user)?, text(password)?)),
        None => None,
    };
    Some(Login { target, scheme, explicit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FETCH: FetchId = FetchId(1);

    fn part(scheme: AuthScheme, user: &str, password: &[u8]) -> net::Login {
        let explicit = Some((net::Secret(user.into()), net::Secret(password.into())));
        net::Login { target: AuthTarget::Server, scheme, explicit }
    }

    #[test]
    fn a_password_in_parts_is_one_password_and_goes_to_its_own_fetch() {
        let mut waiting = Waiting::default();
        assert!(waiting.take(FETCH, part(AuthScheme::Basic, "alice", "hé".as_bytes())));
        assert!(waiting.take(FETCH, part(AuthScheme::Digest, "alice", b"other")));
        assert!(waiting.take(FETCH, part(AuthScheme::Basic, "alice", b"llo")));
        assert_eq!(waiting.of(FetchId(2)).unwrap().len(), 0);
        let found = waiting.of(FETCH).unwrap();
        let said = |scheme| {
            found.find(LoginTarget::Server, scheme).unwrap().explicit.as_ref().unwrap().1.as_str()
        };
        assert_eq!((said(LoginScheme::Basic), said(LoginScheme::Digest)), ("héllo", "other"));
        assert_eq!(waiting.of(FETCH).unwrap().len(), 0, "it is forgotten here");
    }

    #[test]
    fn what_cannot_be_a_part_or_is_too_much_does_not_fit() {
        let mut waiting = Waiting::default();
        let implicit = net::Login { explicit: None, ..part(AuthScheme::Ntlm, "", b"") };
        assert!(waiting.take(FETCH, implicit.clone()));
        assert!(!waiting.take(FETCH, implicit));
        assert!(waiting.take(FETCH, part(AuthScheme::Basic, "a", b"x")));
        assert!(!waiting.take(FETCH, part(AuthScheme::Basic, "b", b"x")), "another user");
        let half = vec![b'x'; MOST_PASSWORD];
        assert!(!waiting.take(FETCH, part(AuthScheme::Basic, "a", &half)));
        for number in 2..=64 {
            assert!(waiting.take(FetchId(number), part(AuthScheme::Basic, "a", b"x")));
        }
        assert!(!waiting.take(FetchId(65), part(AuthScheme::Basic, "a", b"x")));
    }

    #[test]
    fn what_is_no_text_is_no_login() {
        let mut waiting = Waiting::default();
        assert!(waiting.take(FETCH, part(AuthScheme::Basic, "alice", b"\xff")));
        assert!(waiting.of(FETCH).is_none());
    }
}
