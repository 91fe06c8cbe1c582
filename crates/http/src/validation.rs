//! A program of the owner's that has a say in which servers are spoken to.
//!
//! It judges after we have: a certificate that does not hold is never asked about. This module answers
//! one question: *has this server's certificate been accepted?*
//!
//! ```text
//!  shake hands ─▶ it holds ─┬─ accepted before ─▶ go on, to the end
//!                           └─ not yet ─▶ hang up ─▶ ask ─┬─ yes ─▶ shake hands again
//!                                                         └─ no, or nobody there ─▶ an error
//! ```
//!
//! The TLS library wants its answer at once, and who is asked may take a minute. So we hang up in the
//! middle of the handshake, before we have shown a certificate of our own or said a word, and come back
//! with the answer. That costs one connection for each certificate, and no server waits for a program.
//!
//! What was accepted is this certificate for this host and port, for the fetches of one [`Validation`];
//! connections belong to it, and no TLS session outlives its connection, so that every connection is
//! judged. A rejection is not remembered. Proxies are not asked about.

use crate::connect::Origin;
use crate::tls::TlsError;
use crate::verify::Lenient;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Certificates are asked about one after the other for so long: a server that shows another one each
/// time is given up.
pub(crate) const MOST_QUESTIONS: usize = 4;

/// Who asks the owner's program.
pub trait Validator: Send + Sync {
    /// Asks, and waits for the answer as long as it is worth it.
    fn ask(&self, question: Unknown) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>>;
}

/// A server that nobody has judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The number its fetch was given for the question.
    pub file: u32,
    /// The certificates it sent as DER, its own first.
    pub chain: Vec<Vec<u8>>,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be spoken to.
    Accepted,
    /// It may not, for a reason of the program's own.
    Rejected(u32),
    /// There is nobody to be asked.
    Nobody,
    /// Its certificates are more than can be shown.
    TooLong,
}

/// What was asked and accepted for some fetches; cheap to clone. It is the same as its clones, and as
/// nothing else.
#[derive(Clone)]
pub struct Validation {
    shared: Arc<Shared>,
    file: u32,
}

struct Shared {
    validator: Arc<dyn Validator>,
    accepted: Mutex<HashSet<Accepted>>,
    /// Connections that meet the same certificate at the same time ask once: the last answer.
    asking: tokio::sync::Mutex<Option<(u64, Accepted, Verdict)>>,
    answers: AtomicU64,
}

/// A host, a port, and the SHA-256 of a certificate.
type Accepted = (String, u16, [u8; 32]);

/// One handshake: with whom it is, and what came of it.
#[derive(Clone)]
pub(crate) struct Watch {
    validation: Validation,
    host: String,
    port: u16,
    unknown: Arc<Mutex<Option<Vec<Vec<u8>>>>>,
}

impl Validation {
    /// Nothing has been accepted yet.
    #[must_use]
    pub fn new(validator: Arc<dyn Validator>) -> Self {
        let (accepted, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        let answers = AtomicU64::new(0);
        Self { shared: Arc::new(Shared { validator, accepted, asking, answers }), file: 0 }
    }

    /// The same for another file.
    #[must_use]
    pub fn with_file(&self, file: u32) -> Self {
        Self { shared: Arc::clone(&self.shared), file }
    }

    pub(crate) fn watch(&self, origin: &Origin) -> Watch {
        let host = origin.host.to_string();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Watch { validation: self.clone(), host, port: origin.port, unknown: Arc::default() }
    }

    fn accepted(&self) -> MutexGuard<'_, HashSet<Accepted>> {
        self.shared.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// What the handshake was broken off for, if it was.
    pub(crate) fn unknown(&self) -> Option<Vec<Vec<u8>>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks whether this server may be spoken to.
    pub(crate) async fn ask(&self, chain: Vec<Vec<u8>>) -> Result<(), TlsError> {
        let Some(own) = chain.first() else { return Err(TlsError::ValidatorMissing) };
        let accepted = self.named(own);
        let shared = &self.validation.shared;
        let before = shared.answers.load(Ordering::Relaxed);
        let mut last = shared.asking.lock().await;
        if self.validation.accepted().contains(&accepted) {
            return Ok(());
        }
        let (host, port, file) = (self.host.clone(), self.port, self.validation.file);
        let meanwhile = last.as_ref().filter(|(at, what, _)| *at > before && *what == accepted);
        let verdict = if let Some((_, _, verdict)) = meanwhile {
            *verdict
        } else {
            let verdict = shared.validator.ask(Unknown { host, port, file, chain }).await;
            let at = shared.answers.fetch_add(1, Ordering::Relaxed) + 1;
            *last = Some((at, accepted.clone(), verdict));
            verdict
        };
        match verdict {
            Verdict::Accepted => {
                self.validation.accepted().insert(accepted);
                Ok(())
            }
            Verdict::Rejected(code) => Err(TlsError::Rejected(code)),
            Verdict::Nobody => Err(TlsError::ValidatorMissing),
            Verdict::TooLong => Err(TlsError::Certificate(
                "the server sends more certificates than can be shown to the job's validator"
                    .to_owned(),
            )),
        }
    }

    fn named(&self, certificate: &[u8]) -> Accepted {
        (self.host.clone(), self.port, Sha256::digest(certificate).into())
    }

    /// Breaks the handshake off unless this certificate was accepted.
    fn judge(&self, own: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<(), Error> {
        if self.validation.accepted().contains(&self.named(own)) {
            return Ok(());
        }
        let chain = std::iter::once(own).chain(others).map(|one| one.to_vec()).collect();
        *self.unknown.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain);
        Err(Error::General("nobody has accepted the server's certificate yet".to_owned()))
    }
}

/// Every check, and then the question.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) checks: Lenient,
    pub(crate) watch: Watch,
}

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.checks.verify_server_cert(certificate, others, name, ocsp, now)?;
        self.watch.judge(certificate, others)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checks.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.checks.supported_verify_schemes()
    }
}

impl PartialEq for Validation {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Validation {}

impl Hash for Validation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.shared).hash(state);
    }
}

impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validation({} accepted)", self.accepted().len())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({}:{})", self.host, self.port)
    }
}
