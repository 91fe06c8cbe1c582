//! Why the destination cannot take the bytes: names, and what to do about it.

use core::fmt;

/// The destination cannot take the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationTrouble {
    /// The directory does not exist.
    NoSuchDirectory,
    /// What should be the directory is something else.
    NotADirectory,
    /// The directory's path ends in a symbolic link.
    SymbolicLink,
    /// The identity may not write there.
    AccessDenied,
    /// The destination exists and is not a regular file.
    NotARegularFile,
    /// `/proc`, `/sys`, `/dev` and their like.
    SpecialFileSystem,
    /// Another directory stands at that path now.
    DestinationChanged,
    /// The destination exists and may not be replaced.
    Exists,
    /// The file's name is too long for the file system.
    NameTooLong,
    /// No space or quota left.
    NoSpace,
    /// The file system is read-only.
    ReadOnly,
    /// The temporary file is gone, or another one.
    TemporaryLost,
    /// The kernel said something else, as an `errno`.
    Io(i32),
}

impl DestinationTrouble {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NoSuchDirectory => "no-such-directory",
            Self::NotADirectory => "not-a-directory",
            Self::SymbolicLink => "symbolic-link",
            Self::AccessDenied => "destination-access-denied",
            Self::NotARegularFile => "not-a-regular-file",
            Self::SpecialFileSystem => "special-file-system",
            Self::DestinationChanged => "destination-changed",
            Self::Exists => "destination-exists",
            Self::NameTooLong => "name-too-long",
            Self::NoSpace => "no-space",
            Self::ReadOnly => "read-only-file-system",
            Self::TemporaryLost => "temporary-lost",
            Self::Io(_) => "io-error",
        }
    }

    pub(super) fn code(self) -> u32 {
        match self {
            Self::NoSuchDirectory => 0x8007_0003,
            Self::AccessDenied => 0x8007_0005,
            Self::NotADirectory | Self::SymbolicLink | Self::NotARegularFile => 0x8007_0057,
            Self::SpecialFileSystem => 0x8007_0057,
            Self::DestinationChanged => 0x8020_000e,
            Self::Exists => 0x8007_0050,
            Self::NameTooLong => 0x8007_00ce,
            Self::NoSpace => 0x8007_0070,
            Self::ReadOnly => 0x8007_0013,
            Self::TemporaryLost => 0x8007_0002,
            Self::Io(_) => 0,
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::NoSuchDirectory => "make the directory, then try again",
            Self::NotADirectory | Self::SymbolicLink => {
                "name a real directory, without a link at its end"
            }
            Self::AccessDenied => {
                "choose a directory this identity may write, or lend one that may"
            }
            Self::NotARegularFile => "choose a name that is free, or a regular file",
            Self::SpecialFileSystem => "choose a directory on an ordinary file system",
            Self::DestinationChanged => "put the directory back, then resume; or cancel",
            Self::Exists => "move the existing file away, then complete again",
            Self::NameTooLong => "choose a shorter name",
            Self::NoSpace => "free space, then resume: what is there is kept",
            Self::ReadOnly => "make the file system writable, then resume",
            Self::TemporaryLost => "resume: the file starts over",
            Self::Io(_) => "look into the system's log for the disk, then resume",
        }
    }
}

impl fmt::Display for DestinationTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchDirectory => "the directory does not exist",
            Self::NotADirectory => "the destination's parent is not a directory",
            Self::SymbolicLink => "the directory's path ends in a symbolic link",
            Self::AccessDenied => "no permission to write in the directory",
            Self::NotARegularFile => "the destination exists and is not a regular file",
            Self::SpecialFileSystem => "the destination is on a special file system",
            Self::DestinationChanged => "another directory stands at the destination now",
            Self::Exists => "the destination exists and may not be replaced",
            Self::NameTooLong => "the file's name is too long",
            Self::NoSpace => "no space left for the file",
            Self::ReadOnly => "the file system is read-only",
            Self::TemporaryLost => "the temporary file is gone or has been exchanged",
            Self::Io(errno) => return write!(f, "the system reported error {errno}"),
        })
    }
}
