//! By whom a server's certificate may be signed: authorities in PEM, and lists of what they revoked.
//!
//! There are those of the machine (`tls`), those its administrator adds, and those of a job: beside the
//! machine's, or in their place. This module answers one question: *which authorities are in these
//! bytes?* Whether a certificate holds by them is judged in `tls` and `verify`.
//!
//! Connections made by a job's own authorities, and sessions that could be resumed, are theirs: a
//! configuration for each, and a [`Route`](crate::connect::Route) that differs. Proxies are judged by
//! the machine's.
//!
//! Whoever wrote the bytes may be anybody who may have a job: they are parsed where the network is
//! parsed, and what is no PEM, no certificate and no list is an error, and nothing is left out.

use crate::order::Relaxed;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{ClientConfig, RootCertStore};
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use webpki::{CertRevocationList, OwnedCertRevocationList};

/// The authorities could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The file cannot be read.
    #[error("cannot read the extra authorities: {0}")]
    Unreadable(#[source] std::io::Error),
    /// They are no PEM.
    #[error("they are no PEM: {0}")]
    Malformed(#[source] rustls::pki_types::pem::Error),
    /// A certificate among them is none.
    #[error("an authority's certificate cannot be used: {0}")]
    Unusable(#[source] rustls::Error),
    /// A list of revoked certificates among them cannot be read.
    #[error("a list of revoked certificates cannot be used: {0}")]
    List(#[source] webpki::Error),
    /// There is none.
    #[error("there is no PEM certificate of an authority among them")]
    Empty,
    /// The library's own defaults contradict each other.
    #[error("no TLS version can be offered: {0}")]
    Provider(#[source] rustls::Error),
}

/// Authorities, and lists of what they revoked.
pub(crate) struct Known {
    pub(crate) roots: RootCertStore,
    pub(crate) lists: Vec<Arc<CertRevocationList<'static>>>,
}

impl Known {
    /// Nobody, and nothing.
    pub(crate) fn none() -> Self {
        Self { roots: RootCertStore::empty(), lists: Vec::new() }
    }

    /// Those in these bytes, if all of them make sense.
    pub(crate) fn parse(pem: &[u8]) -> Result<Self, RootsError> {
        let mut known = Self::none();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(RootsError::Malformed)?;
            known.roots.add(certificate).map_err(RootsError::Unusable)?;
        }
        // Whose they are is found out when one is needed.
        for list in CertificateRevocationListDer::pem_slice_iter(pem) {
            let list = list.map_err(RootsError::Malformed)?;
            let list = OwnedCertRevocationList::from_der(&list).map_err(RootsError::List)?;
            known.lists.push(Arc::new(CertRevocationList::Owned(list)));
        }
        Ok(known)
    }
}

/// What servers are judged by: whom to trust, and what has been revoked.
#[derive(Clone)]
pub(crate) struct Judges {
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) lists: Arc<[Arc<CertRevocationList<'static>>]>,
}

/// Authorities of a job's own; cheap to clone. They are the same as their clones, and as nothing else.
#[derive(Clone)]
pub struct Authorities(Arc<Inner>);

struct Inner {
    known: Known,
    alone: bool,
    judges: OnceLock<Judges>,
    /// One for each set of checks that are left out.
    configs: Mutex<HashMap<Relaxed, Arc<ClientConfig>>>,
}

impl Authorities {
    /// Those in these bytes; `alone`: the machine's own do not count, its lists still do.
    ///
    /// # Errors
    ///
    /// [`RootsError`] where not all of it makes sense, or there is nothing in it.
    pub fn parse(pem: &[u8], alone: bool) -> Result<Self, RootsError> {
        let known = Known::parse(pem)?;
        // Lists for the machine's authorities are of use by themselves.
        if known.roots.is_empty() && (alone || known.lists.is_empty()) {
            return Err(RootsError::Empty);
        }
        let (judges, configs) = (OnceLock::new(), Mutex::default());
        Ok(Self(Arc::new(Inner { known, alone, judges, configs })))
    }

    /// Who judges, the machine's being these; put together once.
    pub(crate) fn judges(&self, machine: impl FnOnce() -> Judges) -> Judges {
        let Inner { known, alone, judges, .. } = self.0.as_ref();
        let join = || {
            let machine = machine();
            let mut roots = known.roots.clone();
            if !alone {
                roots.roots.extend(machine.roots.roots.iter().cloned());
            }
            let lists = machine.lists.iter().chain(&known.lists).cloned().collect();
            Judges { roots: Arc::new(roots), lists }
        };
        judges.get_or_init(join).clone()
    }

    /// The configuration by these with these checks left out; made once.
    pub(crate) fn config(
        &self,
        relaxed: Relaxed,
        make: impl FnOnce() -> Arc<ClientConfig>,
    ) -> Arc<ClientConfig> {
        let mut configs = self.0.configs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(configs.entry(relaxed).or_insert_with(make))
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Authorities {}

impl Hash for Authorities {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known { roots, lists } = &self.0.known;
        write!(f, "Authorities({} and {} lists)", roots.len(), lists.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(pem: &str, alone: bool) -> RootsError {
        Authorities::parse(pem.as_bytes(), alone).unwrap_err()
    }

    #[test]
    fn what_is_not_all_certificates_of_authorities_and_lists_is_refused_whole() {
        let block = |what: &str, text: &str| {
            format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
        };
        assert!(matches!(error("", false), RootsError::Empty));
        assert!(matches!(error("nonsense\0\n", false), RootsError::Empty));
        assert!(matches!(error(&block("PUBLIC KEY", "AAAA"), false), RootsError::Empty));
        assert!(matches!(error(&block("CERTIFICATE", "AAAA"), true), RootsError::Unusable(_)));
        assert!(matches!(error(&block("CERTIFICATE", "?"), true), RootsError::Malformed(_)));
        assert!(matches!(error("-----BEGIN CERTIFICATE-----\n", true), RootsError::Malformed(_)));
        assert!(matches!(error(&block("X509 CRL", "AAAA"), false), RootsError::List(_)));
    }
}
