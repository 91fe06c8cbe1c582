//! TLS: whom this process trusts, and what went wrong in words.
//!
//! One configuration per process, made when first needed, with the machine's roots and, where the
//! administrator names one, an extra file of authorities; and one for each set of checks that an
//! owner does without (`verify.rs`), so that no session of one is resumed under another. This module
//! answers two questions: *is this the server we meant?* (rustls decides, by those roots) and *if
//! not, what should a person do?*
//!
//! It never weakens a check by itself. Text from certificates is escaped before it is shown.

use crate::authorities::{Authorities, Judges, Known, RootsError};
use crate::certificate::{ClientCertificate, was_not_signed};
use crate::order::{Options, Relaxed};
use crate::shown::printable;
use crate::stream::Secured;
use crate::validation::{Watch, Watched};
use crate::verify::{Lenient, Unproved};
use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig, ConfigBuilder, WantsVerifier};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;

/// How much is read from the kernel at once under TLS.
const READ_AHEAD: usize = 256 * 1024;

/// On what terms hands are shaken.
#[derive(Clone, Default)]
pub(crate) struct Demands<'a> {
    /// By what the certificate is judged.
    pub(crate) standard: Standard,
    /// Our certificate.
    pub(crate) shown: Option<&'a ClientCertificate>,
    /// Who has a say in it.
    pub(crate) watch: Option<&'a Watch>,
    /// The server may choose to have the connection shared (HTTP/2).
    pub(crate) may_share: bool,
}

/// By what a server's certificate is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Standard {
    /// The checks that are left out, or made besides.
    relaxed: Relaxed,
    /// By whom it may be signed; nothing: by whom the machine trusts.
    authorities: Option<Authorities>,
}

impl Standard {
    pub(crate) fn of(options: &Options) -> Self {
        Self { relaxed: options.relaxed, authorities: options.authorities.clone() }
    }
}

/// Whom we trust; cheap to clone.
#[derive(Clone)]
pub struct Trust(Arc<Inner>);

struct Inner {
    settings: ConfigBuilder<ClientConfig, WantsVerifier>,
    extra: Known,
    /// Made at the first handshake: parsing the machine's roots takes longer than all the rest of
    /// an agent's start, and many agents never speak TLS.
    config: OnceCell<Arc<ClientConfig>>,
    judges: OnceLock<Judges>,
    algorithms: WebPkiSupportedAlgorithms,
    lenient: Mutex<HashMap<Relaxed, Arc<ClientConfig>>>,
}

/// The handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate does not hold.
    #[error("{0}")]
    Certificate(String),
    /// The certificate, or one that leads to its authority, has been revoked.
    #[error("the server's certificate has been revoked")]
    Revoked,
    /// No list says whether it has been, and why nothing else does.
    #[error("no list says whether the server's certificate has been revoked, and {0}")]
    RevocationUnknown(String),
    /// The list that would say so is out of date.
    #[error("the list of its authority's revoked certificates is out of date")]
    RevocationListOutdated,
    /// It wants a client certificate, and there is none.
    #[error("the server wants a client certificate, and the job has none")]
    ClientCertificateWanted,
    /// It does not take the client certificate.
    #[error("the server does not take the job's client certificate: {0}")]
    ClientCertificateRefused(&'static str),
    /// Who has the client certificate's key did not sign.
    #[error("the process that has the client certificate's key did not sign the handshake")]
    NotSigned,
    /// The owner's program rejected the certificate, with this code.
    #[error("the job's own program rejects the server's certificate")]
    Rejected(u32),
    /// The owner's program is not there to be asked.
    #[error("the program that judges servers' certificates for the job does not answer")]
    ValidatorMissing,
    /// It is another certificate whenever it is asked about.
    #[error("the server shows another certificate each time")]
    KeepsChanging,
    /// Anything else.
    #[error("no secure connection could be agreed on: {0}")]
    Handshake(String),
}

