//! The bytes of what is said about client certificates. Tags are in `PROTOCOL.md`.
//!
//! What comes from a network agent is as little trusted as anything else of it: bytes with a limit.

use super::net::{get_chain, put_chain};
use super::{
    DETAIL_MAX, DecodeError, EncodeError, Message, PATH_MAX, Part, Reader, SCHEMES_MAX,
    SECRET_PART_MAX, SIGNATURE_MAX, SIGNED_MAX, TOKEN_PARTS_MAX, Writer,
};
use crate::net::Secret;
use crate::sign::{
    ClientIdentity, Form, FromSign, FromSigner, KeyId, SignTrouble, ToSign, ToSigner, TokenPart,
};

impl Message for ToSign {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Open { key, form, certificate, private_key, passphrase } => Writer::new(1)
                .put(key)
                .put(form)
                .bytes(certificate, PATH_MAX)
                .bytes(private_key, PATH_MAX)
                .put(passphrase),
            Self::OpenToken { key, wanted, pin } => {
                let mut to = Writer::new(50).put(key);
                to.put_length(wanted.len(), TOKEN_PARTS_MAX);
                for (part, value) in wanted {
                    part.put(&mut to);
                    to.put_bytes(value, PATH_MAX);
                }
                to.put(pin)
            }
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Open {
                key: from.get()?,
                form: from.get()?,
                certificate: from.bytes(PATH_MAX)?,
                private_key: from.bytes(PATH_MAX)?,
                passphrase: from.get()?,
            },
            50 => {
                let key = from.get()?;
                let mut wanted = Vec::new();
                for _ in 0..from.length(TOKEN_PARTS_MAX)? {
                    wanted.push((from.get()?, from.bytes(PATH_MAX)?));
                }
                Self::OpenToken { key, wanted, pin: from.get()? }
            }
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }

    fn carries_descriptor(&self) -> bool {
        true
    }
}

impl Message for FromSign {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Hello { sandbox } => Writer::new(1).put(sandbox),
            Self::Opened { key, identity } => Writer::new(2).put(key).put(identity),
            Self::Failed { key, trouble, detail } => {
                Writer::new(3).put(key).put(trouble).text(detail, DETAIL_MAX)
            }
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Hello { sandbox: from.get()? },
            2 => Self::Opened { key: from.get()?, identity: from.get()? },
            3 => Self::Failed {
                key: from.get()?,
                trouble: from.get()?,
                detail: from.text(DETAIL_MAX)?,
            },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

impl Message for ToSigner {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let Self::Sign { scheme, message } = self;
        Writer::new(1).put(scheme).bytes(message, SIGNED_MAX).finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Sign { scheme: from.get()?, message: from.bytes(SIGNED_MAX)? },
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

impl Message for FromSigner {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Signed { signature } => Writer::new(1).bytes(signature, SIGNATURE_MAX),
            Self::Refused => Writer::new(2),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Signed { signature: from.bytes(SIGNATURE_MAX)? },
            2 => Self::Refused,
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

impl Part for KeyId {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.get().map(Self)
    }
}

impl Part for Form {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Pem => 1_u8.put(to),
            Self::Pkcs12 => 2_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Pem),
            2 => Ok(Self::Pkcs12),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

/// The parts of a token's name, in the order of their numbers, from 1.
const TOKEN_PARTS: [TokenPart; TOKEN_PARTS_MAX] = [
    TokenPart::Token,
    TokenPart::Manufacturer,
    TokenPart::Serial,
    TokenPart::Model,
    TokenPart::SlotId,
    TokenPart::SlotDescription,
    TokenPart::SlotManufacturer,
    TokenPart::Object,
    TokenPart::Id,
    TokenPart::Type,
    TokenPart::ModulePath,
    TokenPart::ModuleName,
];

impl Part for TokenPart {
    fn put(&self, to: &mut Writer) {
        let at = TOKEN_PARTS.iter().position(|part| part == self);
        u8::try_from(at.map_or(0, |at| at + 1)).unwrap_or(0).put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = usize::from(from.get::<u8>()?);
        let part = number.checked_sub(1).and_then(|at| TOKEN_PARTS.get(at));
        part.copied().ok_or(DecodeError::UnknownNumber)
    }
}

impl Part for Secret {
    fn put(&self, to: &mut Writer) {
        to.put_bytes(&self.0, SECRET_PART_MAX);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.bytes(SECRET_PART_MAX).map(Self)
    }
}

impl Part for ClientIdentity {
    fn put(&self, to: &mut Writer) {
        put_chain(&self.chain, to);
        to.put_length(self.schemes.len(), SCHEMES_MAX);
        for scheme in &self.schemes {
            scheme.put(to);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { chain: get_chain(from)?, schemes: from.list(SCHEMES_MAX)? })
    }
}

impl Part for SignTrouble {
    fn put(&self, to: &mut Writer) {
        let number: u8 = match self {
            Self::Unreadable => 1,
            Self::Invalid => 2,
            Self::Mismatch => 3,
            Self::Passphrase => 4,
            Self::ModuleMissing => 50,
            Self::TokenAbsent => 51,
            Self::PinLocked => 52,
            Self::NotFound => 53,
            Self::Ambiguous => 54,
        };
        number.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Unreadable),
            2 => Ok(Self::Invalid),
            3 => Ok(Self::Mismatch),
            4 => Ok(Self::Passphrase),
            50 => Ok(Self::ModuleMissing),
            51 => Ok(Self::TokenAbsent),
            52 => Ok(Self::PinLocked),
            53 => Ok(Self::NotFound),
            54 => Ok(Self::Ambiguous),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}
