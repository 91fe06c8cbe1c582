//! The first kind of no: we refused, and nothing changed.
//!
//! A refusal answers the caller, at once, about *their request*. It is never stored and never
//! retried by us. Trouble met later, while transferring, is a [`crate::failure::Failure`].
//! Each refusal has a symbolic name, BITS' number where one exists, a sentence and advice; that is
//! all a client ever sees of it.

use core::fmt;

use crate::failure::Failure;

/// We said no, and nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such job, or the caller may not know of it (R1: they are told apart by nobody).
    NotFound,
    /// The caller may not do this.
    AccessDenied,
    /// The operation is impossible in the job's present state.
    InvalidState,
    /// Resume of a job without files.
    Empty,
    /// An argument makes no sense; says which and why.
    InvalidArgument(&'static str),
    /// A value is well formed, but not one we support.
    NotSupported(&'static str),
    /// A string is longer than its limit.
    StringTooLong {
        /// Which string.
        what: &'static str,
        /// Its limit in Unicode scalar values, or in bytes for paths and URLs.
        limit: u32,
    },
    /// The owner has as many jobs as the policy allows.
    TooManyJobsPerUser(u32),
    /// The machine has as many jobs as the policy allows.
    TooManyJobsPerMachine(u32),
    /// The job has as many files as the policy allows.
    TooManyFilesInJob(u32),
    /// A file has more ranges than the policy allows.
    TooManyRangesInFile(u32),
    /// A range is malformed, or not in the file; says how.
    InvalidRange(&'static str),
    /// Two ranges of a file have a byte in common.
    OverlappingRanges,
    /// The file cannot be fetched in pieces; says why.
    RandomAccessNotSupported(&'static str),
    /// The connection keeps more events or objects waiting than we hold for one caller.
    TooManyRequests,
    /// An ordinary owner may lend only an ordinary user's token (F11b).
    AdministratorToken,
    /// The operation needs the helper token, and there is none (R6, R7).
    TokenRequired,
    /// The connection gives no pidfd, so the login session cannot be known (R2).
    NoProcessDescriptor,
    /// Whether the caller is in a login session that is still there cannot be known; says why (R2).
    SessionUnknown(&'static str),
    /// A private instance serves one identity only.
    PrivateInstance,
    /// There is no policy of that name that can be changed while the service runs.
    UnknownPolicy,
    /// The value is none for this policy; says what it must be.
    InvalidPolicyValue(&'static str),
    /// The policy cannot be read, or a change of it cannot be written down.
    PolicyNotKept,
    /// The policy allows no command to run when a job ends.
    NotifyCommandNotAllowed,
    /// Whoever would take the job over cannot reach what it holds.
    NewOwnerNoFileAccess,
    /// The job has no error to tell about.
    ErrorInformationUnavailable,
    /// The job's error is about no file.
    FileNotAvailable,
    /// The job's error is about no protocol.
    ProtocolNotAvailable,
    /// The job has no file of that number.
    FileNotFound,
    /// The file is not fully here yet.
    Pending,
    /// The property cannot be written.
    ReadOnlyProperty,
    /// It could be written until a file was added.
    ReadOnlyPropertyAfterAddfile,
    /// It could be written until the job was first resumed.
    ReadOnlyPropertyAfterResume,
    /// It can be changed while the job is suspended, in error or transferred.
    ReadOnlyWhenJobActive,
    /// There is no property of that name.
    UnknownPropertyId,
    /// The proxy list is longer than its limit.
    ProxyListTooLarge,
    /// The proxy bypass list is longer than its limit.
    ProxyBypassListTooLarge,
    /// No download is of at most that size.
    MaxDownloadSizeInvalidValue,
    /// Stored credentials are for proxies only.
    UseStoredCredentialsNotSupported,
    /// Another HTTP method than the default excludes it.
    NotSupportedWithCustomHttpMethod,
    /// Two properties exclude each other.
    UnsupportedJobConfiguration,
    /// Credentials are for the server or for the proxy.
    InvalidAuthTarget,
    /// Nobody proves who they are in that way.
    InvalidAuthScheme,
    /// The user name is longer than its limit.
    UserNameTooLarge,
    /// The password is longer than its limit.
    PasswordTooLarge,
    /// The job has no client certificate to tell about.
    NoClientCertificate,
    /// What is remembered of the job cannot be read.
    HistoryUnavailable,
    /// An entry of a proxy list, or of a bypass list, makes no sense.
    InvalidProxyInfo {
        /// Which, as far as it may be shown.
        entry: String,
        /// Why.
        why: &'static str,
    },
    /// The destination, or a file at Complete, does not do.
    Unusable(Failure),
    /// The service is shutting down.
    ShuttingDown,
}

impl Refusal {
    /// The symbolic name, stable for ever.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::AccessDenied => "access-denied",
            Self::InvalidState => "invalid-state",
            Self::Empty => "empty",
            Self::InvalidArgument(_) => "invalid-argument",
            Self::NotSupported(_) => "not-supported",
            Self::StringTooLong { .. } => "string-too-long",
            Self::TooManyJobsPerUser(_) => "too-many-jobs-per-user",
            Self::TooManyJobsPerMachine(_) => "too-many-jobs-per-machine",
            Self::TooManyFilesInJob(_) => "too-many-files-in-job",
            Self::TooManyRangesInFile(_) => "too-many-ranges-in-file",
            Self::InvalidRange(_) => "invalid-range",
            Self::OverlappingRanges => "overlapping-ranges",
            Self::RandomAccessNotSupported(_) => "random-access-not-supported",
            Self::TooManyRequests => "too-many-requests",
            Self::AdministratorToken => "administrator-token",
            Self::TokenRequired => "token-required",
            Self::NoProcessDescriptor => "no-process-descriptor",
            Self::SessionUnknown(_) => "session-unknown",
            Self::PrivateInstance => "private-instance",
            Self::UnknownPolicy => "unknown-policy",
            Self::InvalidPolicyValue(_) => "invalid-policy-value",
            Self::PolicyNotKept => "policy-not-kept",
            Self::NotifyCommandNotAllowed => "notify-command-not-allowed",
            Self::NewOwnerNoFileAccess => "new-owner-no-file-access",
            Self::ErrorInformationUnavailable => "error-information-unavailable",
            Self::FileNotAvailable => "file-not-available",
            Self::ProtocolNotAvailable => "protocol-not-available",
            Self::FileNotFound => "file-not-found",
            Self::Pending => "pending",
            Self::ReadOnlyProperty => "read-only-property",
            Self::ReadOnlyPropertyAfterAddfile => "read-only-property-after-addfile",
            Self::ReadOnlyPropertyAfterResume => "read-only-property-after-resume",
            Self::ReadOnlyWhenJobActive => "read-only-when-job-active",
            Self::UnknownPropertyId => "unknown-property-id",
            Self::ProxyListTooLarge => "proxy-list-too-large",
            Self::ProxyBypassListTooLarge => "proxy-bypass-list-too-large",
            Self::MaxDownloadSizeInvalidValue => "max-download-size-invalid-value",
            Self::UseStoredCredentialsNotSupported => "use-stored-credentials-not-supported",
            Self::NotSupportedWithCustomHttpMethod => "not-supported-with-custom-http-method",
            Self::UnsupportedJobConfiguration => "unsupported-job-configuration",
            Self::InvalidAuthTarget => "invalid-auth-target",
            Self::InvalidAuthScheme => "invalid-auth-scheme",
            Self::UserNameTooLarge => "username-too-large",
            Self::PasswordTooLarge => "password-too-large",
            Self::NoClientCertificate => "no-client-certificate",
            Self::HistoryUnavailable => "history-unavailable",
            Self::InvalidProxyInfo { .. } => "invalid-proxy-info",
            Self::Unusable(failure) => failure.name(),
            Self::ShuttingDown => "shutting-down",
        }
    }

    /// The symbolic name people and scripts see; as [`Failure::full_name`].
    #[must_use]
    pub fn full_name(&self) -> String {
        if let Self::Unusable(failure) = self { failure.full_name() } else { self.name().into() }
    }

    /// BITS' number, or 0 where BITS has none.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::NotFound => 0x8020_0001,
            Self::AccessDenied | Self::AdministratorToken | Self::NotifyCommandNotAllowed => {
                0x8007_0005
            }
            Self::InvalidState => 0x8020_0002,
            Self::Empty => 0x8020_0003,
            Self::InvalidArgument(_) | Self::UnknownPolicy | Self::InvalidPolicyValue(_) => {
                0x8007_0057
            }
            Self::NotSupported(_) => 0x8000_4001,
            Self::StringTooLong { .. } => 0x8020_0021,
            Self::TooManyJobsPerUser(_) => 0x8020_0049,
            Self::TooManyJobsPerMachine(_) => 0x8020_0050,
            Self::TooManyFilesInJob(_) => 0x8020_0051,
            Self::TooManyRangesInFile(_) => 0x8020_0052,
            Self::InvalidRange(_) => 0x8020_002b,
            Self::OverlappingRanges => 0x8020_002c,
            Self::RandomAccessNotSupported(_) => 0x8020_006d,
            Self::TokenRequired => 0x8020_0056,
            Self::NoProcessDescriptor => 0x8001_0123,
            Self::NewOwnerNoFileAccess => 0x8020_0016,
            Self::ErrorInformationUnavailable => 0x8020_000f,
            Self::FileNotAvailable => 0x8020_0004,
            Self::ProtocolNotAvailable => 0x8020_0005,
            Self::FileNotFound => 0x8020_0029,
            Self::Pending => 0x8000_000a,
            Self::ReadOnlyProperty => 0x8020_0058,
            Self::ReadOnlyPropertyAfterAddfile => 0x8020_0061,
            Self::ReadOnlyPropertyAfterResume => 0x8020_0062,
            Self::ReadOnlyWhenJobActive => 0x8020_0075,
            Self::UnknownPropertyId => 0x8020_0057,
            Self::ProxyListTooLarge => 0x8020_0018,
            Self::ProxyBypassListTooLarge => 0x8020_0019,
            Self::MaxDownloadSizeInvalidValue => 0x8020_0063,
            Self::UseStoredCredentialsNotSupported => 0x8020_0066,
            Self::NotSupportedWithCustomHttpMethod => 0x8020_0071,
            Self::UnsupportedJobConfiguration => 0x8020_0072,
            Self::InvalidAuthTarget => 0x8020_0027,
            Self::InvalidAuthScheme => 0x8020_0028,
            Self::UserNameTooLarge => 0x8020_0025,
            Self::PasswordTooLarge => 0x8020_0026,
            Self::NoClientCertificate => 0x8007_06f7,
            Self::InvalidProxyInfo { .. } => 0x8020_003f,
            Self::Unusable(failure) => failure.code(),
            Self::SessionUnknown(_)
            | Self::HistoryUnavailable
            | Self::PolicyNotKept
            | Self::TooManyRequests
            | Self::PrivateInstance
            | Self::ShuttingDown => 0,
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotFound => {
                "list your jobs; a job that is over, or another user's, is not among them"
            }
            Self::AccessDenied => "ask the owner of the job, or an administrator",
            Self::InvalidState => "look at the job's state first",
            Self::Empty => "add a file, then resume",
            Self::InvalidArgument(_) => "correct the argument and call again",
            Self::NotSupported(_) => "use one of the values the documentation lists",
            Self::StringTooLong { .. } => "shorten it",
            Self::TooManyJobsPerUser(_) | Self::TooManyJobsPerMachine(_) => {
                "complete or cancel jobs, or ask an administrator to raise the limit"
            }
            Self::TooManyFilesInJob(_) => "put the files into several jobs",
            Self::TooManyRangesInFile(_) => "ask for fewer and larger ranges",
            Self::InvalidRange(_) => "correct the range; a length of 2^64-1 means: to the end",
            Self::OverlappingRanges => "name each byte once",
            Self::RandomAccessNotSupported(_) => "let the file come from its beginning to its end",
            Self::TooManyRequests => "wait for answers before asking more",
            Self::AdministratorToken => {
                "let an administrator lend this identity, or lend an ordinary user's"
            }
            Self::TokenRequired => {
                "lend the helper's identity again, or set the helper flags to none; then try again"
            }
            Self::NoProcessDescriptor => {
                "call over Ebb's own socket (/run/ebb/bus), as the client library does"
            }
            Self::SessionUnknown(_) => "call again, from a login session that is still there",
            Self::PrivateInstance => "use the system service to lend another user's identity",
            Self::UnknownPolicy => {
                "ebb.toml(5) lists them; who may do what is said in that file only"
            }
            Self::InvalidPolicyValue(_) => "write the value as in ebb.toml(5)",
            Self::PolicyNotKept => "the service's log says what is wrong; nothing has changed",
            Self::NotifyCommandNotAllowed => {
                "register for the job's notifications, or ask an administrator for allow-notify-command"
            }
            Self::NewOwnerNoFileAccess => {
                "complete or cancel the job as it is; its files are its owner's"
            }
            Self::ErrorInformationUnavailable => "the job has met no error since it last moved",
            Self::FileNotAvailable | Self::ProtocolNotAvailable => {
                "read the error itself: its context says where it belongs"
            }
            Self::FileNotFound => "list the job's files; they are numbered from 0",
            Self::Pending => "wait until the file is transferred",
            Self::ReadOnlyProperty => "this property is set by the service",
            Self::ReadOnlyPropertyAfterAddfile => "set it before the first file is added",
            Self::ReadOnlyPropertyAfterResume => "set it before the job is first resumed",
            Self::ReadOnlyWhenJobActive => "suspend the job first",
            Self::UnknownPropertyId => "look into the interface for the properties there are",
            Self::ProxyListTooLarge | Self::ProxyBypassListTooLarge => {
                "a list has up to 4,000 characters, 32 proxies and 256 hosts"
            }
            Self::MaxDownloadSizeInvalidValue => "name a size of 1 byte or more",
            Self::UseStoredCredentialsNotSupported => "ask for the proxy's, or set credentials",
            Self::NotSupportedWithCustomHttpMethod => {
                "leave the method at GET, or priority, dynamic content and on-demand mode alone"
            }
            Self::UnsupportedJobConfiguration => {
                "turn one of the two off first; with high performance, give each file its own path"
            }
            Self::InvalidAuthTarget => "credentials are for server or proxy",
            Self::InvalidAuthScheme => "use basic, digest, ntlm or negotiate",
            Self::UserNameTooLarge => "a user name has up to 300 characters",
            Self::PasswordTooLarge => "a password has up to 65,536 characters",
            Self::NoClientCertificate => "set one first",
            Self::HistoryUnavailable => {
                "the service's log says what is wrong; the job itself is not affected"
            }
            Self::InvalidProxyInfo { .. } => {
                "write proxies as [http://]host[:port] and hosts as they stand in addresses"
            }
            Self::Unusable(failure) => failure.advice(),
            Self::ShuttingDown => "try again when the service is back",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such job"),
            Self::AccessDenied => f.write_str("not permitted"),
            Self::InvalidState => f.write_str("impossible in the job's present state"),
            Self::Empty => f.write_str("the job has no files"),
            Self::InvalidArgument(why) | Self::NotSupported(why) => f.write_str(why),
            Self::StringTooLong { what, limit } => write!(f, "the {what} is longer than {limit}"),
            Self::TooManyJobsPerUser(limit) => write!(f, "a user may have {limit} jobs"),
            Self::TooManyJobsPerMachine(limit) => write!(f, "the machine may have {limit} jobs"),
            Self::TooManyFilesInJob(limit) => write!(f, "a job may have {limit} files"),
            Self::TooManyRangesInFile(limit) => write!(f, "a file may have {limit} ranges"),
            Self::InvalidRange(why)
            | Self::RandomAccessNotSupported(why)
            | Self::SessionUnknown(why) => f.write_str(why),
            Self::OverlappingRanges => f.write_str("two of the ranges have a byte in common"),
            Self::TooManyRequests => {
                f.write_str("too many requests are waiting on this connection")
            }
            Self::AdministratorToken => f.write_str("an administrator's identity is in play"),
            Self::TokenRequired => f.write_str("the helper token is missing"),
            Self::NoProcessDescriptor => f.write_str("this bus does not tell the caller's process"),
            Self::PrivateInstance => f.write_str("a private instance serves one identity only"),
            Self::UnknownPolicy => f.write_str("there is no such policy that can be changed"),
            Self::InvalidPolicyValue(expected) => write!(f, "the value must be {expected}"),
            Self::PolicyNotKept => f.write_str("the policy cannot be read, or not be written"),
            Self::NotifyCommandNotAllowed => {
                f.write_str("on this machine no command may run when a job ends")
            }
            Self::NewOwnerNoFileAccess => {
                f.write_str("the new owner cannot reach the job's temporary files")
            }
            Self::ErrorInformationUnavailable => f.write_str("the job has no error"),
            Self::FileNotAvailable => f.write_str("the error is about no file"),
            Self::ProtocolNotAvailable => f.write_str("the error is about no protocol"),
            Self::FileNotFound => f.write_str("the job has no file of that number"),
            Self::Pending => f.write_str("the file is not fully here yet"),
            Self::ReadOnlyProperty => f.write_str("the property cannot be written"),
            Self::ReadOnlyPropertyAfterAddfile => {
                f.write_str("the property cannot be written once the job has a file")
            }
            Self::ReadOnlyPropertyAfterResume => {
                f.write_str("the property cannot be written once the job was resumed")
            }
            Self::ReadOnlyWhenJobActive => f.write_str("impossible while the job is active"),
            Self::UnknownPropertyId => f.write_str("there is no such property"),
            Self::ProxyListTooLarge => f.write_str("the proxy list is too long"),
            Self::ProxyBypassListTooLarge => f.write_str("the proxy bypass list is too long"),
            Self::MaxDownloadSizeInvalidValue => f.write_str("no download has at most that size"),
            Self::UseStoredCredentialsNotSupported => {
                f.write_str("stored credentials can be used for proxies only")
            }
            Self::NotSupportedWithCustomHttpMethod => {
                f.write_str("another HTTP method than GET excludes that")
            }
            Self::UnsupportedJobConfiguration => f.write_str(
                "two properties of the job, or a property and a file, exclude each other",
            ),
            Self::InvalidAuthTarget => f.write_str("nobody takes such credentials"),
            Self::InvalidAuthScheme => f.write_str("nobody logs on in that way"),
            Self::UserNameTooLarge => f.write_str("the user name is too long"),
            Self::PasswordTooLarge => f.write_str("the password is too long"),
            Self::NoClientCertificate => f.write_str("the job has no client certificate"),
            Self::HistoryUnavailable => f.write_str("the job's history cannot be read"),
            Self::InvalidProxyInfo { entry, why } => {
                write!(f, "the proxy settings make no sense at {entry:?}: {why}")
            }
            Self::Unusable(failure) => failure.fmt(f),
            Self::ShuttingDown => f.write_str("the service is shutting down"),
        }
    }
}

impl core::error::Error for Refusal {}

#[cfg(test)]
mod tests;
