//! Between the engine's words and those of the channel. Pure.
//!
//! The engine knows nothing of our channel, and the channel nothing of HTTP. This module answers
//! one question: *what is this called on the other side?* Every kind of trouble is named here once,
//! without a wildcard, so that a new one cannot be forgotten.

use crate::proxies;
use ebb_http::{
    AnswerError, ConnectError, Digest, DiskError, Downgrade, ExchangeError, FetchError, Hashed,
    Held, LoginTarget, Logins, Method, Options, Order, OwnFields, Piece, ProxyUse, RedirectError,
    Redirects, Relaxed, TlsError, Validators, Voucher, printable, shown_url,
};
use ebb_wire::codec::URL_MAX;
use ebb_wire::net::{self, NetTrouble};
use std::time::Duration;
use url::Url;

/// What is to be fetched, as the engine wants it. `None` if the URL is none, or grows too long
/// when it is written out in plain ASCII.
pub(crate) fn order(
    url: &str,
    offset: u64,
    validators: net::Validators,
    options: Options,
    stall_timeout_ms: u32,
) -> Option<Order> {
    let url = Url::parse(url).ok().filter(|url| url.as_str().len() <= URL_MAX)?;
    let validators = Validators {
        etag: validators.etag,
        last_modified: validators.last_modified,
        last_modified_strong: validators.last_modified_strong,
        total: validators.total,
        digest: validators.digest.map(digest),
    };
    let stall_timeout = Duration::from_millis(stall_timeout_ms.into());
    let held = Held { offset, validators };
    let (hashed, pieces, bucket) = (None, Vec::new(), None);
    Some(Order { url, held, hashed, pieces, options, bucket, stall_timeout })
}

/// How it is to be asked for, as the engine wants it. An error if that cannot be written down.
pub(crate) fn asked(
    options: &net::FetchOptions,
    preconfigured: &ProxyUse,
) -> Result<Options, Unwritable> {
    let method = Method::from_bytes(options.method.as_bytes()).map_err(|_| Unwritable)?;
    // That is no way to a file.
    if method == Method::CONNECT {
        return Err(Unwritable);
    }
    let mut fields = OwnFields::default();
    for header in &options.headers {
        fields.add(&header.name, &header.value).map_err(|_| Unwritable)?;
    }
    let redirects = match options.redirects {
        net::Redirects::Follow => Redirects::Follow,
        net::Redirects::Refuse => Redirects::Refuse,
    };
    let downgrade = if options.allow_downgrade { Downgrade::Allow } else { Downgrade::Refuse };
    let net::Relaxed { name, date, authority, usage, revocation } = options.relaxed;
    let relaxed = Relaxed { name, date, authority, usage, revocation };
    Ok(Options {
        method,
        fields,
        logins: Logins::default(),
        redirects,
        downgrade,
        relaxed,
        certificate: None,
        authorities: None,
        validation: None,
        dynamic: options.dynamic,
        afresh: options.afresh,
        sync_at_end: options.sync_at_end,
        connections: options.connections,
        may_share: options.may_share,
        most_bytes: options.most_bytes,
        digest: options.digest.clone().map(digest),
        proxy: proxies::way(&options.way, preconfigured).ok_or(Unwritable)?,
    })
}

/// A method, or a field, that cannot stand in a request of ours; or a way that leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwritable;

pub(crate) fn piece(piece: &net::Piece) -> Piece {
    let net::Piece { source, length, at } = *piece;
    Piece { source, length, at }
}

/// What the server said of the representation, as the channel wants it.
pub(crate) fn told(validators: Validators) -> net::Validators {
    net::Validators {
        etag: validators.etag,
        last_modified: validators.last_modified,
        last_modified_strong: validators.last_modified_strong,
        total: validators.total,
        digest: validators.digest.map(|digest| {
            Box::new(match digest {
                Digest::Sha256(value) => net::Digest::Sha256(value),
                Digest::Sha512(value) => net::Digest::Sha512(value),
            })
        }),
    }
}

/// A digest that a file has to have, as the engine wants it.
#[expect(clippy::boxed_local, reason = "in a box on the channel")]
pub(crate) fn digest(digest: Box<net::Digest>) -> Digest {
    match *digest {
        net::Digest::Sha256(value) => Digest::Sha256(value),
        net::Digest::Sha512(value) => Digest::Sha512(value),
    }
}

pub(crate) fn hashed(net::Hashed { at, state }: net::Hashed) -> Hashed {
    Hashed { at, state }
}

/// What trouble this is called on the channel.
pub(crate) fn trouble(error: &FetchError) -> NetTrouble {
    match error {
        FetchError::Exchange(ExchangeError::Connect(error)) => connect_trouble(error),
        FetchError::Exchange(ExchangeError::Answer(error)) => answer_trouble(error),
        FetchError::Exchange(ExchangeError::TimedOut(_)) => NetTrouble::TimedOut,
        FetchError::Exchange(ExchangeError::Lost(_)) => NetTrouble::ConnectionLost,
        FetchError::Disk(DiskError::NoSpace) => NetTrouble::NoSpace,
        FetchError::Disk(DiskError::Write(errno) | DiskError::Read(errno)) => {
            NetTrouble::WriteFailed(*errno)
        }
    }
}

