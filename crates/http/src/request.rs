//! From what we hold to the next request. Pure.
//!
//! A file may be there in part already: [`Held`] says how many bytes, and what the server said of
//! the representation they are part of. This module answers one question: *what do we ask for
//! next?* Either the whole ([`Ask::Whole`]), the rest ([`Ask::Rest`]) or a part of it
//! ([`Ask::Part`]), and the rest, like every part but the first, only with a strong validator, sent as `If-Range`, so that a server whose file has changed answers with the
//! whole new one instead of a piece that does not fit.
//!
//! Asking for the rest is a hint to the server. Whether its answer may be appended to what we hold
//! is judged in `response.rs`, from the answer alone.
//!
//! It never does input or output, and never sends user-info, a fragment or a referrer.

use crate::digest::Digest;
use crate::order::OwnFields;
use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, IF_RANGE, RANGE, USER_AGENT,
};
use http::{Method, Request};
use http_body_util::Empty;
use url::{Position, Url};

/// How we present ourselves to servers.
pub(crate) const NAME: &str = concat!("ebb/", env!("CARGO_PKG_VERSION"));

/// What a server said of a representation, by which a continuation is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag` field as sent, weak or strong.
    pub etag: Option<Vec<u8>>,
    /// The `Last-Modified` field as sent.
    pub last_modified: Option<Vec<u8>>,
    /// Whether `Last-Modified` is strong by RFC 9110 section 8.8.2.2.
    pub last_modified_strong: bool,
    /// Size of the whole representation in bytes, if it was told.
    pub total: Option<u64>,
    /// The digest of the whole representation, if it was told.
    pub digest: Option<Digest>,
}

/// The bytes of a file that are there already, and what they are part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many, from the beginning.
    pub offset: u64,
    /// What was said of the representation they came from.
    pub validators: Validators,
}

/// A validator that two byte-wise different representations never share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strong<'a> {
    /// A strong entity tag.
    Etag(&'a [u8]),
    /// A modification date, strong by RFC 9110 section 8.8.2.2.
    Date(&'a [u8]),
}

/// What to ask the server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// The whole file.
    Whole,
    /// The bytes from `held.offset` on, of the representation we hold the beginning of.
    Rest {
        /// What we hold.
        held: &'a Held,
        /// What proves that an answer belongs to it.
        proof: Strong<'a>,
        /// The size of the whole.
        total: u64,
    },
    /// Some bytes in the middle.
    Part(Part<'a>),
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its first byte.
    pub first: u64,
    /// Its last byte; nothing: to the end.
    pub last: Option<u64>,
    /// What it must be a part of; nothing: of whatever is there.
    pub known: Option<Known<'a>>,
}

/// A representation that we have something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// What we hold.
    pub held: &'a Held,
    /// What proves that an answer belongs to it.
    pub proof: Strong<'a>,
    /// Its size.
    pub total: u64,
}

impl Validators {
    /// The validator a continuation can be built on, if there is one.
    #[must_use]
    pub fn strong(&self) -> Option<Strong<'_>> {
        if let Some(etag) = self.etag.as_deref().filter(|etag| is_strong_etag(etag)) {
            return Some(Strong::Etag(etag));
        }
        self.last_modified.as_deref().filter(|_| self.last_modified_strong).map(Strong::Date)
    }
}

impl Strong<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Etag(bytes) | Self::Date(bytes) => bytes,
        }
    }
}

impl Held {
    /// Nothing is held.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What parts can be proved to belong to, if there is enough to prove it by.
    #[must_use]
    pub fn known(&self) -> Option<Known<'_>> {
        let (proof, total) = (self.validators.strong()?, self.validators.total?);
        Some(Known { held: self, proof, total })
    }
}

/// Decides what to ask for.
///
/// Without a strong validator or a known size no answer could ever be proved to fit, so the whole
/// is asked for. The same goes for a hold that contradicts itself.
#[must_use]
pub fn ask(held: &Held) -> Ask<'_> {
    match (held.validators.strong(), held.validators.total) {
        (Some(proof), Some(total)) if held.offset > 0 && held.offset <= total => {
            Ask::Rest { held, proof, total }
        }
        (Some(_) | None, Some(_) | None) => Ask::Whole,
    }
}

