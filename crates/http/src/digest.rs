//! Digests of whole files: what they are, and what servers say of them. Pure.
//!
//! This module answers one question: *by which digest does the server vouch for this file?*
//! `Repr-Digest` (RFC 9530) is a dictionary of structured fields (RFC 9651). Of the algorithms we
//! know, sha-256 and sha-512, the stronger one counts; the others are passed over, be they unknown
//! or broken. A field that is no dictionary says nothing, as the RFC has it, and so does a digest
//! that has not the length of its algorithm.
//!
//! `Content-Digest` is not looked at: it is of one answer, and what TLS or a length does not catch
//! there is caught here. Nor is it asked for digests (`Want-Repr-Digest`): a server that has none at
//! hand would have to read the whole file before its first byte.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;

/// Padding may be left out (RFC 9651, 4.2.7).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The digest of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl Digest {
    /// Whether this is another digest of the same algorithm: then they are of two files.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sha256(ours), Self::Sha256(theirs)) => ours != theirs,
            (Self::Sha512(ours), Self::Sha512(theirs)) => ours != theirs,
            (Self::Sha256(_), Self::Sha512(_)) | (Self::Sha512(_), Self::Sha256(_)) => false,
        }
    }
}

/// The strongest digest that `Repr-Digest` tells of the whole representation.
pub(crate) fn repr_digest(fields: &HeaderMap) -> Option<Digest> {
    let lines = fields.get_all("repr-digest").iter().map(http::HeaderValue::as_bytes);
    let text = lines.collect::<Vec<_>>().join(&b","[..]);
    let (mut short, mut long) = (None, None);
    let mut from = Field { rest: &text };
    from.spaces();
    while !from.rest.is_empty() {
        let (key, value) = from.member()?;
        // Of several members by one name the last one counts.
        match key {
            b"sha-256" => short = value.and_then(|value| value.try_into().ok()),
            b"sha-512" => long = value.and_then(|value| value.try_into().ok()),
            _ => {}
        }
    }
    long.map(Digest::Sha512).or_else(|| short.map(Digest::Sha256))
}

/// What is left of a structured field. Each function takes one thing off it; `None` ends the parsing.
struct Field<'a> {
    rest: &'a [u8],
}

impl<'a> Field<'a> {
    /// A member of the dictionary, with the comma after it; its value, if that is bytes.
    fn member(&mut self) -> Option<(&'a [u8], Option<Vec<u8>>)> {
        let key = self.key()?;
        let value = if self.skip(b'=') { self.item_or_list()? } else { None };
        self.parameters()?;
        self.spaces();
        if !self.rest.is_empty() {
            // A comma, and something after it.
            self.must(b',')?;
            self.spaces();
            self.rest.first()?;
        }
        Some((key, value))
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let first = self.rest.first()?;
        if !(first.is_ascii_lowercase() || *first == b'*') {
            return None;
        }
        Some(self.run(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
        }))
    }

    fn item_or_list(&mut self) -> Option<Option<Vec<u8>>> {
        if !self.skip(b'(') {
            return self.bare_item();
        }
        loop {
            self.run(|byte| byte == b' ');
            if self.skip(b')') {
                return Some(None);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.rest.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.skip(b';') {
            self.run(|byte| byte == b' ');
            self.key()?;
            if self.skip(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// An item, which is of interest only if it is bytes.
    fn bare_item(&mut self) -> Option<Option<Vec<u8>>> {
        match self.rest.first()? {
            b':' => self.bytes().map(Some),
            b'"' => self.string().map(|()| None),
            b'?' => {
                self.must(b'?')?;
                (self.skip(b'0') || self.skip(b'1')).then_some(None)
            }
            byte if byte.is_ascii_alphanumeric() || b"*-@%".contains(byte) => {
                // Numbers, tokens and dates: none of them has a character that ends a member.
                self.run(|byte| byte.is_ascii_graphic() && !b",;()\"".contains(&byte));
                Some(None)
            }
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.must(b':')?;
        let coded = self.run(|byte| byte != b':');
        self.must(b':')?;
        BASE64.decode(coded).ok()
    }

    fn string(&mut self) -> Option<()> {
        self.must(b'"')?;
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let escaped = self.skip(b'"') || self.skip(b'\\');
                    escaped.then_some(())?;
                }
                0x20..=0x7e => {}
                _ => return None,
            }
        }
    }

    fn spaces(&mut self) {
        self.run(|byte| byte == b' ' || byte == b'\t');
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, byte: u8) -> bool {
        self.must(byte).is_some()
    }

    fn must(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    /// Of no bytes, as `printf '' | openssl dgst -sha256 -binary | base64` says.
    const SHORT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn said(lines: &[&str]) -> Option<Digest> {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append("repr-digest", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        repr_digest(&fields)
    }

    fn long() -> String {
        base64::engine::general_purpose::STANDARD.encode([7; 64])
    }

    #[test]
    fn the_strongest_digest_that_is_known_counts() {
        let short = format!("sha-256=:{SHORT}:");
        assert!(matches!(said(&[&short]), Some(Digest::Sha256([0xe3, 0xb0, ..]))));
        let both = format!("{short}, sha-512=:{}:", long());
        assert_eq!(said(&[&both]), Some(Digest::Sha512([7; 64])));
        assert_eq!(
            said(&[&short, &format!("sha-512=:{}:", long())]),
            Some(Digest::Sha512([7; 64]))
        );
    }

    #[test]
    fn what_else_is_in_the_dictionary_is_passed_over() {
        for others in [
            "md5=:HUXZLQLMuI/KZ5KDcJPcOA==:",
            "crc32c=:AAAA:",
            "unknown",
            "a=1, b=-2.5;c;d=\"x\\\"y\"",
            "list=(a \"b\" :AA==:;q=1 ?1);z",
            "t=*tok/en:x",
            "sha-256=:AAAA:",
        ] {
            for text in [
                format!("{others}, sha-256=:{SHORT}:"),
                format!("sha-256=:{SHORT}:;p=1,\t{others}"),
            ] {
                let known = matches!(said(&[&text]), Some(Digest::Sha256(_)));
                assert!(known || others.starts_with("sha-256"), "{text}");
            }
        }
        assert!(said(&[&format!("sha-256=:{}:", SHORT.trim_end_matches('='))]).is_some());
    }

    #[test]
    fn a_field_that_is_no_dictionary_says_nothing() {
        for text in [
            "",
            ",",
            "sha-256",
            "sha-256=",
            "sha-256=47DE",
            &format!("sha-256=:{SHORT}"),
            &format!("sha-256={SHORT}"),
            &format!("SHA-256=:{SHORT}:"),
            &format!("sha-256=:{SHORT}:,"),
            &format!("sha-256=:{SHORT}: sha-512=:{SHORT}:"),
            &format!("sha-256 =:{SHORT}:"),
            &format!("sha-256=:*{SHORT}:"),
            &format!("sha-256=:{SHORT}:, a=("),
            &format!("sha-256=:{SHORT}:, a=\"x"),
            &format!("sha-256=:{SHORT}:, a=?2"),
            "sha-256=:AAAA:",
            &format!("sha-512=:{SHORT}:"),
        ] {
            assert_eq!(said(&[text]), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_field_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut fields = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                fields.insert("repr-digest", value);
            }
            let _ = repr_digest(&fields);
        }
    }
}
