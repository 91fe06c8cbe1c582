//! What an attempt says to log on with.
//!
//! Answers one question: *what are a job's credentials called on the channel to the network agent?*
//! Here, too, because both sides see it: implicit credentials for a proxy also serve the server,
//! unless the server has explicit ones (F6, `job-model.md` 3.4).

use std::rc::Rc;

use ebb_core::credentials::{AuthPair, AuthScheme, Credentials};
use ebb_core::job::AuthTarget;
use ebb_wire::codec::SECRET_PART_MAX;
use ebb_wire::net::{self, Login, Secret};

/// All that is said for each of the job's fetches, a password in as many parts as it takes.
pub(crate) fn logins(sets: &[(AuthPair, Credentials)]) -> Rc<[Login]> {
    let mut all: Vec<Login> = Vec::new();
    for (pair, set) in sets {
        let (target, scheme) = (to_target(pair.target), to_scheme(pair.scheme));
        match set.login() {
            None => all.push(Login { target, scheme, explicit: None }),
            Some((user, password)) => all.extend(parts(password).map(|part| {
                let explicit = Some((Secret(user.into()), Secret(part.into())));
                Login { target, scheme, explicit }
            })),
        }
    }
    let explicit_server =
        sets.iter().any(|(pair, set)| pair.target == AuthTarget::Server && set.login().is_some());
    let also = sets.iter().filter(|(pair, set)| {
        let server = AuthPair { target: AuthTarget::Server, scheme: pair.scheme };
        pair.target == AuthTarget::Proxy
            && set.login().is_none()
            && !explicit_server
            && !sets.iter().any(|(pair, _)| *pair == server)
    });
    let serves = |(pair, _): &(AuthPair, Credentials)| Login {
        target: net::AuthTarget::Server,
        scheme: to_scheme(pair.scheme),
        explicit: None,
    };
    all.extend(also.map(serves));
    all.into()
}

/// At least one, for an empty password is one, too.
fn parts(password: &str) -> impl Iterator<Item = &[u8]> {
    let empty = password.is_empty().then_some(&[][..]);
    empty.into_iter().chain(password.as_bytes().chunks(SECRET_PART_MAX))
}

fn to_target(target: AuthTarget) -> net::AuthTarget {
    match target {
        AuthTarget::Server => net::AuthTarget::Server,
        AuthTarget::Proxy => net::AuthTarget::Proxy,
    }
}

fn to_scheme(scheme: AuthScheme) -> net::AuthScheme {
    match scheme {
        AuthScheme::Basic => net::AuthScheme::Basic,
        AuthScheme::Digest => net::AuthScheme::Digest,
        AuthScheme::Ntlm => net::AuthScheme::Ntlm,
        AuthScheme::Negotiate => net::AuthScheme::Negotiate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(target: &str, scheme: &str, login: Option<&str>) -> (AuthPair, Credentials) {
        let pair = AuthPair::parse(target, scheme).unwrap();
        let password = login.map(|password| password.as_bytes().to_vec());
        (pair, Credentials::new(pair.scheme, login.map(|_| "u"), password).unwrap())
    }

    fn implicit(logins: &[Login], target: net::AuthTarget, scheme: net::AuthScheme) -> bool {
        let wanted = Login { target, scheme, explicit: None };
        logins.contains(&wanted)
    }

    #[test]
    fn implicit_credentials_for_the_proxy_serve_the_server_unless_it_has_explicit_ones() {
        let proxy = || set("proxy", "negotiate", None);
        let served = |sets: &[_]| {
            let all = logins(sets);
            implicit(&all, net::AuthTarget::Server, net::AuthScheme::Negotiate)
        };
        assert!(served(&[proxy()]));
        assert!(served(&[proxy(), set("server", "negotiate", None)]));
        assert!(!served(&[proxy(), set("server", "basic", Some("p"))]));
        assert!(
            !served(&[set("proxy", "negotiate", Some("p"))]),
            "explicit ones serve nobody else"
        );
    }

    #[test]
    fn nothing_is_said_for_a_server_that_nobody_allowed() {
        assert_eq!(logins(&[]).len(), 0);
        let all = logins(&[set("server", "negotiate", None)]);
        assert!(!implicit(&all, net::AuthTarget::Proxy, net::AuthScheme::Negotiate));
    }

    #[test]
    fn a_long_password_comes_in_parts_and_an_empty_one_in_one() {
        let long = "x".repeat(SECRET_PART_MAX + 1);
        let said = |password: &str| {
            let all = logins(&[set("server", "basic", Some(password))]);
            let parts = all.iter().map(|login| login.explicit.clone().unwrap().1.0.clone());
            parts.collect::<Vec<_>>()
        };
        assert_eq!(said(&long).iter().map(Vec::len).collect::<Vec<_>>(), [SECRET_PART_MAX, 1]);
        assert_eq!(said(""), [Vec::<u8>::new()]);
    }
}
