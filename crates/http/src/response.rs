//! From the head of an answer to a decision: what does it mean for the file? Pure.
//!
//! This is where **no spliced file, ever** is decided. Bytes may be appended to what we hold only
//! as [`Decision::Continue`], and [`judge`] says so only if the server itself proves, in the answer
//! that brings the bytes, that they continue the same representation:
//!
//! * the status is 206, and we asked for the rest;
//! * `Content-Range` begins at the first byte we do not hold, and its total is the one we know;
//! * the strong validator we hold is in the answer, byte for byte, and nothing contradicts it.
//!
//! ```text
//!  status            | asked for the rest                | asked for the whole
//! -------------------+-----------------------------------+--------------------
//!  200               | Whole (Complete if all is held)   | Whole
//!  206, proved       | Continue                          | malformed
//!  206, not proved   | AskWhole                          | malformed
//!  412               | AskWhole                          | Status
//!  416               | Complete if all is held, AskWhole | Status
//!  300 301 302 303 307 308 with a location | Redirect      | Redirect
//!  anything else     | Status                            | Status
//! ```
//!
//! What is different where one part was asked for is in `response/part.rs`.
//!
//! It never decides whether a status is worth another try, and never trusts one field where two
//! can be compared. What the other side may try: everything. Start reading at [`judge`].

use crate::answer::{
    ContentRange, content_length, content_range, retry_after, single, unsatisfied_total, validators,
};
use crate::auth::LogOnError;
use crate::digest::repr_digest;
use crate::redirect::RedirectError;
use crate::request::{Ask, Held, Part, Strong, Validators};
use crate::shown::printable;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, TRANSFER_ENCODING,
};
use http::{HeaderMap, StatusCode};
use std::fmt;
use std::time::SystemTime;
use url::Url;

mod part;

/// What an answer means for the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The body continues what we hold, proved, and ends before byte `until`.
    Continue {
        /// The first byte the body brings; always the number of bytes held.
        from: u64,
        /// Where the body ends; less than the total if the server shortened the range.
        until: u64,
    },
    /// The body is the whole file from its first byte; whatever we held is to be dropped.
    Whole,
    /// Nothing in this answer can be used: ask again, as if nothing were held.
    AskWhole,
    /// Everything is held already.
    Complete,
    /// Ask there. The location is as sent, not yet resolved or judged.
    Redirect(Vec<u8>),
}

/// An answer that will not do, and it is the server's doing.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// A final answer with this status.
    #[error("the server answered {status}")]
    Status {
        /// Which.
        status: StatusCode,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// The answer breaks HTTP, or contradicts itself.
    #[error("the server's answer breaks the rules of HTTP: {0}")]
    Malformed(&'static str),
    /// The answer is coded, though we asked for none.
    #[error("the server coded its answer as {0}, though it was asked not to")]
    Encoded(String),
    /// The head is too large.
    #[error("the head of the server's answer exceeds 64 KiB or 256 fields")]
    HeadTooLarge,
    /// The body and the size told before differ.
    #[error("the server said {told} bytes and sent {sent}")]
    SizeChanged {
        /// What it said.
        told: u64,
        /// What came.
        sent: u64,
    },
    /// Another version each time it is asked.
    #[error("the file at the server changes again and again")]
    KeepsChanging,
    /// No parts, or none that can be used.
    #[error("the server gives no part of the file that could be used: {0}")]
    NoRanges(&'static str),
    /// A part that was not asked for.
    #[error("the server's answer does not fit the range that was asked for: {0}")]
    WrongRange(&'static str),
    /// The file ends before the part.
    #[error("the file at the server ends before the range that was asked for")]
    InvalidRange,
    /// Everything came, and it is not the file that was meant.
    #[error("what came does not have the digest that {0} said it has")]
    WrongDigest(Voucher),
    /// More than there may be.
    #[error("there are more bytes than the {most} that are allowed")]
    TooLarge {
        /// How many are.
        most: u64,
    },
    /// A redirect, where none is followed.
    #[error("the server redirects ({status}), and the job does not allow that")]
    RedirectRefused {
        /// With this status.
        status: StatusCode,
        /// To there.
        there: Box<Url>,
    },
    /// The server wants to know who asks.
    #[error(transparent)]
    LogOn(Box<LogOnError>),
    /// The server sends us somewhere we do not go.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
}

/// Who said which digest a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// The server itself.
    Server,
    /// Who ordered it.
    Owner,
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "the server",
            Self::Owner => "the job's owner",
        })
    }
}

/// An answer, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What it means.
    pub decision: Decision,
    /// What the server says the representation is, its whole size included.
    pub validators: Validators,
}

/// Decides what the head of an answer to `ask` means. `now` is for a `Retry-After` date.
///
/// # Errors
///
/// [`AnswerError`] when the answer cannot be used and asking again in another way would not help.
pub fn judge(
    ask: &Ask<'_>,
    status: StatusCode,
    fields: &HeaderMap,
    now: SystemTime,
) -> Result<Judged, AnswerError> {
    let length = framing(fields)?;
    let plain = |decision| Judged { decision, validators: validators(fields, None) };
    let is_choice = status.as_u16() == 300 && !fields.contains_key(LOCATION);
    match (status.as_u16(), ask) {
        (200, Ask::Part(wanted)) => part::whole(wanted, fields, length),
        (206, Ask::Part(wanted)) => part::part(wanted, fields, length),
        (416, Ask::Part(wanted)) => part::unsatisfied(wanted, fields),
        (412, Ask::Part(Part { known: Some(_), .. })) => Ok(plain(Decision::AskWhole)),
        (200, _) => whole(ask, fields, length),
        (206, Ask::Rest { held, proof, total }) => part(held, *proof, *total, fields, length),
        (206, Ask::Whole) => Err(AnswerError::Malformed("a part, though the whole was asked for")),
        (412, Ask::Rest { .. }) => Ok(plain(Decision::AskWhole)),
        (416, Ask::Rest { held, total, .. }) => Ok(plain(unsatisfied(held, *total, fields))),
        (300..=303 | 307 | 308, _) if !is_choice => match single(fields, LOCATION) {
            Some(location) => Ok(plain(Decision::Redirect(location.to_vec()))),
            None => Err(RedirectError::Invalid("it does not say where to").into()),
        },
        _ => Err(AnswerError::Status { status, retry_after: retry_after(fields, now) }),
    }
}

