//! Certificates and keys as files of PEM (RFC 7468).
//!
//! Answers one question: *which certificates and which key are in these files?* Certificates are taken
//! in the order of the file, the first being the one the key belongs to. Keys are PKCS #8, or what
//! OpenSSL wrote before it (PKCS #1, SEC 1); with a passphrase, encrypted PKCS #8 (PBES2). What else stands in a file is no concern of ours.

use crate::key::{Unusable, read};
use ebb_wire::codec::{CERTIFICATES_MAX, CHAIN_MAX};
use ebb_wire::net::Secret;
use ebb_wire::sign::SignTrouble;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificates, and the key.
pub(crate) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What an encrypted key begins and ends with.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
/// How OpenSSL marked those it encrypted in a way of its own, by a hash nobody should use any more.
const ENCRYPTED_OF_OLD: &str = "Proc-Type: 4,ENCRYPTED";

/// Opens two files, or one with both.
pub(crate) fn open(
    certificate: &[u8],
    private_key: &[u8],
    passphrase: Option<&Secret>,
) -> Result<Pair, Unusable> {
    let at_certificate = read(certificate)?;
    let chain = certificates(&at_certificate.0)?;
    let at_key = if private_key.is_empty() { at_certificate } else { read(private_key)? };
    Ok((chain, key(&at_key.0, passphrase)?))
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let chain = found.map_err(|error| {
        Unusable::invalid(&format!("the certificate's file is damaged: {}", said(&error)))
    })?;
    if chain.is_empty() {
        return Err(Unusable::invalid("there is no certificate in its file"));
    }
    fits(&chain)?;
    Ok(chain)
}

/// Whether it can be shown to servers at all.
pub(crate) fn fits(chain: &[CertificateDer<'static>]) -> Result<(), Unusable> {
    let length: usize = chain.iter().map(|certificate| certificate.len()).sum();
    if chain.len() > CERTIFICATES_MAX || length > CHAIN_MAX {
        return Err(Unusable::invalid("there are more certificates than can be shown to a server"));
    }
    Ok(())
}

fn key(text: &[u8], passphrase: Option<&Secret>) -> Result<PrivateKeyDer<'static>, Unusable> {
    // What is no text holds no key either, and the parser will say so.
    let readable = std::str::from_utf8(text).unwrap_or_default();
    if let Some(section) = encrypted(readable) {
        return opened(section, passphrase);
    }
    if readable.contains(ENCRYPTED_OF_OLD) {
        let old = "the key is encrypted in an old way; write it anew: openssl pkcs8 -topk8";
        return Err(Unusable::invalid(old));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| {
        Unusable::invalid(&if matches!(error, pem::Error::NoItemsFound) {
            "there is no private key in its file".to_owned()
        } else {
            format!("the key's file is damaged: {}", said(&error))
        })
    })
}

/// The section of an encrypted key.
fn encrypted(text: &str) -> Option<&str> {
    let section = &text[text.find(ENCRYPTED)?..];
    section.get(..section.find(ENCRYPTED_END)? + ENCRYPTED_END.len())
}

fn opened(section: &str, passphrase: Option<&Secret>) -> Result<PrivateKeyDer<'static>, Unusable> {
    let no = |text| Unusable::new(SignTrouble::Passphrase, text);
    let passphrase = passphrase.ok_or_else(|| no("the key needs a passphrase"))?;
    let damaged = "the key's file is damaged: what is encrypted cannot be read";
    let (_, sealed) = SecretDocument::from_pem(section).map_err(|_| Unusable::invalid(damaged))?;
    let sealed = EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes())
        .map_err(|_| Unusable::invalid(damaged))?;
    let key = sealed.decrypt(&passphrase.0);
    let key = key.map_err(|_| no("the key does not open with this passphrase"))?;
    Ok(PrivateKeyDer::Pkcs8(key.as_bytes().to_vec().into()))
}

/// What is wrong with a file, without a word of what is in it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list grows, and may show what it read; the rest needs no words"
)]
fn said(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end",
        pem::Error::IllegalSectionStart { .. } => "a section begins with something else",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it is not PEM",
    }
}