impl Trust {
    /// Trusts the machine's roots, and the PEM certificates in `extra` besides; lists of revoked
    /// certificates that stand there are looked at where that is asked for.
    ///
    /// `extra` is read now, the machine's roots when they are first needed. Those that cannot be
    /// read or parsed are left out; without any, only http and servers under the extra
    /// authorities can be reached.
    ///
    /// # Errors
    ///
    /// [`RootsError`] when `extra` was named and cannot be used.
    pub fn load(extra: Option<&Path>) -> Result<Self, RootsError> {
        let extra = extra.map_or_else(|| Ok(Known::none()), added)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let settings = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(RootsError::Provider)?;
        let (config, judges, lenient) = (OnceCell::new(), OnceLock::new(), Mutex::default());
        Ok(Self(Arc::new(Inner { settings, extra, config, judges, algorithms, lenient })))
    }

    /// Shakes hands with `host` over a fresh connection, on these terms.
    ///
    /// # Errors
    ///
    /// [`TlsError`] with a sentence on what to do.
    pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        demands: Demands<'_>,
        socket: S,
    ) -> Result<Secured<S>, TlsError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsError::Handshake(format!("{} is no host name", printable(host))))?;
        let may_share = demands.may_share;
        let connector = TlsConnector::from(self.config(demands).await?);
        // The TLS library reads a record at a time; one read from the kernel brings many.
        let socket = BufReader::with_capacity(READ_AHEAD, socket);
        let shaken = match may_share {
            true => {
                let spoken = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                connector.with_alpn(spoken).connect(name, socket)
            }
            false => connector.connect(name, socket),
        };
        shaken.await.map_err(|error| explain(&error))
    }

    async fn config(
        &self,
        Demands { standard, shown, watch, .. }: Demands<'_>,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let inner = Arc::clone(&self.0);
        if let Some(watch) = watch.cloned() {
            let shown = shown.cloned();
            let made =
                spawn_blocking(move || inner.watched(&standard, shown.as_ref(), watch)).await;
            return made.map_err(|error| TlsError::Handshake(error.to_string()));
        }
        if let Some(shown) = shown.cloned() {
            let make = move || shown.config(&standard, || inner.showing(&standard, &shown));
            let made = spawn_blocking(make).await;
            return made.map_err(|error| TlsError::Handshake(error.to_string()));
        }
        if let Some(authorities) = standard.authorities.clone() {
            let make = move || authorities.config(standard.relaxed, || inner.plain(&standard));
            let made = spawn_blocking(make).await;
            return made.map_err(|error| TlsError::Handshake(error.to_string()));
        }
        if standard != Standard::default() {
            let made = spawn_blocking(move || inner.lenient(&standard)).await;
            return made.map_err(|error| TlsError::Handshake(error.to_string()));
        }
        let make = async || spawn_blocking(move || inner.make_config()).await;
        let config = self.0.config.get_or_try_init(make).await;
        config.cloned().map_err(|error| TlsError::Handshake(error.to_string()))
    }
}

/// These block on files.
impl Inner {
    /// Who judges for those who say nothing about it.
    fn machine(&self) -> Judges {
        let read = || {
            let mut roots = self.extra.roots.clone();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Judges { roots: Arc::new(roots), lists: self.extra.lists.clone().into() }
        };
        self.judges.get_or_init(read).clone()
    }

    fn judges(&self, standard: &Standard) -> Judges {
        match &standard.authorities {
            Some(authorities) => authorities.judges(|| self.machine()),
            None => self.machine(),
        }
    }

    fn make_config(&self) -> Arc<ClientConfig> {
        self.plain(&Standard::default())
    }

    fn plain(&self, standard: &Standard) -> Arc<ClientConfig> {
        self.config(standard, None)
    }

    fn showing(&self, standard: &Standard, shown: &ClientCertificate) -> Arc<ClientConfig> {
        self.config(standard, Some(shown))
    }

    fn config(&self, standard: &Standard, shown: Option<&ClientCertificate>) -> Arc<ClientConfig> {
        let config = finished(self.verifying(standard), shown);
        if !standard.relaxed.revocation {
            return config;
        }
        // What has been revoked since is not to be spoken to again without a look.
        let mut config = Arc::unwrap_or_clone(config);
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    fn verifying(&self, standard: &Standard) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        if standard.relaxed == Relaxed::default() {
            return self.settings.clone().with_root_certificates(self.judges(standard).roots);
        }
        let settings = self.settings.clone().dangerous();
        settings.with_custom_certificate_verifier(Arc::new(self.checks(standard)))
    }

