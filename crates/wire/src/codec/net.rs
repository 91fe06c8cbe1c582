//! The bytes of what the service and a network agent say to each other. Tags are in `PROTOCOL.md`.
//!
//! Texts from the network come through here with limits on their length and without control
//! characters; the agent that sends them is the process we trust least.

mod digest;
mod login;
mod memory;
mod options;
mod path;
mod proxy;
mod validation;

pub(super) use validation::{get_chain, put_chain};

use super::{
    AUTHORITIES_MAX, DETAIL_MAX, DecodeError, EncodeError, FIELDS_COUNT_MAX, FIELDS_MAX, Message,
    PATHS_MAX, PIECES_MAX, Part, Reader, URL_MAX, VALIDATOR_MAX, Writer,
};
use crate::net::{
    AuthoritiesId, CertificateId, FetchId, FromNet, NetTrouble, Piece, ToNet, Validators,
};

impl Message for ToNet {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Fetch {
                fetch,
                url,
                offset,
                validators,
                hashed,
                pieces,
                options,
                bucket,
                stall_timeout_ms,
            } => Writer::new(1)
                .put(fetch)
                .text(url, URL_MAX)
                .put(offset)
                .put(validators)
                .put(hashed)
                .list(pieces, PIECES_MAX)
                .put(options)
                .put(bucket)
                .put(stall_timeout_ms),
            Self::Measure { fetch, url, options, stall_timeout_ms } => {
                Writer::new(4).put(fetch).text(url, URL_MAX).put(options).put(stall_timeout_ms)
            }
            Self::Limit { bucket, bytes_per_second, manners } => {
                Writer::new(5).put(bucket).put(bytes_per_second).put(manners)
            }
            Self::Card { sent } => Writer::new(30).put(sent),
            Self::Login { fetch, login } => Writer::new(6).put(fetch).put(login),
            Self::Check { fetch, url, length, server, owner } => {
                Writer::new(7).put(fetch).text(url, URL_MAX).put(length).put(server).put(owner)
            }
            Self::Certificate { certificate, identity } => {
                Writer::new(20).put(certificate).put(identity)
            }
            Self::Forget { certificate } => Writer::new(21).put(certificate),
            Self::Authorities { authorities, alone, pem } => {
                Writer::new(70).put(authorities).put(alone).bytes(pem, AUTHORITIES_MAX)
            }
            Self::Distrust { authorities } => Writer::new(71).put(authorities),
            Self::Remember { network, paths } => {
                Writer::new(72).put(network).list(paths, PATHS_MAX)
            }
            Self::Share { manners, part } => Writer::new(73).put(manners).put(part),
            Self::Verdict { question, verdict } => Writer::new(40).put(question).put(verdict),
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
                hashed: from.get()?,
                pieces: from.list(PIECES_MAX)?,
                options: from.get()?,
                bucket: from.get()?,
                stall_timeout_ms: from.get()?,
            },
            2 => Self::Proceed { fetch: from.get()? },
            3 => Self::Stop { fetch: from.get()? },
            4 => Self::Measure {
                fetch: from.get()?,
                url: from.text(URL_MAX)?,
                options: from.get()?,
                stall_timeout_ms: from.get()?,
            },
            20 => Self::Certificate { certificate: from.get()?, identity: from.get()? },
            21 => Self::Forget { certificate: from.get()? },
            6 => Self::Login { fetch: from.get()?, login: from.get()? },
            5 => Self::Limit {
                bucket: from.get()?,
                bytes_per_second: from.get()?,
                manners: from.get()?,
            },
            7 => Self::Check {
                fetch: from.get()?,
                url: from.text(URL_MAX)?,
                length: from.get()?,
                server: from.get()?,
                owner: from.get()?,
            },
            30 => Self::Card { sent: from.get()? },
            70 => Self::Authorities {
                authorities: from.get()?,
                alone: from.get()?,
                pem: from.bytes(AUTHORITIES_MAX)?,
            },
            71 => Self::Distrust { authorities: from.get()? },
            73 => Self::Share { manners: from.get()?, part: from.get()? },
            72 => Self::Remember { network: from.get()?, paths: from.list(PATHS_MAX)? },
            40 => Self::Verdict { question: from.get()?, verdict: from.get()? },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }

    fn carries_descriptor(&self) -> bool {
        matches!(
            self,
            Self::Fetch { .. } | Self::Check { .. } | Self::Certificate { .. } | Self::Card { .. }
        )
    }
}

