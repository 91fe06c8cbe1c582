//! What the libraries ran into, in our words, and what that means for a request. Decides nothing else.

use super::ExchangeError;
use crate::connect::ConnectError;
use crate::response::AnswerError;
use crate::shown::printable;
use crate::tls::about_our_certificate;
use h2::Reason;

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

/// Why a request on a shared connection has no answer.
pub(super) enum Unanswered {
    /// It was not processed; on another connection it may be.
    Again,
    /// It is to be asked over HTTP/1.1, there or wherever else the server is spoken to.
    OverOne {
        /// Not only this request.
        for_good: bool,
    },
    /// It did not work.
    Failed(ExchangeError),
}

impl From<Unanswered> for ExchangeError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Again | Unanswered::OverOne { .. } => {
                Self::Lost("the server did not take the request".to_owned())
            }
            Unanswered::Failed(error) => error,
        }
    }
}

/// What it means that there is no answer; `served` is whether others came on the connection before.
pub(super) fn unanswered(error: &h2::Error, served: bool) -> Unanswered {
    match error.reason() {
        Some(Reason::HTTP_1_1_REQUIRED) => Unanswered::OverOne { for_good: true },
        Some(Reason::REFUSED_STREAM) => Unanswered::Again,
        // We ended it: what came cannot be read. Over HTTP/1.1 it can be said what is wrong with it.
        Some(_) if !error.is_remote() => Unanswered::OverOne { for_good: true },
        Some(_) if error.is_go_away() => Unanswered::Again,
        Some(_) => Unanswered::Failed(broken(error)),
        // A connection that was kept and breaks tells nothing about the server.
        None if served => Unanswered::Again,
        None => Unanswered::OverOne { for_good: false },
    }
}

/// How an answer on a shared connection broke off.
pub(super) fn broken(error: &h2::Error) -> ExchangeError {
    ExchangeError::Lost(match error.reason() {
        Some(Reason::PROTOCOL_ERROR) if !error.is_remote() => {
            "the server ended it before everything had come, or sent what HTTP/2 forbids".to_owned()
        }
        Some(reason) => format!("the server broke it off: {}", reason.description()),
        None => printable(&error.to_string()),
    })
}
