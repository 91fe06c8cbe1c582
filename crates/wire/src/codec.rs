//! Which bytes are which message: typed writing and reading, with every length checked.
//!
//! A message is a tag byte and its fields in order, numbers little-endian, nothing padded and
//! nothing optional that is not marked (`PROTOCOL.md` has the prose). The reader answers only
//! *is this one of ours?*; what a message means, and whether its sender may say it, is judged by
//! whoever receives it.
//!
//! What the other side may try: lengths that lie, unknown numbers, too much, too little, text that
//! steers a terminal. Each ends in a [`DecodeError`]; none in a panic, and none makes us allocate
//! more than the datagram that is already here. The writer keeps the same limits, so that a field
//! which is too long is found by its author ([`EncodeError`]) and not by the other process.

mod files;
mod launcher;
mod net;
mod notify;
mod sign;
#[cfg(test)]
mod tests;

use std::fmt;

/// Longest message in bytes.
pub const MESSAGE_MAX: usize = 64 * 1024;
/// Longest URL in bytes.
pub const URL_MAX: usize = 8000;
/// Longest path in bytes.
pub const PATH_MAX: usize = 4096;
/// Longest file name in bytes.
pub const NAME_MAX: usize = 255;
/// Most supplementary groups the kernel gives a process. [`MESSAGE_MAX`] is reached before.
pub const GROUPS_MAX: usize = 65536;
/// Longest sentence fragment for a person, in bytes.
pub const DETAIL_MAX: usize = 1024;
/// Most pieces of one fetch.
pub const PIECES_MAX: usize = 512;
/// Longest request method in bytes.
pub const METHOD_MAX: usize = 64;
/// Most header fields of a request, or of an answer.
pub const FIELDS_COUNT_MAX: usize = 256;
/// Longest header fields of a request together, in bytes of names and values.
pub const HEADERS_MAX: usize = 16 * 1024;
/// Limit of a user name, in bytes: 300 characters.
pub const USER_MAX: usize = 1200;
/// Limit of a part of a password.
pub const SECRET_PART_MAX: usize = 32 * 1024;
/// Longest fields of an answer together, in bytes of names and values.
pub const FIELDS_MAX: usize = 40 * 1024;
/// Most words of a command, and most variables of its environment.
pub const COMMAND_WORDS_MAX: usize = 4100;
/// Longest of those, in bytes.
pub const COMMAND_WORD_MAX: usize = 8192;
/// Longest name of a host in bytes.
pub const HOST_MAX: usize = 256;
/// Most proxies of one fetch.
pub const PROXIES_MAX: usize = 32;
/// Most kinds of hosts that one fetch reaches without them.
pub const BYPASS_MAX: usize = 256;
/// Most certificates that are shown to a server.
pub const CERTIFICATES_MAX: usize = 16;
/// Most parts of the name of a token.
pub const TOKEN_PARTS_MAX: usize = 12;
/// Limit of all certificates that are shown together, in bytes.
pub const CHAIN_MAX: usize = 48 * 1024;
/// Limit of a job's own authorities as PEM, in bytes.
pub const AUTHORITIES_MAX: usize = 48 * 1024;
/// Most signature schemes of a key.
pub const SCHEMES_MAX: usize = 32;
/// Longest message that is signed; of TLS 1.2 that is all that was said in the handshake.
pub const SIGNED_MAX: usize = 60 * 1024;
/// Longest signature in bytes.
pub const SIGNATURE_MAX: usize = 2048;
/// Longest state of hashes that are under way, in bytes.
pub const HASHED_MAX: usize = 512;
/// Most paths that are told of together.
pub const PATHS_MAX: usize = 128;
/// Longest `ETag` or `Last-Modified` field in bytes; a longer one is none.
pub const VALIDATOR_MAX: usize = 1024;

/// Something that is one datagram on one of our channels.
pub trait Message: Sized {
    /// Turns the message into bytes.
    ///
    /// # Errors
    ///
    /// A field, or the whole, exceeds its limit; or text holds control characters.
    fn encode(&self) -> Result<Vec<u8>, EncodeError>;

    /// Turns bytes into the message.
    ///
    /// # Errors
    ///
    /// The bytes are not exactly one message of this type.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Whether a descriptor travels with it: then exactly one does, else none.
    fn carries_descriptor(&self) -> bool {
        false
    }
}

/// Why a message could not be written. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// A field, or the whole message, exceeds its limit.
    TooLong,
    /// Text for a person, or a URL, holds control characters.
    NotPrintable,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a field exceeds its limit",
            Self::NotPrintable => "text holds control characters",
        })
    }
}

impl std::error::Error for EncodeError {}

