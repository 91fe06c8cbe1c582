//! A challenge of the scheme Digest, and answers to it (RFC 7616). Pure but for chance.
//!
//! Answers one question: *what is said in answer to this nonce?* The hashing is a library's; here is
//! what it does not have: which of two hashes is stronger, and the nonce a server gives for the next
//! request. Integrity of bodies is not spoken: requests have none.

use super::login::Secret;
use http_auth::digest::Algorithm;
use http_auth::parser::ChallengeParser;
use http_auth::{ChallengeRef, DigestClient, ParamValue, PasswordParams};

/// A challenge, with how often it was answered.
pub(crate) struct Digest {
    /// Names and values as they were sent, the values without their quotation marks.
    parameters: Vec<(String, String)>,
    client: DigestClient,
}

impl Digest {
    /// Reads a challenge; `None` if it cannot be answered.
    pub(super) fn read(challenge: &ChallengeRef<'_>) -> Option<Self> {
        let client = DigestClient::try_from(challenge).ok()?;
        let parameters = challenge.params.iter();
        let parameters =
            parameters.map(|(name, value)| ((*name).to_owned(), escaped(&value.to_unescaped())));
        Some(Self { parameters: parameters.collect(), client })
    }

    /// The same, to be answered beside this one.
    pub(super) fn afresh(&self) -> Option<Self> {
        self.with_nonce(None)
    }

    /// The challenge for the next request, if this is what the server said about it.
    pub(super) fn following(&self, info: &str) -> Option<Self> {
        let info = format!("Digest {info}");
        let said = ChallengeParser::new(&info).next()?.ok()?;
        let next = said.params.iter().find(|(name, _)| name.eq_ignore_ascii_case("nextnonce"))?;
        self.with_nonce(Some(&escaped(&next.1.to_unescaped())))
    }

    fn with_nonce(&self, nonce: Option<&str>) -> Option<Self> {
        let mut challenge = ChallengeRef::new("Digest");
        for (name, value) in &self.parameters {
            let is_nonce = name.eq_ignore_ascii_case("nonce");
            let value = nonce.filter(|_| is_nonce).unwrap_or(value);
            challenge.params.push((name, ParamValue::try_from_escaped(value).ok()?));
        }
        Self::read(&challenge)
    }

    /// Whether the server only wants a newer nonce.
    pub(super) fn is_stale(&self) -> bool {
        self.client.stale()
    }

    #[cfg(test)]
    pub(super) fn nonce(&self) -> &str {
        self.client.nonce()
    }

    /// The greater the stronger.
    pub(super) fn strength(&self) -> u8 {
        match self.client.algorithm() {
            Algorithm::Md5 => 0,
            Algorithm::Sha256 => 1,
            Algorithm::Sha512Trunc256 => 2,
            // Whatever the library learns one day.
            _ => 0,
        }
    }

    /// Answers it once more. `None` when the nonce has been used too often, or a text cannot stand
    /// in a field.
    pub(super) fn answer(
        &mut self,
        (user, password): (&Secret, &Secret),
        method: &str,
        target: &str,
    ) -> Option<String> {
        let parameters = PasswordParams {
            username: user.as_str(),
            password: password.as_str(),
            uri: target,
            method,
            body: None,
        };
        self.client.respond(&parameters).ok()
    }
}

/// As it stands between quotation marks.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::read(&ChallengeParser::new(text).next().unwrap().unwrap()).unwrap()
    }

    fn answered(digest: &mut Digest) -> String {
        let (user, password) = (Secret::of("Mufasa"), Secret::of("Circle of Life"));
        digest.answer((&user, &password), "GET", "/dir/index.html").unwrap()
    }

    #[test]
    fn each_answer_to_a_nonce_has_the_next_number() {
        let mut digest = digest("Digest realm=\"r\", nonce=\"n\\\"1\", qop=\"auth\"");
        assert!(answered(&mut digest).contains("nc=00000001"));
        assert!(answered(&mut digest).contains("nc=00000002"));
        assert!(answered(&mut digest.afresh().unwrap()).contains("nc=00000001"));
    }

    #[test]
    fn the_next_nonce_takes_the_place_of_the_one_before_and_all_else_stays() {
        let mut first = digest(
            "Digest realm=\"r\", nonce=\"one\", qop=\"auth\", opaque=\"o\", algorithm=SHA-256",
        );
        let _ = answered(&mut first);
        let mut next = first.following("qop=auth, nextnonce=\"two\", nc=00000001").unwrap();
        let said = answered(&mut next);
        for part in ["nonce=\"two\"", "nc=00000001", "opaque=\"o\"", "algorithm=SHA-256"] {
            assert!(said.contains(part), "{said}");
        }
        for nothing in ["", "qop=auth", "=;,", "nextnonce"] {
            assert!(next.following(nothing).is_none(), "{nothing}");
        }
    }

    /// RFC 7616, 3.9.1.
    #[test]
    fn the_example_of_the_standard_comes_out_as_it_is_written_there() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let text = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let parameters = PasswordParams {
                username: "Mufasa",
                password: "Circle of Life",
                uri: "/dir/index.html",
                method: "GET",
                body: None,
            };
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let said = digest(&text).client.respond_with_testing_cnonce(&parameters, cnonce);
            assert!(said.unwrap().contains(response), "{algorithm}");
        }
    }
}
