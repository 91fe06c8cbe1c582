//! The bytes of what the service and a file agent say to each other. Tags are in `PROTOCOL.md`.
//!
//! Paths and names are bytes with limits; a message that holds more, less or something else than
//! its tag says is an error, and whoever reads it ends.

use super::{DecodeError, EncodeError, Message, NAME_MAX, PATH_MAX, Part, Reader, Writer};
use crate::files::{FileTrouble, FromFiles, Look, Place, Source, Temporary, ToFiles};

impl Message for ToFiles {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Inspect { seq, dir, name } => {
                Writer::new(1).put(seq).bytes(dir, PATH_MAX).bytes(name, NAME_MAX)
            }
            Self::Create { seq, place, name, mark } => {
                Writer::new(2).put(seq).put(place).bytes(name, NAME_MAX).put(mark)
            }
            Self::Sweep { seq, place, name, mark } => {
                Writer::new(6).put(seq).put(place).bytes(name, NAME_MAX).put(mark)
            }
            Self::Reopen { seq, place, temporary } => {
                Writer::new(3).put(seq).put(place).put(temporary)
            }
            Self::Rename { seq, place, temporary, name, replace, look } => Writer::new(4)
                .put(seq)
                .put(place)
                .put(temporary)
                .bytes(name, NAME_MAX)
                .put(replace)
                .put(look),
            Self::PutInPlace { seq, place, temporary, name, replace, look } => Writer::new(8)
                .put(seq)
                .put(place)
                .put(temporary)
                .bytes(name, NAME_MAX)
                .put(replace)
                .put(look),
            Self::Delete { seq, place, temporary } => {
                Writer::new(5).put(seq).put(place).put(temporary)
            }
            Self::LookAt { seq, path } => Writer::new(9).put(seq).bytes(path, PATH_MAX),
            Self::Copy { seq, path, source, from, until } => {
                Writer::new(10).put(seq).bytes(path, PATH_MAX).put(source).put(from).put(until)
            }
            Self::Fill { seq, place, temporary, from, until } => {
                Writer::new(7).put(seq).put(place).put(temporary).put(from).put(until)
            }
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let tag: u8 = from.get()?;
        let message = match tag {
            1 => Self::Inspect {
                seq: from.get()?,
                dir: from.bytes(PATH_MAX)?,
                name: from.bytes(NAME_MAX)?,
            },
            2 => Self::Create {
                seq: from.get()?,
                place: from.get()?,
                name: from.bytes(NAME_MAX)?,
                mark: from.get()?,
            },
            6 => Self::Sweep {
                seq: from.get()?,
                place: from.get()?,
                name: from.bytes(NAME_MAX)?,
                mark: from.get()?,
            },
            3 => Self::Reopen { seq: from.get()?, place: from.get()?, temporary: from.get()? },
            4 => Self::Rename {
                seq: from.get()?,
                place: from.get()?,
                temporary: from.get()?,
                name: from.bytes(NAME_MAX)?,
                replace: from.get()?,
                look: from.get()?,
            },
            8 => Self::PutInPlace {
                seq: from.get()?,
                place: from.get()?,
                temporary: from.get()?,
                name: from.bytes(NAME_MAX)?,
                replace: from.get()?,
                look: from.get()?,
            },
            5 => Self::Delete { seq: from.get()?, place: from.get()?, temporary: from.get()? },
            7 => Self::Fill {
                seq: from.get()?,
                place: from.get()?,
                temporary: from.get()?,
                from: from.get()?,
                until: from.get()?,
            },
            9 => Self::LookAt { seq: from.get()?, path: from.bytes(PATH_MAX)? },
            10 => Self::Copy {
                seq: from.get()?,
                path: from.bytes(PATH_MAX)?,
                source: from.get()?,
                from: from.get()?,
                until: from.get()?,
            },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }

    fn carries_descriptor(&self) -> bool {
        matches!(self, Self::Fill { .. } | Self::Copy { .. })
    }
}

