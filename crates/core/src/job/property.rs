//! Every property of a job, once: what it is called, what it is at first, what it may be, when, by
//! whom, and which no others get (`job-model.md` 3).
//!
//! The rules that need a job's state are read from this table; limits are enforced in
//! [`super::settings`], in the words that stand here. The bus, the command line's options and
//! `docs/properties.md` use the same rows, so a property cannot be half there.

use crate::refusal::Refusal;

/// A property its owner may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// What people call it.
    DisplayName,
    /// What it is for.
    Description,
    /// How urgent it is.
    Priority,
    /// The least pause before another try.
    MinimumRetryDelay,
    /// How long it may go on without a byte.
    NoProgressTimeout,
    /// How long it may run.
    MaximumDownloadTime,
    /// Whether the service completes it.
    AutoComplete,
    /// What its owner wants to be told.
    NotifyFlags,
    /// What runs when it ends.
    NotifyCommand,
    /// How often at most its owner is told of changes.
    MinimumNotificationInterval,
    /// How it gets to the network.
    ProxySettings,
    /// On which networks, by their cost, it may run.
    CostFlags,
    /// Whether what is fetched is made while it is sent.
    DynamicContent,
    /// Whether speed matters more than safety.
    HighPerformance,
    /// How many bytes it may fetch in all.
    MaximumDownloadSize,
    /// How many bytes it may fetch in a second.
    BandwidthLimit,
    /// Whether only what was asked for is fetched.
    OnDemandMode,
    /// Which stored credentials are used.
    UseStoredCredentials,
    /// The method of its requests.
    HttpMethod,
    /// How strictly servers are checked, and which redirects are followed.
    SecurityFlags,
    /// The permissions of the finished files.
    FileMode,
    /// The group of the finished files.
    FileGroup,
}

/// Until when a property may be set. None may be set once the job is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Always,
    /// Until it is resumed for the first time.
    BeforeFirstResume,
    /// Until a file is added.
    BeforeFirstFile,
    /// While it is not TRANSFERRED.
    BeforeTransferred,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which.
    pub property: Property,
    /// Its name on the bus.
    pub name: &'static str,
    /// Its D-Bus signature.
    pub signature: &'static str,
    /// Its name among the options of `CreateJob` and of `ebb`; empty where there is none.
    pub option: &'static str,
    /// What it is at first, in words.
    pub default: &'static str,
    /// What it may be, in words.
    pub limits: &'static str,
    /// Until when.
    pub when: When,
    /// The error for a value that may not be; empty where any may.
    pub error: &'static str,
}

/// One row of what can only be read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOnly {
    /// Its name on the bus.
    pub name: &'static str,
    /// Its D-Bus signature.
    pub signature: &'static str,
    /// What it says of a new job.
    pub at_first: &'static str,
}

/// Properties that are understood and judged, and have no effect on Linux: any other value than the
/// default is refused, so that nobody is told that it is on. `docs/differences-from-bits.md` has the
/// reason of each, and the refusal says what to do instead.
pub const WITHOUT_EFFECT: &[Property] = &[Property::UseStoredCredentials];