/// Writes the request down; `None` if the URL cannot stand in a request line.
///
/// A validator that cannot stand in a header field is not sent, and then neither is `Range`: the
/// two go together or not at all.
pub(crate) fn write(
    url: &Url,
    method: &Method,
    own: Option<&OwnFields>,
    ask: &Ask<'_>,
) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = target(url)?;
    let fields = request.headers_mut();
    fields.insert(HOST, HeaderValue::try_from(authority(url)).ok()?);
    fields.insert(USER_AGENT, HeaderValue::from_static(NAME));
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // Ranges count coded bytes, so a coding would make them meaningless.
    fields.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if ![Method::GET, Method::HEAD].contains(method) {
        // There is a body, and it is empty: what a server must know of most methods.
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let (range, proof) = match ask {
        Ask::Whole => (None, None),
        Ask::Rest { held, proof, .. } => (Some((held.offset, None)), Some(*proof)),
        Ask::Part(part) => (Some((part.first, part.last)), part.known.map(|known| known.proof)),
    };
    let validator = proof.map(|proof| HeaderValue::from_bytes(proof.as_bytes())).transpose();
    if let (Some((first, last)), Ok(validator)) = (range, validator) {
        let last = last.map_or_else(String::new, |last| last.to_string());
        fields.insert(RANGE, HeaderValue::try_from(format!("bytes={first}-{last}")).ok()?);
        fields.extend(validator.map(|validator| (IF_RANGE, validator)));
    }
    if let Some(own) = own {
        own.put(fields);
    }
    Some(request)
}

/// The whole URL that a request is for, as it stands in the request line to a proxy: http, and the host
/// it names, without user-info and fragment.
pub(crate) fn whole_target(request: &Request<Empty<Bytes>>) -> Option<http::Uri> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let path = request.uri().path_and_query()?;
    format!("http://{host}{path}").parse().ok()
}

/// Path and query, as they stand in the request line.
fn target(url: &Url) -> Option<http::Uri> {
    url[Position::BeforePath..Position::AfterQuery].parse().ok()
}

/// Host, and port where it is not the scheme's own.
fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// An entity tag in quotes, without `W/`, of characters that may be in one (RFC 9110, 8.8.3).
fn is_strong_etag(etag: &[u8]) -> bool {
    let [b'"', inner @ .., b'"'] = etag else {
        return false;
    };
    inner.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(offset: u64, etag: Option<&str>, total: Option<u64>) -> Held {
        let etag = etag.map(|tag| tag.as_bytes().to_vec());
        Held { offset, validators: Validators { etag, total, ..Validators::default() } }
    }

    fn sent(held: &Held) -> Request<Empty<Bytes>> {
        let url = Url::parse("https://u:p@h.example:8443/a%20b?q=1#f").unwrap();
        write(&url, &Method::GET, None, &ask(held)).unwrap()
    }

    #[test]
    fn the_rest_is_asked_for_with_range_and_if_range_together() {
        let request = sent(&held(5, Some("\"v1\""), Some(9)));
        assert_eq!(request.headers()[RANGE], "bytes=5-");
        assert_eq!(request.headers()[IF_RANGE], "\"v1\"");
    }

    #[test]
    fn a_weak_or_malformed_tag_starts_over() {
        for tag in ["W/\"v1\"", "v1", "\"a\"b\"", "\"", "\"a b\"", ""] {
            let request = sent(&held(5, Some(tag), Some(9)));
            assert!(!request.headers().contains_key(RANGE), "{tag}");
            assert!(!request.headers().contains_key(IF_RANGE), "{tag}");
        }
    }

    #[test]
    fn a_date_serves_only_if_it_is_strong() {
        let date = |last_modified_strong| {
            let mut held = held(5, Some("W/\"v1\""), Some(9));
            held.validators.last_modified = Some(b"Sun, 22 Nov 2026 10:00:00 GMT".to_vec());
            held.validators.last_modified_strong = last_modified_strong;
            sent(&held).headers().contains_key(IF_RANGE)
        };
        assert!(date(true));
        assert!(!date(false));
    }

    #[test]
    fn without_a_size_or_beyond_it_the_whole_is_asked_for() {
        assert_eq!(ask(&held(5, Some("\"v\""), None)), Ask::Whole);
        assert_eq!(ask(&held(10, Some("\"v\""), Some(9))), Ask::Whole);
        assert_eq!(ask(&held(0, Some("\"v\""), Some(9))), Ask::Whole);
    }

    #[test]
    fn a_file_held_to_its_end_is_asked_about_once_more() {
        assert!(matches!(ask(&held(9, Some("\"v\""), Some(9))), Ask::Rest { .. }));
    }

    #[test]
    fn user_info_and_fragment_are_never_sent() {
        let request = sent(&Held::nothing());
        assert_eq!(request.uri(), "/a%20b?q=1");
        assert_eq!(request.headers()[HOST], "h.example:8443");
        assert_eq!(request.headers()[ACCEPT_ENCODING], "identity");
        assert!(format!("{:?}", request.headers()).contains("ebb/"));
    }
}
