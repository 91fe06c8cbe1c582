//! Several messages in one datagram.
//!
//! A system call, and a wake-up of whoever listens, cost more than most of our messages do. What is
//! ready at the same time may go together, as a *train*: it means what its messages mean one after the
//! other, and no more. This module answers one question: *which messages, with which descriptors, are in
//! this datagram?* One message alone goes as it always does.
//!
//! Only agents of which much is asked at once read trains: `ebb-files`, `ebb-net`, and the service from
//! them. Everywhere else a train is a message with a tag that nobody knows.
//!
//! What the other side may try: lengths that lie, a train in a train, a train of one, more messages or
//! descriptors than there ever are, descriptors that fit no message. All end in an error, and every
//! descriptor that came is closed.

use crate::channel::{BUFFER, ReceiveError, datagram};
use crate::codec::{DecodeError, MESSAGE_MAX, Message};
use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The most messages in one datagram. Few enough that whoever waits for the answer to the first does not
/// wait long for the last, and that the kernel takes all their descriptors at once.
pub const MOST: usize = 16;

/// What a datagram of several messages begins with. No message of ours has this tag.
const TRAIN: u8 = 60;

/// A message on its way, with the descriptor that belongs to it.
#[derive(Debug)]
pub struct Car {
    bytes: Vec<u8>,
    descriptor: Option<OwnedFd>,
}

