//! What a channel carries, and what it refuses to.

use super::*;
use crate::launcher::{AgentId, FromLauncher, ToLauncher};
use rustix::io::{FdFlags, fcntl_getfd};

const STARTED: FromLauncher = FromLauncher::Started { agent: AgentId(7), pid: 42 };

/// Sends bytes and descriptors no honest end would.
fn send_raw(channel: &OwnedFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    sendmsg(channel, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
}

#[test]
fn a_message_and_its_descriptor_arrive_together() {
    let (near, far) = pair().unwrap();
    send(&near, &STARTED, Some(near.as_fd())).unwrap();
    let Received::Message(message, Some(descriptor)) = receive::<FromLauncher>(&far).unwrap()
    else {
        panic!("no message or no descriptor")
    };
    assert_eq!(message, STARTED);
    assert!(fcntl_getfd(&descriptor).unwrap().contains(FdFlags::CLOEXEC));
}

#[test]
fn a_closed_end_is_told_from_trouble() {
    let (near, far) = pair().unwrap();
    drop(near);
    assert!(matches!(receive::<ToLauncher>(&far), Ok(Received::Closed)));
    let error = send(&far, &ToLauncher::Close, None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn an_empty_nonblocking_channel_would_block() {
    let (_near, far) = pair().unwrap();
    rustix::io::ioctl_fionbio(&far, true).unwrap();
    assert!(receive::<ToLauncher>(&far).unwrap_err().would_block());
}

#[test]
fn a_descriptor_where_none_belongs_is_refused_at_both_ends() {
    let (near, far) = pair().unwrap();
    let error = send(&near, &ToLauncher::Close, Some(near.as_fd())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(send(&near, &STARTED, None).unwrap_err().kind(), io::ErrorKind::InvalidInput);

    send_raw(&near, &ToLauncher::Close.encode().unwrap(), &[near.as_fd()]);
    assert!(matches!(receive::<ToLauncher>(&far), Err(ReceiveError::Descriptor)));
    send_raw(&near, &STARTED.encode().unwrap(), &[]);
    assert!(matches!(receive::<FromLauncher>(&far), Err(ReceiveError::Descriptor)));
}

#[test]
fn more_than_one_descriptor_is_refused_and_none_stays_open() {
    let (near, far) = pair().unwrap();
    for count in 2..=4 {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        send_raw(&near, &STARTED.encode().unwrap(), &vec![writer.as_fd(); count]);
        receive::<FromLauncher>(&far).unwrap_err();
        drop(writer);
        // The pipe ends only when every copy of its writing end is closed.
        assert_eq!(rustix::io::read(&reader, &mut [0; 1]).unwrap(), 0);
    }
}

#[test]
fn a_message_longer_than_any_of_ours_is_refused() {
    let (near, far) = pair().unwrap();
    send_raw(&near, &vec![3; MESSAGE_MAX + 1], &[]);
    assert!(matches!(receive::<ToLauncher>(&far), Err(ReceiveError::TooLarge)));
}
