//! Our own socket: the same objects without any bus.
//!
//! Identity is taken from the socket *before* a byte is read from it. The socket may be opened by
//! everybody; what they may do is the main loop's business.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use zbus::{Guid, MessageStream};

use super::connection::Client;
use super::socket::Limited;
use super::{Face, Peer};
use crate::command::Process;

/// A client has this long to get through D-Bus' own greeting.
const GREETING: Duration = Duration::from_secs(10);
/// How many clients one user may have connected at once (`attacks.md` 17).
const PER_USER: usize = 64;

/// Opens the socket.
///
/// # Errors
///
/// What the kernel says. A socket left by an earlier life is replaced: the lock on the store has
/// made sure that nobody listens on it.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Serves whoever connects, for ever.
///
/// # Errors
///
/// What the kernel says when the socket cannot be opened.
pub(crate) async fn serve(path: &Path, face: Rc<Face>) -> io::Result<()> {
    let listener = listen(path)?;
    let connected: Rc<std::cell::RefCell<Vec<u32>>> = Rc::default();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of descriptors, or the client gave up: the next one may fare better.
            Err(error) => {
                eprintln!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (face, connected) = (Rc::clone(&face), Rc::clone(&connected));
        let Ok(peer) = ebb_peer::of(stream.as_fd()) else {
            continue;
        };
        let uid = peer.uid;
        let theirs = connected.borrow().iter().filter(|other| **other == uid).count();
        if uid != 0 && theirs >= PER_USER {
            eprintln!("uid {uid} has {PER_USER} connections already; another is refused");
            continue;
        }
        connected.borrow_mut().push(uid);
        tokio::task::spawn_local(async move {
            serve_one(stream, peer, face).await;
            let mut connected = connected.borrow_mut();
            if let Some(at) = connected.iter().position(|other| *other == uid) {
                connected.swap_remove(at);
            }
        });
    }
}

async fn serve_one(stream: UnixStream, peer: ebb_peer::Peer, face: Rc<Face>) {
    let uid = peer.uid;
    let asker = face.asker(Peer {
        uid: peer.uid,
        gid: peer.gid,
        groups: peer.groups,
        label: peer.label,
        process: peer
            .pidfd
            .map(|descriptor| Process { descriptor: Rc::new(descriptor), number: peer.pid }),
    });
    let greeting = tokio::time::timeout(GREETING, greet(stream, uid)).await;
    // Who cannot greet is no client of ours.
    let Ok(Ok(messages)) = greeting else { return };
    let connection = zbus::Connection::from(&messages);
    let id = asker.connection;
    Client::new(connection, None, asker, Rc::clone(&face)).serve(messages).await;
    face.gone(id);
}

async fn greet(stream: UnixStream, uid: u32) -> zbus::Result<MessageStream> {
    zbus::connection::Builder::socket(Limited::new(stream, uid))
        .server(Guid::generate())
        .p2p()
        .build_message_stream()
        .await
}
