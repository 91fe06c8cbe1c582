//! The bytes of how a fetch asks: method, header fields, and what it puts up with.
//!
//! Answers one question: *which bytes are these options?* The values of header fields may be
//! secrets; they are bytes here and nothing else.

use super::{Part, Reader, Writer};
use crate::codec::{DecodeError, EncodeError, FIELDS_COUNT_MAX, HEADERS_MAX, METHOD_MAX};
use crate::net::{FetchOptions, Header, Redirects, Relaxed};

impl Part for FetchOptions {
    fn put(&self, to: &mut Writer) {
        to.put_text(&self.method, METHOD_MAX);
        put_headers(&self.headers, to);
        self.redirects.put(to);
        self.allow_downgrade.put(to);
        self.relaxed.put(to);
        self.certificate.put(to);
        self.authorities.put(to);
        self.validation.put(to);
        self.dynamic.put(to);
        self.afresh.put(to);
        self.sync_at_end.put(to);
        self.connections.put(to);
        self.may_share.put(to);
        self.most_bytes.put(to);
        self.digest.put(to);
        self.way.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            method: from.text(METHOD_MAX)?,
            headers: get_headers(from)?,
            redirects: from.get()?,
            allow_downgrade: from.get()?,
            relaxed: from.get()?,
            certificate: from.get()?,
            authorities: from.get()?,
            validation: from.get()?,
            dynamic: from.get()?,
            afresh: from.get()?,
            sync_at_end: from.get()?,
            connections: from.get()?,
            may_share: from.get()?,
            most_bytes: from.get()?,
            digest: from.get()?,
            way: from.get()?,
        })
    }
}

fn length(headers: &[Header]) -> usize {
    headers.iter().map(|header| header.name.len() + header.value.len()).sum()
}

fn put_headers(headers: &[Header], to: &mut Writer) {
    if length(headers) > HEADERS_MAX {
        to.error = Some(EncodeError::TooLong);
    }
    to.put_length(headers.len(), FIELDS_COUNT_MAX);
    for header in headers {
        to.put_text(&header.name, HEADERS_MAX);
        to.put_bytes(&header.value, HEADERS_MAX);
    }
}

fn get_headers(from: &mut Reader<'_>) -> Result<Vec<Header>, DecodeError> {
    let mut headers = Vec::new();
    for _ in 0..from.length(FIELDS_COUNT_MAX)? {
        headers.push(Header { name: from.text(HEADERS_MAX)?, value: from.bytes(HEADERS_MAX)? });
    }
    if length(&headers) > HEADERS_MAX { Err(DecodeError::TooLong) } else { Ok(headers) }
}

impl Part for Redirects {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Follow => 1_u8.put(to),
            Self::Refuse => 2_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Follow),
            2 => Ok(Self::Refuse),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl Part for Relaxed {
    fn put(&self, to: &mut Writer) {
        self.name.put(to);
        self.date.put(to);
        self.authority.put(to);
        self.usage.put(to);
        self.revocation.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: from.get()?,
            date: from.get()?,
            authority: from.get()?,
            usage: from.get()?,
            revocation: from.get()?,
        })
    }
}
