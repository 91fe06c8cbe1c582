//! Pieces of a file, in their order, one request for each.
//!
//! ```text
//!  next piece ─▶ exchange ─▶ judge ─┬─ Redirect ──────────▶ ask there
//!                                   ├─ AskWhole ──────────▶ another version: from the first piece
//!                                   ├─ Continue, Whole ─┬─▶ pour, next piece
//!                                   │                   └─ first answer of a version: head, and
//!                                   │                      wait for proceed if bytes are dropped
//!                                   └─ Complete ──────────▶ nothing to fetch: the file is empty
//! ```
//!
//! This module answers the question of `fetch.rs` for pieces. The promise is the same: whatever the
//! server does, the file never holds bytes of two versions. So every answer after the first must
//! prove what it is a part of; a server that cannot is a failure, not a guess.
//!
//! In the file there may be pieces of other fetches. They stay, as long as the version does.

use super::{FetchError, Reports, Run, Whole};
use crate::client::{Body, Link};
use crate::pieces::{Next, Stream};
use crate::request::{Ask, Held, Part, Validators};
use crate::response::{AnswerError, Decision, judge};
use http::response::Parts;
use std::time::SystemTime;

/// A file that has changed so often in one fetch is not asked for again.
const MOST_VERSIONS: u32 = 3;

/// An answer that will serve.
struct Answer {
    link: Link,
    parts: Parts,
    body: Body,
    validators: Validators,
    /// How many bytes it brings, if it says so.
    length: Option<u64>,
}

impl<R: Reports> Run<'_, R> {
    pub(super) async fn until_pieces(&mut self, stream: &Stream) -> Result<Whole, FetchError> {
        if self.held.known().is_none() {
            self.held = Held::nothing();
        }
        let mut versions = 0;
        loop {
            let (position, total) = (self.held.offset, self.held.validators.total);
            let Some(next) = stream.next(position, total) else {
                if self.headed || !self.confirmed(stream).await? {
                    return Ok(Whole {
                        length: position,
                        validators: self.held.validators.clone(),
                    });
                }
                continue;
            };
            let held = self.held.clone();
            let known = held.known();
            if known.is_none() && position > 0 {
                let why = "it gives nothing by which its parts could be shown to belong together";
                return Err(AnswerError::NoRanges(why).into());
            }
            let ask = Ask::Part(Part { first: next.first, last: next.last, known });
            let (link, parts, body) = self.exchange(&ask).await?;
            let judged = judge(&ask, parts.status, &parts.headers, SystemTime::now())?;
            let validators = judged.validators;
            let length = match judged.decision {
                Decision::Redirect(location) => {
                    self.go(parts.status, &location)?;
                    continue;
                }
                Decision::AskWhole => {
                    versions += 1;
                    if versions > MOST_VERSIONS {
                        return Err(AnswerError::KeepsChanging.into());
                    }
                    self.held = Held::nothing();
                    continue;
                }
                Decision::Continue { from, until } => Some(until - from),
                Decision::Whole => validators.total,
                Decision::Complete => Some(0),
            };
            let answer = Answer { link, parts, body, validators, length };
            if self.take_piece(stream, next, answer).await? {
                let length = self.held.offset;
                return Ok(Whole { length, validators: self.held.validators.clone() });
            }
        }
    }

    /// Takes what an answer brings. True when that was all, since nobody knows how much all is.
    async fn take_piece(
        &mut self,
        stream: &Stream,
        next: Next,
        answer: Answer,
    ) -> Result<bool, FetchError> {
        let Answer { link, parts, body, validators, length } = answer;
        let total = validators.total;
        if total.is_some_and(|total| !stream.lie_in(total)) {
            return Err(AnswerError::InvalidRange.into());
        }
        if length.is_none() && !stream.is_one() {
            let why = "it does not say how large the file is";
            return Err(AnswerError::NoRanges(why).into());
        }
        self.unless_too_large(stream.length(total))?;
        let anew = self.held.known().is_none();
        let position = self.held.offset;
        if anew || !self.headed {
            let counted_on = self.headed || self.is_counted_on();
            self.report_head(self.head_of(&parts, &validators, position, anew));
            if anew {
                self.drop_what_is_held(counted_on).await;
                self.disk.begin(0, None).await?;
            }
        }
        self.disk.begin_piece(next.at, length).await?;
        let offset = match length {
            Some(0) => position,
            Some(length) => self.pour(link, body, position, Some(position + length)).await?,
            None => self.pour(link, body, position, None).await?,
        };
        self.held = Held { offset, validators };
        Ok(length.is_none())
    }

    /// Whether there is anything in the file that the owner counts on: bytes of these pieces, or of
    /// others, of a version whose validators are written down.
    fn is_counted_on(&self) -> bool {
        let held = &self.order.held;
        held.offset > 0 || held.validators != Validators::default()
    }

    /// Everything was there when the fetch began; but is it still what the server has? Asks for its
    /// last byte, and takes nothing of the answer but the head. False once that is known.
    async fn confirmed(&mut self, stream: &Stream) -> Result<bool, FetchError> {
        let last = self.held.offset.saturating_sub(1);
        loop {
            let Some(next) = stream.next(last, self.held.validators.total) else {
                return Err(AnswerError::InvalidRange.into());
            };
            let held = self.held.clone();
            let known = held.known();
            let ask = Ask::Part(Part { first: next.first, last: Some(next.first), known });
            let (_, parts, _) = self.exchange(&ask).await?;
            let judged = judge(&ask, parts.status, &parts.headers, SystemTime::now())?;
            match judged.decision {
                Decision::Redirect(location) => self.go(parts.status, &location)?,
                Decision::Continue { .. } => {
                    let from = self.held.offset;
                    self.report_head(self.head_of(&parts, &judged.validators, from, false));
                    return Ok(false);
                }
                Decision::AskWhole | Decision::Whole | Decision::Complete => {
                    self.held = Held::nothing();
                    return Ok(true);
                }
            }
        }
    }
}