/// Every property that can be set, in the order options are applied.
pub const PROPERTIES: &[Row] = &[
    Row {
        property: Property::DisplayName,
        name: "DisplayName",
        signature: "s",
        option: "name",
        default: "given at creation",
        limits: "1 to 256 characters",
        when: When::Always,
        error: "string-too-long",
    },
    Row {
        property: Property::Description,
        name: "Description",
        signature: "s",
        option: "description",
        default: "empty",
        limits: "up to 1,024 characters",
        when: When::Always,
        error: "string-too-long",
    },
    Row {
        property: Property::Priority,
        name: "Priority",
        signature: "s",
        option: "priority",
        default: "`normal`",
        limits: "`foreground`, `high`, `normal`, `low`; fixed at `foreground` by another HTTP method",
        when: When::Always,
        error: "not-supported",
    },
    Row {
        property: Property::MinimumRetryDelay,
        name: "MinimumRetryDelay",
        signature: "u",
        option: "retry-delay",
        default: "600 s",
        limits: "below 5 s it is raised to 5 s",
        when: When::Always,
        error: "",
    },
    Row {
        property: Property::NoProgressTimeout,
        name: "NoProgressTimeout",
        signature: "u",
        option: "no-progress-timeout",
        default: "1,209,600 s (14 days)",
        limits: "any; 0 makes every error fatal",
        when: When::Always,
        error: "",
    },
    Row {
        property: Property::MaximumDownloadTime,
        name: "MaximumDownloadTime",
        signature: "u",
        option: "max-download-time",
        default: "7,776,000 s (90 days)",
        limits: "1 s or more",
        when: When::Always,
        error: "invalid-argument",
    },
    Row {
        property: Property::AutoComplete,
        name: "AutoComplete",
        signature: "b",
        option: "auto-complete",
        default: "no",
        limits: "yes, no",
        when: When::Always,
        error: "",
    },
    Row {
        property: Property::NotifyFlags,
        name: "NotifyFlags",
        signature: "u",
        option: "notify-flags",
        default: "0x3 (transferred, error)",
        limits: "bits of 0x3f",
        when: When::Always,
        error: "not-supported",
    },
    Row {
        property: Property::NotifyCommand,
        name: "NotifyCommand",
        signature: "aay",
        option: "notify-command",
        default: "none",
        limits: "a program by its absolute path, and up to 4,000 bytes of parameters; by the owner, \
                 who is not root, where `allow-notify-command` is set",
        when: When::Always,
        error: "invalid-argument",
    },
    Row {
        property: Property::MinimumNotificationInterval,
        name: "MinimumNotificationInterval",
        signature: "u",
        option: "notification-interval",
        default: "500 ms",
        limits: "any",
        when: When::Always,
        error: "",
    },
    Row {
        property: Property::ProxySettings,
        name: "ProxySettings",
        signature: "(sss)",
        option: "proxy",
        default: "`preconfig`, no list, no bypass list",
        limits: "`preconfig`, `none`, `override` (`automatic` is not built); two lists of up to 4,000 \
                 characters, and only with `override`, which needs the first; what is no proxy or no \
                 host is `invalid-proxy-info`",
        when: When::Always,
        error: "proxy-list-too-large",
    },
    Row {
        property: Property::CostFlags,
        name: "CostFlags",
        signature: "u",
        option: "cost",
        default: "0: what the policy says for its priority",
        limits: "bits of 0x800000ff",
        when: When::Always,
        error: "invalid-argument",
    },
    Row {
        property: Property::DynamicContent,
        name: "DynamicContent",
        signature: "b",
        option: "dynamic-content",
        default: "no",
        limits: "yes, no; not with on-demand mode, ranges, or another HTTP method",
        when: When::BeforeFirstResume,
        error: "unsupported-job-configuration",
    },
    Row {
        property: Property::HighPerformance,
        name: "HighPerformance",
        signature: "b",
        option: "high-performance",
        default: "no",
        limits: "yes, no; then no two of its files have the same destination",
        when: When::BeforeFirstFile,
        error: "",
    },
    Row {
        property: Property::MaximumDownloadSize,
        name: "MaximumDownloadSize",
        signature: "t",
        option: "max-download-size",
        default: "2^64-1: no limit",
        limits: "1 byte or more",
        when: When::BeforeFirstResume,
        error: "max-download-size-invalid-value",
    },
    Row {
        property: Property::BandwidthLimit,
        name: "BandwidthLimit",
        signature: "t",
        option: "limit-rate",
        default: "0: no limit of its own",
        limits: "any number of bytes a second",
        when: When::Always,
        error: "",
    },
    Row {
        property: Property::OnDemandMode,
        name: "OnDemandMode",
        signature: "b",
        option: "on-demand",
        default: "no",
        limits: "yes, no; not with dynamic content or another HTTP method",
        when: When::Always,
        error: "unsupported-job-configuration",
    },
    Row {
        property: Property::UseStoredCredentials,
        name: "UseStoredCredentials",
        signature: "s",
        option: "stored-credentials",
        default: "empty: none",
        limits: "`proxy`, or empty",
        when: When::Always,
        error: "use-stored-credentials-not-supported",
    },
    Row {
        property: Property::HttpMethod,
        name: "HttpMethod",
        signature: "s",
        option: "http-method",
        default: "`GET`",
        limits: "a token of up to 32 characters, not `CONNECT`; another than `GET` makes every error \
                 fatal and the priority `foreground`, and excludes dynamic content and on-demand mode",
        when: When::BeforeFirstResume,
        error: "invalid-argument",
    },
    Row {
        property: Property::SecurityFlags,
        name: "SecurityFlags",
        signature: "u",
        option: "security-flags",
        default: "0: everything is checked, redirects are followed",
        limits: "bits of 0x1f; 0x100 or 0x200; 0x800, not with 0x200",
        when: When::Always,
        error: "not-supported",
    },
    Row {
        property: Property::FileMode,
        name: "FileMode",
        signature: "u",
        option: "file-mode",
        default: "2^32-1: 0666 less the umask",
        limits: "bits of 0666: no execute, setuid, setgid",
        when: When::BeforeTransferred,
        error: "invalid-argument",
    },
    Row {
        property: Property::FileGroup,
        name: "FileGroup",
        signature: "u",
        option: "file-group",
        default: "2^32-1: as the directory says",
        limits: "a group of whoever writes the files",
        when: When::BeforeTransferred,
        error: "invalid-argument",
    },
];

