//! The bytes of digests, and of hashes that are under way.

use super::{Part, Reader, Writer};
use crate::codec::{DecodeError, HASHED_MAX};
use crate::net::{Digest, Hashed};

// In a box: most messages have none, and all would be as large as it.
impl Part for Box<Digest> {
    fn put(&self, to: &mut Writer) {
        match &**self {
            Digest::Sha256(value) => {
                1_u8.put(to);
                to.bytes.extend_from_slice(value);
            }
            Digest::Sha512(value) => {
                2_u8.put(to);
                to.bytes.extend_from_slice(value);
            }
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => value(from).map(|value| Self::new(Digest::Sha256(value))),
            2 => value(from).map(|value| Self::new(Digest::Sha512(value))),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

fn value<const LENGTH: usize>(from: &mut Reader<'_>) -> Result<[u8; LENGTH], DecodeError> {
    let bytes = from.take(LENGTH)?;
    Ok(bytes.try_into().expect("take gave the length asked for"))
}

impl Part for Hashed {
    fn put(&self, to: &mut Writer) {
        self.at.put(to);
        to.put_bytes(&self.state, HASHED_MAX);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { at: from.get()?, state: from.bytes(HASHED_MAX)? })
    }
}
