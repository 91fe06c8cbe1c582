//! What ties a talk to the TLS under it (RFC 5929, `tls-server-end-point`). Pure.
//!
//! Answers one question: *which certificate did whom we talk to have?* A talk that says so is of no use to
//! somebody in between who has another. It is the hash of the certificate, by the algorithm that it was
//! signed with; by SHA-256 where that is weaker, and none where nobody has said by which.
//!
//! What a server may try: a certificate that is none. The handshake has read it by then; here it has no
//! binding.

use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha384, Sha512};

const UNIQUE_PREFIX: &[u8] = b"tls-server-end-point:";

/// Those of RSA (1.2.840.113549.1.1).
const OF_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// Those of ECDSA with a hash of SHA-2 (1.2.840.10045.4.3).
const OF_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;

/// The binding to a server with this certificate.
pub(crate) fn to(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, inner) = element(certificate, SEQUENCE)?;
    // What is signed, and then by which algorithm.
    let (rest, _) = element(inner, SEQUENCE)?;
    let (_, algorithm) = element(rest, SEQUENCE)?;
    let (_, name) = element(algorithm, OBJECT)?;
    let hash = match (name.strip_prefix(OF_RSA), name.strip_prefix(OF_ECDSA)) {
        (Some([12]), _) | (_, Some([3])) => Sha384::digest(certificate).to_vec(),
        (Some([13]), _) | (_, Some([4])) => Sha512::digest(certificate).to_vec(),
        // MD5, SHA-1 and SHA-256 itself.
        (Some([4 | 5 | 11]), _) | (_, Some([2])) => Sha256::digest(certificate).to_vec(),
        _ => return None,
    };
    Some([UNIQUE_PREFIX, &hash].concat())
}

/// The same as NTLM says it (MS-NLMP 2.2.2.1): a hash of the structure that GSSAPI has for it, without
/// any addresses.
pub(super) fn hashed(binding: &[u8]) -> [u8; 16] {
    let length = u32::try_from(binding.len()).unwrap_or(u32::MAX).to_le_bytes();
    Md5::new().chain_update([0; 16]).chain_update(length).chain_update(binding).finalize().into()
}

/// What follows the first element of DER, if it is one of this kind, and what is in it.
fn element(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = bytes.split_first_chunk::<2>()?;
    if found != kind {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let sum = |sum: usize, digit: &u8| sum << 8 | usize::from(*digit);
            (digits.iter().fold(0, sum), rest)
        }
        _ => return None,
    };
    let (inner, rest) = rest.split_at_checked(length)?;
    Some((rest, inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    };

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names = CertificateParams::new(vec!["server.example".to_owned()]).unwrap();
        names.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_binding_is_the_hash_of_the_certificate_by_the_algorithm_it_was_signed_with() {
        let short = certificate(&PKCS_ECDSA_P256_SHA256);
        let hash = Sha256::digest(&short).to_vec();
        assert_eq!(to(&short), Some([UNIQUE_PREFIX, &hash].concat()));
        let long = certificate(&PKCS_ECDSA_P384_SHA384);
        let hash = Sha384::digest(&long).to_vec();
        assert_eq!(to(&long), Some([UNIQUE_PREFIX, &hash].concat()));
        assert_eq!(to(&certificate(&PKCS_ED25519)), None, "nobody has said by which");
    }

    #[test]
    fn what_is_no_certificate_has_no_binding_and_does_no_harm() {
        let good = certificate(&PKCS_ECDSA_P256_SHA256);
        for length in 0..good.len() {
            assert_eq!(to(&good[..length]), None);
        }
        for wrong in [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x30, 0x85]] {
            assert_eq!(to(wrong), None);
        }
    }
}
