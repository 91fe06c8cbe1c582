//! A client's socket, as zbus reads and writes it: with a limit on what one message may claim.
//!
//! D-Bus allows messages of 128 MiB, and makes room for one as soon as its first sixteen bytes say
//! so. Whoever may connect could have that much of our memory for sixteen bytes, on every one of
//! their connections. Here the claim is judged first: a message over the limit ends the connection,
//! and not a byte of it is waited for.
//!
//! What the other side may try: to claim much and send nothing; to send the claim together with
//! D-Bus' greeting. So the greeting is read byte by byte, and nothing beyond it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;
use zbus::fdo::ConnectionCredentials;

/// The most bytes a message of a client may have: some ten thousand files, or two hundred of the
/// longest names.
pub(super) const LIMIT: usize = 8 << 20;
/// What says how long the rest is.
const HEAD: usize = 16;
/// What the greeting ends with.
const LAST_LINE: &[u8] = b"BEGIN\r\n";
/// The most descriptors that come with one read.
const DESCRIPTORS: usize = 16;

/// A client's socket with the limit on it.
#[derive(Debug)]
pub(super) struct Limited {
    stream: Arc<UnixStream>,
    uid: u32,
}

/// Reads, and judges what is claimed.
#[derive(Debug)]
pub(super) struct Reader {
    stream: Arc<UnixStream>,
    uid: u32,
    /// The line of the greeting that is being read, as far as it matters; none after its last.
    line: Option<Vec<u8>>,
    head: [u8; HEAD],
    has: usize,
}

/// Writes.
#[derive(Debug)]
pub(super) struct Writer(Arc<UnixStream>);

impl Limited {
    /// The socket of a client of whom the kernel says that this is their uid.
    pub(super) fn new(stream: UnixStream, uid: u32) -> Self {
        Self { stream: Arc::new(stream), uid }
    }
}

impl Socket for Limited {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let Self { stream, uid } = self;
        let writer = Writer(Arc::clone(&stream));
        Split::new(Reader { stream, uid, line: Some(Vec::new()), head: [0; HEAD], has: 0 }, writer)
    }
}

impl Reader {
    /// Follows the greeting, which ends with a line of its own.
    fn greeted_with(&mut self, byte: u8) {
        let Some(line) = &mut self.line else { return };
        if line.len() <= LAST_LINE.len() {
            line.push(byte);
        }
        if byte == b'\n' {
            self.line = (line != LAST_LINE).then(Vec::new);
        }
    }

    /// Follows the reading of a message's first bytes, which are asked for alone.
    fn follow(&mut self, wanted: usize, read: &[u8]) -> io::Result<()> {
        if wanted == HEAD {
            self.has = 0;
        } else if self.has == 0 || wanted != HEAD - self.has {
            return Ok(());
        }
        self.head[self.has..self.has + read.len()].copy_from_slice(read);
        self.has += read.len();
        if self.has < HEAD {
            return Ok(());
        }
        self.has = 0;
        if claimed(&self.head) > LIMIT as u64 { Err(too_large()) } else { Ok(()) }
    }
}

/// The bytes a message says it has.
fn claimed(head: &[u8; HEAD]) -> u64 {
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
        let big = head[0] == b'B';
        u64::from(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    // The body, the fields of the head, and the head.
    number(4) + number(12) + HEAD as u64
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the message is larger than we take")
}

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let wanted = buffer.len();
        if wanted > LIMIT {
            return Err(too_large());
        }
        let greeting = self.line.is_some() && wanted > 0;
        let buffer = if greeting { &mut buffer[..1] } else { buffer };
        let stream = Arc::clone(&self.stream);
        let (read, descriptors) =
            stream.async_io(Interest::READABLE, || receive(&stream, buffer)).await?;
        if greeting {
            buffer[..read].iter().for_each(|byte| self.greeted_with(*byte));
        } else {
            self.follow(wanted, &buffer[..read])?;
        }
        Ok((read, descriptors))
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }

    async fn peer_credentials(&mut self) -> io::Result<ConnectionCredentials> {
        Ok(ConnectionCredentials::default().set_unix_user_id(self.uid))
    }
}

fn receive(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let received = recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok((received.bytes, descriptors))
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let stream = &self.0;
        stream.async_io(Interest::WRITABLE, || send(stream, buffer, fds)).await
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(rustix::net::shutdown(&self.0, Shutdown::Both)?)
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

fn send(stream: &UnixStream, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors"));
    }
    let parts = [io::IoSlice::new(buffer)];
    Ok(sendmsg(stream, &parts, &mut control, SendFlags::NOSIGNAL)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(order: u8, body: u32, fields: u32) -> [u8; HEAD] {
        let bytes = |number: u32| {
            if order == b'B' { number.to_be_bytes() } else { number.to_le_bytes() }
        };
        let mut head = [order, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        head[4..8].copy_from_slice(&bytes(body));
        head[12..].copy_from_slice(&bytes(fields));
        head
    }

    fn with_reader<T>(work: impl FnOnce(&mut Reader) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let (mut reader, _) = Limited::new(ours, 0).split().take();
        work(&mut reader)
    }

    #[test]
    fn a_claim_is_read_in_either_byte_order_and_cannot_overflow() {
        for order in [b'l', b'B'] {
            assert_eq!(claimed(&head(order, 1000, 100)), 1116);
            assert_eq!(claimed(&head(order, u32::MAX, u32::MAX)), 8_589_934_606);
        }
    }

    #[test]
    fn the_greeting_ends_with_its_last_line_and_not_with_a_word_in_another() {
        with_reader(|reader| {
            for (said, over) in [("\0AUTH EXTERNAL BEGIN\r\n", false), ("BEGIN\r\n", true)] {
                said.bytes().for_each(|byte| reader.greeted_with(byte));
                assert_eq!(reader.line.is_none(), over, "{said:?}");
            }
        });
    }

    #[test]
    fn a_message_over_the_limit_is_known_by_its_first_bytes_however_they_come() {
        let limit = u32::try_from(LIMIT - HEAD).unwrap();
        for (body, fits) in [(0, true), (limit, true), (limit + 1, false), (u32::MAX, false)] {
            let bytes = head(b'l', body, 0);
            for cut in [16, 1, 7, 15] {
                let all = with_reader(|reader| {
                    reader.follow(16, &bytes[..cut])?;
                    if cut < 16 { reader.follow(16 - cut, &bytes[cut..]) } else { Ok(()) }
                });
                assert_eq!(all.is_ok(), fits, "{body} {cut}");
            }
        }
    }
}
