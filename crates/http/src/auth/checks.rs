//! What must hold whatever somebody says who wants to know who asks; see `crate::checks`.

use super::challenge::Challenges;
use super::login::{Login, LoginScheme, LoginTarget, Logins, Secret};
use super::standing::{Next, Said, Standing, Who};
use super::talk::begin;
use super::{LogOnError, tried_text};
use crate::checks::assert_printable;
use http::HeaderMap;
use http::header::{HeaderValue, WWW_AUTHENTICATE};

const PASSWORD: &str = "hunter2-and-more";
/// Digest and, when it is too old, once more; NTLM, Negotiate; Basic with another password.
const MOST_SAYINGS: usize = 5;

/// The fields of a 401, one a line.
///
/// # Panics
///
/// When a password is said twice, or shown, or what is to be shown could act.
pub fn challenges(bytes: &[u8]) {
    let lines =
        bytes.split(|byte| *byte == b'\n').filter_map(|it| HeaderValue::from_bytes(it).ok());
    let fields: HeaderMap = lines.map(|line| (WWW_AUTHENTICATE, line)).collect();
    let challenges = Challenges::read(&fields, &WWW_AUTHENTICATE);
    let (target, logins) = (LoginTarget::Server, all());
    let who = Who { target, logins: &logins };
    let (mut standing, mut said): (Standing, Option<Said>) = <_>::default();
    let mut sayings = 0;
    while let Some(next) = standing.next(&who, &challenges, said, "GET", "/f") {
        sayings += 1;
        assert!(sayings <= MOST_SAYINGS, "it goes on and on");
        match next {
            Next::Say(what, value) => {
                assert!(value.is_sensitive());
                let clear = String::from_utf8_lossy(value.as_bytes());
                assert!(!clear.contains(PASSWORD), "in the clear");
                said = Some(what);
            }
            Next::Talk(login) => {
                said = None;
                let heard = challenges.token(login.scheme).map(<[u8]>::to_vec);
                if let Ok(mut talk) = begin(&login, "server.example", None, Some(b"x")) {
                    let _ = talk.answer(None);
                    let _ = talk.answer(heard.as_deref());
                }
                standing.reject(&who, login.scheme, super::standing::Why::Rejected);
            }
        }
    }
    let first = fields.get(WWW_AUTHENTICATE).and_then(|line| line.to_str().ok());
    standing.accept(first);
    let _ = standing.beforehand(&who, "GET", "/f");
    let (offered, tried) = (challenges.offered().to_vec(), standing.failures());
    assert_printable(&tried_text(&tried));
    assert_printable(&LogOnError::of(target, offered, tried).to_string());
}

/// One set for each scheme, all different.
fn all() -> Logins {
    let login = |scheme: LoginScheme| {
        let password = Secret::of(&format!("{PASSWORD}{}", scheme.name()));
        Login { target: LoginTarget::Server, scheme, explicit: Some((Secret::of("al"), password)) }
    };
    LoginScheme::BY_STRENGTH.map(login).into_iter().collect()
}
