//! What a server, or a proxy, wants to know and how. Pure.
//!
//! Answers one question: *which schemes are offered, and with what to answer them by?* Several
//! challenges may stand in one field, and there may be several fields. What the other side may try:
//! nonsense, a great many of them, endless ones. So no more than [`MOST_BYTES`] are looked at, no
//! more than [`MOST`] challenges kept, and what cannot be read is left out: a line that makes no
//! sense takes nothing away from the others.
//!
//! It never decides which of them is answered.

use super::digest::Digest;
use super::login::LoginScheme;
use crate::shown::printable;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::HeaderName;
use http_auth::parser::ChallengeParser;

/// The most challenges of one answer that are kept.
const MOST: usize = 16;
/// The most bytes of one answer that are looked at.
const MOST_BYTES: usize = 16 * 1024;
/// The longest name of a scheme that is shown.
const LONGEST_NAME: usize = 32;

/// The challenges of one answer.
#[derive(Default)]
pub(crate) struct Challenges {
    /// The names of all schemes, in their order, as they may be shown.
    offered: Vec<String>,
    basic: bool,
    digests: Vec<Digest>,
    ntlm: Option<Vec<u8>>,
    negotiate: Option<Vec<u8>>,
}

impl Challenges {
    /// Reads the fields of this name.
    pub(crate) fn read(fields: &HeaderMap, name: &HeaderName) -> Self {
        let mut all = Self::default();
        let mut left = MOST_BYTES;
        for line in fields.get_all(name) {
            let bytes = line.as_bytes();
            left = match left.checked_sub(bytes.len()) {
                Some(left) => left,
                None => break,
            };
            if let Ok(text) = std::str::from_utf8(bytes) {
                all.read_line(text);
            }
        }
        all
    }

    fn read_line(&mut self, mut text: &str) {
        while let Some((scheme, token, rest)) = with_token(text) {
            self.take_token(scheme, token);
            text = rest;
        }
        for challenge in ChallengeParser::new(text).map_while(Result::ok) {
            let scheme = challenge.scheme;
            if scheme.eq_ignore_ascii_case("Digest") {
                let read = Digest::read(&challenge);
                self.digests.extend(read.filter(|_| self.offered.len() < MOST));
            } else if scheme.eq_ignore_ascii_case("Basic") {
                self.basic = true;
            } else if let Some(scheme) = for_the_connection(scheme) {
                self.take_token(scheme, Vec::new());
                continue;
            }
            self.offer(scheme);
        }
    }

    fn take_token(&mut self, scheme: LoginScheme, token: Vec<u8>) {
        let place = if scheme == LoginScheme::Ntlm { &mut self.ntlm } else { &mut self.negotiate };
        // The first counts; a second one is nonsense.
        place.get_or_insert(token);
        self.offer(scheme.name());
    }

    fn offer(&mut self, name: &str) {
        let name: String = printable(name).chars().take(LONGEST_NAME).collect();
        let known = self.offered.iter().any(|known| known.eq_ignore_ascii_case(&name));
        if !known && self.offered.len() < MOST {
            self.offered.push(name);
        }
    }

    /// All schemes by name, as they may be shown.
    pub(crate) fn offered(&self) -> &[String] {
        &self.offered
    }

    /// Whether it is offered, in a form that can be answered.
    pub(crate) fn has(&self, scheme: LoginScheme) -> bool {
        match scheme {
            LoginScheme::Basic => self.basic,
            LoginScheme::Digest => !self.digests.is_empty(),
            LoginScheme::Ntlm => self.ntlm.is_some(),
            LoginScheme::Negotiate => self.negotiate.is_some(),
        }
    }

    /// The strongest of the digests.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        // The last of equals would win; the server's first choice should.
        self.digests.iter().rev().max_by_key(|digest| digest.strength())
    }

    /// What came with a scheme for the connection: nothing to begin with, then its messages.
    pub(crate) fn token(&self, scheme: LoginScheme) -> Option<&[u8]> {
        match scheme {
            LoginScheme::Ntlm => self.ntlm.as_deref(),
            LoginScheme::Negotiate => self.negotiate.as_deref(),
            LoginScheme::Basic | LoginScheme::Digest => None,
        }
    }
}

