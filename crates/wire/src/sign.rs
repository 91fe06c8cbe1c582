//! What the service, a signing agent and a network agent say to each other about client certificates.
//!
//! The signing agent is the identity that may read a key (`helper-tokens.md` R12). It opens it, tells
//! the service the certificates, which are no secret, and signs for whoever holds the other end of a
//! second channel: the network agent, to which the service hands it. So the key is in one process, and
//! what is signed never passes the service. What may be signed is the signing agent's to judge.

use crate::net::Secret;

/// Names one opened key on this channel; chosen by the service, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

/// How a certificate and its key are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Two files of PEM, or one with both.
    Pem,
    /// One file of PKCS #12.
    Pkcs12,
}

/// From the service to a signing agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSign {
    /// Open a certificate and its key, and sign for whoever holds the other end of the channel that
    /// comes with this message, until that end is closed. Answered by `Opened` or `Failed`.
    Open {
        /// Its name from now on.
        key: KeyId,
        /// How it is kept.
        form: Form,
        /// Where the certificate is: an absolute path.
        certificate: Vec<u8>,
        /// Where the key is; empty: in the same place.
        private_key: Vec<u8>,
        /// What opens it.
        passphrase: Option<Secret>,
    },
}

/// From a signing agent to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromSign {
    /// First message: the sandbox is on (or not, where policy lets that pass).
    Hello {
        /// What was enforced, for the log.
        sandbox: crate::Sandbox,
    },
    /// It can be signed with.
    Opened {
        /// Which one.
        key: KeyId,
        /// What is shown to servers.
        identity: ClientIdentity,
    },
    /// It cannot.
    Failed {
        /// Which one.
        key: KeyId,
        /// Why.
        trouble: SignTrouble,
        /// A sentence fragment for a person; never a secret, printable characters only.
        detail: String,
    },
}

/// What is shown to a server, and in which ways it can be proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The certificate and those that lead to its authority, as DER.
    pub chain: Vec<Vec<u8>>,
    /// The signature schemes of the key, by their numbers in TLS.
    pub schemes: Vec<u16>,
}

/// Why a key cannot be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignTrouble {
    /// A file of it is not there, or this identity may not read it.
    Unreadable,
    /// What is in it is no certificate, or no key that we can use.
    Invalid,
    /// The key is another certificate's.
    Mismatch,
    /// It needs a passphrase, or another one.
    Passphrase,
}

/// From a network agent to a signing agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSigner {
    /// Sign what a client signs in a TLS handshake. Answered by one `FromSigner`.
    Sign {
        /// The signature scheme, by its number in TLS.
        scheme: u16,
        /// What is signed.
        message: Vec<u8>,
    },
}

/// From a signing agent to a network agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromSigner {
    /// Here it is.
    Signed {
        /// The signature.
        signature: Vec<u8>,
    },
    /// That is nothing a client signs, or not in a way this key can.
    Refused,
}
