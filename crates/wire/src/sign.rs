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
    /// The same for a certificate and its key on a token (PKCS #11), for an agent that was started for
    /// those. The PIN is tried once.
    OpenToken {
        /// Its name from now on.
        key: KeyId,
        /// What the token and the object on it have to be.
        wanted: Vec<(TokenPart, Vec<u8>)>,
        /// The token's PIN.
        pin: Option<Secret>,
    },
}

/// What a token, or the object on it, can be asked for (RFC 7512).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// The token's label.
    Token,
    /// Who made it.
    Manufacturer,
    /// Its serial number.
    Serial,
    /// Its model.
    Model,
    /// The slot's number, in decimal digits.
    SlotId,
    /// What the slot is called.
    SlotDescription,
    /// Who made the slot.
    SlotManufacturer,
    /// The object's label.
    Object,
    /// The object's id.
    Id,
    /// `cert`, or `private`: which of the two the label and the id are of.
    Type,
    /// The file of the library, among those that may be loaded.
    ModulePath,
    /// The same: its name without `lib` and what follows the first dot.
    ModuleName,
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
    /// No library that may be loaded is there, or the one that was named is none of them.
    ModuleMissing,
    /// No such token is there now.
    TokenAbsent,
    /// The token takes no PIN any more, or a wrong one would be its last: it was not tried.
    PinLocked,
    /// There is no such object.
    NotFound,
    /// There are several.
    Ambiguous,
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
