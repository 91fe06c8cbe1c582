//! A wire channel that a task can wait on.
//!
//! Nothing but readiness: what is sent and received is `ebb_wire`'s business. The standard
//! library's datagram socket stands in for our packet socket, because it is the one type the
//! runtime takes over without `unsafe`; only its readiness is used, never its own calls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ebb_wire::channel::{ReceiveError, Received, receive, send};
use ebb_wire::codec::Message;
use ebb_wire::train;
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// One end of a channel to a process of ours.
pub(crate) struct Channel {
    socket: UnixDatagram,
}

impl Channel {
    /// Takes over a channel's descriptor.
    ///
    /// # Errors
    ///
    /// What the kernel says when the descriptor cannot be waited on.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixDatagram::from(fd);
        socket.set_nonblocking(true)?;
        Ok(Self { socket: UnixDatagram::from_std(socket)? })
    }

    /// Sends one message, waiting for room.
    pub(crate) async fn send<M: Message>(
        &self,
        message: &M,
        fd: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let write = || send(self.socket.as_fd(), message, fd);
        self.socket.async_io(Interest::WRITABLE, write).await
    }

    /// Receives one message; `None` when the other end is closed.
    ///
    /// # Errors
    ///
    /// A message that does not fit is an error like any other: whoever sent it is to be ended.
    pub(crate) async fn receive<M: Message>(&self) -> io::Result<Option<(M, Option<OwnedFd>)>> {
        let read = || receive::<M>(self.socket.as_fd()).map_err(ReceiveError::into);
        match self.socket.async_io(Interest::READABLE, read).await? {
            Received::Message(message, fd) => Ok(Some((message, fd))),
            Received::Closed => Ok(None),
        }
    }

    /// Receives all messages of one datagram; none when the other end is closed.
    ///
    /// # Errors
    ///
    /// As [`Self::receive`].
    pub(crate) async fn receive_train<M: Message>(&self) -> io::Result<Vec<(M, Option<OwnedFd>)>> {
        let read = || train::receive::<M>(self.socket.as_fd()).map_err(ReceiveError::into);
        self.socket.async_io(Interest::READABLE, read).await
    }

    /// Sends messages that go in one datagram, waiting for room.
    pub(super) async fn send_train(&self, cars: &[train::Car]) -> io::Result<()> {
        let write = || train::send(self.socket.as_fd(), cars);
        self.socket.async_io(Interest::WRITABLE, write).await
    }

    /// Returns when the other end is closed: its process is gone. What it still says is not heard.
    pub(crate) async fn is_closed<M: Message>(&self) {
        loop {
            match self.receive_train::<M>().await {
                Ok(messages) if messages.is_empty() => return,
                Err(error) if error.kind() != io::ErrorKind::InvalidData => return,
                Ok(_) | Err(_) => {}
            }
        }
    }
}
