//! What every failure is called, whose it is, and whether it passes (`job-model.md` 6.5 and 8).

use std::collections::BTreeSet;

use Blocked as B;
use CertificateTrouble as C;
use DestinationTrouble as D;
use NetworkTrouble as N;
use ProxyTrouble as P;
use ServerTrouble as R;
use ServiceTrouble as S;
use SourceTrouble as O;
use ValidatorTrouble as V;

use super::*;
use crate::describe::FAILURES;

/// A number for each variant. No wildcard: whoever adds a failure is stopped here, and reminded of
/// [`FAILURES`].
fn position(failure: Failure) -> usize {
    match failure {
        Failure::Network(N::NameNotResolved) => 0,
        Failure::Network(N::ConnectFailed) => 1,
        Failure::Network(N::TimedOut) => 2,
        Failure::Network(N::ConnectionLost) => 3,
        Failure::Network(N::TlsFailed) => 4,
        Failure::Network(N::CertificateInvalid) => 5,
        Failure::Server(R::Status(_)) => 6,
        Failure::Server(R::MalformedAnswer) => 7,
        Failure::Server(R::EncodedAnswer) => 8,
        Failure::Server(R::HeadTooLarge) => 9,
        Failure::Server(R::TooManyRedirects) => 10,
        Failure::Server(R::RedirectDowngrade) => 11,
        Failure::Server(R::RedirectInvalid) => 12,
        Failure::Server(R::SizeChanged) => 13,
        Failure::Destination(D::NoSuchDirectory) => 14,
        Failure::Destination(D::NotADirectory) => 15,
        Failure::Destination(D::SymbolicLink) => 16,
        Failure::Destination(D::AccessDenied) => 17,
        Failure::Destination(D::NotARegularFile) => 18,
        Failure::Destination(D::SpecialFileSystem) => 19,
        Failure::Destination(D::DestinationChanged) => 20,
        Failure::Destination(D::Exists) => 21,
        Failure::Destination(D::NameTooLong) => 22,
        Failure::Destination(D::NoSpace) => 23,
        Failure::Destination(D::ReadOnly) => 24,
        Failure::Destination(D::TemporaryLost) => 25,
        Failure::Destination(D::Io(_)) => 26,
        Failure::Service(S::TokenRequired) => 27,
        Failure::Service(S::AgentLost) => 28,
        Failure::Service(S::IdentityNotAdmitted) => 29,
        Failure::Service(S::SandboxFailed) => 30,
        Failure::Service(S::MaxDownloadTime) => 31,
        Failure::Server(R::RedirectRefused(_)) => 32,
        Failure::Server(R::NoRangeSupport) => 33,
        Failure::Server(R::InvalidRange) => 34,
        Failure::Server(R::WrongRange) => 35,
        Failure::Server(R::SizeLimit) => 36,
        Failure::Blocked(B::NetworkDisconnected) => 37,
        Failure::Blocked(B::CostPolicy) => 38,
        Failure::Blocked(B::BandwidthPolicy) => 39,
        Failure::Blocked(B::BatterySaver) => 40,
        Failure::Blocked(B::BatteryPolicy) => 41,
        Failure::Server(R::ValidationFailed) => 42,
        Failure::Service(S::VaultUnavailable) => 43,
        Failure::Proxy(P::NameNotResolved) => 44,
        Failure::Proxy(P::ConnectFailed) => 45,
        Failure::Proxy(P::TimedOut) => 46,
        Failure::Proxy(P::ConnectionLost) => 47,
        Failure::Proxy(P::TlsFailed) => 48,
        Failure::Proxy(P::CertificateInvalid) => 49,
        Failure::Proxy(P::Refused(_)) => 50,
        Failure::Proxy(P::SocksRefused(_)) => 51,
        Failure::Proxy(P::Unauthorized) => 52,
        Failure::Proxy(P::MalformedAnswer) => 53,
        Failure::Proxy(P::InvalidSettings) => 54,
        Failure::Server(R::DigestMismatch) => 55,
        Failure::Server(R::ReprDigestMismatch) => 56,
        Failure::Certificate(C::Wanted) => 57,
        Failure::Certificate(C::Refused) => 58,
        Failure::Certificate(C::Unreadable) => 59,
        Failure::Certificate(C::Invalid) => 60,
        Failure::Certificate(C::Passphrase) => 61,
        Failure::Certificate(C::NotSigned) => 62,
        Failure::Network(N::CertificateRevoked) => 63,
        Failure::Network(N::RevocationUnknown) => 64,
        Failure::Network(N::RevocationListOutdated) => 65,
        Failure::Source(O::NotFound) => 66,
        Failure::Source(O::AccessDenied) => 67,
        Failure::Source(O::NotAFile) => 68,
        Failure::Source(O::Changing) => 69,
        Failure::Source(O::Io(_)) => 70,
        Failure::Certificate(C::ModuleMissing) => 71,
        Failure::Certificate(C::TokenAbsent) => 72,
        Failure::Certificate(C::PinLocked) => 73,
        Failure::Certificate(C::NotFound) => 74,
        Failure::Certificate(C::Ambiguous) => 75,
        Failure::Validator(V::Rejected(_)) => 76,
        Failure::Validator(V::Required) => 77,
        Failure::Network(N::AuthoritiesUnusable) => 78,
    }
}