impl Message for FromNet {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Hello { sandbox } => Writer::new(1).put(sandbox),
            Self::Head { fetch, status, validators, final_url, from, anew, shared, fields } => {
                Writer::new(2)
                    .put(fetch)
                    .put(status)
                    .put(validators)
                    .text(final_url, URL_MAX)
                    .put(from)
                    .put(anew)
                    .put(shared)
                    .fields(fields)
            }
            Self::Progress { fetch, durable, received } => {
                Writer::new(3).put(fetch).put(durable).put(received)
            }
            Self::Done { fetch, length, modified } => {
                Writer::new(4).put(fetch).put(length).put(modified)
            }
            Self::Failed { fetch, durable, trouble, retry_after, redirect, detail } => {
                Writer::new(5)
                    .put(fetch)
                    .put(durable)
                    .put(trouble)
                    .put(retry_after)
                    .put(&redirect.clone().map(Address))
                    .text(detail, DETAIL_MAX)
            }
            Self::Stopped { fetch, durable } => Writer::new(6).put(fetch).put(durable),
            Self::Hashed { fetch, hashed } => Writer::new(8).put(fetch).put(hashed),
            Self::Measured { fetch, size } => Writer::new(7).put(fetch).put(size),
            Self::Path(path) => Writer::new(30).put(path),
            Self::Learned { network, paths } => Writer::new(72).put(network).list(paths, PATHS_MAX),
            Self::Question(question) => Writer::new(40).put(question.as_ref()),
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
                anew: from.get()?,
                shared: from.get()?,
                fields: from.fields()?,
            },
            3 => Self::Progress { fetch: from.get()?, durable: from.get()?, received: from.get()? },
            4 => Self::Done { fetch: from.get()?, length: from.get()?, modified: from.get()? },
            5 => Self::Failed {
                fetch: from.get()?,
                durable: from.get()?,
                trouble: from.get()?,
                retry_after: from.get()?,
                redirect: from.get::<Option<Address>>()?.map(|address| address.0),
                detail: from.text(DETAIL_MAX)?,
            },
            6 => Self::Stopped { fetch: from.get()?, durable: from.get()? },
            7 => Self::Measured { fetch: from.get()?, size: from.get()? },
            8 => Self::Hashed { fetch: from.get()?, hashed: from.get()? },
            30 => Self::Path(from.get()?),
            72 => Self::Learned { network: from.get()?, paths: from.list(PATHS_MAX)? },
            40 => Self::Question(Box::new(from.get()?)),
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

impl Part for CertificateId {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.get().map(Self)
    }
}

impl Part for AuthoritiesId {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.get().map(Self)
    }
}

impl Part for Validators {
    fn put(&self, to: &mut Writer) {
        self.etag.clone().map(Field).put(to);
        self.last_modified.clone().map(Field).put(to);
        self.last_modified_strong.put(to);
        self.total.put(to);
        self.digest.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            etag: from.get::<Option<Field>>()?.map(|field| field.0),
            last_modified: from.get::<Option<Field>>()?.map(|field| field.0),
            last_modified_strong: from.get()?,
            total: from.get()?,
            digest: from.get()?,
        })
    }
}

impl Part for Piece {
    fn put(&self, to: &mut Writer) {
        self.source.put(to);
        self.length.put(to);
        self.at.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { source: from.get()?, length: from.get()?, at: from.get()? })
    }
}

