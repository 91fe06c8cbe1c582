//! The bytes of what the service and a network agent say to each other. Tags are in `PROTOCOL.md`.
//!
//! Texts from the network come through here with limits on their length and without control
//! characters; the agent that sends them is the process we trust least.

use super::{
    DETAIL_MAX, DecodeError, EncodeError, Message, Part, Reader, URL_MAX, VALIDATOR_MAX, Writer,
};
use crate::net::{FetchId, FromNet, NetTrouble, ToNet, Validators};

impl Message for ToNet {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Fetch { fetch, url, offset, validators, allow_downgrade, stall_timeout_ms } => {
                Writer::new(1)
                    .put(fetch)
                    .text(url, URL_MAX)
                    .put(offset)
                    .put(validators)
                    .put(allow_downgrade)
                    .put(stall_timeout_ms)
            }
            Self::Measure { fetch, url, allow_downgrade, stall_timeout_ms } => Writer::new(4)
                .put(fetch)
                .text(url, URL_MAX)
                .put(allow_downgrade)
                .put(stall_timeout_ms),
            Self::Proceed { fetch } => Writer::new(2).put(fetch),
            Self::Stop { fetch } => Writer::new(3).put(fetch),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Fetch {
                fetch: from.get()?,
                url: from.text(URL_MAX)?,
                offset: from.get()?,
                validators: from.get()?,
                allow_downgrade: from.get()?,
                stall_timeout_ms: from.get()?,
            },
            2 => Self::Proceed { fetch: from.get()? },
            3 => Self::Stop { fetch: from.get()? },
            4 => Self::Measure {
                fetch: from.get()?,
                url: from.text(URL_MAX)?,
                allow_downgrade: from.get()?,
                stall_timeout_ms: from.get()?,
            },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }

    fn carries_descriptor(&self) -> bool {
        matches!(self, Self::Fetch { .. })
    }
}

impl Message for FromNet {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Hello { sandbox } => Writer::new(1).put(sandbox),
            Self::Head { fetch, status, validators, final_url, from } => Writer::new(2)
                .put(fetch)
                .put(status)
                .put(validators)
                .text(final_url, URL_MAX)
                .put(from),
            Self::Progress { fetch, durable, received } => {
                Writer::new(3).put(fetch).put(durable).put(received)
            }
            Self::Done { fetch, length, modified } => {
                Writer::new(4).put(fetch).put(length).put(modified)
            }
            Self::Failed { fetch, durable, trouble, retry_after, detail } => Writer::new(5)
                .put(fetch)
                .put(durable)
                .put(trouble)
                .put(retry_after)
                .text(detail, DETAIL_MAX),
            Self::Stopped { fetch, durable } => Writer::new(6).put(fetch).put(durable),
            Self::Measured { fetch, size } => Writer::new(7).put(fetch).put(size),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Hello { sandbox: from.get()? },
            2 => Self::Head {
                fetch: from.get()?,
                status: from.get()?,
                validators: from.get()?,
                final_url: from.text(URL_MAX)?,
                from: from.get()?,
            },
            3 => Self::Progress { fetch: from.get()?, durable: from.get()?, received: from.get()? },
            4 => Self::Done { fetch: from.get()?, length: from.get()?, modified: from.get()? },
            5 => Self::Failed {
                fetch: from.get()?,
                durable: from.get()?,
                trouble: from.get()?,
                retry_after: from.get()?,
                detail: from.text(DETAIL_MAX)?,
            },
            6 => Self::Stopped { fetch: from.get()?, durable: from.get()? },
            7 => Self::Measured { fetch: from.get()?, size: from.get()? },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

impl Part for FetchId {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.get().map(Self)
    }
}

/// A validator field as the server sent it. Bytes, for a field need not be UTF-8.
struct Field(Vec<u8>);

impl Part for Field {
    fn put(&self, to: &mut Writer) {
        to.put_bytes(&self.0, VALIDATOR_MAX);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.bytes(VALIDATOR_MAX).map(Self)
    }
}

impl Part for Validators {
    fn put(&self, to: &mut Writer) {
        self.etag.clone().map(Field).put(to);
        self.last_modified.clone().map(Field).put(to);
        self.last_modified_strong.put(to);
        self.total.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            etag: from.get::<Option<Field>>()?.map(|field| field.0),
            last_modified: from.get::<Option<Field>>()?.map(|field| field.0),
            last_modified_strong: from.get()?,
            total: from.get()?,
        })
    }
}

/// The troubles that are a number and nothing else; their places in this list are not the wire.
const PLAIN: [(u8, NetTrouble); 14] = [
    (1, NetTrouble::NameNotResolved),
    (2, NetTrouble::ConnectFailed),
    (3, NetTrouble::TimedOut),
    (4, NetTrouble::ConnectionLost),
    (5, NetTrouble::TlsFailed),
    (6, NetTrouble::CertificateInvalid),
    (8, NetTrouble::MalformedAnswer),
    (9, NetTrouble::EncodedAnswer),
    (10, NetTrouble::HeadTooLarge),
    (11, NetTrouble::TooManyRedirects),
    (12, NetTrouble::RedirectDowngrade),
    (13, NetTrouble::RedirectInvalid),
    (14, NetTrouble::SizeChanged),
    (15, NetTrouble::NoSpace),
];
/// The one with an HTTP status.
const STATUS: u8 = 7;
/// The one with an `errno`.
const WRITE_FAILED: u8 = 16;

impl Part for NetTrouble {
    fn put(&self, to: &mut Writer) {
        if let Self::Status(status) = self {
            STATUS.put(to);
            status.put(to);
        } else if let Self::WriteFailed(errno) = self {
            WRITE_FAILED.put(to);
            errno.put(to);
        } else {
            let known = PLAIN.iter().find(|(_, trouble)| trouble == self);
            known.expect("the list has every plain trouble, as a test shows").0.put(to);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            STATUS => from.get().map(Self::Status),
            WRITE_FAILED => from.get().map(Self::WriteFailed),
            tag => PLAIN
                .iter()
                .find_map(|(number, trouble)| (*number == tag).then_some(*trouble))
                .ok_or(DecodeError::UnknownNumber),
        }
    }
}
