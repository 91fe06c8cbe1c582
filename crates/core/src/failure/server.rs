//! What is wrong with a server's answer: names, passing or lasting, and what to do about it.

use core::fmt;

use super::Remedy;

/// The server's answer does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTrouble {
    /// A final answer with this HTTP status.
    Status(u16),
    /// The answer breaks HTTP, or contradicts itself.
    MalformedAnswer,
    /// The answer is content-coded though we asked for none.
    EncodedAnswer,
    /// The head of the answer is larger than we take.
    HeadTooLarge,
    /// Redirected too often.
    TooManyRedirects,
    /// Redirected from https to http.
    RedirectDowngrade,
    /// Redirected to something we cannot fetch.
    RedirectInvalid,
    /// The size changed in mid-file.
    SizeChanged,
    /// Redirected, with this HTTP status, where the owner wants no redirect followed.
    RedirectRefused(u16),
    /// Gives no part of the file, or none that can be proved to belong to the rest.
    NoRangeSupport,
    /// The file ends before a range its owner asked for.
    InvalidRange,
    /// Answered with another range than the one asked for.
    WrongRange,
    /// There is more than the owner allows the job to fetch.
    SizeLimit,
    /// The owner says that what came is not the file.
    ValidationFailed,
    /// What came has another digest than whoever added the file says.
    DigestMismatch,
    /// What came has another digest than the server itself says; twice.
    ReprDigestMismatch,
}

impl ServerTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::Status(status) => remedy_of_status(status),
            Self::MalformedAnswer | Self::SizeChanged => Remedy::Retry,
            Self::EncodedAnswer
            | Self::HeadTooLarge
            | Self::TooManyRedirects
            | Self::RedirectDowngrade
            | Self::RedirectInvalid
            | Self::RedirectRefused(_)
            | Self::NoRangeSupport
            | Self::InvalidRange
            | Self::WrongRange
            | Self::SizeLimit
            | Self::ValidationFailed
            | Self::DigestMismatch
            | Self::ReprDigestMismatch => Remedy::AskOwner,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "http-status",
            Self::MalformedAnswer => "malformed-answer",
            Self::EncodedAnswer => "encoded-answer",
            Self::HeadTooLarge => "head-too-large",
            Self::TooManyRedirects => "too-many-redirects",
            Self::RedirectDowngrade => "redirect-downgrade",
            Self::RedirectInvalid => "redirect-invalid",
            Self::SizeChanged => "size-changed",
            Self::RedirectRefused(_) => "redirect-refused",
            Self::NoRangeSupport => "insufficient-range-support",
            Self::InvalidRange => "invalid-range",
            Self::WrongRange => "invalid-server-response",
            Self::SizeLimit => "max-download-size-limit-reached",
            Self::ValidationFailed => "validation-failed",
            Self::DigestMismatch => "digest-mismatch",
            Self::ReprDigestMismatch => "repr-digest-mismatch",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::Status(status) => 0x8019_0000 + u32::from(status),
            Self::MalformedAnswer => 0x8007_2f78,
            Self::EncodedAnswer | Self::HeadTooLarge => 0x8020_001b,
            Self::TooManyRedirects | Self::RedirectDowngrade | Self::RedirectInvalid => 0,
            Self::SizeChanged => 0x8020_0073,
            // Windows' own numbers for a redirect begin at 300.
            Self::RedirectRefused(status) => 0x8007_0000 + u32::from(status),
            Self::NoRangeSupport => 0x8020_0013,
            Self::InvalidRange => 0x8020_002b,
            Self::WrongRange => 0x8020_001b,
            Self::SizeLimit => 0x8020_0064,
            Self::ValidationFailed => 0x8020_0053,
            Self::DigestMismatch | Self::ReprDigestMismatch => 0,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Status(401) => {
                "set credentials for one of the ways the server takes, or correct them, then resume"
            }
            Self::Status(403 | 407) => "ask for access to the file, then resume",
            Self::Status(404 | 410) => "check the address; add the file again under the right one",
            Self::Status(status) => match remedy_of_status(status) {
                Remedy::Retry => "nothing to do: it is tried again by itself",
                Remedy::AskOwner => "ask the server's administrator, then resume",
            },
            Self::MalformedAnswer | Self::EncodedAnswer | Self::HeadTooLarge => {
                "check that the address is a file and not a web page; ask the server's administrator"
            }
            Self::TooManyRedirects | Self::RedirectDowngrade | Self::RedirectInvalid => {
                "find out where the file really is and use that address"
            }
            Self::SizeChanged => "nothing to do: the file starts over",
            Self::RedirectRefused(_) => {
                "the file's remote name is where the server sends us now: resume to go there"
            }
            Self::NoRangeSupport => "add the whole file without ranges, or find a server with them",
            Self::InvalidRange => "cancel, and add ranges that lie inside the file",
            Self::WrongRange => {
                "add the whole file without ranges; tell the server's administrator"
            }
            Self::SizeLimit => "cancel, and allow a new job more bytes",
            Self::ValidationFailed => "resume to fetch the file again, or cancel",
            Self::DigestMismatch => {
                "compare the digest with what the publisher says; resume to fetch the file again"
            }
            Self::ReprDigestMismatch => {
                "tell the server's administrator; resume to fetch the file again"
            }
        }
    }
}

/// The published table (`job-model.md` 6.5) for downloads, after redirects, with the rulings:
/// 425 and 429 pass, 204 lasts.
pub(super) fn remedy_of_status(status: u16) -> Remedy {
    match status {
        204 | 300..=305 | 307 | 308 | 501 | 505 => Remedy::AskOwner,
        408 | 409 | 425 | 429 => Remedy::Retry,
        400..=499 => Remedy::AskOwner,
        _ => Remedy::Retry,
    }
}

impl fmt::Display for ServerTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status(status) => return write!(f, "the server answered HTTP {status}"),
            Self::MalformedAnswer => "the server's answer is not proper HTTP",
            Self::EncodedAnswer => "the server encoded the file though not asked to",
            Self::HeadTooLarge => "the head of the server's answer is too large",
            Self::TooManyRedirects => "the server redirected too often",
            Self::RedirectDowngrade => "the server redirected from https to http",
            Self::RedirectInvalid => "the server redirected to something unusable",
            Self::SizeChanged => "the file changed its size under way",
            Self::RedirectRefused(status) => {
                return write!(f, "the server redirected with HTTP {status}, and it must not");
            }
            Self::NoRangeSupport => "the server gives no part of the file that could be used",
            Self::InvalidRange => "the file ends before the range that was asked for",
            Self::WrongRange => "the server answered with another range than asked for",
            Self::SizeLimit => "there is more to fetch than the job is allowed",
            Self::ValidationFailed => "the file was declared not to be what it should be",
            Self::DigestMismatch => "the file does not have the digest it was added with",
            Self::ReprDigestMismatch => "the file does not have the digest its server gave for it",
        })
    }
}
