//! Reading the fields of an answer that our rules depend on. Pure.
//!
//! Servers write anything. This module answers one question for each field: *what does it say, if
//! it says exactly one thing?* A field that is there twice with different values, or that does not
//! follow its grammar, says nothing, and the rules in `response.rs` treat it so.
//!
//! It never guesses, never repairs, and never panics, whatever the bytes are.

use crate::digest::repr_digest;
use crate::request::Validators;
use http::HeaderMap;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderName, LAST_MODIFIED, RETRY_AFTER,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How much older than the answer a modification date must be to count as strong. RFC 9110 asks
/// for a second where both come from one clock, or for "enough difference" where that is not
/// known; we cannot know it, and Apache itself counts younger dates as weak.
const CLEARLY_OLDER: Duration = Duration::from_secs(60);

/// A validator longer than this is none: it has to be kept, for as long as the file is.
const LONGEST_VALIDATOR: usize = 1024;

/// What `Content-Range` says: `bytes FIRST-LAST/TOTAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) total: u64,
}

/// A field's value, where all its lines agree.
pub(crate) fn single(fields: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let mut values = fields.get_all(name).iter().map(http::HeaderValue::as_bytes);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// What the fields say of the representation; `total` is the caller's to judge.
pub(crate) fn validators(fields: &HeaderMap, total: Option<u64>) -> Validators {
    let bearable = |value: &&[u8]| value.len() <= LONGEST_VALIDATOR;
    let last_modified = single(fields, LAST_MODIFIED).filter(bearable);
    Validators {
        etag: single(fields, ETAG).filter(bearable).map(<[u8]>::to_vec),
        last_modified: last_modified.map(<[u8]>::to_vec),
        last_modified_strong: last_modified.is_some_and(|date| is_strong_date(date, fields)),
        total,
        digest: repr_digest(fields),
    }
}

fn is_strong_date(last_modified: &[u8], fields: &HeaderMap) -> bool {
    let Some(modified) = date(last_modified) else {
        return false;
    };
    let answered = single(fields, DATE).and_then(date);
    answered.is_some_and(|at| at.duration_since(modified).is_ok_and(|age| age >= CLEARLY_OLDER))
}

/// `Last-Modified` in seconds since the epoch.
pub(crate) fn modified(validators: &Validators) -> Option<i64> {
    let at = date(validators.last_modified.as_deref()?)?;
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// The one length the answer declares; `Err` if it declares several, or none that is a number.
pub(crate) fn content_length(fields: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut length = None;
    for line in fields.get_all(CONTENT_LENGTH) {
        for part in line.as_bytes().split(|byte| *byte == b',') {
            let told = number(part.trim_ascii()).ok_or(())?;
            if length.is_some_and(|known| known != told) {
                return Err(());
            }
            length = Some(told);
        }
    }
    Ok(length)
}

/// The range a 206 says it brings, if it says one, in full and without contradiction.
pub(crate) fn content_range(fields: &HeaderMap) -> Option<ContentRange> {
    let (range, total) = range_parts(fields)?;
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (number(&range[..dash])?, number(&range[dash + 1..])?);
    let total = number(total)?;
    (first <= last && last < total).then_some(ContentRange { first, last, total })
}

/// The size a 416 tells: `bytes */TOTAL`.
pub(crate) fn unsatisfied_total(fields: &HeaderMap) -> Option<u64> {
    let (range, total) = range_parts(fields)?;
    (range == b"*").then(|| number(total))?
}

fn range_parts(fields: &HeaderMap) -> Option<(&[u8], &[u8])> {
    let value = single(fields, CONTENT_RANGE)?;
    let (unit, rest) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes ") {
        return None;
    }
    let slash = rest.iter().position(|byte| *byte == b'/')?;
    Some((rest[..slash].trim_ascii(), rest[slash + 1..].trim_ascii()))
}

/// `Retry-After` in seconds from `now`, be it written as seconds or as a date.
pub(crate) fn retry_after(fields: &HeaderMap, now: SystemTime) -> Option<u32> {
    let value = single(fields, RETRY_AFTER)?;
    let seconds = match number(value) {
        Some(seconds) => seconds,
        None => date(value)?.duration_since(now).map_or(0, |wait| wait.as_secs()),
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

/// Decimal digits only: no sign, no space, no overflow.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        lines.iter().copied().map(line).collect()
    }

    fn range(value: &'static str) -> Option<ContentRange> {
        content_range(&fields(&[("content-range", value)]))
    }

    #[test]
    fn a_content_range_is_read_to_the_letter() {
        assert_eq!(range("bytes 5-8/9"), Some(ContentRange { first: 5, last: 8, total: 9 }));
        assert_eq!(range("Bytes 0-0/1"), Some(ContentRange { first: 0, last: 0, total: 1 }));
        for wrong in [
            "bytes 5-8/*",
            "bytes */9",
            "bytes 8-5/9",
            "bytes 5-9/9",
            "bytes +5-8/9",
            "bytes -8/9",
            "bytes 5-/9",
            "5-8/9",
            "items 5-8/9",
            "bytes 5-8",
            "bytes 5-8/99999999999999999999",
            "",
        ] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_field_that_says_two_things_says_nothing() {
        let twice = fields(&[("etag", "\"a\""), ("etag", "\"b\"")]);
        assert_eq!(validators(&twice, None).etag, None);
        let same = fields(&[("etag", "\"a\""), ("etag", "\"a\"")]);
        assert_eq!(validators(&same, None).etag, Some(b"\"a\"".to_vec()));
    }

    #[test]
    fn an_endless_validator_is_none() {
        let mut endless = HeaderMap::new();
        endless.insert(ETAG, HeaderValue::try_from(format!("\"{}\"", "x".repeat(2000))).unwrap());
        assert_eq!(validators(&endless, None).etag, None);
    }

    #[test]
    fn lengths_may_be_repeated_but_not_differ() {
        assert_eq!(content_length(&fields(&[("content-length", "5, 5")])), Ok(Some(5)));
        assert_eq!(content_length(&fields(&[])), Ok(None));
        for wrong in ["5, 6", "-5", "+5", "5x", "", "0x5", "99999999999999999999"] {
            assert_eq!(content_length(&fields(&[("content-length", wrong)])), Err(()), "{wrong}");
        }
        let differ = fields(&[("content-length", "5"), ("content-length", "6")]);
        assert_eq!(content_length(&differ), Err(()));
    }

    #[test]
    fn a_date_is_strong_only_if_clearly_older_than_the_answer() {
        let strong = |date: &'static str| {
            let modified = ("last-modified", "Sun, 22 Nov 2026 10:00:00 GMT");
            validators(&fields(&[modified, ("date", date)]), None).last_modified_strong
        };
        assert!(strong("Sun, 22 Nov 2026 10:01:00 GMT"));
        assert!(!strong("Sun, 22 Nov 2026 10:00:59 GMT"));
        assert!(!strong("Sun, 22 Nov 2026 09:00:00 GMT"));
        assert!(!strong("yesterday"));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 10:00:00 GMT").unwrap();
        let read = |value| retry_after(&fields(&[("retry-after", value)]), now);
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Sun, 22 Nov 2026 10:02:00 GMT"), Some(120));
        assert_eq!(read("Sun, 22 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(read("99999999999"), Some(u32::MAX));
        assert_eq!(read("soon"), None);
    }
}