fn for_the_connection(name: &str) -> Option<LoginScheme> {
    [LoginScheme::Ntlm, LoginScheme::Negotiate]
        .into_iter()
        .find(|scheme| name.eq_ignore_ascii_case(scheme.name()))
}

/// A scheme for the connection with a message, which no parameter list can be, and what follows.
fn with_token(text: &str) -> Option<(LoginScheme, Vec<u8>, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let (name, rest) = text.split_once(' ')?;
    let scheme = for_the_connection(name)?;
    let rest = rest.trim_start_matches(' ');
    let end = rest.find([',', ' ', '\t']).unwrap_or(rest.len());
    let (token, rest) = rest.split_at(end);
    let token = BASE64_STANDARD.decode(token).ok().filter(|token| !token.is_empty())?;
    Some((scheme, token, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderValue, WWW_AUTHENTICATE};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> Challenges {
        let lines =
            lines.iter().map(|line| (WWW_AUTHENTICATE, HeaderValue::try_from(*line).unwrap()));
        Challenges::read(&lines.collect(), &WWW_AUTHENTICATE)
    }

    #[test]
    fn several_challenges_are_found_in_one_field_and_in_several() {
        let one =
            "Negotiate, NTLM, Digest realm=\"r\", nonce=\"n\", qop=\"auth\", Basic realm=\"b\"";
        let several = [
            "Negotiate",
            "NTLM",
            "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
            "Basic realm=\"b\"",
        ];
        for found in [read(&[one]), read(&several)] {
            assert!(LoginScheme::BY_STRENGTH.into_iter().all(|scheme| found.has(scheme)));
            assert_eq!(found.offered(), ["Negotiate", "NTLM", "Digest", "Basic"]);
        }
    }

    #[test]
    fn messages_of_the_connection_are_read_also_with_others_behind_them() {
        for line in ["NTLM TlRMTVNTUAA=", "ntlm TlRMTVNTUAA=, Basic realm=\"b\""] {
            assert_eq!(read(&[line]).token(LoginScheme::Ntlm), Some(&b"NTLMSSP\0"[..]), "{line}");
        }
        assert!(read(&["NTLM TlRMTVNTUAA=, Basic realm=\"b\""]).has(LoginScheme::Basic));
        assert_eq!(read(&["Negotiate"]).token(LoginScheme::Negotiate), Some(&[][..]));
    }

    #[test]
    fn the_stronger_hash_is_answered_wherever_it_stands() {
        let md5 = "Digest realm=\"r\", nonce=\"weak\", qop=\"auth\", algorithm=MD5";
        let sha = "Digest realm=\"r\", nonce=\"strong\", qop=\"auth\", algorithm=SHA-256";
        for lines in [[md5, sha], [sha, md5]] {
            assert_eq!(read(&lines).digest().unwrap().nonce(), "strong");
        }
    }

    #[test]
    fn a_digest_that_cannot_be_answered_is_offered_and_not_there() {
        for line in [
            "Digest realm=\"r\"",
            "Digest nonce=\"n\"",
            "Digest realm=\"r\", nonce=\"n\", qop=\"x\"",
            "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-1024",
        ] {
            let found = read(&[line]);
            assert!(!found.has(LoginScheme::Digest), "{line}");
            assert_eq!(found.offered(), ["Digest"]);
        }
    }

    #[test]
    fn nonsense_takes_nothing_away_from_the_other_lines() {
        let found = read(&["=\"=,;", "Basic realm=\"b\"", "Digest realm=\"unended"]);
        assert!(found.has(LoginScheme::Basic));
        assert!(read(&["=", ""]).offered().is_empty());
    }

    #[test]
    fn a_flood_of_challenges_is_cut_off() {
        let names: Vec<String> = (0..100).map(|n| format!("Scheme{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(read(&names).offered().len(), MOST);
        let long = "x".repeat(MOST_BYTES + 1);
        assert!(read(&[&long]).offered().is_empty());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic_and_within_bounds(
            lines in vec("[ -~\\t]{0,200}", 0..20)
        ) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let found = read(&lines);
            prop_assert!(found.offered().len() <= MOST && found.digests.len() <= MOST);
            for name in found.offered() {
                prop_assert!(name.chars().count() <= LONGEST_NAME);
            }
        }
    }
}
