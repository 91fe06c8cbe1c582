//! What is remembered of paths, on the wire.

use super::{DecodeError, Part, Reader, Writer};
use crate::net::{Peer, Remembered};

impl Part for Peer {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::V4(bytes) => {
                4_u8.put(to);
                to.bytes.extend_from_slice(bytes);
            }
            Self::V6(bytes) => {
                6_u8.put(to);
                to.bytes.extend_from_slice(bytes);
            }
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            4 => some(from).map(Self::V4),
            6 => some(from).map(Self::V6),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

fn some<const LENGTH: usize>(from: &mut Reader<'_>) -> Result<[u8; LENGTH], DecodeError> {
    let bytes = from.take(LENGTH)?;
    Ok(bytes.try_into().expect("take gave the length asked for"))
}

impl Part for Remembered {
    fn put(&self, to: &mut Writer) {
        self.peer.put(to);
        self.base_us.put(to);
        self.rate.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { peer: from.get()?, base_us: from.get()?, rate: from.get()? })
    }
}
