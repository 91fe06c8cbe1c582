//! The bytes of what a fetch logs on with.
//!
//! Answers one question: *which bytes are these credentials?* They are secrets: bytes here and
//! nothing else.

use super::{Part, Reader, Writer};
use crate::codec::{DecodeError, SECRET_PART_MAX, USER_MAX};
use crate::net::{AuthScheme, AuthTarget, Login, Secret};

impl Part for Login {
    fn put(&self, to: &mut Writer) {
        self.target.put(to);
        self.scheme.put(to);
        self.explicit.is_some().put(to);
        if let Some((user, password)) = &self.explicit {
            to.put_bytes(&user.0, USER_MAX);
            to.put_bytes(&password.0, SECRET_PART_MAX);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (target, scheme) = (from.get()?, from.get()?);
        let explicit = match from.get::<bool>()? {
            true => Some((Secret(from.bytes(USER_MAX)?), Secret(from.bytes(SECRET_PART_MAX)?))),
            false => None,
        };
        Ok(Self { target, scheme, explicit })
    }
}

impl Part for AuthTarget {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Server => 1_u8.put(to),
            Self::Proxy => 2_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Server),
            2 => Ok(Self::Proxy),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl Part for AuthScheme {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Basic => 1_u8.put(to),
            Self::Digest => 2_u8.put(to),
            Self::Ntlm => 3_u8.put(to),
            Self::Negotiate => 4_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Basic),
            2 => Ok(Self::Digest),
            3 => Ok(Self::Ntlm),
            4 => Ok(Self::Negotiate),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}
