//! The way to the journal: its native protocol, one datagram for each record.
//!
//! A record is fields, each a name and a value. On the wire a field is `NAME=value` and a line's end;
//! a value with a line's end in it has its length before it instead, so that no value can become a
//! field. The journal adds who sent it by itself, and that cannot be made up by anybody.
//!
//! Nothing waits for the journal: where there is none, or it does not take the record at once, the
//! record becomes a line of the log. Nothing here knows what a record means.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::Record;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Where records go.
pub(crate) struct Journal(Option<Way>);

struct Way {
    socket: UnixDatagram,
    /// Looked for with each record: the journal may be started anew.
    to: PathBuf,
}

impl Journal {
    /// To the log alone.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// To the journal at this place; `None` is its usual one, and the empty one is none.
    ///
    /// # Errors
    ///
    /// No socket can be made.
    pub(crate) fn at(place: Option<&Path>) -> io::Result<Self> {
        let to = place.unwrap_or_else(|| Path::new(SOCKET));
        if to.as_os_str().is_empty() {
            return Ok(Self::none());
        }
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self(Some(Way { socket, to: to.to_owned() })))
    }

    /// Writes a record to one place: the journal, or else the log.
    pub(crate) fn write(&self, record: &Record) {
        let taken = self.0.as_ref().is_some_and(|way| {
            let sent = way.socket.send_to(&encode(&record.fields()), &way.to);
            sent.is_ok()
        });
        if !taken {
            // In one piece: standard error has no buffer, and is shared with the agents. Where
            // nobody reads the log, nothing can be said about it.
            let line = format!("audit: {}\n", record.message());
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}

/// The fields as the journal reads them.
fn encode(fields: &[(&'static str, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads fields as the journal does, by its published protocol.
    fn decode(mut bytes: &[u8]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            match line.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    found.push((text(&line[..at]), text(&line[at + 1..])));
                    bytes = rest;
                }
                None => {
                    let (length, rest) = rest.split_at(8);
                    let length = u64::from_le_bytes(length.try_into().unwrap());
                    let length = usize::try_from(length).unwrap();
                    assert_eq!(rest[length], b'\n');
                    found.push((text(line), text(&rest[..length])));
                    bytes = &rest[length + 1..];
                }
            }
        }
        found
    }

    #[test]
    fn no_value_becomes_a_field_whatever_it_holds() {
        let values =
            ["", "plain", "a=b", "two\nPRIORITY=0", "\n", "\n\n=\n", "ends\n", "ä\u{0}\nö"];
        let fields: Vec<_> = values.iter().map(|value| ("EBB_ACT", (*value).to_owned())).collect();
        let read: Vec<_> = decode(&encode(&fields));
        let wanted: Vec<_> =
            values.iter().map(|v| ("EBB_ACT".to_owned(), (*v).to_owned())).collect();
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_value_of_one_line_is_written_as_people_would_write_it() {
        let fields = [("MESSAGE", "token set".to_owned()), ("PRIORITY", "6".to_owned())];
        assert_eq!(encode(&fields), b"MESSAGE=token set\nPRIORITY=6\n");
    }
}
