//! The body of an answer, as it comes.
//!
//! Answers one question: *whose bytes are these?* Those of a connection that is our own for as long as
//! the answer lasts, or those of one stream among others. Either is read through the
//! [`Link`](super::Link) it came with.

use h2::RecvStream;
use hyper::body::Incoming;

/// What is left of an answer after its head.
pub(crate) enum Body {
    /// It has its connection to itself (HTTP/1.1).
    Own(Incoming),
    /// It shares the connection (HTTP/2).
    Shared(RecvStream),
}
