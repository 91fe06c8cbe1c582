//! Real handshakes, of both versions, with a signer that looks at what it is asked to sign.

use super::*;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion,
};
use std::sync::{Arc, Mutex};

/// Signs, and keeps what it was asked to sign.
#[derive(Clone, Debug)]
struct Watching {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

#[derive(Debug)]
struct WatchingSigner(Box<dyn Signer>, Arc<Mutex<Vec<Vec<u8>>>>);

impl ResolvesClientCert for Watching {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::new(CertifiedKey::new(self.chain.clone(), Arc::new(self.clone()))))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl SigningKey for Watching {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = self.key.choose_scheme(offered)?;
        Some(Box::new(WatchingSigner(signer, Arc::clone(&self.seen))))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl Signer for WatchingSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.1.lock().unwrap().push(message.to_vec());
        self.0.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }
}

fn leaf(name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    (certificate.der().clone(), key)
}

/// Shakes hands in this version; gives what the client signed, and its certificates.
fn signed(version: &'static SupportedProtocolVersion) -> (Vec<u8>, Vec<Vec<u8>>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (server, client) = (leaf("localhost"), leaf("client"));
    let trusting = |certificate: &CertificateDer<'static>| {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        Arc::new(roots)
    };
    let verifier =
        WebPkiClientVerifier::builder_with_provider(trusting(&client.0), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![server.0.clone()], server.1);
    let mut at_server = ServerConnection::new(Arc::new(config.unwrap())).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let key = rustls::crypto::ring::sign::any_supported_type(&client.1).unwrap();
    let watching = Watching { chain: vec![client.0.clone()], key, seen: Arc::clone(&seen) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(trusting(&server.0))
        .with_client_cert_resolver(Arc::new(watching));
    let name = ServerName::try_from("localhost").unwrap();
    let mut at_client = ClientConnection::new(Arc::new(config), name).unwrap();
    while at_client.is_handshaking() || at_server.is_handshaking() {
        let mut wire = Vec::new();
        at_client.write_tls(&mut wire).unwrap();
        at_server.read_tls(&mut wire.as_slice()).unwrap();
        at_server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        at_server.write_tls(&mut wire).unwrap();
        at_client.read_tls(&mut wire.as_slice()).unwrap();
        at_client.process_new_packets().unwrap();
    }
    let mut seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    (seen.remove(0), vec![client.0.to_vec()])
}

#[test]
fn what_clients_sign_in_real_handshakes_of_both_versions_is_known() {
    let (message, chain) = signed(&TLS13);
    assert!(is_of_1_3(&message) && is_of_1_2(&message, &chain).is_none());
    let (message, chain) = signed(&TLS12);
    assert!(!is_of_1_3(&message) && is_of_1_2(&message, &chain).is_some());
}

#[test]
fn a_handshake_that_is_changed_cut_or_continued_is_none() {
    let (message, chain) = signed(&TLS12);
    for cut in 0..message.len() {
        assert!(!is_a_clients(&message[..cut], &chain), "cut at {cut}");
    }
    assert!(!is_a_clients(&[&message[..], &[20, 0, 0, 0]].concat(), &chain));
    let mut older = message.clone();
    older[5] = 2;
    assert!(!is_a_clients(&older, &chain), "of another version");
    assert!(!is_a_clients(&message, &[vec![1, 2, 3]]), "with somebody else's certificate");
    assert!(!is_a_clients(&message, &[]), "with none");
}

#[test]
fn nothing_else_is_a_clients_proof() {
    let (message, chain) = signed(&TLS13);
    // From there on it is as long as one with a shorter hash.
    for cut in 0..SPACES + CONTEXT.len() + 32 {
        assert!(!is_a_clients(&message[..cut], &chain), "cut at {cut}");
    }
    let with = |words: &[u8], hash: usize| [&[b' '; SPACES][..], words, &vec![7; hash]].concat();
    assert!(is_a_clients(&with(CONTEXT, 48), &chain));
    assert!(!is_a_clients(&with(CONTEXT, 33), &chain), "a hash of no size we know");
    assert!(!is_a_clients(&with(b"TLS 1.3, server CertificateVerify\0", 32), &chain));
    assert!(!is_a_clients(b"", &chain));
    // What a certificate's authority signs.
    assert!(!is_a_clients(&chain[0], &chain));
}
