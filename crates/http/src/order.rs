//! What is to be fetched, and how its owner wants it asked for.
//!
//! This module answers one question: *what does a fetch need to know before its first request?* It
//! holds no rule but one: what is asked for in a way that may differ the next time is never
//! continued ([`Options::restarts`]).
//!
//! The owner's own fields may be secrets: `Debug` shows their names only.

use crate::auth::Logins;
use crate::authorities::Authorities;
use crate::bucket::Bucket;
use crate::certificate::ClientCertificate;
use crate::digest::Digest;
use crate::disk::Hashed;
use crate::proxy::ProxyUse;
use crate::redirect::Downgrade;
use crate::request::Held;
use crate::validation::Validation;
use http::Method;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What to fetch.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where from; http or https.
    pub url: Url,
    /// What is in the file already, durably. With pieces the bytes are counted one piece after the
    /// other, and the validators are of all that is in the file, also from other fetches.
    pub held: Held,
    /// What is known of the hashes of those bytes.
    pub hashed: Option<Hashed>,
    /// What of it, in this order; nothing: the whole.
    pub pieces: Vec<Piece>,
    /// How to ask, and what to put up with.
    pub options: Options,
    /// What the bandwidth is taken from; nothing: as much as there is.
    pub bucket: Option<Arc<Bucket>>,
    /// Give up when not a byte has come for this long.
    pub stall_timeout: Duration,
}

/// A part of what the server has, and where in the file it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first byte at the server.
    pub source: u64,
    /// How long it is; nothing: to the end.
    pub length: Option<u64>,
    /// Its first byte in the file.
    pub at: u64,
}

/// How to ask, and what to put up with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The request method.
    pub method: Method,
    /// Sent to the origin of the order's URL, and to no other.
    pub fields: OwnFields,
    /// What may be logged on with.
    pub logins: Logins,
    /// What is done about a redirect.
    pub redirects: Redirects,
    /// Whether a redirect may lead from https to http.
    pub downgrade: Downgrade,
    /// Checks of the server's certificate that are left out.
    pub relaxed: Relaxed,
    /// Shown to the origin of the order's URL if it asks, and to no other.
    pub certificate: Option<ClientCertificate>,
    /// By whom servers' certificates may be signed; nothing: by whom the machine trusts.
    pub authorities: Option<Authorities>,
    /// Servers are asked about before they are spoken to.
    pub validation: Option<Validation>,
    /// What is fetched is made while it is sent, and never twice the same.
    pub dynamic: bool,
    /// Somebody has just asked for it: credentials that were rejected may be said again.
    pub afresh: bool,
    /// Nothing is synced before the end: speed matters more than what is there after a crash.
    pub sync_at_end: bool,
    /// So many connections may bring one large file at once, as long as it gives way to nobody.
    pub connections: u8,
    /// It is one of many small files: it may share a connection with others that take from its bucket.
    pub may_share: bool,
    /// The most bytes there may be.
    pub most_bytes: Option<u64>,
    /// What it must hash to. Of pieces that is not looked at: see [`crate::check`].
    pub digest: Option<Digest>,
    /// Who stands between us and the server.
    pub proxy: ProxyUse,
}

/// What is done about a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// It is followed.
    Follow,
    /// It ends the fetch.
    Refuse,
}

/// Which checks of a server's certificate are left out, and one that is made only on demand. Each stands
/// for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relaxed {
    /// It may be for another name.
    pub name: bool,
    /// It may have expired, or not be valid yet.
    pub date: bool,
    /// It may come from an authority this machine does not trust.
    pub authority: bool,
    /// It may have been made for another use than a server's.
    pub usage: bool,
    /// It must be shown to be not revoked.
    pub revocation: bool,
}

/// Header fields of the owner's own.
#[derive(Clone, Default)]
pub struct OwnFields(HeaderMap);

/// These are ours: they frame the request, or say which bytes are wanted.
const OURS: [HeaderName; 14] = [
    HOST,
    RANGE,
    IF_RANGE,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    ACCEPT_ENCODING,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    TE,
    TRAILER,
    UPGRADE,
];

/// A field that cannot be the owner's: no name, no value, or one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header field {0} cannot be sent")]
pub struct FieldError(String);

impl Default for Options {
    fn default() -> Self {
        Self {
            method: Method::GET,
            fields: OwnFields::default(),
            logins: Logins::default(),
            redirects: Redirects::Follow,
            downgrade: Downgrade::Refuse,
            relaxed: Relaxed::default(),
            certificate: None,
            authorities: None,
            validation: None,
            dynamic: false,
            afresh: false,
            sync_at_end: false,
            connections: 1,
            may_share: false,
            most_bytes: None,
            digest: None,
            proxy: ProxyUse::Direct,
        }
    }
}

impl Options {
    /// Whether every fetch begins at the first byte: nobody could prove that the next answer
    /// continues the last one.
    #[must_use]
    pub fn restarts(&self) -> bool {
        self.dynamic || self.method != Method::GET
    }
}

impl OwnFields {
    /// Adds a field.
    ///
    /// # Errors
    ///
    /// [`FieldError`] when it is no field, or one that only we may send.
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), FieldError> {
        let wrong = || FieldError(crate::shown::printable(name));
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let hop = field.as_str().starts_with("proxy-") || field.as_str() == "keep-alive";
        if hop || field == EXPECT || OURS.contains(&field) {
            return Err(wrong());
        }
        let mut value = HeaderValue::from_bytes(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.0.append(field, value);
        Ok(())
    }

    /// Puts them into a request, in place of what stands there under the same names.
    pub(crate) fn put(&self, fields: &mut HeaderMap) {
        for name in self.0.keys() {
            fields.remove(name);
        }
        for (name, value) in &self.0 {
            fields.append(name, value.clone());
        }
    }
}

impl std::fmt::Debug for OwnFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_own_fields_are_not_shown() {
        let mut fields = OwnFields::default();
        fields.add("X-Key", b"hunter2").unwrap();
        let shown = format!("{:?}", Options { fields, ..Options::default() });
        assert!(shown.contains("x-key") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_frames_a_request_or_asks_for_bytes_is_never_the_owners() {
        let mut fields = OwnFields::default();
        for name in
            ["Host", "range", "If-Range", "Content-Length", "Proxy-Authorization", "", "a b"]
        {
            assert!(fields.add(name, b"1").is_err(), "{name}");
        }
        assert!(fields.add("X-Key", b"a\r\nHost: other").is_err());
        assert!(fields.add("Authorization", b"Bearer x").is_ok());
    }
}