impl Message for FromFiles {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Hello { sandbox } => Writer::new(1).put(sandbox),
            Self::Inspected { seq, dev, ino } => Writer::new(2).put(seq).put(dev).put(ino),
            Self::Opened { seq, temporary, length } => {
                Writer::new(3).put(seq).put(temporary).put(length)
            }
            Self::Done { seq } => Writer::new(4).put(seq),
            Self::Source { seq, source } => Writer::new(6).put(seq).put(source),
            Self::Failed { seq, trouble } => Writer::new(5).put(seq).put(trouble),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Hello { sandbox: from.get()? },
            2 => Self::Inspected { seq: from.get()?, dev: from.get()?, ino: from.get()? },
            3 => Self::Opened { seq: from.get()?, temporary: from.get()?, length: from.get()? },
            4 => Self::Done { seq: from.get()? },
            5 => Self::Failed { seq: from.get()?, trouble: from.get()? },
            6 => Self::Source { seq: from.get()?, source: from.get()? },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }

    fn carries_descriptor(&self) -> bool {
        matches!(self, Self::Opened { .. })
    }
}

impl Part for Place {
    fn put(&self, to: &mut Writer) {
        to.put_bytes(&self.dir, PATH_MAX);
        self.dev.put(to);
        self.ino.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { dir: from.bytes(PATH_MAX)?, dev: from.get()?, ino: from.get()? })
    }
}

impl Part for Source {
    fn put(&self, to: &mut Writer) {
        self.dev.put(to);
        self.ino.put(to);
        self.size.put(to);
        self.modified.put(to);
        self.modified_ns.put(to);
        self.changed.put(to);
        self.changed_ns.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            dev: from.get()?,
            ino: from.get()?,
            size: from.get()?,
            modified: from.get()?,
            modified_ns: from.get()?,
            changed: from.get()?,
            changed_ns: from.get()?,
        })
    }
}

impl Part for Look {
    fn put(&self, to: &mut Writer) {
        self.modified.put(to);
        self.mode.put(to);
        self.group.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { modified: from.get()?, mode: from.get()?, group: from.get()? })
    }
}

impl Part for Temporary {
    fn put(&self, to: &mut Writer) {
        to.put_bytes(&self.name, NAME_MAX);
        self.dev.put(to);
        self.ino.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { name: from.bytes(NAME_MAX)?, dev: from.get()?, ino: from.get()? })
    }
}

/// The troubles that are a number and nothing else; their places in this list are not the wire.
const PLAIN: [(u8, FileTrouble); 17] = [
    (1, FileTrouble::NoSuchDirectory),
    (2, FileTrouble::NotADirectory),
    (3, FileTrouble::SymbolicLink),
    (4, FileTrouble::AccessDenied),
    (5, FileTrouble::NotARegularFile),
    (6, FileTrouble::SpecialFileSystem),
    (7, FileTrouble::DirectoryChanged),
    (8, FileTrouble::TemporaryGone),
    (9, FileTrouble::TemporaryChanged),
    (10, FileTrouble::Exists),
    (11, FileTrouble::NameTooLong),
    (12, FileTrouble::NoSpace),
    (13, FileTrouble::ReadOnly),
    (15, FileTrouble::SourceGone),
    (16, FileTrouble::SourceDenied),
    (17, FileTrouble::SourceNotAFile),
    (18, FileTrouble::SourceChanged),
];
/// The one with an `errno`.
const IO: u8 = 14;
/// The same of a source.
const SOURCE_IO: u8 = 19;

impl Part for FileTrouble {
    fn put(&self, to: &mut Writer) {
        if let Self::Io(errno) = self {
            IO.put(to);
            errno.put(to);
        } else if let Self::SourceIo(errno) = self {
            SOURCE_IO.put(to);
            errno.put(to);
        } else {
            let known = PLAIN.iter().find(|(_, trouble)| trouble == self);
            known.expect("the list has every plain trouble, as a test shows").0.put(to);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            IO => from.get().map(Self::Io),
            SOURCE_IO => from.get().map(Self::SourceIo),
            tag => PLAIN
                .iter()
                .find_map(|(number, trouble)| (*number == tag).then_some(*trouble))
                .ok_or(DecodeError::UnknownNumber),
        }
    }
}
