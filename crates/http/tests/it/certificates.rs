//! Servers that want to know who we are by a certificate, and somebody else who has its key.

use crate::support::*;
use crate::tls::{Authority, Farewell, OK, for_name, start};
use ebb_http::{
    Client, ClientCertificate, ConnectError, Ended, ExchangeError, FetchError, Held, Options,
    Order, Sign, TlsError,
};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SigningKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

const P256: u16 = 0x0403;

/// Has a key, and counts what it signs.
struct Holder {
    key: Arc<dyn SigningKey>,
    signed: AtomicUsize,
}

impl Sign for Holder {
    fn sign(&self, scheme: u16, message: &[u8]) -> Option<Vec<u8>> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        let signer = self.key.choose_scheme(&[SignatureScheme::from(scheme)])?;
        signer.sign(message).ok()
    }
}

/// Has none.
struct Nobody;

impl Sign for Nobody {
    fn sign(&self, _: u16, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// A certificate by itself, and its key.
fn identity() -> (rcgen::Certificate, Arc<Holder>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    // A name of its own: a server that knows another of that name would blame the signature.
    let name = format!("{:x?}", key.public_key_raw());
    params.distinguished_name.push(DnType::CommonName, &name[..40]);
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    (certificate, Arc::new(Holder { key, signed: AtomicUsize::new(0) }))
}

fn shown(certificate: &rcgen::Certificate, signer: Arc<dyn Sign>) -> ClientCertificate {
    ClientCertificate::new(vec![certificate.der().to_vec()], &[P256], signer)
}

/// A server that lets nobody in but the holder of this certificate.
fn wanting(
    authority: &Authority,
    certificate: &rcgen::Certificate,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (leaf, key) = authority.leaf(for_name("localhost"));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![leaf], key);
    Arc::new(config.unwrap())
}

fn showing(url: Url, certificate: Option<ClientCertificate>) -> Order {
    let options = Options { certificate, ..Options::default() };
    Order { options, ..order(url, Held::nothing()) }
}

async fn error_of(client: &Arc<Client>, order: Order) -> TlsError {
    match run(client, order, &Target::holding(b"")).await.0 {
        Ended::Failed {
            error: FetchError::Exchange(ExchangeError::Connect(ConnectError::Tls(error))),
            ..
        } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_is_shown_it_and_its_holder_signs() {
    let authority = Authority::new("wanting");
    let (certificate, holder) = identity();
    for version in [&TLS12, &TLS13] {
        let before = holder.signed.load(Ordering::Relaxed);
        let url = start(wanting(&authority, &certificate, version), OK, Farewell::Proper).await;
        let ours = shown(&certificate, Arc::clone(&holder) as Arc<dyn Sign>);
        let order = showing(url, Some(ours));
        let (ended, _) = run(&authority.client(), order, &Target::holding(b"")).await;
        assert_done(&ended, 2);
        assert_eq!(holder.signed.load(Ordering::Relaxed), before + 1, "{version:?}");
    }
}

#[tokio::test]
async fn a_holder_that_does_not_sign_is_told_apart_from_a_server_that_says_no() {
    let authority = Authority::new("unsigned");
    let ((certificate, _), (other, holder)) = (identity(), identity());
    for version in [&TLS12, &TLS13] {
        let url = start(wanting(&authority, &certificate, version), OK, Farewell::Proper).await;
        let client = authority.client();
        let unsigned = shown(&certificate, Arc::new(Nobody));
        let error = error_of(&client, showing(url.clone(), Some(unsigned))).await;
        assert!(matches!(error, TlsError::NotSigned), "{error:?}");
        let stranger = shown(&other, Arc::clone(&holder) as Arc<dyn Sign>);
        let error = error_of(&client, showing(url.clone(), Some(stranger))).await;
        assert!(matches!(error, TlsError::ClientCertificateRefused(_)), "{error:?}");
    }
    let url = start(wanting(&authority, &certificate, &TLS13), OK, Farewell::Proper).await;
    let error = error_of(&authority.client(), showing(url, None)).await;
    assert!(matches!(error, TlsError::ClientCertificateWanted), "{error:?}");
}

/// Serves any number of requests on each connection, redirecting the first path elsewhere; tells for
/// each connection whether a certificate was shown on it.
async fn optional(config: Arc<ServerConfig>, there: Option<Url>) -> (Url, Arc<Mutex<Vec<bool>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = TlsAcceptor::from(Arc::clone(&config)).accept(socket).await else {
                continue;
            };
            told.lock().unwrap().push(stream.get_ref().1.peer_certificates().is_some());
            let answer = match &there {
                Some(there) => {
                    format!("HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n")
                }
                None => OK.to_owned(),
            };
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.unwrap_or(0) > 0 {
                    drop(stream.write_all(answer.as_bytes()).await);
                    drop(stream.flush().await);
                }
            });
        }
    });
    (Url::parse(&format!("https://localhost:{port}/")).unwrap(), seen)
}

/// A server that asks for a certificate, and does without.
fn asking(authority: &Authority, certificate: &rcgen::Certificate) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated();
    let (leaf, key) = authority.leaf(for_name("localhost"));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![leaf], key);
    Arc::new(config.unwrap())
}

#[tokio::test]
async fn a_certificate_stays_with_the_origin_it_is_for_and_on_connections_of_its_own() {
    let authority = Authority::new("home");
    let (certificate, holder) = identity();
    let config = asking(&authority, &certificate);
    let (elsewhere, seen_elsewhere) = optional(Arc::clone(&config), None).await;
    let (home, seen) = optional(Arc::clone(&config), Some(elsewhere)).await;
    let client = authority.client();
    let ours = || shown(&certificate, Arc::clone(&holder) as Arc<dyn Sign>);
    let (one, other) = (ours(), ours());
    let fetch = async |url: &Url, certificate: Option<&ClientCertificate>| {
        let order = showing(url.clone(), certificate.cloned());
        assert_done(&run(&client, order, &Target::holding(b"")).await.0, 2);
    };
    fetch(&home, Some(&one)).await;
    assert_eq!(*seen.lock().unwrap(), [true]);
    assert_eq!(*seen_elsewhere.lock().unwrap(), [false]);
    // Nobody else gets onto its connection, nor resumes its session; the same certificate does.
    let (there, seen) = optional(config, None).await;
    for certificate in [Some(&one), None, Some(&other), Some(&one)] {
        fetch(&there, certificate).await;
    }
    assert_eq!(*seen.lock().unwrap(), [true, false, true]);
}