/// A 200: the whole file. If every byte of the same representation is held, there is no need to
/// fetch it again.
fn whole(ask: &Ask<'_>, fields: &HeaderMap, length: Option<u64>) -> Result<Judged, AnswerError> {
    uncoded(fields)?;
    let validators = validators(fields, length);
    let decision = match ask {
        Ask::Rest { held, proof, total }
            if held.offset == *total && length == Some(*total) && proves(*proof, held, fields) =>
        {
            Decision::Complete
        }
        Ask::Rest { .. } | Ask::Whole | Ask::Part(_) => Decision::Whole,
    };
    Ok(Judged { decision, validators })
}

/// A 206 to a request for the rest.
fn part(
    held: &Held,
    proof: Strong<'_>,
    total: u64,
    fields: &HeaderMap,
    length: Option<u64>,
) -> Result<Judged, AnswerError> {
    let fits = |range: &ContentRange| {
        range.first == held.offset
            && range.total == total
            && length.is_none_or(|length| length == range.last - range.first + 1)
    };
    let range = content_range(fields).filter(fits);
    let decision = match range {
        Some(range) if !in_many_parts(fields) && proves(proof, held, fields) => {
            // Only now: a coded piece that would not fit anyway is no reason to fail.
            uncoded(fields)?;
            Decision::Continue { from: range.first, until: range.last + 1 }
        }
        Some(_) | None => Decision::AskWhole,
    };
    let validators = match decision {
        // The answer proved that it is the same; it need not repeat every field.
        Decision::Continue { .. } => held.validators.clone(),
        Decision::Whole | Decision::AskWhole | Decision::Complete | Decision::Redirect(_) => {
            validators(fields, None)
        }
    };
    Ok(Judged { decision, validators })
}

/// A 416: there is nothing after what we hold. Since `If-Range` went with the request, a server
/// whose file has changed would have sent the new one instead.
fn unsatisfied(held: &Held, total: u64, fields: &HeaderMap) -> Decision {
    let told = unsatisfied_total(fields);
    let complete =
        held.offset == total && told.is_none_or(|told| told == total) && !contradicts(held, fields);
    if complete { Decision::Complete } else { Decision::AskWhole }
}

/// The same strong validator is in the answer, and the other one, where both have it, agrees.
fn proves(proof: Strong<'_>, held: &Held, fields: &HeaderMap) -> bool {
    let same = match proof {
        Strong::Etag(etag) => single(fields, ETAG) == Some(etag),
        Strong::Date(date) => single(fields, LAST_MODIFIED) == Some(date),
    };
    same && !contradicts(held, fields)
}

/// A validator that both sides have differs. A field with several values contradicts everything.
fn contradicts(held: &Held, fields: &HeaderMap) -> bool {
    let differs = |name: http::HeaderName, ours: &Option<Vec<u8>>| {
        let theirs = fields.contains_key(&name);
        theirs && ours.as_deref().is_some_and(|ours| single(fields, name) != Some(ours))
    };
    let digests = held.validators.digest.as_ref().zip(repr_digest(fields));
    differs(ETAG, &held.validators.etag)
        || differs(LAST_MODIFIED, &held.validators.last_modified)
        || digests.is_some_and(|(ours, theirs)| ours.contradicts(&theirs))
}

/// The length the answer declares. Two framings in one answer are how responses get smuggled.
fn framing(fields: &HeaderMap) -> Result<Option<u64>, AnswerError> {
    let length = content_length(fields)
        .map_err(|()| AnswerError::Malformed("its Content-Length is no number, or several"))?;
    if !fields.contains_key(TRANSFER_ENCODING) {
        return Ok(length);
    }
    if length.is_some() {
        return Err(AnswerError::Malformed("both Content-Length and Transfer-Encoding"));
    }
    match single(fields, TRANSFER_ENCODING) {
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Ok(None),
        Some(coding) => Err(AnswerError::Encoded(text(coding))),
        None => Err(AnswerError::Malformed("several Transfer-Encodings")),
    }
}

fn uncoded(fields: &HeaderMap) -> Result<(), AnswerError> {
    for line in fields.get_all(CONTENT_ENCODING) {
        let coding = line.as_bytes().trim_ascii();
        if !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity") {
            return Err(AnswerError::Encoded(text(coding)));
        }
    }
    Ok(())
}

fn in_many_parts(fields: &HeaderMap) -> bool {
    const PARTS: &[u8] = b"multipart/byteranges";
    fields.get_all(CONTENT_TYPE).iter().any(|line| {
        let start = line.as_bytes().trim_ascii_start().get(..PARTS.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(PARTS))
    })
}

fn text(value: &[u8]) -> String {
    let shown = printable(&String::from_utf8_lossy(value));
    shown.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
