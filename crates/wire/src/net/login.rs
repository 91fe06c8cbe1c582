//! What a fetch logs on with.
//!
//! Answers one question: *in which form does a secret cross this channel?* A password may be longer
//! than a message, so a [`Login`] says a part of it, and the next one of the same fetch and pair
//! goes on. They come before the fetch they are for, and are forgotten with it. Nothing here is
//! printed, and memory is wiped when it is given back.

use core::fmt;
use core::hint::black_box;

/// Who asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthTarget {
    /// The server.
    Server,
    /// The proxy.
    Proxy,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthScheme {
    /// The password itself.
    Basic,
    /// A hash of it.
    Digest,
    /// A hash of it, for the connection.
    Ntlm,
    /// A ticket.
    Negotiate,
}

/// Credentials, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Whom they are for.
    pub target: AuthTarget,
    /// How they are used.
    pub scheme: AuthScheme,
    /// A user name, and the next part of the password; nothing: what the identity we run as has.
    pub explicit: Option<(Secret, Secret)>,
}

/// Bytes that are wiped when they are given back, and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody might look: so that the line above is not left out.
        black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}
