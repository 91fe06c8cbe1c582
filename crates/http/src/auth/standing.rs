//! Where we stand with somebody who asks who we are: what was accepted, what was rejected. Pure.
//!
//! Answers one question: *given what they offer, what we have and what has been said, what is said
//! next?* The strongest scheme that they offer and the job has credentials for: Negotiate, NTLM,
//! Digest (the strongest hash first), Basic.
//!
//! Whatever they say: a password that was rejected is not said a second time, not by another scheme
//! either, so nobody's account is locked by us. The one exception is a nonce that is too old, once
//! for each request. What was accepted is said beforehand from then on, by the schemes that allow
//! it, with the request's own method and target.
//!
//! It never reads or writes anything, and nothing in it is printed.

use super::challenge::Challenges;
use super::digest::Digest;
use super::login::{Login, LoginScheme, LoginTarget, Logins, Secret};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

/// Where we stand.
#[derive(Default)]
pub(crate) struct Standing {
    known: Option<Known>,
    rejected: Vec<Rejected>,
}

/// What was accepted, and can be said beforehand.
enum Known {
    Basic,
    Digest(Digest),
}

struct Rejected {
    login: Login,
    why: Why,
}

/// Why a set of credentials did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// They said no.
    Rejected,
    /// It could not even be said.
    Unusable(String),
}

/// What was said with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) scheme: LoginScheme,
    /// It was an answer to a nonce that had been too old.
    pub(crate) renewed: bool,
}

/// What to say next.
pub(crate) enum Next {
    /// With the request.
    Say(Said, HeaderValue),
    /// In several messages, on one connection.
    Talk(Login),
}

impl Standing {
    /// What goes with a request before anybody asks.
    pub(crate) fn beforehand(
        &mut self,
        who: &Who<'_>,
        method: &str,
        target: &str,
    ) -> Option<(Said, HeaderValue)> {
        let scheme = match self.known.as_ref()? {
            Known::Basic => LoginScheme::Basic,
            Known::Digest(_) => LoginScheme::Digest,
        };
        let value = self.value(who.login(scheme)?, method, target)?;
        Some((Said { scheme, renewed: false }, value))
    }

    /// What follows from challenges to a request with which `said` was said. `None`: there is
    /// nothing left to say.
    pub(crate) fn next(
        &mut self,
        who: &Who<'_>,
        challenges: &Challenges,
        said: Option<Said>,
        method: &str,
        target: &str,
    ) -> Option<Next> {
        if let Some(said) = said {
            let fresh = challenges.digest().filter(|digest| said.may_be_stale(digest));
            if let Some(fresh) = fresh.and_then(Digest::afresh) {
                self.known = Some(Known::Digest(fresh));
                return self.say(who, Said { renewed: true, ..said }, method, target);
            }
            self.reject(who, said.scheme, Why::Rejected);
        }
        let scheme = LoginScheme::BY_STRENGTH.into_iter().find(|scheme| {
            let login = who.login(*scheme);
            challenges.has(*scheme) && login.is_some_and(|login| !self.is_rejected(login))
        })?;
        if scheme.is_for_the_connection() {
            return who.login(scheme).cloned().map(Next::Talk);
        }
        self.known = Some(match challenges.digest().and_then(Digest::afresh) {
            Some(digest) if scheme == LoginScheme::Digest => Known::Digest(digest),
            Some(_) | None => Known::Basic,
        });
        self.say(who, Said { scheme, renewed: false }, method, target)
    }

    fn say(&mut self, who: &Who<'_>, said: Said, method: &str, target: &str) -> Option<Next> {
        let value = who.login(said.scheme).and_then(|login| self.value(login, method, target));
        let Some(value) = value else {
            let why = "it cannot be written into a request".to_owned();
            self.reject(who, said.scheme, Why::Unusable(why));
            return None;
        };
        Some(Next::Say(said, value))
    }

    /// They took it; `info` is what they say about the next request.
    pub(crate) fn accept(&mut self, info: Option<&str>) {
        if let (Some(Known::Digest(digest)), Some(info)) = (&self.known, info) {
            let next = digest.following(info);
            self.known = next.map(Known::Digest).or_else(|| self.known.take());
        }
    }

    /// They did not, or it could not be said: it is not said again.
    pub(crate) fn reject(&mut self, who: &Who<'_>, scheme: LoginScheme, why: Why) {
        self.known = None;
        if let Some(login) = who.login(scheme).filter(|login| !self.is_rejected(login)) {
            self.rejected.push(Rejected { login: login.clone(), why });
        }
    }

    /// Everything may be tried anew: whoever was rejected has heard of it.
    pub(crate) fn forgive(&mut self) {
        self.rejected.clear();
    }

    /// What could not even be said may be tried anew; says whether anything else was rejected.
    pub(crate) fn forget_unusable(&mut self) -> bool {
        self.rejected.retain(|rejected| rejected.why == Why::Rejected);
        !self.rejected.is_empty()
    }

