//! Why a file of the machine cannot be copied from: names, and what to do about it.

use core::fmt;

use super::Remedy;

/// The source, a file of this machine, cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceTrouble {
    /// There is none.
    NotFound,
    /// The identity may not read it.
    AccessDenied,
    /// A directory, a link, a device, a pipe, or something of the kernel's.
    NotAFile,
    /// It is written to while it is copied, again and again.
    Changing,
    /// The kernel said something else, as an `errno`.
    Io(i32),
}

impl SourceTrouble {
    pub(super) fn remedy(self) -> Remedy {
        match self {
            Self::Changing => Remedy::Retry,
            Self::NotFound | Self::AccessDenied | Self::NotAFile | Self::Io(_) => Remedy::AskOwner,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotFound => "source-not-found",
            Self::AccessDenied => "source-access-denied",
            Self::NotAFile => "source-not-a-file",
            Self::Changing => "source-changes",
            Self::Io(_) => "source-io-error",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::NotFound => 0x8007_0002,
            Self::AccessDenied => 0x8007_0005,
            Self::NotAFile => 0x8007_0057,
            Self::Changing => 0x8020_0073,
            Self::Io(_) => 0,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NotFound => "check the path; add the file again under the right one",
            Self::AccessDenied => {
                "allow the job's owner, or its helper for files, to read it, then resume"
            }
            Self::NotAFile => "name a regular file, by a path that does not end in a link",
            Self::Changing => "nothing to do: it is tried again by itself",
            Self::Io(_) => "look at the disk the file is on, then resume",
        }
    }
}

impl fmt::Display for SourceTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is no such file on this machine",
            Self::AccessDenied => "the file on this machine may not be read",
            Self::NotAFile => "what should be copied is no regular file",
            Self::Changing => "the file is being written while it is copied",
            Self::Io(errno) => return write!(f, "the file cannot be read (errno {errno})"),
        })
    }
}
