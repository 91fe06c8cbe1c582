//! A certificate authority that lives as long as one test.
//!
//! Its certificate goes to a file that the tested side is told to trust; its key never leaves this
//! process. The leaf is for `localhost`, `127.0.0.1` and `::1`, and what a test says.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// The serial number of the leaf.
const LEAF: u64 = 4711;

/// An authority, as PEM, and what a server needs to answer in its name.
pub struct Authority {
    /// The certificate to trust.
    pub pem: String,
    /// The leaf and its key, as PEM, for a server that is a program of its own.
    pub leaf: (String, String),
    pub(super) config: Arc<ServerConfig>,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Makes a new one, with a leaf for this machine's loopback names.
    ///
    /// # Panics
    ///
    /// When the library cannot make a key or a certificate, which does not depend on input.
    #[must_use]
    pub fn new() -> Self {
        Self::with_leaf_for(&[])
    }

    /// The same with a leaf for these names and addresses, too.
    ///
    /// # Panics
    ///
    /// As [`Authority::new`].
    #[must_use]
    pub fn with_leaf_for(more: &[&str]) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "ebb test authority");
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let names = ["localhost", "127.0.0.1", "::1"].iter().chain(more);
        let names: Vec<_> = names.map(|name| (*name).to_owned()).collect();
        let leaf_key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::new(names).expect("plain names");
        leaf.serial_number = Some(SerialNumber::from(LEAF));
        let leaf = leaf.signed_by(&leaf_key, &authority).expect("a leaf");
        let config = config(&leaf, &leaf_key);
        let leaf = (leaf.pem(), leaf_key.serialize_pem());
        let pem = authority.pem();
        Self { pem, leaf, config, issuer: authority }
    }

    /// What it takes to answer with another leaf for 127.0.0.1.
    pub(super) fn another_config(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).expect("plain names");
        config(&leaf.signed_by(&key, &self.issuer).expect("a leaf"), &key)
    }

    /// A list of its revoked certificates, as PEM: there are none.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    #[must_use]
    pub fn list(&self) -> String {
        self.list_of(Vec::new())
    }

    /// The same, and the leaf is on it.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    #[must_use]
    pub fn list_of_leaf(&self) -> String {
        self.list_of(vec![RevokedCertParams {
            serial_number: SerialNumber::from(LEAF),
            revocation_time: date_time_ymd(2020, 2, 2),
            reason_code: None,
            invalidity_date: None,
        }])
    }

    fn list_of(&self, revoked_certs: Vec<RevokedCertParams>) -> String {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2400, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).expect("a list");
        list.pem().expect("as text")
    }

    /// Its key, as PEM, for a program that answers in its name.
    #[must_use]
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for those who answer in its name whether others have been revoked, and its key.
    ///
    /// # Panics
    ///
    /// As [`Self::new`].
    #[must_use]
    pub fn responder(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Another certificate for these names, and its key, as PEM.
    ///
    /// # Panics
    ///
    /// As [`Self::new`]; or a name is none.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = CertificateParams::new(names).expect("plain names");
        let leaf = leaf.signed_by(&key, &self.issuer).expect("a leaf");
        (leaf.pem(), key.serialize_pem())
    }
}

fn config(leaf: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("key and certificate are a pair");
    Arc::new(config)
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