    /// What did not do, and why.
    pub(crate) fn failures(&self) -> Vec<(LoginScheme, Why)> {
        self.rejected.iter().map(|it| (it.login.scheme, it.why.clone())).collect()
    }

    /// The same, or the same name and password by another scheme.
    fn is_rejected(&self, login: &Login) -> bool {
        self.rejected.iter().any(|rejected| match (&rejected.login.explicit, &login.explicit) {
            (Some(old), Some(new)) if rejected.why == Why::Rejected => old == new,
            _ => rejected.login == *login,
        })
    }

    fn value(&mut self, login: &Login, method: &str, target: &str) -> Option<HeaderValue> {
        let (user, password) = login.explicit.as_ref()?;
        let text = match self.known.as_mut()? {
            Known::Digest(digest) => {
                Secret::of(&digest.answer((user, password), method, target)?)
            }
            Known::Basic => basic(user, password),
        };
        let mut value = HeaderValue::from_str(text.as_str()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Said {
    /// Whether it is the nonce that was not liked, and not the password.
    fn may_be_stale(self, offered: &Digest) -> bool {
        self.scheme == LoginScheme::Digest && !self.renewed && offered.is_stale()
    }
}

/// Whose credentials are asked for, and those there are.
pub(crate) struct Who<'a> {
    pub(crate) target: LoginTarget,
    pub(crate) logins: &'a Logins,
}

impl Who<'_> {
    /// What there is for this scheme. Without name and password only a scheme for the connection
    /// has anything to say.
    fn login(&self, scheme: LoginScheme) -> Option<&Login> {
        let login = self.logins.find(self.target, scheme)?;
        (login.explicit.is_some() || scheme.is_for_the_connection()).then_some(login)
    }
}

fn basic(user: &Secret, password: &Secret) -> Secret {
    let (user, password) = (user.as_str().as_bytes(), password.as_str().as_bytes());
    let mut clear = Secret::with_capacity(user.len() + 1 + password.len());
    for part in [user, b":", password] {
        clear.extend(part);
    }
    let mut said = Secret::with_capacity(8 + clear.as_str().len() * 4 / 3 + 4);
    said.extend(b"Basic ");
    said.extend(BASE64_STANDARD.encode(clear.as_str()).as_bytes());
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use http::header::WWW_AUTHENTICATE;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn login(scheme: LoginScheme, password: &str) -> Login {
        let explicit = Some((Secret::of("alice"), Secret::of(password)));
        Login { target: LoginTarget::Server, scheme, explicit }
    }

    fn implicit(scheme: LoginScheme) -> Login {
        Login { target: LoginTarget::Server, scheme, explicit: None }
    }

    fn challenges(lines: &[&str]) -> Challenges {
        let line = |line: &&str| (WWW_AUTHENTICATE, HeaderValue::try_from(*line).unwrap());
        Challenges::read(&lines.iter().map(line).collect::<HeaderMap>(), &WWW_AUTHENTICATE)
    }

    /// What is said to these challenges.
    fn next(
        standing: &mut Standing,
        logins: &[Login],
        lines: &[&str],
        said: Option<Said>,
    ) -> Option<Next> {
        let logins = logins.iter().cloned().collect();
        let who = Who { target: LoginTarget::Server, logins: &logins };
        standing.next(&who, &challenges(lines), said, "GET", "/f")
    }

    fn scheme(next: Option<Next>) -> Option<(LoginScheme, Option<Said>)> {
        next.map(|next| match next {
            Next::Say(said, _) => (said.scheme, Some(said)),
            Next::Talk(login) => (login.scheme, None),
        })
    }

    const BASIC: &str = "Basic realm=\"b\"";
    const DIGEST: &str = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    const STALE: &str = "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true";

    #[test]
    fn the_strongest_scheme_that_is_offered_and_there_are_credentials_for_is_used() {
        let all = LoginScheme::BY_STRENGTH.map(|scheme| login(scheme, "x"));
        for (lines, wanted) in [
            (&[BASIC, DIGEST, "NTLM", "Negotiate"][..], Some(LoginScheme::Negotiate)),
            (&[BASIC, DIGEST, "NTLM"], Some(LoginScheme::Ntlm)),
            (&[BASIC, DIGEST], Some(LoginScheme::Digest)),
            (&[BASIC], Some(LoginScheme::Basic)),
            (&["Bearer"], None),
            (&[], None),
        ] {
            let found = scheme(next(&mut Standing::default(), &all, lines, None));
            assert_eq!(found.map(|found| found.0), wanted, "{lines:?}");
        }
        let some = [login(LoginScheme::Basic, "x")];
        let found = scheme(next(&mut Standing::default(), &some, &["Negotiate", BASIC], None));
        assert_eq!(found.map(|found| found.0), Some(LoginScheme::Basic));
    }

    #[test]
    fn a_password_that_was_rejected_is_said_no_second_time_and_by_no_other_scheme() {
        let mut standing = Standing::default();
        let same = [login(LoginScheme::Digest, "x"), login(LoginScheme::Basic, "x")];
        let (_, said) = scheme(next(&mut standing, &same, &[DIGEST, BASIC], None)).unwrap();
        assert!(scheme(next(&mut standing, &same, &[DIGEST, BASIC], said)).is_none());
        assert!(scheme(next(&mut standing, &same, &[DIGEST, BASIC], None)).is_none(), "nor later");
        assert_eq!(standing.failures(), [(LoginScheme::Digest, Why::Rejected)]);
        standing.forgive();
        assert!(scheme(next(&mut standing, &same, &[BASIC], None)).is_some());
    }

    #[test]
    fn another_password_is_said_once_after_the_first_was_rejected() {
        let mut standing = Standing::default();
        let two = [login(LoginScheme::Digest, "x"), login(LoginScheme::Basic, "y")];
        let lines = [DIGEST, BASIC];
        let (_, said) = scheme(next(&mut standing, &two, &lines, None)).unwrap();
        let (second, said) = scheme(next(&mut standing, &two, &lines, said)).unwrap();
        assert_eq!(second, LoginScheme::Basic);
        assert!(scheme(next(&mut standing, &two, &lines, said)).is_none());
    }

    #[test]
    fn a_nonce_that_is_too_old_is_renewed_once_for_each_request() {
        let mut standing = Standing::default();
        let one = [login(LoginScheme::Digest, "x")];
        let (_, said) = scheme(next(&mut standing, &one, &[DIGEST], None)).unwrap();
        let (_, said) = scheme(next(&mut standing, &one, &[STALE], said)).unwrap();
        assert!(said.unwrap().renewed);
        assert!(scheme(next(&mut standing, &one, &[STALE], said)).is_none(), "not for ever");
    }

    #[test]
    fn what_was_accepted_is_said_beforehand_with_the_next_nonce() {
        let logins: Logins = [login(LoginScheme::Digest, "x")].into_iter().collect();
        let who = Who { target: LoginTarget::Server, logins: &logins };
        let mut standing = Standing::default();
        assert!(standing.beforehand(&who, "GET", "/f").is_none(), "nothing before it is asked");
        assert!(standing.next(&who, &challenges(&[DIGEST]), None, "GET", "/f").is_some());
        standing.accept(None);
        let said = |standing: &mut Standing| {
            let (_, value) = standing.beforehand(&who, "HEAD", "/g").unwrap();
            value.to_str().unwrap().to_owned()
        };
        let first = said(&mut standing);
        assert!(first.contains("nc=00000002") && first.contains("uri=\"/g\""), "{first}");
        standing.accept(Some("nextnonce=\"later\""));
        let second = said(&mut standing);
        assert!(second.contains("nonce=\"later\"") && second.contains("nc=00000001"), "{second}");
    }

    #[test]
    fn without_name_and_password_only_schemes_for_the_connection_say_anything() {
        let all = LoginScheme::BY_STRENGTH.map(implicit);
        let found = next(&mut Standing::default(), &all, &[BASIC, DIGEST], None);
        assert!(scheme(found).is_none());
        let found = next(&mut Standing::default(), &all, &[BASIC, "Negotiate"], None);
        assert_eq!(scheme(found), Some((LoginScheme::Negotiate, None)));
    }

    #[test]
    fn basic_is_what_the_standard_says_and_is_not_printed() {
        let (user, password) = (Secret::of("test"), Secret::of("123\u{a3}"));
        assert_eq!(basic(&user, &password).as_str(), "Basic dGVzdDoxMjPCow==", "RFC 7617, 2.1");
        let one = [login(LoginScheme::Basic, "hunter2")];
        let Some(Next::Say(_, value)) = next(&mut Standing::default(), &one, &[BASIC], None) else {
            panic!("nothing is said")
        };
        assert_eq!(format!("{value:?}"), "Sensitive");
    }

    proptest! {
        /// Whatever a server answers, for as long as it wants: each password is said to it once, and
        /// once more for each nonce that it calls too old.
        #[test]
        fn whatever_a_server_says_no_password_is_said_twice(
            answers in vec(vec(0..6usize, 0..4), 1..12)
        ) {
            let lines = [BASIC, DIGEST, STALE, "NTLM", "=,;\"", "Bearer"];
            let logins = [login(LoginScheme::Basic, "x"), login(LoginScheme::Digest, "x")];
            let (mut standing, mut said, mut times) = (Standing::default(), None, 0);
            for answer in answers {
                let answer: Vec<&str> = answer.into_iter().map(|at| lines[at]).collect();
                let next = scheme(next(&mut standing, &logins, &answer, said));
                said = next.and_then(|(_, said)| said);
                times += usize::from(said.is_some_and(|said| !said.renewed));
                if next.is_none() {
                    said = None;
                }
            }
            prop_assert!(times <= 1, "{}", times);
        }
    }
}
