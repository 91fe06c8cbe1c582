//! What a network agent says, in the core's words, and back. Decides nothing.

use ebb_core::digest::Digest;
use ebb_core::failure::{
    CertificateTrouble, DestinationTrouble, Failure, NetworkTrouble, ProxyTrouble, ServerTrouble,
    ValidatorTrouble,
};
use ebb_core::file::Validators;
use ebb_wire::net::NetTrouble;

pub(super) fn to_wire(held: &Validators) -> ebb_wire::net::Validators {
    ebb_wire::net::Validators {
        etag: held.etag.clone(),
        last_modified: held.last_modified.clone(),
        last_modified_strong: held.last_modified_strong,
        total: held.total,
        digest: held.digest.as_deref().map(digest_to_wire),
    }
}

/// A digest, as the agent wants it.
pub(crate) fn digest_to_wire(digest: &Digest) -> Box<ebb_wire::net::Digest> {
    Box::new(match digest {
        Digest::Sha256(value) => ebb_wire::net::Digest::Sha256(*value),
        Digest::Sha512(value) => ebb_wire::net::Digest::Sha512(*value),
    })
}

/// What the agent says of a representation, in the core's words.
pub(crate) fn from_wire(told: ebb_wire::net::Validators) -> Validators {
    Validators {
        etag: told.etag,
        last_modified: told.last_modified,
        last_modified_strong: told.last_modified_strong,
        total: told.total,
        digest: told.digest.map(|digest| {
            Box::new(match *digest {
                ebb_wire::net::Digest::Sha256(value) => Digest::Sha256(value),
                ebb_wire::net::Digest::Sha512(value) => Digest::Sha512(value),
            })
        }),
    }
}

/// What the agent ran into, in the core's words.
pub(crate) fn failure_of(trouble: NetTrouble) -> Failure {
    match trouble {
        NetTrouble::NameNotResolved => Failure::Network(NetworkTrouble::NameNotResolved),
        NetTrouble::ConnectFailed => Failure::Network(NetworkTrouble::ConnectFailed),
        NetTrouble::TimedOut => Failure::Network(NetworkTrouble::TimedOut),
        NetTrouble::ConnectionLost => Failure::Network(NetworkTrouble::ConnectionLost),
        NetTrouble::TlsFailed => Failure::Network(NetworkTrouble::TlsFailed),
        NetTrouble::CertificateInvalid => Failure::Network(NetworkTrouble::CertificateInvalid),
        NetTrouble::CertificateRevoked => Failure::Network(NetworkTrouble::CertificateRevoked),
        NetTrouble::RevocationUnknown => Failure::Network(NetworkTrouble::RevocationUnknown),
        NetTrouble::AuthoritiesUnusable => Failure::Network(NetworkTrouble::AuthoritiesUnusable),
        NetTrouble::RevocationListOutdated => {
            Failure::Network(NetworkTrouble::RevocationListOutdated)
        }
        NetTrouble::ClientCertificateWanted => Failure::Certificate(CertificateTrouble::Wanted),
        NetTrouble::ClientCertificateRefused => Failure::Certificate(CertificateTrouble::Refused),
        NetTrouble::NotSigned => Failure::Certificate(CertificateTrouble::NotSigned),
        NetTrouble::ValidatorRejected(code) => Failure::Validator(ValidatorTrouble::Rejected(code)),
        NetTrouble::ValidatorMissing => Failure::Validator(ValidatorTrouble::Required),
        NetTrouble::Status(status) => Failure::Server(ServerTrouble::Status(status)),
        NetTrouble::MalformedAnswer => Failure::Server(ServerTrouble::MalformedAnswer),
        NetTrouble::EncodedAnswer => Failure::Server(ServerTrouble::EncodedAnswer),
        NetTrouble::HeadTooLarge => Failure::Server(ServerTrouble::HeadTooLarge),
        NetTrouble::TooManyRedirects => Failure::Server(ServerTrouble::TooManyRedirects),
        NetTrouble::RedirectDowngrade => Failure::Server(ServerTrouble::RedirectDowngrade),
        NetTrouble::RedirectInvalid => Failure::Server(ServerTrouble::RedirectInvalid),
        NetTrouble::SizeChanged => Failure::Server(ServerTrouble::SizeChanged),
        NetTrouble::RedirectRefused(status) => {
            Failure::Server(ServerTrouble::RedirectRefused(status))
        }
        NetTrouble::NoRangeSupport => Failure::Server(ServerTrouble::NoRangeSupport),
        NetTrouble::InvalidRange => Failure::Server(ServerTrouble::InvalidRange),
        NetTrouble::WrongRange => Failure::Server(ServerTrouble::WrongRange),
        NetTrouble::SizeLimit => Failure::Server(ServerTrouble::SizeLimit),
        NetTrouble::DigestMismatch => Failure::Server(ServerTrouble::DigestMismatch),
        NetTrouble::ReprDigestMismatch => Failure::Server(ServerTrouble::ReprDigestMismatch),
        NetTrouble::NoSpace => Failure::Destination(DestinationTrouble::NoSpace),
        NetTrouble::WriteFailed(errno) => Failure::Destination(DestinationTrouble::Io(errno)),
        NetTrouble::Proxy(trouble) => Failure::Proxy(at_a_proxy(trouble)),
    }
}

fn at_a_proxy(trouble: ebb_wire::net::ProxyTrouble) -> ProxyTrouble {
    use ebb_wire::net::ProxyTrouble as Told;
    match trouble {
        Told::NameNotResolved => ProxyTrouble::NameNotResolved,
        Told::ConnectFailed => ProxyTrouble::ConnectFailed,
        Told::TimedOut => ProxyTrouble::TimedOut,
        Told::ConnectionLost => ProxyTrouble::ConnectionLost,
        Told::TlsFailed => ProxyTrouble::TlsFailed,
        Told::CertificateInvalid => ProxyTrouble::CertificateInvalid,
        Told::Refused(status) => ProxyTrouble::Refused(status),
        Told::SocksRefused(reply) => ProxyTrouble::SocksRefused(reply),
        Told::Unauthorized => ProxyTrouble::Unauthorized,
        Told::MalformedAnswer => ProxyTrouble::MalformedAnswer,
        Told::InvalidSettings => ProxyTrouble::InvalidSettings,
    }
}
