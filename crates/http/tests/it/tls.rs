//! Secured connections: whom we trust, and what we say when we do not.

use crate::support::*;
use ebb_http::{
    AnswerError, Client, ConnectError, Downgrade, Ended, ExchangeError, FetchError, Held,
    RedirectError, TlsError, Trust,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// An authority of our own, and a file with its certificate.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: std::path::PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = std::env::temp_dir().join(format!("ebb-{}-{name}.pem", std::process::id()));
        std::fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.issuer
    }

    pub(crate) fn client(&self) -> Arc<Client> {
        Client::new(Trust::load(Some(&self.file)).unwrap())
    }

    /// A certificate of it, and its key.
    pub(crate) fn leaf(
        &self,
        params: CertificateParams,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.into(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    pub(crate) fn server_config(&self, params: CertificateParams) -> Arc<ServerConfig> {
        let (certificate, key) = self.leaf(params);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
    }
}

pub(crate) fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// How the server leaves after its answer.
#[derive(Clone, Copy)]
pub(crate) enum Farewell {
    Proper,
    Abrupt,
}

/// Serves one answer to each connection.
pub(crate) async fn start(
    config: Arc<ServerConfig>,
    answer: &'static str,
    farewell: Farewell,
) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = TlsAcceptor::from(Arc::clone(&config)).accept(socket).await else {
                continue;
            };
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.flush().await);
            if let Farewell::Proper = farewell {
                drop(stream.shutdown().await);
            }
        }
    });
    Url::parse(&format!("https://localhost:{port}/")).unwrap()
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn refused_by_tls(client: Arc<Client>, url: Url) -> TlsError {
    let order = order(url, Held::nothing());
    match run(&client, order, &Target::holding(b"")).await.0 {
        Ended::Failed {
            error: FetchError::Exchange(ExchangeError::Connect(ConnectError::Tls(error))),
            ..
        } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_extra_authority_is_trusted() {
    let authority = Authority::new("trusted");
    let config = authority.server_config(for_name("localhost"));
    let url = start(config, OK, Farewell::Proper).await;
    let target = Target::holding(b"");
    let (ended, _) = run(&authority.client(), order(url, Held::nothing()), &target).await;
    assert_done(&ended, 2);
    assert_eq!(target.content(), b"ok");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_the_name_is_told() {
    let authority = Authority::new("name");
    let config = authority.server_config(for_name("other.example"));
    let url = start(config, OK, Farewell::Proper).await;
    let error = refused_by_tls(authority.client(), url).await;
    assert!(matches!(&error, TlsError::Certificate(text) if text.contains("other.example")));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new("expired");
    let mut params = for_name("localhost");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let url = start(authority.server_config(params), OK, Farewell::Proper).await;
    let error = refused_by_tls(authority.client(), url).await;
    assert!(matches!(&error, TlsError::Certificate(text) if text.contains("expired")));
}

#[tokio::test]
async fn an_authority_nobody_vouches_for_is_refused() {
    let authority = Authority::new("unknown");
    let config = authority.server_config(for_name("localhost"));
    let url = start(config, OK, Farewell::Proper).await;
    let error = refused_by_tls(client(), url).await;
    assert!(matches!(&error, TlsError::Certificate(text) if text.contains("authority")));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_not_a_matter_of_certificates() {
    let server = Server::start(vec![]).await;
    let url = Url::parse(&format!("https://127.0.0.1:{}/", server.port)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        drop(socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        drop(socket.read(&mut [0; 1024]).await);
    });
    let plain = Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    drop(url);
    assert!(matches!(refused_by_tls(client(), plain).await, TlsError::Handshake(_)));
}

#[tokio::test]
async fn an_unframed_body_cut_off_without_a_farewell_is_not_complete() {
    let authority = Authority::new("cut");
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart of it";
    let config = authority.server_config(for_name("localhost"));
    let url = start(Arc::clone(&config), answer, Farewell::Abrupt).await;
    let order_one = order(url, Held::nothing());
    let (ended, _) = run(&authority.client(), order_one, &Target::holding(b"")).await;
    assert_lost(&ended, 10);
    let url = start(config, answer, Farewell::Proper).await;
    let order_two = order(url, Held::nothing());
    let (ended, _) = run(&authority.client(), order_two, &Target::holding(b"")).await;
    assert_done(&ended, 10);
}

#[tokio::test]
async fn the_way_down_from_https_to_http_must_be_allowed() {
    let authority = Authority::new("down");
    let down = Server::start(vec![say(OK)]).await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", down.url());
    let config = authority.server_config(for_name("localhost"));
    let url = start(config, answer.leak(), Farewell::Proper).await;
    let mut order = order(url, Held::nothing());
    let (ended, _) = run(&authority.client(), order.clone(), &Target::holding(b"")).await;
    assert!(matches!(refused(ended), AnswerError::Redirect(RedirectError::Downgrade)));
    order.options.downgrade = Downgrade::Allow;
    let (ended, _) = run(&authority.client(), order, &Target::holding(b"")).await;
    assert_done(&ended, 2);
}

#[test]
fn extra_authorities_that_are_none_are_an_error() {
    let empty = std::env::temp_dir().join(format!("ebb-{}-empty.pem", std::process::id()));
    std::fs::write(&empty, "no certificate here").unwrap();
    assert!(Trust::load(Some(&empty)).is_err());
    std::fs::remove_file(&empty).unwrap();
    assert!(Trust::load(Some(std::path::Path::new("/nonexistent"))).is_err());
}