/// Every property that can only be read.
pub const READ_ONLY: &[ReadOnly] = &[
    ReadOnly { name: "Id", signature: "s", at_first: "a UUID" },
    ReadOnly { name: "Type", signature: "s", at_first: "`download`" },
    ReadOnly { name: "State", signature: "s", at_first: "`suspended`" },
    ReadOnly { name: "Reason", signature: "s", at_first: "`paused-by-user`" },
    ReadOnly { name: "OwnerUid", signature: "u", at_first: "the caller's" },
    ReadOnly { name: "Created", signature: "x", at_first: "now" },
    ReadOnly { name: "Modified", signature: "x", at_first: "now" },
    ReadOnly { name: "TransferCompleted", signature: "x", at_first: "0" },
    ReadOnly { name: "NextAttempt", signature: "x", at_first: "0" },
    ReadOnly { name: "FilesTotal", signature: "u", at_first: "0" },
    ReadOnly { name: "FilesTransferred", signature: "u", at_first: "0" },
    ReadOnly { name: "BytesTotal", signature: "t", at_first: "0" },
    ReadOnly { name: "BytesTransferred", signature: "t", at_first: "0" },
    ReadOnly { name: "ErrorCount", signature: "u", at_first: "0" },
    ReadOnly { name: "HelperTokenSet", signature: "b", at_first: "no" },
    ReadOnly { name: "HelperTokenUid", signature: "u", at_first: "2^32-1" },
    ReadOnly { name: "HelperTokenFlags", signature: "u", at_first: "0" },
    ReadOnly { name: "Attempts", signature: "t", at_first: "0" },
    ReadOnly { name: "LastEvent", signature: "t", at_first: "the newest event's number" },
];

impl Property {
    /// The property of this name on the bus.
    ///
    /// # Errors
    ///
    /// [`Refusal::ReadOnlyProperty`], or [`Refusal::UnknownPropertyId`].
    pub fn named(name: &str) -> Result<Self, Refusal> {
        if let Some(row) = PROPERTIES.iter().find(|row| row.name == name) {
            return Ok(row.property);
        }
        Err(match READ_ONLY.iter().any(|row| row.name == name) {
            true => Refusal::ReadOnlyProperty,
            false => Refusal::UnknownPropertyId,
        })
    }

    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        let row = PROPERTIES.iter().find(|row| row.property == self);
        row.expect("a test shows that every property has its row")
    }

    /// Whether it does something.
    #[must_use]
    pub fn has_effect(self) -> bool {
        !WITHOUT_EFFECT.contains(&self)
    }

    /// Whether requests that are under way were made under the old value, so that a change means
    /// to make them again.
    #[must_use]
    pub fn is_in_requests(self) -> bool {
        match self {
            Self::ProxySettings
            | Self::UseStoredCredentials
            | Self::SecurityFlags
            // Not in them, but it says which are made.
            | Self::OnDemandMode => true,
            Self::DisplayName
            | Self::Description
            | Self::Priority
            | Self::MinimumRetryDelay
            | Self::NoProgressTimeout
            | Self::MaximumDownloadTime
            | Self::AutoComplete
            | Self::NotifyFlags
            | Self::NotifyCommand
            | Self::MinimumNotificationInterval
            | Self::CostFlags
            | Self::BandwidthLimit
            | Self::FileMode
            | Self::FileGroup
            // Not to be changed once requests are made.
            | Self::DynamicContent
            | Self::HighPerformance
            | Self::MaximumDownloadSize
            | Self::HttpMethod => false,
        }
    }
}
