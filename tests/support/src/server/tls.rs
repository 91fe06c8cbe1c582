//! A certificate authority that lives as long as one test.
//!
//! Its certificate goes to a file that the tested side is told to trust; its key never leaves this
//! process. The leaf is for `localhost`, `127.0.0.1` and `::1`.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// An authority, as PEM, and what a server needs to answer in its name.
#[derive(Debug)]
pub struct Authority {
    /// The certificate to trust.
    pub pem: String,
    pub(super) config: Arc<ServerConfig>,
}

impl Authority {
    /// Makes a new one, with a leaf for this machine's loopback names.
    ///
    /// # Panics
    ///
    /// When the library cannot make a key or a certificate, which does not depend on input.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "ebb test authority");
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
        let leaf_key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(names).expect("plain names");
        let leaf = leaf.signed_by(&leaf_key, &authority).expect("a leaf");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("key and certificate are a pair");
        Self { pem: authority.pem(), config: Arc::new(config) }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