/// Why bytes are not a message. Whoever meets it ends: both ends are ours and of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It ends before its last field.
    Truncated,
    /// Bytes follow the last field.
    Trailing,
    /// A tag, or a mark for yes, no or absent, that we do not know.
    UnknownNumber,
    /// A field, or the whole message, exceeds its limit.
    TooLong,
    /// Text is not UTF-8.
    NotText,
    /// Text holds control characters.
    NotPrintable,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the message ends too early",
            Self::Trailing => "bytes follow the message",
            Self::UnknownNumber => "the message holds an unknown number",
            Self::TooLong => "a field exceeds its limit",
            Self::NotText => "text is not UTF-8",
            Self::NotPrintable => "text holds control characters",
        })
    }
}

impl std::error::Error for DecodeError {}

/// A part of a message that knows its own bytes.
trait Part: Sized {
    fn put(&self, to: &mut Writer);
    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// Collects the fields of one message.
struct Writer {
    bytes: Vec<u8>,
    error: Option<EncodeError>,
}

impl Writer {
    fn new(tag: u8) -> Self {
        Self { bytes: vec![tag], error: None }
    }

    fn put<P: Part>(mut self, part: &P) -> Self {
        part.put(&mut self);
        self
    }

    /// A byte string that says its length first.
    fn bytes(mut self, bytes: &[u8], limit: usize) -> Self {
        self.put_bytes(bytes, limit);
        self
    }

    fn text(mut self, text: &str, limit: usize) -> Self {
        self.put_text(text, limit);
        self
    }

    fn put_text(&mut self, text: &str, limit: usize) {
        if !is_printable(text) {
            self.error = Some(EncodeError::NotPrintable);
        }
        self.put_bytes(text.as_bytes(), limit);
    }

    /// Things that say how many they are first.
    fn list<P: Part>(mut self, parts: &[P], limit: usize) -> Self {
        self.put_length(parts.len(), limit);
        for part in parts {
            part.put(&mut self);
        }
        self
    }

    fn put_bytes(&mut self, bytes: &[u8], limit: usize) {
        self.put_length(bytes.len(), limit);
        self.bytes.extend_from_slice(bytes);
    }

    fn put_length(&mut self, length: usize, limit: usize) {
        if length > limit {
            self.error = Some(EncodeError::TooLong);
        }
        u32::try_from(length).unwrap_or(u32::MAX).put(self);
    }

    fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None if self.bytes.len() > MESSAGE_MAX => Err(EncodeError::TooLong),
            None => Ok(self.bytes),
        }
    }
}

/// Takes the fields of one message off its bytes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MESSAGE_MAX {
            return Err(DecodeError::TooLong);
        }
        Ok(Self { rest: bytes })
    }

    fn get<P: Part>(&mut self) -> Result<P, DecodeError> {
        P::get(self)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn length(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let length: u32 = self.get()?;
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(length),
            Ok(_) | Err(_) => Err(DecodeError::TooLong),
        }
    }

    fn bytes(&mut self, limit: usize) -> Result<Vec<u8>, DecodeError> {
        let length = self.length(limit)?;
        self.take(length).map(<[u8]>::to_vec)
    }

    fn text(&mut self, limit: usize) -> Result<String, DecodeError> {
        let text = String::from_utf8(self.bytes(limit)?).map_err(|_| DecodeError::NotText)?;
        if is_printable(&text) { Ok(text) } else { Err(DecodeError::NotPrintable) }
    }

    fn list<P: Part>(&mut self, limit: usize) -> Result<Vec<P>, DecodeError> {
        (0..self.length(limit)?).map(|_| self.get()).collect()
    }

    /// Says that this was all. Every `decode` ends here.
    fn finish<T>(self, message: T) -> Result<T, DecodeError> {
        if self.rest.is_empty() { Ok(message) } else { Err(DecodeError::Trailing) }
    }
}

/// Text that cannot steer the terminal or the log it may be shown in.
fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

macro_rules! number_part {
    ($($number:ty),*) => {$(
        impl Part for $number {
            fn put(&self, to: &mut Writer) {
                to.bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let bytes = from.take(size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().expect("take gave the length asked for")))
            }
        }
    )*};
}
number_part!(u8, u16, u32, u64, i32, i64);

impl Part for bool {
    fn put(&self, to: &mut Writer) {
        u8::from(*self).put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl<P: Part> Part for Option<P> {
    fn put(&self, to: &mut Writer) {
        self.is_some().put(to);
        if let Some(part) = self {
            part.put(to);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if from.get()? { from.get().map(Some) } else { Ok(None) }
    }
}

impl Part for crate::Sandbox {
    fn put(&self, to: &mut Writer) {
        self.landlock_abi.put(to);
        self.landlock_full.put(to);
        self.seccomp.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { landlock_abi: from.get()?, landlock_full: from.get()?, seccomp: from.get()? })
    }
}
