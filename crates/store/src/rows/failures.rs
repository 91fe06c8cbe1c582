//! Failures as they are kept: the symbolic name, which is stable for ever, and a number where the
//! failure has one (the HTTP status, the `errno`).
//!
//! Never the position of a variant: that changes when the code does, and a store outlives it.

use ebb_core::failure::{
    DestinationTrouble, Failure, NetworkTrouble, ServerTrouble, ServiceTrouble,
};

/// The number that belongs to the name, if one does.
pub(crate) fn number_of(failure: Failure) -> Option<i64> {
    match failure {
        Failure::Server(ServerTrouble::Status(status)) => Some(status.into()),
        Failure::Destination(DestinationTrouble::Io(errno)) => Some(errno.into()),
        Failure::Network(_)
        | Failure::Server(_)
        | Failure::Destination(_)
        | Failure::Service(_) => None,
    }
}

/// Takes a failure back; `None` if no failure of ours has this name and number.
pub(crate) fn restore(name: &str, number: Option<i64>) -> Option<Failure> {
    let failure = match (name, number) {
        ("http-status", Some(status)) => {
            Failure::Server(ServerTrouble::Status(status.try_into().ok()?))
        }
        ("io-error", Some(errno)) => {
            Failure::Destination(DestinationTrouble::Io(errno.try_into().ok()?))
        }
        (_, Some(_)) => return None,
        (_, None) => PLAIN.into_iter().find(|failure| failure.name() == name)?,
    };
    Some(failure)
}

/// Every failure that is told by its name alone.
const PLAIN: [Failure; 29] = [
    Failure::Network(NetworkTrouble::NameNotResolved),
    Failure::Network(NetworkTrouble::ConnectFailed),
    Failure::Network(NetworkTrouble::TimedOut),
    Failure::Network(NetworkTrouble::ConnectionLost),
    Failure::Network(NetworkTrouble::TlsFailed),
    Failure::Network(NetworkTrouble::CertificateInvalid),
    Failure::Server(ServerTrouble::MalformedAnswer),
    Failure::Server(ServerTrouble::EncodedAnswer),
    Failure::Server(ServerTrouble::HeadTooLarge),
    Failure::Server(ServerTrouble::TooManyRedirects),
    Failure::Server(ServerTrouble::RedirectDowngrade),
    Failure::Server(ServerTrouble::RedirectInvalid),
    Failure::Server(ServerTrouble::SizeChanged),
    Failure::Destination(DestinationTrouble::NoSuchDirectory),
    Failure::Destination(DestinationTrouble::NotADirectory),
    Failure::Destination(DestinationTrouble::SymbolicLink),
    Failure::Destination(DestinationTrouble::AccessDenied),
    Failure::Destination(DestinationTrouble::NotARegularFile),
    Failure::Destination(DestinationTrouble::SpecialFileSystem),
    Failure::Destination(DestinationTrouble::DestinationChanged),
    Failure::Destination(DestinationTrouble::Exists),
    Failure::Destination(DestinationTrouble::NameTooLong),
    Failure::Destination(DestinationTrouble::NoSpace),
    Failure::Destination(DestinationTrouble::ReadOnly),
    Failure::Destination(DestinationTrouble::TemporaryLost),
    Failure::Service(ServiceTrouble::TokenRequired),
    Failure::Service(ServiceTrouble::AgentLost),
    Failure::Service(ServiceTrouble::IdentityNotAdmitted),
    Failure::Service(ServiceTrouble::SandboxFailed),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// How many failures there are that the number does not tell apart. No wildcard: whoever adds
    /// a failure is stopped here, and reminded to add it to `PLAIN`.
    fn position(failure: Failure) -> Option<usize> {
        use DestinationTrouble as D;
        use NetworkTrouble as N;
        use ServerTrouble as R;
        use ServiceTrouble as S;
        Some(match failure {
            Failure::Network(N::NameNotResolved) => 0,
            Failure::Network(N::ConnectFailed) => 1,
            Failure::Network(N::TimedOut) => 2,
            Failure::Network(N::ConnectionLost) => 3,
            Failure::Network(N::TlsFailed) => 4,
            Failure::Network(N::CertificateInvalid) => 5,
            Failure::Server(R::MalformedAnswer) => 6,
            Failure::Server(R::EncodedAnswer) => 7,
            Failure::Server(R::HeadTooLarge) => 8,
            Failure::Server(R::TooManyRedirects) => 9,
            Failure::Server(R::RedirectDowngrade) => 10,
            Failure::Server(R::RedirectInvalid) => 11,
            Failure::Server(R::SizeChanged) => 12,
            Failure::Destination(D::NoSuchDirectory) => 13,
            Failure::Destination(D::NotADirectory) => 14,
            Failure::Destination(D::SymbolicLink) => 15,
            Failure::Destination(D::AccessDenied) => 16,
            Failure::Destination(D::NotARegularFile) => 17,
            Failure::Destination(D::SpecialFileSystem) => 18,
            Failure::Destination(D::DestinationChanged) => 19,
            Failure::Destination(D::Exists) => 20,
            Failure::Destination(D::NameTooLong) => 21,
            Failure::Destination(D::NoSpace) => 22,
            Failure::Destination(D::ReadOnly) => 23,
            Failure::Destination(D::TemporaryLost) => 24,
            Failure::Service(S::TokenRequired) => 25,
            Failure::Service(S::AgentLost) => 26,
            Failure::Service(S::IdentityNotAdmitted) => 27,
            Failure::Service(S::SandboxFailed) => 28,
            Failure::Server(R::Status(_)) | Failure::Destination(D::Io(_)) => return None,
        })
    }

    #[test]
    fn every_failure_comes_back_from_its_name_and_number() {
        let status = |n| Failure::Server(ServerTrouble::Status(n));
        let io = |n| Failure::Destination(DestinationTrouble::Io(n));
        let numbered = [status(0), status(404), status(u16::MAX), io(5), io(-1)];
        for failure in PLAIN.into_iter().chain(numbered) {
            assert_eq!(restore(failure.name(), number_of(failure)), Some(failure));
        }
    }

    #[test]
    fn the_list_of_plain_failures_is_whole() {
        let found: BTreeSet<_> = PLAIN.into_iter().filter_map(position).collect();
        assert_eq!(found, (0..PLAIN.len()).collect());
    }

    #[test]
    fn a_name_or_number_that_is_not_ours_is_no_failure() {
        for (name, number) in [
            ("", None),
            ("no-such-failure", None),
            ("http-status", None),
            ("http-status", Some(-1)),
            ("http-status", Some(65536)),
            ("io-error", None),
            ("io-error", Some(i64::MAX)),
            ("token-required", Some(1)),
        ] {
            assert_eq!(restore(name, number), None, "{name} {number:?}");
        }
    }
}
