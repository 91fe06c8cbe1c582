//! What must hold whatever a server staples; see [`crate::checks`].
//!
//! The authority and its certificate are those of the corpus, made by another program (`openssl ocsp`).
//! Not a part of any program.

use super::{NoWord, judge, must_be_stapled};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, anchor_from_trusted_cert};

const AUTHORITY: &[u8] = include_bytes!("authority.der");
const LEAF: &[u8] = include_bytes!("leaf.der");
/// In January 2027, when those of the corpus hold.
const NOW: Duration = Duration::from_secs(1_800_000_000);

/// An answer about revocation, and a certificate, as a server sends them.
///
/// # Panics
///
/// When it counts, and counts with something behind it, too.
pub fn staple(bytes: &[u8]) {
    if judged(bytes).is_ok() {
        assert!(judged(&[bytes, &[0]].concat()).is_err(), "something follows it");
    }
    let _ = must_be_stapled(bytes);
}

fn judged(bytes: &[u8]) -> Result<super::Word, NoWord> {
    let (authority, leaf) = (CertificateDer::from(AUTHORITY), CertificateDer::from(LEAF));
    let authority = anchor_from_trusted_cert(&authority).expect("of the corpus");
    let leaf = EndEntityCert::try_from(&leaf).expect("of the corpus");
    let all = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
    judge(bytes, &leaf, &authority, all, UnixTime::since_unix_epoch(NOW))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staple::Word;

    #[test]
    fn what_openssl_answers_as_an_authority_is_understood() {
        let corpus = |name: &str| {
            let path =
                format!("{}/../../fuzz/corpus/staple/{name}.der", env!("CARGO_MANIFEST_DIR"));
            judged(&std::fs::read(path).unwrap())
        };
        for name in ["good", "responder", "sha256"] {
            assert_eq!(corpus(name), Ok(Word::Good), "{name}");
        }
        assert_eq!(corpus("revoked"), Ok(Word::Revoked));
        assert_eq!(corpus("later"), Err(NoWord::Refused));
        assert!(must_be_stapled(LEAF) && !must_be_stapled(AUTHORITY));
    }
}
