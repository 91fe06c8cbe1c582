//! Between the engine's words and those of the channel. Pure.
//!
//! The engine knows nothing of our channel, and the channel nothing of HTTP. This module answers
//! one question: *what is this called on the other side?* Every kind of trouble is named here once,
//! without a wildcard, so that a new one cannot be forgotten.

use ebb_http::{
    AnswerError, ConnectError, DiskError, Downgrade, ExchangeError, FetchError, Held, Order,
    RedirectError, TlsError, Validators, printable, shown_url,
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
    options: &net::FetchOptions,
    stall_timeout_ms: u32,
) -> Option<Order> {
    let url = Url::parse(url).ok().filter(|url| url.as_str().len() <= URL_MAX)?;
    let downgrade = if options.allow_downgrade { Downgrade::Allow } else { Downgrade::Refuse };
    let validators = Validators {
        etag: validators.etag,
        last_modified: validators.last_modified,
        last_modified_strong: validators.last_modified_strong,
        total: validators.total,
    };
    let stall_timeout = Duration::from_millis(stall_timeout_ms.into());
    Some(Order { url, held: Held { offset, validators }, downgrade, stall_timeout })
}

/// What the server said of the representation, as the channel wants it.
pub(crate) fn told(validators: Validators) -> net::Validators {
    net::Validators {
        etag: validators.etag,
        last_modified: validators.last_modified,
        last_modified_strong: validators.last_modified_strong,
        total: validators.total,
    }
}

/// What trouble this is called on the channel.
pub(crate) fn trouble(error: &FetchError) -> NetTrouble {
    match error {
        FetchError::Exchange(ExchangeError::Connect(error)) => connect_trouble(error),
        FetchError::Exchange(ExchangeError::Answer(error)) => answer_trouble(error),
        FetchError::Exchange(ExchangeError::TimedOut(_)) => NetTrouble::TimedOut,
        FetchError::Exchange(ExchangeError::Lost(_)) => NetTrouble::ConnectionLost,
        FetchError::Disk(DiskError::NoSpace) => NetTrouble::NoSpace,
        FetchError::Disk(DiskError::Write(errno)) => NetTrouble::WriteFailed(*errno),
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
    }
}

fn answer_trouble(error: &AnswerError) -> NetTrouble {
    match error {
        AnswerError::Status { status, .. } => NetTrouble::Status(status.as_u16()),
        AnswerError::Malformed(_) => NetTrouble::MalformedAnswer,
        AnswerError::Encoded(_) => NetTrouble::EncodedAnswer,
        AnswerError::HeadTooLarge => NetTrouble::HeadTooLarge,
        AnswerError::SizeChanged { .. } => NetTrouble::SizeChanged,
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
        let order = |url: &str| order(url, 0, Default::default(), &Default::default(), 1000);
        assert!(order("http://h.example/").is_some());
        assert!(order("not a url").is_none());
        assert!(order(&format!("http://h.example/{}", " x".repeat(3000))).is_none());
    }
}
