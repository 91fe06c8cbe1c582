//! What the answer to a request for one part of a file means. Pure.
//!
//! ```text
//!  status                          | a version is known              | none is known yet
//! ---------------------------------+---------------------------------+-----------------------
//!  200, another version            | AskWhole                        |
//!  200, exactly what was asked for | Continue                        | Whole
//!  200, anything else              | no ranges                       | no ranges
//!  206, another version            | AskWhole                        |
//!  206, in many parts              | wrong range                     | wrong range
//!  206, the part asked for, proved | Continue                        | Continue
//!  206, cut short by the end       | invalid range                   | invalid range
//!  206, not proved                 | no ranges                       |
//!  206, anything else              | wrong range                     | wrong range
//!  412                             | AskWhole                        | Status
//!  416, another version            | AskWhole                        |
//!  416                             | invalid range                   | invalid range
//! ```
//!
//! `AskWhole` means: what is held is of a version that is gone; ask again as if nothing were held. A
//! 416 to an open range of an empty file is what was asked for. A part may be shorter than asked for
//! where the file goes on; the rest is asked for next.

use super::{AnswerError, Decision, Judged, contradicts, in_many_parts, proves, uncoded};
use crate::answer::{content_range, unsatisfied_total, validators};
use crate::request::{Part, Validators};
use http::HeaderMap;

const NO_RANGES: AnswerError = AnswerError::NoRanges("it sends the whole file for a part of it");
const UNTOLD: AnswerError =
    AnswerError::NoRanges("it does not say which part it sends, or of how much");
const UNPROVED: AnswerError =
    AnswerError::NoRanges("it does not say which version the part belongs to");

/// A 200.
pub(super) fn whole(
    part: &Part<'_>,
    fields: &HeaderMap,
    length: Option<u64>,
) -> Result<Judged, AnswerError> {
    let told = validators(fields, length);
    if changed(part, fields, length) {
        return Ok(judged(Decision::AskWhole, told));
    }
    if length.is_some_and(|length| beyond(part, length)) {
        return Err(AnswerError::InvalidRange);
    }
    let is_all = part.first == 0
        && part.last.is_none_or(|last| length.is_some_and(|length| length == last + 1));
    if !is_all {
        return Err(NO_RANGES);
    }
    uncoded(fields)?;
    match &part.known {
        None => Ok(judged(Decision::Whole, told)),
        Some(known) if length == Some(known.total) && proves(known.proof, known.held, fields) => {
            let decision = Decision::Continue { from: 0, until: known.total };
            Ok(judged(decision, known.held.validators.clone()))
        }
        Some(_) => Err(UNPROVED),
    }
}

/// A 206.
pub(super) fn part(
    part: &Part<'_>,
    fields: &HeaderMap,
    length: Option<u64>,
) -> Result<Judged, AnswerError> {
    if in_many_parts(fields) {
        return Err(AnswerError::WrongRange("it sends several parts where one was asked for"));
    }
    let range = content_range(fields);
    if changed(part, fields, range.map(|range| range.total)) {
        return Ok(judged(Decision::AskWhole, validators(fields, None)));
    }
    let range = range.ok_or(UNTOLD)?;
    let fits = range.first == part.first
        && part.last.is_none_or(|last| range.last <= last)
        && length.is_none_or(|length| length == range.last - range.first + 1);
    if !fits {
        return Err(AnswerError::WrongRange("it sends another part than the one asked for"));
    }
    if beyond(part, range.total) {
        return Err(AnswerError::InvalidRange);
    }
    uncoded(fields)?;
    let told = match &part.known {
        None => validators(fields, Some(range.total)),
        Some(known) if proves(known.proof, known.held, fields) => known.held.validators.clone(),
        Some(_) => return Err(UNPROVED),
    };
    Ok(judged(Decision::Continue { from: range.first, until: range.last + 1 }, told))
}

/// A 416.
pub(super) fn unsatisfied(part: &Part<'_>, fields: &HeaderMap) -> Result<Judged, AnswerError> {
    let total = unsatisfied_total(fields);
    if changed(part, fields, total) {
        return Ok(judged(Decision::AskWhole, validators(fields, None)));
    }
    if part.first == 0 && part.last.is_none() && total == Some(0) {
        return Ok(judged(Decision::Complete, validators(fields, total)));
    }
    Err(AnswerError::InvalidRange)
}

fn judged(decision: Decision, validators: Validators) -> Judged {
    Judged { decision, validators }
}

/// Whether the answer is about another version than the one we know.
fn changed(part: &Part<'_>, fields: &HeaderMap, total: Option<u64>) -> bool {
    part.known.as_ref().is_some_and(|known| {
        contradicts(known.held, fields) || total.is_some_and(|total| total != known.total)
    })
}

fn beyond(part: &Part<'_>, total: u64) -> bool {
    part.last.is_some_and(|last| last >= total) || (part.first >= total && part.first > 0)
}
