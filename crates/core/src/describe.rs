//! What a symbolic error name means, for whoever meets one (BITS: `GetErrorDescription`).
//!
//! The lists of every failure and every refusal stand here, so that tests and the store have one
//! place to ask "is that all of them?". Nothing is decided here; see `failure` and `refusal`.

use crate::failure::{
    Blocked, CertificateTrouble, Context, DestinationTrouble, Failure, NetworkTrouble,
    ProxyTrouble, ServerTrouble, ServiceTrouble, SourceTrouble, ValidatorTrouble,
};
use crate::refusal::Refusal;

/// An error, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// BITS' number, or 0 where BITS has none.
    pub code: u32,
    /// What it means.
    pub sentence: String,
    /// What to do about it.
    pub advice: &'static str,
}

/// Every failure there is; statuses are represented by one.
pub const FAILURES: [Failure; 79] = [
    Failure::Network(NetworkTrouble::NameNotResolved),
    Failure::Network(NetworkTrouble::ConnectFailed),
    Failure::Network(NetworkTrouble::TimedOut),
    Failure::Network(NetworkTrouble::ConnectionLost),
    Failure::Network(NetworkTrouble::TlsFailed),
    Failure::Network(NetworkTrouble::CertificateInvalid),
    Failure::Server(ServerTrouble::Status(404)),
    Failure::Server(ServerTrouble::MalformedAnswer),
    Failure::Server(ServerTrouble::EncodedAnswer),
    Failure::Server(ServerTrouble::HeadTooLarge),
    Failure::Server(ServerTrouble::TooManyRedirects),
    Failure::Server(ServerTrouble::RedirectDowngrade),
    Failure::Server(ServerTrouble::RedirectInvalid),
    Failure::Server(ServerTrouble::SizeChanged),
    Failure::Server(ServerTrouble::RedirectRefused(302)),
    Failure::Server(ServerTrouble::NoRangeSupport),
    Failure::Server(ServerTrouble::InvalidRange),
    Failure::Server(ServerTrouble::WrongRange),
    Failure::Server(ServerTrouble::SizeLimit),
    Failure::Server(ServerTrouble::ValidationFailed),
    Failure::Server(ServerTrouble::DigestMismatch),
    Failure::Server(ServerTrouble::ReprDigestMismatch),
    Failure::Source(SourceTrouble::NotFound),
    Failure::Source(SourceTrouble::AccessDenied),
    Failure::Source(SourceTrouble::NotAFile),
    Failure::Source(SourceTrouble::Changing),
    Failure::Source(SourceTrouble::Io(5)),
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
    Failure::Destination(DestinationTrouble::Io(5)),
    Failure::Service(ServiceTrouble::TokenRequired),
    Failure::Service(ServiceTrouble::AgentLost),
    Failure::Service(ServiceTrouble::IdentityNotAdmitted),
    Failure::Service(ServiceTrouble::SandboxFailed),
    Failure::Service(ServiceTrouble::MaxDownloadTime),
    Failure::Service(ServiceTrouble::VaultUnavailable),
    Failure::Blocked(Blocked::NetworkDisconnected),
    Failure::Blocked(Blocked::CostPolicy),
    Failure::Blocked(Blocked::BandwidthPolicy),
    Failure::Blocked(Blocked::BatterySaver),
    Failure::Blocked(Blocked::BatteryPolicy),
    Failure::Proxy(ProxyTrouble::NameNotResolved),
    Failure::Proxy(ProxyTrouble::ConnectFailed),
    Failure::Proxy(ProxyTrouble::TimedOut),
    Failure::Proxy(ProxyTrouble::ConnectionLost),
    Failure::Proxy(ProxyTrouble::TlsFailed),
    Failure::Proxy(ProxyTrouble::CertificateInvalid),
    Failure::Proxy(ProxyTrouble::Refused(403)),
    Failure::Proxy(ProxyTrouble::SocksRefused(2)),
    Failure::Proxy(ProxyTrouble::Unauthorized),
    Failure::Proxy(ProxyTrouble::MalformedAnswer),
    Failure::Proxy(ProxyTrouble::InvalidSettings),
    Failure::Certificate(CertificateTrouble::Wanted),
    Failure::Certificate(CertificateTrouble::Refused),
    Failure::Certificate(CertificateTrouble::Unreadable),
    Failure::Certificate(CertificateTrouble::Invalid),
    Failure::Certificate(CertificateTrouble::Passphrase),
    Failure::Certificate(CertificateTrouble::NotSigned),
    Failure::Certificate(CertificateTrouble::ModuleMissing),
    Failure::Certificate(CertificateTrouble::TokenAbsent),
    Failure::Certificate(CertificateTrouble::PinLocked),
    Failure::Certificate(CertificateTrouble::NotFound),
    Failure::Certificate(CertificateTrouble::Ambiguous),
    Failure::Network(NetworkTrouble::CertificateRevoked),
    Failure::Network(NetworkTrouble::RevocationUnknown),
    Failure::Network(NetworkTrouble::RevocationListOutdated),
    Failure::Network(NetworkTrouble::AuthoritiesUnusable),
    Failure::Validator(ValidatorTrouble::Rejected(0)),
    Failure::Validator(ValidatorTrouble::Required),
];

