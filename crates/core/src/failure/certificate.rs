//! What went wrong with certificates that have to be opened or asked about: names, passing or lasting,
//! and what to do about it.
//!
//! A server's certificate that does not hold is the network's trouble; here it is about our own.

use core::fmt;

use super::Remedy;

/// The client certificate does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateTrouble {
    /// The server wants one, and the job has none.
    Wanted,
    /// The server does not take it.
    Refused,
    /// It, or its key, cannot be read by whoever is to read it.
    Unreadable,
    /// What is there is no certificate with its key, or of no kind that can be used.
    Invalid,
    /// It needs a passphrase, or another one.
    Passphrase,
    /// The process that has the key did not sign.
    NotSigned,
    /// No library that may be loaded speaks to such a token.
    ModuleMissing,
    /// The token is not there.
    TokenAbsent,
    /// The token takes no more PINs, or one more that may be its last.
    PinLocked,
    /// There is no such object on the token.
    NotFound,
    /// There are several.
    Ambiguous,
}

impl CertificateTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::NotSigned | Self::TokenAbsent => Remedy::Retry,
            Self::Wanted
            | Self::Refused
            | Self::Unreadable
            | Self::Invalid
            | Self::Passphrase
            | Self::ModuleMissing
            | Self::PinLocked
            | Self::NotFound
            | Self::Ambiguous => Remedy::AskOwner,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wanted => "client-certificate-wanted",
            Self::Refused => "client-certificate-refused",
            Self::Unreadable => "client-certificate-unreadable",
            Self::Invalid => "client-certificate-invalid",
            Self::Passphrase => "client-certificate-passphrase",
            Self::NotSigned => "client-certificate-not-signed",
            Self::ModuleMissing => "client-certificate-module-missing",
            Self::TokenAbsent => "client-certificate-token-absent",
            Self::PinLocked => "client-certificate-pin-locked",
            Self::NotFound => "client-certificate-not-found",
            Self::Ambiguous => "client-certificate-ambiguous",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::Wanted => 0x8007_2f0c,
            Self::Refused => 0x8019_0193,
            Self::Unreadable => 0x8007_2f9a,
            // CRYPT_E_NOT_FOUND.
            Self::NotFound => 0x8009_2004,
            Self::Invalid
            | Self::Passphrase
            | Self::NotSigned
            | Self::ModuleMissing
            | Self::TokenAbsent
            | Self::PinLocked
            | Self::Ambiguous => 0,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Wanted => "set a client certificate that the server knows, then resume",
            Self::Refused => {
                "ask the server's administrator which certificates it takes; set one of them, then \
                 resume"
            }
            Self::Unreadable => {
                "it is read as the job's owner, or as the helper with the flag for client \
                 certificates: make the files readable for them, then resume"
            }
            Self::Invalid => "set a certificate and the key that belongs to it, then resume",
            Self::Passphrase => "set the client certificate again with its passphrase, then resume",
            Self::NotSigned => "nothing to do: it is tried again by itself",
            Self::ModuleMissing => {
                "ask the administrator: ebbd.conf names the libraries that may be loaded \
                 (pkcs11-module); then resume"
            }
            Self::TokenAbsent => {
                "put the token in, or start what speaks to it: it is tried again by itself"
            }
            Self::PinLocked => {
                "unlock the token with its own programs, set the client certificate again with the \
                 right PIN, then resume"
            }
            Self::NotFound => {
                "look what is on the token (pkcs11-tool --list-objects), set the client certificate \
                 again, then resume"
            }
            Self::Ambiguous => {
                "name one of them by its id, set the client certificate again, then resume"
            }
        }
    }
}

impl fmt::Display for CertificateTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wanted => "the server wants a client certificate, and the job has none",
            Self::Refused => "the server does not take the job's client certificate",
            Self::Unreadable => "the client certificate, or its key, cannot be read",
            Self::Invalid => "the client certificate, or its key, cannot be used",
            Self::Passphrase => "the client certificate's key does not open with its passphrase",
            Self::NotSigned => "the process that has the client certificate's key did not sign",
            Self::ModuleMissing => "no library that may be loaded speaks to tokens like this",
            Self::TokenAbsent => "the token with the client certificate is not there",
            Self::PinLocked => "the token takes no PIN, or a wrong one would be its last",
            Self::NotFound => "there is no such client certificate with its key on the token",
            Self::Ambiguous => "several client certificates on tokens have this name",
        })
    }
}
