//! What hyper ran into, in our words. Decides nothing else.

use super::ExchangeError;
use crate::connect::ConnectError;
use crate::response::AnswerError;
use crate::shown::printable;
use crate::tls::about_our_certificate;

/// What hyper ran into, in our words.
pub(super) fn told(error: &hyper::Error) -> ExchangeError {
    if error.is_parse_too_large() {
        return AnswerError::HeadTooLarge.into();
    }
    if error.is_parse() {
        return AnswerError::Malformed("its head cannot be read").into();
    }
    let cause = std::error::Error::source(error);
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    // In TLS 1.3 the server says what it thinks of our certificate when we believe we are through.
    if let Some(error) = io.and_then(about_our_certificate) {
        return ConnectError::Tls(error).into();
    }
    let kind = io.map(|io| {
        let from_tls = io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
        (io.kind(), from_tls)
    });
    match kind {
        Some((std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput, false)) => {
            AnswerError::Malformed("its chunks cannot be read").into()
        }
        _ if error.is_incomplete_message() => {
            ExchangeError::Lost("the server closed it before everything had come".to_owned())
        }
        _ => {
            let text = cause.map_or_else(|| error.to_string(), ToString::to_string);
            ExchangeError::Lost(printable(&text))
        }
    }
}