fn connect_trouble(error: &ConnectError) -> NetTrouble {
    match error {
        ConnectError::NotAnOrigin => NetTrouble::RedirectInvalid,
        ConnectError::NameNotResolved { .. } => NetTrouble::NameNotResolved,
        ConnectError::Failed { .. } => NetTrouble::ConnectFailed,
        ConnectError::TimedOut { .. } => NetTrouble::TimedOut,
        ConnectError::Tls(TlsError::Certificate(_)) => NetTrouble::CertificateInvalid,
        ConnectError::Tls(TlsError::Handshake(_)) => NetTrouble::TlsFailed,
        ConnectError::Tls(TlsError::Revoked) => NetTrouble::CertificateRevoked,
        ConnectError::Tls(TlsError::RevocationUnknown(_)) => NetTrouble::RevocationUnknown,
        ConnectError::Tls(TlsError::RevocationListOutdated) => NetTrouble::RevocationListOutdated,
        ConnectError::Tls(TlsError::ClientCertificateWanted) => NetTrouble::ClientCertificateWanted,
        ConnectError::Tls(TlsError::ClientCertificateRefused(_)) => {
            NetTrouble::ClientCertificateRefused
        }
        ConnectError::Tls(TlsError::NotSigned) => NetTrouble::NotSigned,
        ConnectError::Tls(TlsError::Rejected(code)) => NetTrouble::ValidatorRejected(*code),
        ConnectError::Tls(TlsError::ValidatorMissing) => NetTrouble::ValidatorMissing,
        ConnectError::Tls(TlsError::KeepsChanging) => NetTrouble::CertificateInvalid,
        ConnectError::ProxySettings(_) => NetTrouble::Proxy(net::ProxyTrouble::InvalidSettings),
        ConnectError::Proxy(error) => proxies::trouble(&error.trouble),
    }
}

fn answer_trouble(error: &AnswerError) -> NetTrouble {
    match error {
        AnswerError::Status { status, .. } => NetTrouble::Status(status.as_u16()),
        AnswerError::Malformed(_) => NetTrouble::MalformedAnswer,
        AnswerError::Encoded(_) => NetTrouble::EncodedAnswer,
        AnswerError::HeadTooLarge => NetTrouble::HeadTooLarge,
        AnswerError::SizeChanged { .. } | AnswerError::KeepsChanging => NetTrouble::SizeChanged,
        AnswerError::NoRanges(_) => NetTrouble::NoRangeSupport,
        AnswerError::WrongRange(_) => NetTrouble::WrongRange,
        AnswerError::InvalidRange => NetTrouble::InvalidRange,
        AnswerError::WrongDigest(Voucher::Owner) => NetTrouble::DigestMismatch,
        AnswerError::WrongDigest(Voucher::Server) => NetTrouble::ReprDigestMismatch,
        AnswerError::TooLarge { .. } => NetTrouble::SizeLimit,
        AnswerError::RedirectRefused { status, .. } => NetTrouble::RedirectRefused(status.as_u16()),
        AnswerError::LogOn(error) => match error.target() {
            LoginTarget::Server => NetTrouble::Status(401),
            LoginTarget::Proxy => NetTrouble::Status(407),
        },
        AnswerError::Redirect(RedirectError::TooMany) => NetTrouble::TooManyRedirects,
        AnswerError::Redirect(RedirectError::Downgrade) => NetTrouble::RedirectDowngrade,
        AnswerError::Redirect(RedirectError::Invalid(_)) => NetTrouble::RedirectInvalid,
    }
}

/// `Retry-After` in seconds, if the server sent it.
pub(crate) fn retry_after(error: &FetchError) -> Option<u32> {
    match error {
        FetchError::Exchange(ExchangeError::Answer(AnswerError::Status {
            retry_after, ..
        })) => *retry_after,
        FetchError::Exchange(ExchangeError::Connect(error)) => proxies::retry_after(error),
        FetchError::Exchange(_) | FetchError::Disk(_) => None,
    }
}

/// Where the server wanted to send us, after a redirect that was refused.
pub(crate) fn redirect(error: &FetchError) -> Option<String> {
    match error {
        FetchError::Exchange(ExchangeError::Answer(AnswerError::RedirectRefused {
            there, ..
        })) => Some(there.to_string()),
        FetchError::Exchange(_) | FetchError::Disk(_) => None,
    }
}

/// A sentence fragment for a person, with the address but without its secrets.
pub(crate) fn detail(at: &Url, error: &FetchError) -> String {
    format!("{} ({})", printable(&error.to_string()), shown_url(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_shows_no_secret_and_no_escape() {
        let at = Url::parse("https://u:p@h.example/x?sig=SECRET").unwrap();
        let error = FetchError::Exchange(ExchangeError::Lost("\u{1b}[31m".to_owned()));
        let detail = detail(&at, &error);
        assert_eq!(detail, "the connection broke: \\u{1b}[31m (https://h.example/x)");
    }

    #[test]
    fn a_url_that_is_none_or_grows_too_long_is_no_order() {
        let order = |url: &str| order(url, 0, Default::default(), Options::default(), 1000);
        assert!(order("http://h.example/").is_some());
        assert!(order("not a url").is_none());
        assert!(order(&format!("http://h.example/{}", " x".repeat(3000))).is_none());
    }

    #[test]
    fn a_request_that_cannot_be_written_is_known_before_it_is_sent() {
        let with = |method: &str, name: &str, value: &[u8]| {
            let header = net::Header { name: name.to_owned(), value: value.to_vec() };
            let options = net::FetchOptions {
                method: method.to_owned(),
                headers: vec![header],
                ..net::FetchOptions::default()
            };
            asked(&options, &ProxyUse::Direct).is_ok()
        };
        assert!(with("GET", "X-Key", b"1") && with("BITS_POST", "Authorization", b"Basic 1"));
        assert!(!with("", "X-Key", b"1") && !with("G ET", "X-Key", b"1"));
        assert!(!with("CONNECT", "X-Key", b"1") && !with("GET", "Host", b"1"));
        assert!(!with("GET", "X Key", b"1") && !with("GET", "X-Key", b"1\r\nHost: 2"));
    }
}
