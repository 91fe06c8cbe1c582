//! Sends and receives one message at a time, with its descriptor.
//!
//! Every channel is a `SOCK_SEQPACKET` pair: the kernel keeps the borders of messages, so there is
//! nothing to frame and nothing to buffer. This module answers: *did exactly one whole message of
//! this type come, with exactly the descriptors it should have?* It never waits by itself; whether
//! a call blocks is the flag on the socket, and a call that would block says so with
//! [`io::ErrorKind::WouldBlock`].
//!
//! What the other side may try: a message longer than any of ours, several descriptors or none or
//! one where none belongs. All end in an error, and the descriptors that came are closed.

use crate::codec::{DecodeError, MESSAGE_MAX, Message};
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What came.
#[derive(Debug)]
pub enum Received<M> {
    /// A message, and the descriptor if it is one that carries one.
    Message(M, Option<OwnedFd>),
    /// The other end is closed; nothing will come any more.
    Closed,
}

/// Why nothing could be received.
#[derive(Debug)]
pub enum ReceiveError {
    /// The socket said no. `WouldBlock` is among these, and the only one worth going on after.
    Io(io::Error),
    /// The bytes are not a message of ours.
    Malformed(DecodeError),
    /// The message, or the descriptors with it, were more than ours ever are.
    TooLarge,
    /// A descriptor is missing, or there is one too many.
    Descriptor,
}

impl ReceiveError {
    /// Whether this only means *not yet*.
    #[must_use]
    pub fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Malformed(error) => write!(f, "{error}"),
            Self::TooLarge => f.write_str("the message is larger than any of ours"),
            Self::Descriptor => f.write_str("the descriptors do not fit the message"),
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Malformed(error) => Some(error),
            Self::TooLarge | Self::Descriptor => None,
        }
    }
}

/// For tasks that wait for readiness with a function of [`io::Result`]: `WouldBlock` stays what it
/// is, everything else becomes `InvalidData` with this error inside.
impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> Self {
        if let ReceiveError::Io(inner) = error {
            return inner;
        }
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Makes a channel: two blocking ends that close on exec.
///
/// # Errors
///
/// The process or the machine has no descriptors left.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends one message, whole or not at all. The descriptor is duplicated into the other process;
/// ours stays ours.
///
/// # Errors
///
/// `InvalidInput` when the message exceeds a limit or has a descriptor where none belongs (or the
/// reverse); `WouldBlock` when the socket is nonblocking and full; `BrokenPipe` when the other end
/// is closed. No signal is raised.
pub fn send<M: Message>(
    channel: impl AsFd,
    message: &M,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let invalid = |why: &'static str| io::Error::new(io::ErrorKind::InvalidInput, why);
    if message.carries_descriptor() != descriptor.is_some() {
        return Err(invalid("the descriptor does not fit the message"));
    }
    let bytes =
        message.encode().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if let Some(descriptor) = &descriptor {
        let rights = SendAncillaryMessage::ScmRights(std::slice::from_ref(descriptor));
        if !control.push(rights) {
            return Err(invalid("no room for the descriptor"));
        }
    }
    let parts = [IoSlice::new(&bytes)];
    retry_on_intr(|| sendmsg(&channel, &parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message. What comes with it closes on exec.
///
/// An empty datagram cannot be told from the end of the channel and is taken as the end; none of
/// our messages is empty.
///
/// # Errors
///
/// See [`ReceiveError`]. After anything but `WouldBlock` the channel is of no more use.
pub fn receive<M: Message>(channel: impl AsFd) -> Result<Received<M>, ReceiveError> {
    BUFFER.with_borrow_mut(|bytes| receive_into(bytes, channel))
}

thread_local! {
    /// Where a message is while it is understood. Most are a hundredth of the longest, and to have
    /// a clean place for each would cost more than to read it.
    pub(crate) static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGE_MAX]);
}

fn receive_into<M: Message>(
    bytes: &mut [u8],
    channel: impl AsFd,
) -> Result<Received<M>, ReceiveError> {
    // Room for a second one, so that it is seen; a third is cut off by the kernel and flagged.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let Some((length, mut descriptors)) = datagram(bytes, channel, &mut space)? else {
        return Ok(Received::Closed);
    };
    let message = M::decode(&bytes[..length]);
    // It may have been a password.
    bytes[..length].fill(0);
    let message = message.map_err(ReceiveError::Malformed)?;
    if descriptors.len() != usize::from(message.carries_descriptor()) {
        return Err(ReceiveError::Descriptor);
    }
    Ok(Received::Message(message, descriptors.pop()))
}

/// One datagram: its length, and what came with it. Nothing: the other end is closed.
pub(crate) fn datagram(
    bytes: &mut [u8],
    channel: impl AsFd,
    space: &mut [MaybeUninit<u8>],
) -> Result<Option<(usize, Vec<OwnedFd>)>, ReceiveError> {
    let mut control = RecvAncillaryBuffer::new(space);
    let result = retry_on_intr(|| {
        let mut parts = [IoSliceMut::new(bytes)];
        recvmsg(&channel, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)
    })
    .map_err(|errno| ReceiveError::Io(errno.into()))?;
    let descriptors = owned(&mut control);
    if result.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(ReceiveError::TooLarge);
    }
    let closed = result.bytes == 0 && descriptors.is_empty();
    Ok((!closed).then_some((result.bytes, descriptors)))
}

/// Takes every descriptor that came, so that each is either used or closed.
fn owned(control: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    descriptors
}

#[cfg(test)]
mod tests;
