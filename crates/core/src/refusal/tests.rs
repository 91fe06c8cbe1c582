//! What every refusal is called.

use std::collections::BTreeSet;

use super::*;
use crate::describe::{FAILURES, REFUSALS};

/// A number for each variant. No wildcard: whoever adds a refusal is stopped here, and reminded of
/// [`REFUSALS`].
fn position(refusal: &Refusal) -> Option<usize> {
    Some(match refusal {
        Refusal::NotFound => 0,
        Refusal::AccessDenied => 1,
        Refusal::InvalidState => 2,
        Refusal::Empty => 3,
        Refusal::InvalidArgument(_) => 4,
        Refusal::NotSupported(_) => 5,
        Refusal::StringTooLong { .. } => 6,
        Refusal::TooManyJobsPerUser(_) => 7,
        Refusal::TooManyJobsPerMachine(_) => 8,
        Refusal::TooManyFilesInJob(_) => 9,
        Refusal::TooManyRequests => 10,
        Refusal::AdministratorToken => 11,
        Refusal::TokenRequired => 12,
        Refusal::NoProcessDescriptor => 13,
        Refusal::PrivateInstance => 14,
        Refusal::ErrorInformationUnavailable => 15,
        Refusal::ReadOnlyProperty => 16,
        Refusal::ShuttingDown => 17,
        Refusal::NewOwnerNoFileAccess => 18,
        Refusal::FileNotAvailable => 19,
        Refusal::ProtocolNotAvailable => 20,
        Refusal::FileNotFound => 21,
        Refusal::TooManyRangesInFile(_) => 22,
        Refusal::InvalidRange(_) => 23,
        Refusal::OverlappingRanges => 24,
        Refusal::RandomAccessNotSupported(_) => 25,
        Refusal::ReadOnlyPropertyAfterAddfile => 26,
        Refusal::ReadOnlyPropertyAfterResume => 27,
        Refusal::UnknownPropertyId => 28,
        Refusal::ProxyListTooLarge => 29,
        Refusal::ProxyBypassListTooLarge => 30,
        Refusal::MaxDownloadSizeInvalidValue => 31,
        Refusal::UseStoredCredentialsNotSupported => 32,
        Refusal::NotSupportedWithCustomHttpMethod => 33,
        Refusal::UnsupportedJobConfiguration => 34,
        Refusal::InvalidAuthTarget => 35,
        Refusal::Pending => 36,
        Refusal::InvalidAuthScheme => 37,
        Refusal::UserNameTooLarge => 38,
        Refusal::PasswordTooLarge => 39,
        Refusal::NotifyCommandNotAllowed => 40,
        Refusal::InvalidProxyInfo { .. } => 41,
        Refusal::SessionUnknown(_) => 42,
        Refusal::NoClientCertificate => 43,
        Refusal::ReadOnlyWhenJobActive => 44,
        Refusal::HistoryUnavailable => 45,
        Refusal::UnknownPolicy => 46,
        Refusal::InvalidPolicyValue(_) => 47,
        Refusal::PolicyNotKept => 48,
        Refusal::Unusable(_) => return None,
    })
}

#[test]
fn the_list_of_refusals_is_whole() {
    let found: BTreeSet<_> = REFUSALS.iter().filter_map(position).collect();
    assert_eq!(found, (0..REFUSALS.len()).collect());
}

#[test]
fn every_refusal_has_a_name_of_its_own() {
    let names: BTreeSet<_> = REFUSALS.iter().map(Refusal::name).collect();
    assert_eq!(names.len(), REFUSALS.len());
}

/// A missing token is one thing, whether it is met at Complete or while transferring; so is a range
/// that is not in the file, and so are proxies that make no sense.
#[test]
fn a_refusal_and_a_failure_share_a_name_only_if_they_are_the_same_thing() {
    let failures: BTreeSet<_> = FAILURES.into_iter().map(Failure::name).collect();
    let shared: Vec<_> =
        REFUSALS.iter().map(Refusal::name).filter(|name| failures.contains(name)).collect();
    assert_eq!(shared, ["invalid-range", "token-required", "invalid-proxy-info"]);
}

#[test]
fn an_unusable_destination_is_told_as_the_failure_it_is() {
    for failure in FAILURES {
        let refusal = Refusal::Unusable(failure);
        assert_eq!(
            (refusal.name(), refusal.code(), refusal.advice(), refusal.to_string()),
            (failure.name(), failure.code(), failure.advice(), failure.to_string())
        );
    }
}

/// The numbers BITS' users know (`job-model.md` 8.2, 8.5).
#[test]
fn refusals_carry_the_numbers_of_bits() {
    for (refusal, code) in [
        (Refusal::NotFound, 0x8020_0001),
        (Refusal::InvalidState, 0x8020_0002),
        (Refusal::Empty, 0x8020_0003),
        (Refusal::FileNotAvailable, 0x8020_0004),
        (Refusal::ProtocolNotAvailable, 0x8020_0005),
        (Refusal::FileNotFound, 0x8020_0029),
        (Refusal::ErrorInformationUnavailable, 0x8020_000f),
        (Refusal::StringTooLong { what: "name", limit: 256 }, 0x8020_0021),
        (Refusal::TooManyJobsPerUser(60), 0x8020_0049),
        (Refusal::TooManyJobsPerMachine(300), 0x8020_0050),
        (Refusal::TooManyFilesInJob(200), 0x8020_0051),
        (Refusal::TokenRequired, 0x8020_0056),
        (Refusal::ProxyListTooLarge, 0x8020_0018),
        (Refusal::ProxyBypassListTooLarge, 0x8020_0019),
        (Refusal::InvalidAuthTarget, 0x8020_0027),
        (Refusal::InvalidAuthScheme, 0x8020_0028),
        (Refusal::UserNameTooLarge, 0x8020_0025),
        (Refusal::PasswordTooLarge, 0x8020_0026),
        (Refusal::UnknownPropertyId, 0x8020_0057),
        (Refusal::ReadOnlyProperty, 0x8020_0058),
        (Refusal::ReadOnlyPropertyAfterAddfile, 0x8020_0061),
        (Refusal::ReadOnlyPropertyAfterResume, 0x8020_0062),
        (Refusal::MaxDownloadSizeInvalidValue, 0x8020_0063),
        (Refusal::UseStoredCredentialsNotSupported, 0x8020_0066),
        (Refusal::NotSupportedWithCustomHttpMethod, 0x8020_0071),
        (Refusal::UnsupportedJobConfiguration, 0x8020_0072),
        (Refusal::AccessDenied, 0x8007_0005),
        (Refusal::AdministratorToken, 0x8007_0005),
        (Refusal::InvalidArgument("x"), 0x8007_0057),
        (Refusal::NotSupported("x"), 0x8000_4001),
        (Refusal::NoProcessDescriptor, 0x8001_0123),
    ] {
        assert_eq!(refusal.code(), code, "{refusal:?}");
    }
}

#[test]
fn every_refusal_says_what_is_wrong_and_what_to_do() {
    for refusal in REFUSALS {
        for text in [refusal.to_string(), refusal.advice().to_owned()] {
            let begins_small = text.starts_with(char::is_lowercase);
            assert!(begins_small && !text.ends_with('.'), "{text}");
        }
    }
}
