//! What went wrong between us and a proxy.
//!
//! Answers one question: *which proxy was it, and could another do better?* Everything here names the
//! proxy, so that nobody looks for the fault at the server.

use super::Proxy;
use crate::client::ExchangeError;
use crate::response::AnswerError;
use crate::shown::printable;
use crate::tls::TlsError;
use http::header::PROXY_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use std::io;

/// How many schemes of a proxy we repeat.
const MOST_SCHEMES: usize = 8;

/// A proxy did not do.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy}: {trouble}")]
pub struct ProxyError {
    /// Which, as it may be shown.
    pub proxy: String,
    /// Why not.
    pub trouble: ProxyTrouble,
}

/// Why a proxy did not do.
#[derive(Debug, thiserror::Error)]
pub enum ProxyTrouble {
    /// Its name could not be resolved.
    #[error("its name could not be resolved: {0}")]
    NameNotResolved(io::Error),
    /// No address of it took the connection.
    #[error("it does not take connections: {0}")]
    Failed(io::Error),
    /// It took too long to be reached.
    #[error("it did not take the connection within 30 seconds")]
    TimedOut,
    /// It was reached, and then did not get us through.
    #[error("it did not make the connection within 30 seconds")]
    Slow,
    /// It broke off.
    #[error("the connection broke: {0}")]
    Lost(String),
    /// No secure connection to it.
    #[error("{0}")]
    Tls(TlsError),
    /// It said no, in HTTP.
    #[error("it makes no connection to the server: {status}")]
    Refused {
        /// With this status.
        status: StatusCode,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// It said no, in SOCKS.
    #[error("it makes no connection to the server: {}", socks_reason(*.0))]
    SocksRefused(u8),
    /// It wants to know who asks.
    #[error("it wants to know who asks, and offers: {}{tried}", .schemes.join(", "))]
    Unauthorized {
        /// The schemes it offers.
        schemes: Vec<String>,
        /// All it said about that.
        fields: Box<HeaderMap>,
        /// What was said to it, as it may be shown.
        tried: String,
    },
    /// What it says makes no sense.
    #[error("what it answers makes no sense: {0}")]
    Malformed(&'static str),
}

impl ProxyError {
    pub(crate) fn of(proxy: &Proxy, trouble: ProxyTrouble) -> Self {
        Self { proxy: proxy.to_string(), trouble }
    }

    /// Whether the proxy was not even reached, so that the next one may be tried.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        match self.trouble {
            ProxyTrouble::NameNotResolved(_) | ProxyTrouble::Failed(_) | ProxyTrouble::TimedOut => {
                true
            }
            ProxyTrouble::Slow
            | ProxyTrouble::Lost(_)
            | ProxyTrouble::Tls(_)
            | ProxyTrouble::Refused { .. }
            | ProxyTrouble::SocksRefused(_)
            | ProxyTrouble::Unauthorized { .. }
            | ProxyTrouble::Malformed(_) => false,
        }
    }
}

impl ProxyTrouble {
    /// It wants to know who asks: by what.
    pub(crate) fn unauthorized(fields: &HeaderMap) -> Self {
        let lines = fields.get_all(PROXY_AUTHENTICATE).iter();
        let scheme = |line: &http::HeaderValue| {
            let text = String::from_utf8_lossy(line.as_bytes()).into_owned();
            let word = text.trim_start().split([' ', ',']).next().unwrap_or_default().to_owned();
            printable(&word).chars().take(40).collect::<String>()
        };
        let mut schemes: Vec<_> = lines.map(scheme).filter(|word| !word.is_empty()).collect();
        schemes.dedup();
        schemes.truncate(MOST_SCHEMES);
        if schemes.is_empty() {
            schemes.push("nothing to do so by".to_owned());
        }
        Self::Unauthorized { schemes, fields: Box::new(challenges(fields)), tried: String::new() }
    }
}

/// The challenges alone.
fn challenges(fields: &HeaderMap) -> HeaderMap {
    let lines = fields.get_all(PROXY_AUTHENTICATE).iter();
    lines.map(|line| (PROXY_AUTHENTICATE, line.clone())).collect()
}

/// The handshake was with the proxy, not with the server.
impl From<TlsError> for ProxyTrouble {
    fn from(error: TlsError) -> Self {
        let its = |text: String| text.replacen("the server's", "its", 1);
        Self::Tls(match error {
            TlsError::Certificate(text) => TlsError::Certificate(its(text)),
            other @ (TlsError::Handshake(_)
            | TlsError::Revoked
            | TlsError::RevocationUnknown(_)
            | TlsError::RevocationListOutdated
            | TlsError::ClientCertificateWanted
            | TlsError::ClientCertificateRefused(_)
            | TlsError::NotSigned
            | TlsError::Rejected(_)
            | TlsError::ValidatorMissing
            | TlsError::KeepsChanging) => other,
        })
    }
}

/// What became of a question for a tunnel.
impl From<ExchangeError> for ProxyTrouble {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Answer(AnswerError::HeadTooLarge) => {
                Self::Malformed("its head exceeds 64 KiB or 256 fields")
            }
            ExchangeError::Answer(_) => Self::Malformed("it is no HTTP"),
            ExchangeError::TimedOut(_) => Self::Slow,
            ExchangeError::Lost(why) => Self::Lost(why),
            ExchangeError::Connect(error) => Self::Lost(printable(&error.to_string())),
        }
    }
}

impl From<io::Error> for ProxyTrouble {
    fn from(error: io::Error) -> Self {
        Self::Lost(printable(&error.to_string()))
    }
}

/// The replies of RFC 1928, section 6.
fn socks_reason(reply: u8) -> String {
    match reply {
        1 => "it does not say why (SOCKS 1)".to_owned(),
        2 => "its rules do not allow it (SOCKS 2)".to_owned(),
        3 => "the network is out of its reach (SOCKS 3)".to_owned(),
        4 => "the host is out of its reach (SOCKS 4)".to_owned(),
        5 => "the server does not take the connection (SOCKS 5)".to_owned(),
        6 => "the way is too long (SOCKS 6)".to_owned(),
        7 => "it does not know that command (SOCKS 7)".to_owned(),
        8 => "it does not know that kind of address (SOCKS 8)".to_owned(),
        other => format!("SOCKS {other}"),
    }
}