    fn checks(&self, standard: &Standard) -> Lenient {
        let Judges { roots, lists } = self.judges(standard);
        Lenient { roots, lists, algorithms: self.algorithms, relaxed: standard.relaxed }
    }

    /// For one handshake. Sessions are not resumed: whoever comes back is judged again.
    fn watched(
        &self,
        standard: &Standard,
        shown: Option<&ClientCertificate>,
        watch: Watch,
    ) -> Arc<ClientConfig> {
        let verifier = Watched { checks: self.checks(standard), watch };
        let settings = self.settings.clone().dangerous();
        let settings = settings.with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = Arc::unwrap_or_clone(finished(settings, shown));
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    fn lenient(&self, standard: &Standard) -> Arc<ClientConfig> {
        let mut made = self.lenient.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || self.plain(standard);
        Arc::clone(made.entry(standard.relaxed).or_insert_with(make))
    }
}

/// What the machine's administrator adds.
fn added(path: &Path) -> Result<Known, RootsError> {
    let known = Known::parse(&std::fs::read(path).map_err(RootsError::Unreadable)?)?;
    if known.roots.is_empty() { Err(RootsError::Empty) } else { Ok(known) }
}

fn finished(
    settings: ConfigBuilder<ClientConfig, WantsClientCert>,
    shown: Option<&ClientCertificate>,
) -> Arc<ClientConfig> {
    let mut config = match shown {
        Some(shown) => settings.with_client_cert_resolver(shown.resolver()),
        None => settings.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn explain(error: &std::io::Error) -> TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(error) = about_our_certificate(error) {
        return error;
    }
    match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::Revoked)) => TlsError::Revoked,
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
            if let Some(Unproved(why)) = other.0.downcast_ref() =>
        {
            TlsError::RevocationUnknown(why.to_string())
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredRevocationList)) => {
            TlsError::RevocationListOutdated
        }
        Some(rustls::Error::InvalidCertificate(wrong)) => TlsError::Certificate(advise(wrong)),
        Some(other) => TlsError::Handshake(printable(&other.to_string())),
        None => TlsError::Handshake(printable(&error.to_string())),
    }
}

/// What the server, or who has our key, has against our certificate, if that is the trouble.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list grows; what is not about our certificate is told elsewhere"
)]
pub(crate) fn about_our_certificate(error: &std::io::Error) -> Option<TlsError> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    if was_not_signed(inner) {
        return Some(TlsError::NotSigned);
    }
    let rustls::Error::AlertReceived(alert) = inner else { return None };
    Some(TlsError::ClientCertificateRefused(match alert {
        AlertDescription::CertificateRequired => return Some(TlsError::ClientCertificateWanted),
        AlertDescription::BadCertificate => "it says it is bad",
        AlertDescription::UnsupportedCertificate => "it does not know this kind",
        AlertDescription::CertificateRevoked => "it says it is revoked",
        AlertDescription::CertificateExpired => "it says it has expired",
        AlertDescription::CertificateUnknown => "it does not know it",
        AlertDescription::UnknownCA => "it does not know its authority",
        AlertDescription::AccessDenied => "it denies access",
        _ => return None,
    }))
}

/// What is wrong with a certificate, and who can do something about it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's list grows; for the rest its own words serve"
)]
fn advise(wrong: &CertificateError) -> String {
    if let CertificateError::NotValidForNameContext { presented, .. } = wrong {
        let names = presented.join(", ");
        return printable(&format!("the server's certificate is for another name: {names}"));
    }
    let known = match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired; if this machine's clock is right, the server's \
             administrator must renew it"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; check this machine's clock"
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is from an authority that is not trusted; if it should be, add \
             the authority to the machine's certificates, or give it to the job"
        }
        CertificateError::NotValidForName => "the server's certificate is for another name",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate was made for another use than a server's"
        }
        CertificateError::Revoked => "the server's certificate has been revoked",
        _ => return printable(&format!("the server's certificate does not hold: {wrong}")),
    };
    known.to_owned()
}