fn status(status: u16) -> Failure {
    Failure::Server(R::Status(status))
}

#[test]
fn the_list_of_failures_is_whole() {
    let found: BTreeSet<_> = FAILURES.into_iter().map(position).collect();
    assert_eq!(found, (0..FAILURES.len()).collect());
}

#[test]
fn every_failure_has_a_name_of_its_own_in_small_letters_and_hyphens() {
    let names: BTreeSet<_> = FAILURES.into_iter().map(Failure::name).collect();
    assert_eq!(names.len(), FAILURES.len());
    for name in names {
        let fine = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(!name.is_empty() && name.chars().all(fine), "{name}");
    }
}

#[test]
fn a_status_is_told_by_its_number() {
    assert_eq!(status(404).full_name(), "http-404");
    assert_eq!(status(404).name(), status(503).name());
    assert_eq!(Failure::Network(N::TimedOut).full_name(), "timed-out");
}

#[test]
fn a_status_passes_or_lasts_as_the_table_and_its_rulings_say() {
    for code in 100..=599 {
        let lasts = match code {
            // The published table (6.5).
            300..=305 | 307 | 501 | 505 => true,
            408 | 409 => false,
            // The rulings of `decisions.md`.
            204 => true,
            425 | 429 => false,
            // Younger than the table: 308 is 307 for every method.
            308 => true,
            400..=499 => true,
            _ => false,
        };
        let expected = if lasts { Remedy::AskOwner } else { Remedy::Retry };
        assert_eq!(status(code).remedy(), expected, "{code}");
    }
}

#[test]
fn other_trouble_passes_or_lasts_by_who_can_mend_it() {
    let passing = [
        Failure::Network(N::NameNotResolved),
        Failure::Network(N::ConnectFailed),
        Failure::Network(N::TimedOut),
        Failure::Network(N::ConnectionLost),
        Failure::Server(R::MalformedAnswer),
        Failure::Server(R::SizeChanged),
        Failure::Source(O::Changing),
        Failure::Service(S::AgentLost),
        Failure::Proxy(P::NameNotResolved),
        Failure::Proxy(P::ConnectFailed),
        Failure::Proxy(P::TimedOut),
        Failure::Proxy(P::ConnectionLost),
        Failure::Proxy(P::MalformedAnswer),
        Failure::Certificate(C::NotSigned),
        Failure::Certificate(C::TokenAbsent),
        Failure::Validator(V::Rejected(0)),
    ];
    for failure in FAILURES {
        let passes = failure.remedy() == Remedy::Retry;
        let expected = passing.contains(&failure) || matches!(failure, Failure::Blocked(_));
        assert_eq!(passes, expected, "{failure:?}");
    }
}

