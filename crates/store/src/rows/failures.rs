//! Failures as they are kept: the symbolic name, which is stable for ever, and a number where the
//! failure has one (the HTTP status, the `errno`).
//!
//! Never the position of a variant: that changes when the code does, and a store outlives it.

use ebb_core::describe::FAILURES;
use ebb_core::failure::{
    DestinationTrouble, Failure, ProxyTrouble, ServerTrouble, SourceTrouble, ValidatorTrouble,
};

/// The number that belongs to the name, if one does.
pub(crate) fn number_of(failure: Failure) -> Option<i64> {
    match failure {
        Failure::Server(ServerTrouble::Status(status) | ServerTrouble::RedirectRefused(status)) => {
            Some(status.into())
        }
        Failure::Destination(DestinationTrouble::Io(errno)) => Some(errno.into()),
        Failure::Source(SourceTrouble::Io(errno)) => Some(errno.into()),
        Failure::Proxy(ProxyTrouble::Refused(status)) => Some(status.into()),
        Failure::Proxy(ProxyTrouble::SocksRefused(reply)) => Some(reply.into()),
        Failure::Validator(ValidatorTrouble::Rejected(code)) => Some(code.into()),
        Failure::Network(_)
        | Failure::Proxy(_)
        | Failure::Certificate(_)
        | Failure::Validator(_)
        | Failure::Server(_)
        | Failure::Source(_)
        | Failure::Destination(_)
        | Failure::Service(_)
        | Failure::Blocked(_) => None,
    }
}

/// Takes a failure back; `None` if no failure of ours has this name and number.
pub(crate) fn restore(name: &str, number: Option<i64>) -> Option<Failure> {
    let failure = match (name, number) {
        ("http-status", Some(status)) => {
            Failure::Server(ServerTrouble::Status(status.try_into().ok()?))
        }
        ("redirect-refused", Some(status)) => {
            Failure::Server(ServerTrouble::RedirectRefused(status.try_into().ok()?))
        }
        ("io-error", Some(errno)) => {
            Failure::Destination(DestinationTrouble::Io(errno.try_into().ok()?))
        }
        ("source-io-error", Some(errno)) => {
            Failure::Source(SourceTrouble::Io(errno.try_into().ok()?))
        }
        ("proxy-refused", Some(status)) => {
            Failure::Proxy(ProxyTrouble::Refused(status.try_into().ok()?))
        }
        ("proxy-socks-refused", Some(reply)) => {
            Failure::Proxy(ProxyTrouble::SocksRefused(reply.try_into().ok()?))
        }
        ("server-certificate-rejected", Some(code)) => {
            Failure::Validator(ValidatorTrouble::Rejected(code.try_into().ok()?))
        }
        (_, Some(_)) => return None,
        (_, None) => FAILURES
            .into_iter()
            .find(|failure| failure.name() == name && number_of(*failure).is_none())?,
    };
    Some(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_comes_back_from_its_name_and_number() {
        let status = |n| Failure::Server(ServerTrouble::Status(n));
        let io = |n| Failure::Destination(DestinationTrouble::Io(n));
        let numbered = [status(0), status(404), status(u16::MAX), io(5), io(-1)];
        for failure in FAILURES.into_iter().chain(numbered) {
            assert_eq!(restore(failure.name(), number_of(failure)), Some(failure));
        }
    }

    /// Add to this list; never change it. A store may hold any of these.
    #[test]
    fn the_names_on_disk_never_change() {
        let names = "dns-failure connect-failure timed-out connection-lost tls-failure \
            certificate-invalid http-status malformed-answer encoded-answer head-too-large \
            too-many-redirects redirect-downgrade redirect-invalid size-changed \
            redirect-refused insufficient-range-support invalid-range invalid-server-response \
            max-download-size-limit-reached validation-failed digest-mismatch \
            repr-digest-mismatch source-not-found source-access-denied source-not-a-file \
            source-changes source-io-error \
            no-such-directory not-a-directory symbolic-link destination-access-denied \
            not-a-regular-file special-file-system destination-changed destination-exists \
            name-too-long no-space read-only-file-system temporary-lost io-error \
            token-required agent-lost identity-not-admitted sandbox-failed max-download-time \
            vault-unavailable \
            network-disconnected blocked-by-cost-transfer-policy blocked-by-policy \
            blocked-by-battery-saver blocked-by-battery-policy \
            proxy-dns-failure proxy-connect-failure proxy-timed-out proxy-connection-lost \
            proxy-tls-failure proxy-certificate-invalid proxy-refused proxy-socks-refused \
            proxy-auth-required proxy-malformed-answer invalid-proxy-info \
            client-certificate-wanted client-certificate-refused client-certificate-unreadable \
            client-certificate-invalid client-certificate-passphrase client-certificate-not-signed \
            client-certificate-module-missing client-certificate-token-absent \
            client-certificate-pin-locked client-certificate-not-found client-certificate-ambiguous \
            certificate-revoked revocation-unknown revocation-list-outdated authorities-unusable \
            server-certificate-rejected server-cert-validation-interface-required";
        let found = FAILURES.map(Failure::name).join(" ");
        assert_eq!(found, names);
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
            ("redirect-refused", None),
            ("io-error", Some(i64::MAX)),
            ("token-required", Some(1)),
        ] {
            assert_eq!(restore(name, number), None, "{name} {number:?}");
        }
    }
}
