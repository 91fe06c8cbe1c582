//! The digest a file has to have.
//!
//! Answers one question: *which digest is meant?* One is given by whoever adds the file, another
//! may come from the server (RFC 9530); what they are compared with is computed by the network
//! agent. Written `sha-256=` or `sha-512=` and hexadecimal digits, as RFC 9530 names the
//! algorithms. Weaker ones are refused: they would promise what they do not keep.

use core::fmt;

/// The digest of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

/// What is known of the hashes of the first bytes of a file, to go on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// Of how many bytes.
    pub at: u64,
    /// What only the network agent can read.
    pub state: Vec<u8>,
}

impl Digest {
    /// Reads `sha-256=HEX` or `sha-512=HEX`; nothing if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, digits) = text.split_once('=')?;
        match algorithm {
            "sha-256" => bytes(digits).map(Self::Sha256),
            "sha-512" => bytes(digits).map(Self::Sha512),
            _ => None,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value): (_, &[u8]) = match self {
            Self::Sha256(value) => ("sha-256", value),
            Self::Sha512(value) => ("sha-512", value),
        };
        write!(f, "{name}=")?;
        value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn bytes<const LENGTH: usize>(digits: &str) -> Option<[u8; LENGTH]> {
    let mut found = [0; LENGTH];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != LENGTH || !rest.is_empty() {
        return None;
    }
    for (to, [high, low]) in found.iter_mut().zip(pairs) {
        *to = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(found)
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        for (name, length) in [("sha-256", 32), ("sha-512", 64)] {
            let text = format!("{name}={}", "0f".repeat(length));
            assert_eq!(Digest::parse(&text).unwrap().to_string(), text);
            assert_eq!(Digest::parse(&text.replace('f', "F")).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let right = "00".repeat(32);
        for text in [
            String::new(),
            right.clone(),
            format!("sha-512={right}"),
            format!("md5={right}"),
            format!("sha256={right}"),
            format!("SHA-256={right}"),
            format!("sha-256={right}0"),
            format!("sha-256={right}00"),
            format!("sha-256= {}", &right[1..]),
            format!("sha-256=+{}", &right[1..]),
            format!("sha-256={}ü", &right[2..]),
            "sha-256=".to_owned(),
        ] {
            assert_eq!(Digest::parse(&text), None, "{text}");
        }
    }
}