/// Every refusal there is, but those that only pass a failure on.
pub const REFUSALS: [Refusal; 49] = [
    Refusal::NotFound,
    Refusal::AccessDenied,
    Refusal::InvalidState,
    Refusal::Empty,
    Refusal::InvalidArgument("an argument makes no sense"),
    Refusal::NotSupported("a value is not supported"),
    Refusal::StringTooLong { what: "text", limit: 0 },
    Refusal::TooManyJobsPerUser(60),
    Refusal::TooManyJobsPerMachine(300),
    Refusal::TooManyFilesInJob(200),
    Refusal::TooManyRangesInFile(500),
    Refusal::InvalidRange("a range makes no sense"),
    Refusal::OverlappingRanges,
    Refusal::RandomAccessNotSupported("the file cannot be fetched in pieces"),
    Refusal::TooManyRequests,
    Refusal::AdministratorToken,
    Refusal::TokenRequired,
    Refusal::NoProcessDescriptor,
    Refusal::SessionUnknown("the caller's login session is not known"),
    Refusal::PrivateInstance,
    Refusal::NotifyCommandNotAllowed,
    Refusal::NewOwnerNoFileAccess,
    Refusal::ErrorInformationUnavailable,
    Refusal::FileNotAvailable,
    Refusal::ProtocolNotAvailable,
    Refusal::FileNotFound,
    Refusal::Pending,
    Refusal::ReadOnlyProperty,
    Refusal::ReadOnlyPropertyAfterAddfile,
    Refusal::ReadOnlyPropertyAfterResume,
    Refusal::UnknownPropertyId,
    Refusal::ProxyListTooLarge,
    Refusal::ProxyBypassListTooLarge,
    Refusal::MaxDownloadSizeInvalidValue,
    Refusal::UseStoredCredentialsNotSupported,
    Refusal::NotSupportedWithCustomHttpMethod,
    Refusal::UnsupportedJobConfiguration,
    Refusal::InvalidAuthTarget,
    Refusal::InvalidAuthScheme,
    Refusal::UserNameTooLarge,
    Refusal::PasswordTooLarge,
    Refusal::InvalidProxyInfo { entry: String::new(), why: "it names no host" },
    Refusal::ShuttingDown,
    Refusal::NoClientCertificate,
    Refusal::ReadOnlyWhenJobActive,
    Refusal::HistoryUnavailable,
    Refusal::UnknownPolicy,
    Refusal::InvalidPolicyValue("one of those it has"),
    Refusal::PolicyNotKept,
];

/// Looks an error up by its symbolic name; `http-NNN` for any status.
#[must_use]
pub fn error(name: &str) -> Option<Description> {
    let status = name.strip_prefix("http-").and_then(|digits| digits.parse().ok());
    if let Some(status) = status.filter(|status| (100..=599).contains(status)) {
        return Some(of(Failure::Server(ServerTrouble::Status(status))));
    }
    if let Some(failure) = FAILURES.into_iter().find(|failure| failure.full_name() == name) {
        return Some(of(failure));
    }
    let refusal = REFUSALS.into_iter().find(|refusal| refusal.name() == name)?;
    let sentence = refusal.to_string();
    Some(Description { code: refusal.code(), sentence, advice: refusal.advice() })
}

/// Looks a context up by its name, `none` among them: BITS' number, and where an error belongs that
/// has it.
#[must_use]
pub fn context(name: &str) -> Option<(u32, &'static str)> {
    if name == "none" {
        return Some((0x0020_0006, "there is no error"));
    }
    let context = Context::ALL.into_iter().find(|context| context.name() == name)?;
    Some((context.code(), context.sentence()))
}

fn of(failure: Failure) -> Description {
    Description { code: failure.code(), sentence: failure.to_string(), advice: failure.advice() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_context_can_be_looked_up_by_its_name() {
        for failure in FAILURES {
            let name = failure.context().name();
            assert!(context(name).is_some(), "{name}");
        }
        assert_eq!(context("local-file").map(|(code, _)| code), Some(0x8020_0009));
        assert_eq!(context("none").map(|(code, _)| code), Some(0x0020_0006));
        assert_eq!(context("nonsense"), None);
    }

    #[test]
    fn every_error_can_be_looked_up_by_its_name() {
        for failure in FAILURES {
            assert_eq!(error(&failure.full_name()).map(|d| d.code), Some(failure.code()));
        }
        for refusal in REFUSALS {
            assert_eq!(error(refusal.name()).map(|d| d.code), Some(refusal.code()));
        }
        assert_eq!(error("http-503").map(|d| d.code), Some(0x8019_01f7));
        assert_eq!(error("http-99999"), None);
        assert_eq!(error("nonsense"), None);
    }
}
