//! What the service and a file agent say to each other.
//!
//! The agent keeps nothing between requests: each names the directory by path *and* by the device
//! and inode recorded when the file was added, so a request can be repeated after any crash. Paths
//! and names are bytes, as Linux has them.

/// A directory, as it was found when the file was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Absolute path.
    pub dir: Vec<u8>,
    /// Device it was on.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
}

/// A temporary file, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// Its name in the directory; never contains a slash.
    pub name: Vec<u8>,
    /// Its device.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
}

/// A file of the machine that is copied from, and what tells this version of it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its device.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written, in seconds since the epoch.
    pub modified: i64,
    /// And nanoseconds.
    pub modified_ns: u64,
    /// When anything of it last changed.
    pub changed: i64,
    /// And nanoseconds.
    pub changed_ns: u64,
}

/// What a finished file is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Modification time to set, in seconds since the epoch.
    pub modified: Option<i64>,
    /// Permission bits; the agent takes no others than those of 0666.
    pub mode: Option<u32>,
    /// Its group; the kernel takes only one of the agent's.
    pub group: Option<u32>,
}

/// From the service to a file agent. Every request is answered once, with the same `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToFiles {
    /// Look at a destination that is being added: open the directory (no link in the last step),
    /// check that it may be written, and that `name`, if it exists, is a regular file.
    /// Answered by `Inspected`.
    Inspect {
        /// Request number.
        seq: u64,
        /// Absolute path of the directory.
        dir: Vec<u8>,
        /// Name of the file in it.
        name: Vec<u8>,
    },
    /// Make a temporary file for `name`. Answered by `Opened`.
    Create {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// The final name, from which the temporary name is made.
        name: Vec<u8>,
        /// The rest of the temporary name: its lowest 40 bits. The service can say it again after
        /// a crash, and have the file swept away that it never heard of.
        mark: u64,
    },
    /// Delete the temporary file that `Create` with this mark would have made, if it is there and
    /// empty: a crash came between its making and its being written down. Answered by `Done`.
    Sweep {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// The final name.
        name: Vec<u8>,
        /// The mark.
        mark: u64,
    },
    /// Open a temporary file made earlier. Answered by `Opened`.
    Reopen {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// Which.
        temporary: Temporary,
    },
    /// Copy a part of another temporary file, whose descriptor comes with this message, to the same
    /// place of this one, and sync it. `Done` means that all of it is there. The other one is
    /// another identity's, and this is how the bytes it holds change hands.
    Fill {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// Which is written.
        temporary: Temporary,
        /// The first byte.
        from: u64,
        /// One past the last.
        until: u64,
    },
    /// Look at a file that is to be copied: a regular one, no link in the last step. Answered by
    /// `Source`.
    LookAt {
        /// Request number.
        seq: u64,
        /// Absolute path.
        path: Vec<u8>,
    },
    /// Copy a part of such a file to the same place of the temporary file whose descriptor comes
    /// with this message, cut that where the part begins, and sync it. `Done` means that all of it is
    /// there, and that the source was this one all the while.
    Copy {
        /// Request number.
        seq: u64,
        /// Absolute path of the source.
        path: Vec<u8>,
        /// What it has to be.
        source: Source,
        /// The first byte.
        from: u64,
        /// One past the last.
        until: u64,
    },
    /// Give a temporary file its final name before anything of it is finished: from now on
    /// everybody sees it grow. Repeating it after it has succeeded succeeds again. Its owner can
    /// always read and write it until `Rename`. Answered by `Done`.
    PutInPlace {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// Which, under the name it was made with.
        temporary: Temporary,
        /// The final name.
        name: Vec<u8>,
        /// Whether a file of that name may be replaced.
        replace: bool,
        /// What it is to be like; its time is set by `Rename`.
        look: Look,
    },
    /// Give a finished temporary file its mode and its final name. Repeating it after it has
    /// succeeded succeeds again, and so it does for one that was put in place. Answered by `Done`.
    Rename {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// Which.
        temporary: Temporary,
        /// The final name.
        name: Vec<u8>,
        /// Whether a file of that name may be replaced.
        replace: bool,
        /// What it is to be like.
        look: Look,
    },
    /// Delete a temporary file. One that is gone already is no error. Answered by `Done`.
    Delete {
        /// Request number.
        seq: u64,
        /// Where.
        place: Place,
        /// Which.
        temporary: Temporary,
    },
}

/// From a file agent to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromFiles {
    /// First message: the sandbox is on (or not, where policy lets that pass).
    Hello {
        /// What was enforced, for the log.
        sandbox: crate::Sandbox,
    },
    /// The destination can be used.
    Inspected {
        /// Request number.
        seq: u64,
        /// Device of the directory.
        dev: u64,
        /// Inode of the directory.
        ino: u64,
    },
    /// The temporary file is open, read and write; its descriptor comes with this message.
    Opened {
        /// Request number.
        seq: u64,
        /// What it is called, and where it is.
        temporary: Temporary,
        /// Its present length in bytes.
        length: u64,
    },
    /// What is to be copied is there.
    Source {
        /// Request number.
        seq: u64,
        /// What it is.
        source: Source,
    },
    /// Done.
    Done {
        /// Request number.
        seq: u64,
    },
    /// It did not work, and nothing was changed.
    Failed {
        /// Request number.
        seq: u64,
        /// What happened.
        trouble: FileTrouble,
    },
}

/// What a file agent ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileTrouble {
    /// The directory does not exist.
    NoSuchDirectory,
    /// The path names something else than a directory.
    NotADirectory,
    /// The last step of the directory's path is a symbolic link.
    SymbolicLink,
    /// The kernel says this identity may not.
    AccessDenied,
    /// The destination exists and is not a regular file.
    NotARegularFile,
    /// `/proc`, `/sys`, `/dev` and their like take no downloads.
    SpecialFileSystem,
    /// Another directory is at that path now.
    DirectoryChanged,
    /// The temporary file is gone.
    TemporaryGone,
    /// The temporary file is another one, has another owner, or a second link.
    TemporaryChanged,
    /// The destination exists and may not be replaced.
    Exists,
    /// The name is too long for this file system.
    NameTooLong,
    /// No space, or no quota, left.
    NoSpace,
    /// The file system is mounted read-only.
    ReadOnly,
    /// There is no such source.
    SourceGone,
    /// This identity may not read it.
    SourceDenied,
    /// It is no regular file.
    SourceNotAFile,
    /// It is another one than it was, or has been written to.
    SourceChanged,
    /// Anything else the kernel said of the source, as an `errno`.
    SourceIo(i32),
    /// Anything else the kernel said, as an `errno`.
    Io(i32),
}