/// A URL where there may be one.
struct Address(String);

impl Part for Address {
    fn put(&self, to: &mut Writer) {
        to.put_text(&self.0, URL_MAX);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.text(URL_MAX).map(Self)
    }
}

impl Writer {
    /// The fields of an answer.
    fn fields(mut self, fields: &[(String, String)]) -> Self {
        let lengths = fields.iter().map(|(name, value)| name.len() + value.len());
        if lengths.sum::<usize>() > FIELDS_MAX {
            self.error = Some(EncodeError::TooLong);
        }
        self.put_length(fields.len(), FIELDS_COUNT_MAX);
        for (name, value) in fields {
            self.put_text(name, FIELDS_MAX);
            self.put_text(value, FIELDS_MAX);
        }
        self
    }
}

impl Reader<'_> {
    fn fields(&mut self) -> Result<Vec<(String, String)>, DecodeError> {
        let mut fields = Vec::new();
        let mut length = 0;
        for _ in 0..self.length(FIELDS_COUNT_MAX)? {
            let field = (self.text(FIELDS_MAX)?, self.text(FIELDS_MAX)?);
            length += field.0.len() + field.1.len();
            fields.push(field);
        }
        if length > FIELDS_MAX { Err(DecodeError::TooLong) } else { Ok(fields) }
    }
}

/// The troubles that are a number and nothing else; their places in this list are not the wire.
const PLAIN: [(u8, NetTrouble); 28] = [
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
    (18, NetTrouble::NoRangeSupport),
    (19, NetTrouble::InvalidRange),
    (20, NetTrouble::WrongRange),
    (21, NetTrouble::SizeLimit),
    (22, NetTrouble::DigestMismatch),
    (23, NetTrouble::ReprDigestMismatch),
    (40, NetTrouble::ClientCertificateWanted),
    (41, NetTrouble::ClientCertificateRefused),
    (42, NetTrouble::NotSigned),
    (43, NetTrouble::CertificateRevoked),
    (44, NetTrouble::RevocationUnknown),
    (45, NetTrouble::RevocationListOutdated),
    (47, NetTrouble::ValidatorMissing),
    (70, NetTrouble::AuthoritiesUnusable),
];
/// The one with an HTTP status.
const STATUS: u8 = 7;
/// The one with an `errno`.
const WRITE_FAILED: u8 = 16;
/// The other one with an HTTP status.
const REDIRECT_REFUSED: u8 = 17;
/// The one that was met at a proxy.
const PROXY: u8 = 30;
/// The one with a code of the validator's own.
const VALIDATOR_REJECTED: u8 = 46;

impl Part for NetTrouble {
    fn put(&self, to: &mut Writer) {
        if let Self::Status(status) = self {
            STATUS.put(to);
            status.put(to);
        } else if let Self::RedirectRefused(status) = self {
            REDIRECT_REFUSED.put(to);
            status.put(to);
        } else if let Self::WriteFailed(errno) = self {
            WRITE_FAILED.put(to);
            errno.put(to);
        } else if let Self::ValidatorRejected(code) = self {
            VALIDATOR_REJECTED.put(to);
            code.put(to);
        } else if let Self::Proxy(trouble) = self {
            PROXY.put(to);
            trouble.put(to);
        } else {
            let known = PLAIN.iter().find(|(_, trouble)| trouble == self);
            known.expect("the list has every plain trouble, as a test shows").0.put(to);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            STATUS => from.get().map(Self::Status),
            REDIRECT_REFUSED => from.get().map(Self::RedirectRefused),
            WRITE_FAILED => from.get().map(Self::WriteFailed),
            PROXY => from.get().map(Self::Proxy),
            VALIDATOR_REJECTED => from.get().map(Self::ValidatorRejected),
            tag => PLAIN
                .iter()
                .find_map(|(number, trouble)| (*number == tag).then_some(*trouble))
                .ok_or(DecodeError::UnknownNumber),
        }
    }
}
