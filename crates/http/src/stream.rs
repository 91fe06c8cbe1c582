//! A byte stream to a server: plain, secured, or secured inside a secured one.
//!
//! Answers one question: *how is it read and written, however many layers lie under it?* The third
//! form is https through an https proxy. Which form a connection needs is `connect`'s business.

use crate::auth::binding;
use crate::pace::Paced;
use crate::tls::{Demands, TlsError, Trust};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_rustls::client::TlsStream;
use url::Host;

/// TLS over something, which is read in large pieces.
pub(crate) type Secured<S> = TlsStream<BufReader<S>>;

/// A byte stream to an origin, or to a proxy.
pub(crate) enum Stream {
    Plain(Paced),
    Tls(Box<Secured<Paced>>),
    TlsInTls(Box<Secured<Box<Secured<Paced>>>>),
    /// Nobody's: what is to be read is there already.
    #[cfg(any(test, feature = "checks"))]
    Memory(tokio::io::DuplexStream),
}

impl Stream {
    /// The same stream with TLS over it, if `host` is at the other end.
    pub(crate) async fn under_tls(
        self,
        trust: &Trust,
        host: &Host<String>,
        demands: Demands<'_>,
    ) -> Result<Self, TlsError> {
        let host = host.to_string();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        Ok(match self {
            Self::Plain(socket) => {
                Self::Tls(Box::new(trust.shake_hands(name, demands, socket).await?))
            }
            Self::Tls(stream) => {
                Self::TlsInTls(Box::new(trust.shake_hands(name, demands, stream).await?))
            }
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(_) => return Err(TlsError::Handshake("it is nobody's".to_owned())),
            // Nobody asks for a third layer.
            Self::TlsInTls(_) => {
                return Err(TlsError::Handshake("it is secured twice already".to_owned()));
            }
        })
    }
}

impl Stream {
    /// Whether the server chose to have it shared (HTTP/2).
    pub(crate) fn is_to_be_shared(&self) -> bool {
        let chosen = match self {
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
            Self::TlsInTls(stream) => stream.get_ref().1.alpn_protocol(),
            Self::Plain(_) => None,
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(_) => None,
        };
        chosen == Some(b"h2")
    }

    /// What ties a talk to whom the topmost TLS is with.
    pub(crate) fn binding(&self) -> Option<Vec<u8>> {
        let certificates = match self {
            Self::Tls(stream) => stream.get_ref().1.peer_certificates(),
            Self::TlsInTls(stream) => stream.get_ref().1.peer_certificates(),
            Self::Plain(_) => None,
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(_) => None,
        };
        binding::to(certificates?.first()?)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(memory) => Pin::new(memory).poll_read(context, buffer),
            Self::Tls(stream) => read_records(Pin::new(stream.as_mut()), context, buffer),
            Self::TlsInTls(stream) => read_records(Pin::new(stream.as_mut()), context, buffer),
        }
    }
}

/// Reads as many records as are there and fit. One at a time, 16 KiB at the most, would cost a write
/// to the file for each.
fn read_records<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: Pin<&mut Secured<S>>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buffer.filled().len();
    loop {
        let reached = buffer.filled().len();
        match stream.as_mut().poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > reached && buffer.remaining() > 0 => {}
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            // What has come is told first; the end or the error is met again by the next read.
            Poll::Pending | Poll::Ready(Err(_)) if reached > before => return Poll::Ready(Ok(())),
            other @ (Poll::Pending | Poll::Ready(Err(_))) => return other,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(memory) => Pin::new(memory).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::TlsInTls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(memory) => Pin::new(memory).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::TlsInTls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            #[cfg(any(test, feature = "checks"))]
            Self::Memory(memory) => Pin::new(memory).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::TlsInTls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
