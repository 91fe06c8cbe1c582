//! Our own certificate, where a server wants one, and somebody else who signs for it.
//!
//! Whose key it is may not be who we are: then it is kept by a process of that identity, and we only
//! ask it for signatures ([`Sign`]). This module answers one question: *how does the TLS library get
//! its signature?* Nothing here ever holds a private key.
//!
//! The library asks for a signature in the middle of a handshake and cannot be told to wait, so this
//! thread waits. Whoever implements [`Sign`] bounds that; a software key takes about a millisecond.
//!
//! A certificate is shown to the origin its job names, and to no other (`fetch`). Connections on which
//! it was shown, and sessions that could be resumed as its holder, are its own: a configuration for
//! each certificate, and a [`Route`](crate::connect::Route) that differs.

use crate::tls::Standard;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ClientConfig, Error, SignatureAlgorithm, SignatureScheme};
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// Who has the key.
pub trait Sign: Send + Sync {
    /// Signs what a client signs in a handshake, in this way; nothing where that cannot be had.
    /// Blocks, for as long as it is worth keeping everybody else waiting.
    fn sign(&self, scheme: u16, message: &[u8]) -> Option<Vec<u8>>;
}

/// A certificate to show; cheap to clone. It is the same as its clones, and as nothing else.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    shown: Arc<CertifiedKey>,
    /// One for each way of judging the server. They know what is shown, and not us.
    configs: Mutex<HashMap<Standard, Arc<ClientConfig>>>,
}

/// What is said where no signature could be had.
const NOT_SIGNED: &str = "the holder of the client certificate's key did not sign";

impl ClientCertificate {
    /// A certificate with those that lead to its authority, and who signs for it in which ways.
    #[must_use]
    pub fn new(chain: Vec<Vec<u8>>, schemes: &[u16], signer: Arc<dyn Sign>) -> Self {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let schemes = schemes.iter().copied().map(SignatureScheme::from).collect();
        let key = Arc::new(Remote { schemes, signer });
        let shown = Arc::new(CertifiedKey::new(chain, key));
        Self(Arc::new(Inner { shown, configs: Mutex::default() }))
    }

    /// What shows it to whoever asks.
    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(Showing(Arc::clone(&self.0.shown)))
    }

    /// The configuration of this certificate by this standard; made once.
    pub(crate) fn config(
        &self,
        standard: &Standard,
        make: impl FnOnce() -> Arc<ClientConfig>,
    ) -> Arc<ClientConfig> {
        let mut configs = self.0.configs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(configs.entry(standard.clone()).or_insert_with(make))
    }
}

/// Whether the handshake failed because nobody signed.
pub(crate) fn was_not_signed(error: &Error) -> bool {
    matches!(error, Error::General(text) if text == NOT_SIGNED)
}

impl PartialEq for ClientCertificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ClientCertificate {}

impl Hash for ClientCertificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} in the chain)", self.0.shown.cert.len())
    }
}

/// Shows one certificate to everybody who asks on connections that are for it.
#[derive(Debug)]
struct Showing(Arc<CertifiedKey>);

impl ResolvesClientCert for Showing {
    fn resolve(&self, _authorities: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Servers name authorities they know, and some name few; its owner chose this one.
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A key that somebody else has.
struct Remote {
    schemes: Vec<SignatureScheme>,
    signer: Arc<dyn Sign>,
}

struct RemoteSigner {
    scheme: SignatureScheme,
    signer: Arc<dyn Sign>,
}

impl SigningKey for Remote {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *self.schemes.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(RemoteSigner { scheme, signer: Arc::clone(&self.signer) }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.schemes.first() {
            Some(SignatureScheme::ED25519) => SignatureAlgorithm::ED25519,
            Some(
                SignatureScheme::ECDSA_NISTP256_SHA256 | SignatureScheme::ECDSA_NISTP384_SHA384,
            ) => SignatureAlgorithm::ECDSA,
            Some(_) | None => SignatureAlgorithm::RSA,
        }
    }
}

impl Signer for RemoteSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signed = self.signer.sign(u16::from(self.scheme), message);
        signed.ok_or_else(|| Error::General(NOT_SIGNED.to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({:?})", self.schemes)
    }
}

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteSigner({:?})", self.scheme)
    }
}