/// The numbers BITS' users know (8.2, 8.3, 8.5), and Windows' own where BITS passes them on.
#[test]
fn failures_carry_the_numbers_of_bits() {
    for (failure, code) in [
        (Failure::Network(N::NameNotResolved), 0x8007_2ee7),
        (Failure::Network(N::ConnectFailed), 0x8020_002d),
        (Failure::Network(N::TimedOut), 0x8007_2ee2),
        (Failure::Network(N::ConnectionLost), 0x8020_002e),
        (Failure::Network(N::TlsFailed), 0x8007_2f8f),
        (status(100), 0x8019_0064),
        (status(401), 0x8019_0191),
        (status(404), 0x8019_0194),
        (status(416), 0x8019_01a0),
        (status(503), 0x8019_01f7),
        (status(505), 0x8019_01f9),
        (Failure::Server(R::MalformedAnswer), 0x8007_2f78),
        (Failure::Server(R::EncodedAnswer), 0x8020_001b),
        (Failure::Server(R::SizeChanged), 0x8020_0073),
        (Failure::Server(R::RedirectRefused(300)), 0x8007_012c),
        (Failure::Server(R::RedirectRefused(307)), 0x8007_0133),
        (Failure::Server(R::NoRangeSupport), 0x8020_0013),
        (Failure::Server(R::InvalidRange), 0x8020_002b),
        (Failure::Server(R::WrongRange), 0x8020_001b),
        (Failure::Server(R::SizeLimit), 0x8020_0064),
        (Failure::Destination(D::NoSuchDirectory), 0x8007_0003),
        (Failure::Destination(D::AccessDenied), 0x8007_0005),
        (Failure::Destination(D::NotADirectory), 0x8007_0057),
        (Failure::Destination(D::DestinationChanged), 0x8020_000e),
        (Failure::Destination(D::TemporaryLost), 0x8007_0002),
        (Failure::Service(S::TokenRequired), 0x8020_0056),
        (Failure::Service(S::IdentityNotAdmitted), 0x8007_0005),
        (Failure::Validator(V::Rejected(7)), 7),
        (Failure::Validator(V::Required), 0x8020_0074),
        (Failure::Proxy(P::Unauthorized), 0x8019_0197),
        (Failure::Proxy(P::Refused(502)), 0x8019_01f6),
        (Failure::Proxy(P::InvalidSettings), 0x8020_003f),
        (Failure::Blocked(B::NetworkDisconnected), 0x8020_0010),
        (Failure::Blocked(B::CostPolicy), 0x8020_0059),
        (Failure::Blocked(B::BandwidthPolicy), 0x8020_003e),
        (Failure::Blocked(B::BatterySaver), 0x8020_0068),
        (Failure::Blocked(B::BatteryPolicy), 0x8020_0067),
    ] {
        assert_eq!(failure.code(), code, "{failure:?}");
    }
}

#[test]
fn a_number_is_a_failure_of_windows_or_bits_or_there_is_none() {
    for failure in FAILURES {
        let facility = failure.code() >> 16;
        assert!(
            failure.code() == 0 || [0x8007, 0x8009, 0x8019, 0x8020].contains(&facility),
            "{failure:?}"
        );
    }
}

#[test]
fn every_failure_is_attributed_to_whoever_can_look_there() {
    for failure in FAILURES {
        let expected = match failure {
            Failure::Network(_) | Failure::Proxy(_) | Failure::Certificate(_) => {
                "general-transport"
            }
            Failure::Server(_) | Failure::Source(_) => "remote-file",
            Failure::Destination(_) => "local-file",
            Failure::Validator(_) => "server-certificate-callback",
            Failure::Service(S::AgentLost) => "unknown",
            Failure::Service(_) | Failure::Blocked(_) => "general-queue-manager",
        };
        assert_eq!(failure.context().name(), expected, "{failure:?}");
    }
}

#[test]
fn every_failure_says_what_happened_and_what_to_do() {
    for failure in FAILURES {
        for text in [failure.to_string(), failure.advice().to_owned()] {
            let begins_small = text.starts_with(char::is_lowercase);
            assert!(begins_small && !text.ends_with('.'), "{text}");
        }
    }
}

#[test]
fn what_passes_by_itself_asks_nobody_to_resume() {
    for failure in FAILURES.into_iter().chain((100..=599).map(status)) {
        let asks = failure.advice().contains("resume");
        assert!(!(asks && failure.remedy() == Remedy::Retry), "{failure:?}");
    }
}

#[test]
fn what_a_proxy_refuses_passes_or_lasts_as_if_a_server_had_said_it() {
    for code in 100..=599 {
        let proxys = Failure::Proxy(P::Refused(code));
        assert_eq!(proxys.remedy(), status(code).remedy(), "{code}");
    }
    for reply in 0..=u8::MAX {
        let lasts = [2, 7, 8].contains(&reply);
        let remedy = Failure::Proxy(P::SocksRefused(reply)).remedy();
        assert_eq!(remedy == Remedy::AskOwner, lasts, "{reply}");
    }
}
