//! The bytes of what is asked about servers' certificates.
//!
//! Answers one question: *which bytes are these?* Certificates are bytes with a limit, and nothing else.

use super::{Part, Reader, Writer};
use crate::codec::{CERTIFICATES_MAX, CHAIN_MAX, DecodeError, EncodeError, HOST_MAX};
use crate::net::{Question, Validation, ValidationId, Verdict};

impl Part for ValidationId {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.get().map(Self)
    }
}

impl Part for Validation {
    fn put(&self, to: &mut Writer) {
        self.id.put(to);
        self.file.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: from.get()?, file: from.get()? })
    }
}

impl Part for Question {
    fn put(&self, to: &mut Writer) {
        self.validation.put(to);
        self.number.put(to);
        self.file.put(to);
        to.put_text(&self.host, HOST_MAX);
        self.port.put(to);
        put_chain(&self.chain, to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            validation: from.get()?,
            number: from.get()?,
            file: from.get()?,
            host: from.text(HOST_MAX)?,
            port: from.get()?,
            chain: get_chain(from)?,
        })
    }
}

impl Part for Verdict {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Accepted => 1_u8.put(to),
            Self::Rejected(code) => {
                2_u8.put(to);
                code.put(to);
            }
            Self::Nobody => 3_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Accepted),
            2 => from.get().map(Self::Rejected),
            3 => Ok(Self::Nobody),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

/// Certificates, one after the other, within their common limit.
pub(in crate::codec) fn put_chain(chain: &[Vec<u8>], to: &mut Writer) {
    if chain.iter().map(Vec::len).sum::<usize>() > CHAIN_MAX {
        to.error = Some(EncodeError::TooLong);
    }
    to.put_length(chain.len(), CERTIFICATES_MAX);
    for certificate in chain {
        to.put_bytes(certificate, CHAIN_MAX);
    }
}

/// The same, read.
pub(in crate::codec) fn get_chain(from: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut chain = Vec::new();
    for _ in 0..from.length(CERTIFICATES_MAX)? {
        chain.push(from.bytes(CHAIN_MAX)?);
    }
    if chain.iter().map(Vec::len).sum::<usize>() > CHAIN_MAX {
        return Err(DecodeError::TooLong);
    }
    Ok(chain)
}