impl Car {
    /// Makes a message ready to go.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when it exceeds a limit, or has a descriptor where none belongs, or the reverse.
    pub fn of<M: Message>(message: &M, descriptor: Option<OwnedFd>) -> io::Result<Self> {
        if message.carries_descriptor() != descriptor.is_some() {
            let why = "the descriptor does not fit the message";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        Ok(Self { bytes: message.encode().map_err(invalid)?, descriptor })
    }

    fn length(&self) -> usize {
        size_of::<u32>() + self.bytes.len()
    }
}

/// How many of these, from the first one on, go in one datagram: at least one, if there is one.
#[must_use]
pub fn fitting(cars: &[Car]) -> usize {
    let mut length = 1;
    let fits = |car: &&Car| {
        length += car.length();
        length <= MESSAGE_MAX
    };
    cars.iter().take(MOST).take_while(fits).count().max(cars.len().min(1))
}

/// Sends all of these in one datagram, or nothing; they have to be [`fitting`].
///
/// # Errors
///
/// As [`crate::channel::send`].
pub fn send(channel: impl AsFd, cars: &[Car]) -> io::Result<()> {
    let lengths: Vec<[u8; 4]> = cars
        .iter()
        .map(|car| u32::try_from(car.bytes.len()).unwrap_or(u32::MAX).to_le_bytes())
        .collect();
    let mut parts = Vec::with_capacity(1 + 2 * cars.len());
    match cars {
        [alone] => parts.push(IoSlice::new(&alone.bytes)),
        several => {
            parts.push(IoSlice::new(&[TRAIN]));
            for (length, car) in lengths.iter().zip(several) {
                parts.extend([IoSlice::new(length), IoSlice::new(&car.bytes)]);
            }
        }
    }
    let descriptors: Vec<BorrowedFd<'_>> =
        cars.iter().filter_map(|car| car.descriptor.as_ref().map(AsFd::as_fd)).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no room for the descriptors"));
    }
    retry_on_intr(|| sendmsg(&channel, &parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one datagram: its messages in their order, with their descriptors. None: the other end is
/// closed.
///
/// # Errors
///
/// As [`crate::channel::receive`].
pub fn receive<M: Message>(channel: impl AsFd) -> Result<Vec<(M, Option<OwnedFd>)>, ReceiveError> {
    BUFFER.with_borrow_mut(|bytes| {
        // Room for one more than there may be, so that it is seen.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST + 1))];
        let Some((length, descriptors)) = datagram(bytes, channel, &mut space)? else {
            return Ok(Vec::new());
        };
        let messages = messages(&bytes[..length]);
        bytes[..length].fill(0);
        with_descriptors(messages.map_err(ReceiveError::Malformed)?, descriptors)
    })
}

/// The messages of one datagram.
fn messages<M: Message>(bytes: &[u8]) -> Result<Vec<M>, DecodeError> {
    let Some((&TRAIN, mut rest)) = bytes.split_first() else {
        return Ok(vec![M::decode(bytes)?]);
    };
    let mut found = Vec::new();
    while !rest.is_empty() {
        if found.len() == MOST {
            return Err(DecodeError::TooLong);
        }
        let (length, behind) = rest.split_first_chunk::<4>().ok_or(DecodeError::Truncated)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (message, behind) = behind.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        found.push(M::decode(message)?);
        rest = behind;
    }
    // One alone would have come alone: nothing is written in two ways.
    if found.len() < 2 { Err(DecodeError::Truncated) } else { Ok(found) }
}

/// Gives each message its descriptor, if it carries one; there is one for each, and none is left.
fn with_descriptors<M: Message>(
    messages: Vec<M>,
    descriptors: Vec<OwnedFd>,
) -> Result<Vec<(M, Option<OwnedFd>)>, ReceiveError> {
    if messages.iter().filter(|message| message.carries_descriptor()).count() != descriptors.len() {
        return Err(ReceiveError::Descriptor);
    }
    let mut descriptors = descriptors.into_iter();
    let give = |message: M| {
        let descriptor = if message.carries_descriptor() { descriptors.next() } else { None };
        (message, descriptor)
    };
    Ok(messages.into_iter().map(give).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{self, pair};
    use crate::launcher::{AgentId, FromLauncher, ToLauncher};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn started(agent: u32) -> FromLauncher {
        FromLauncher::Started { agent: AgentId(agent), pid: 42 }
    }

    fn finish() -> Car {
        Car::of(&FromLauncher::Finish, None).unwrap()
    }

    fn with(agent: u32, descriptor: impl AsFd) -> Car {
        Car::of(&started(agent), Some(descriptor.as_fd().try_clone_to_owned().unwrap())).unwrap()
    }

    fn raw(channel: &OwnedFd, bytes: &[u8]) {
        rustix::net::send(channel, bytes, SendFlags::NOSIGNAL).unwrap();
    }

    #[test]
    fn messages_arrive_in_order_and_each_with_its_own_descriptor() {
        let (near, far) = pair().unwrap();
        let (one, other) = rustix::pipe::pipe().unwrap();
        let cars = [finish(), with(7, &one), finish(), with(8, &other)];
        assert_eq!(fitting(&cars), 4);
        send(&near, &cars).unwrap();
        let came = receive::<FromLauncher>(&far).unwrap();
        let said: Vec<_> = came.iter().map(|(message, _)| message.clone()).collect();
        assert_eq!(said, [FromLauncher::Finish, started(7), FromLauncher::Finish, started(8)]);
        let inode = |fd: &OwnedFd| rustix::fs::fstat(fd).unwrap().st_ino;
        let inodes: Vec<_> = came.iter().map(|(_, fd)| fd.as_ref().map(inode)).collect();
        assert_eq!(inodes, [None, Some(inode(&one)), None, Some(inode(&other))]);
    }

    #[test]
    fn one_message_alone_is_no_train_and_anybody_understands_it() {
        let (near, far) = pair().unwrap();
        send(&near, &[finish()]).unwrap();
        assert!(matches!(
            channel::receive::<FromLauncher>(&far),
            Ok(channel::Received::Message(FromLauncher::Finish, None))
        ));
        channel::send(&near, &FromLauncher::Finish, None).unwrap();
        assert_eq!(receive::<FromLauncher>(&far).unwrap().len(), 1);
        drop(near);
        assert!(receive::<FromLauncher>(&far).unwrap().is_empty());
    }

    #[test]
    fn who_expects_no_train_refuses_it() {
        let (near, far) = pair().unwrap();
        send(&near, &[finish(), finish()]).unwrap();
        assert!(matches!(
            channel::receive::<FromLauncher>(&far),
            Err(ReceiveError::Malformed(DecodeError::UnknownNumber))
        ));
    }

    #[test]
    fn a_train_is_as_long_as_a_datagram_may_be_and_no_longer() {
        let cars: Vec<Car> = (0..40).map(|_| finish()).collect();
        assert_eq!(fitting(&cars), MOST);
        let long = |length| Car { bytes: vec![0; length], descriptor: None };
        assert_eq!(fitting(&[long(MESSAGE_MAX), finish()]), 1);
        assert_eq!(fitting(&[long(MESSAGE_MAX - 10), finish()]), 2);
        assert_eq!(fitting(&[long(MESSAGE_MAX - 9), finish()]), 1);
        assert_eq!(fitting(&[]), 0);
    }

    #[test]
    fn what_no_honest_end_would_send_is_refused() {
        let finish = FromLauncher::Finish.encode().unwrap();
        let car =
            |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
        let one = car(&finish);
        let train = |cars: &[&[u8]]| [&[TRAIN][..], &cars.concat()].concat();
        let nested = car(&train(&[&one, &one]));
        let too_many = vec![&one[..]; MOST + 1];
        for bytes in [
            train(&[]),
            train(&[&one]),
            train(&[&one, &nested]),
            train(&[&one, &one[..4]]),
            train(&[&one, &[255; 4]]),
            train(&[&one, &car(&[])]),
            train(&too_many),
        ] {
            let (near, far) = pair().unwrap();
            raw(&near, &bytes);
            assert!(receive::<FromLauncher>(&far).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_descriptor_too_many_or_too_few_is_refused_and_none_stays_open() {
        let (near, far) = pair().unwrap();
        for agents in [0_usize, 1, 3] {
            let (reader, writer) = rustix::pipe::pipe().unwrap();
            let mut cars: Vec<Car> = (0..3).map(|agent| with(agent, &writer)).collect();
            // Where a message is not one that carries a descriptor, its own is one too many.
            for car in cars.iter_mut().skip(agents) {
                car.bytes = FromLauncher::Finish.encode().unwrap();
            }
            send(&near, &cars).unwrap();
            assert_eq!(receive::<FromLauncher>(&far).is_err(), agents != 3);
            drop((writer, cars));
            assert_eq!(rustix::io::read(&reader, &mut [0; 1]).unwrap(), 0);
        }
        let lacking = Car { bytes: started(1).encode().unwrap(), descriptor: None };
        send(&near, &[finish(), lacking]).unwrap();
        assert!(matches!(receive::<FromLauncher>(&far), Err(ReceiveError::Descriptor)));
        assert!(Car::of(&started(1), None).is_err());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_understood_as_it_is_written_or_refused(
            tag in prop_oneof![Just(TRAIN), any::<u8>()],
            bytes in vec(prop_oneof![0..8_u8, any::<u8>()], 0..64),
        ) {
            let bytes = [&[tag][..], &bytes].concat();
            if let Ok(found) = messages::<ToLauncher>(&bytes) {
                let (near, far) = pair().unwrap();
                let cars: Vec<Car> =
                    found.iter().map(|message| Car::of(message, None).unwrap()).collect();
                send(&near, &cars).unwrap();
                let mut written = [0; 128];
                let (length, _) =
                    rustix::net::recv(&far, &mut written[..], rustix::net::RecvFlags::empty()).unwrap();
                prop_assert_eq!(&written[..length], &bytes[..]);
            }
        }
    }
}
