//! A certificate with its key, and what it takes to open one.
//!
//! Answers two questions: *what is shown to servers?* and *what does this key make of a message?* A
//! key that is another certificate's is found here, and not by every server in turn. A file is read
//! whole, and its bytes are wiped when they are not needed any more; what the library that signs makes
//! of them is its own, in this process, until the key is forgotten.

use crate::handshake::is_a_clients;
use crate::token::{Held, Tokens, Wanted};
use crate::{pem, pkcs12};
use ebb_wire::net::Secret;
use ebb_wire::sign::{ClientIdentity, Form, SignTrouble};
use rustls::SignatureScheme;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// No file of keys is longer.
const MOST: u64 = 1024 * 1024;

/// What TLS knows, best first. What a key can do of it is asked of the key.
const SCHEMES: [SignatureScheme; 9] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// A key that can be signed with.
pub(crate) struct Key {
    identity: ClientIdentity,
    holder: Holder,
}

/// Where it is.
enum Holder {
    /// In this process.
    Memory(Arc<dyn SigningKey>),
    /// On a token, which signs.
    Token(Held),
}

/// Why it cannot be.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) trouble: SignTrouble,
    /// For a person; nothing of what is in a file.
    pub(crate) detail: String,
}

impl Unusable {
    pub(crate) fn new(trouble: SignTrouble, detail: &str) -> Self {
        Self { trouble, detail: detail.chars().filter(|c| !c.is_control()).take(250).collect() }
    }

    pub(crate) fn unreadable(detail: &str) -> Self {
        Self::new(SignTrouble::Unreadable, detail)
    }

    pub(crate) fn invalid(detail: &str) -> Self {
        Self::new(SignTrouble::Invalid, detail)
    }
}

impl Key {
    /// Opens what is there.
    pub(crate) fn open(
        form: Form,
        certificate: &[u8],
        private_key: &[u8],
        passphrase: Option<&Secret>,
    ) -> Result<Self, Unusable> {
        let (chain, key) = match form {
            Form::Pem => pem::open(certificate, private_key, passphrase)?,
            Form::Pkcs12 => pkcs12::open(certificate, passphrase)?,
        };
        Self::of(chain, &key)
    }

    /// Opens what is on a token.
    pub(crate) fn on_token(
        tokens: &mut Tokens,
        wanted: &Wanted,
        pin: Option<&Secret>,
    ) -> Result<Self, Unusable> {
        let (chain, held) = tokens.open(wanted, pin)?;
        Ok(Self::with(chain, Holder::Token(held)))
    }

    /// A key that is held in memory.
    fn of(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, Unusable> {
        let unusable = |_| {
            let known = "the key is of a kind that cannot be used: known are RSA of 2,048 to 8,192 \
                         bits, ECDSA on P-256 and P-384, and Ed25519";
            Unusable::invalid(known)
        };
        let key = rustls::crypto::ring::sign::any_supported_type(key).map_err(unusable)?;
        match CertifiedKey::new(chain.clone(), Arc::clone(&key)).keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                let other = "the key belongs to another certificate";
                return Err(Unusable::new(SignTrouble::Mismatch, other));
            }
            Err(_) => return Err(Unusable::invalid("the certificate cannot be read")),
        }
        Ok(Self::with(chain, Holder::Memory(key)))
    }

    fn with(chain: Vec<CertificateDer<'static>>, holder: Holder) -> Self {
        let can = |scheme: &&SignatureScheme| match &holder {
            Holder::Memory(key) => key.choose_scheme(&[**scheme]).is_some(),
            Holder::Token(held) => held.can(**scheme),
        };
        let schemes = SCHEMES.iter().filter(can).map(|scheme| u16::from(*scheme)).collect();
        let chain = chain.iter().map(|certificate| certificate.to_vec()).collect();
        Self { identity: ClientIdentity { chain, schemes }, holder }
    }

    /// What is shown to servers.
    pub(crate) fn identity(&self) -> ClientIdentity {
        self.identity.clone()
    }

    /// Signs what a client signs.
    pub(crate) fn sign(&self, scheme: u16, message: &[u8]) -> Result<Vec<u8>, &'static str> {
        if !is_a_clients(message, &self.identity.chain) {
            return Err("it is not what a client signs in a TLS handshake");
        }
        let scheme = SignatureScheme::from(scheme);
        match &self.holder {
            Holder::Memory(key) => {
                let signer = key.choose_scheme(&[scheme]).ok_or("not in a way this key can")?;
                signer.sign(message).map_err(|_| "the key could not sign it")
            }
            Holder::Token(held) if !held.can(scheme) => Err("not in a way this key can"),
            Holder::Token(held) => held.sign(scheme, message).ok_or("the token did not sign it"),
        }
    }
}

/// Reads a file of a key or a certificate: a regular one, whole. What is no such file is not waited
/// for.
pub(crate) fn read(path: &[u8]) -> Result<Secret, Unusable> {
    let path = Path::new(OsStr::from_bytes(path));
    let no = |what: &str| Unusable::unreadable(&format!("{}: {what}", path.display()));
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.map_err(|error| no(&error.to_string()))?;
    let found = file.metadata().map_err(|error| no(&error.to_string()))?;
    if !found.is_file() {
        return Err(no("it is not a regular file"));
    }
    if found.len() > MOST {
        return Err(no("it is too large to be a certificate or a key"));
    }
    // As much room as it will take: a buffer that grows leaves copies behind.
    let mut bytes = Secret(Vec::with_capacity(usize::try_from(MOST).unwrap_or_default() + 1));
    file.take(MOST + 1).read_to_end(&mut bytes.0).map_err(|error| no(&error.to_string()))?;
    Ok(bytes)
}
