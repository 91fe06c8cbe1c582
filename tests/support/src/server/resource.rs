//! What the server has at a path, and how it lies about it.
//!
//! A [`Resource`] is a list of versions (a *swap* goes over to the next one) with its honest
//! properties: whether it knows ranges, how it frames a body, how fast it goes. A [`Lie`] is a
//! departure from what an honest server would do, told once or always. Nothing here does I/O.

use super::gate::Gate;
use crate::content::Content;
use std::collections::VecDeque;
use std::sync::Arc;

/// The server's clock stands still, so that "old enough to be strong" is not a matter of luck.
pub const DATE: &str = "Sun, 01 Mar 2026 12:00:00 GMT";
/// A modification time that is strong by RFC 9110 section 8.8.2.2: long before [`DATE`].
pub const LONG_AGO: &str = "Sun, 01 Feb 2026 12:00:00 GMT";
/// One that is not: seconds before [`DATE`].
pub const JUST_NOW: &str = "Sun, 01 Mar 2026 11:59:55 GMT";

/// One version of a resource.
#[derive(Clone, Debug)]
pub struct Version {
    /// The bytes.
    pub content: Content,
    /// The `ETag` field, weak or strong.
    pub etag: Option<String>,
    /// The `Last-Modified` field.
    pub modified: Option<String>,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// By closing the connection.
    Unframed,
}

/// A departure from honesty. Offsets are those of the file, not of the answer.
#[derive(Clone, Debug)]
pub enum Lie {
    /// Closes the connection before the byte at this offset.
    CloseAt(u64),
    /// Sends nothing more from this offset on, and keeps the connection.
    StallAt(u64),
    /// Goes over to the next version's bytes at this offset, within one body.
    SwapAt(u64),
    /// Goes over to the next version and closes the connection before the byte at this offset.
    SwapAndCloseAt(u64),
    /// Says this `Content-Length`.
    ClaimLength(u64),
    /// Says this total in `Content-Range`.
    ClaimTotal(u64),
    /// Sends (and says) a range that begins so many bytes later than the one asked for.
    StartLater(u64),
    /// Answers a range with the whole file and 200.
    WholeForRange,
    /// Answers a range with `multipart/byteranges`.
    Multipart,
    /// Answers with this status and these fields, and a short body.
    Status(u16, Vec<(String, String)>),
    /// Adds a field to an otherwise honest answer.
    Field(String, String),
    /// Sends these bytes as they are and closes.
    Raw(Vec<u8>),
    /// Sends a head without an end.
    EndlessHead,
}

impl Lie {
    /// A redirect to `location`.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Status(status, vec![("Location".into(), location.into())])
    }
}

/// What is at a path.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(super) versions: VecDeque<Version>,
    pub(super) ranges: bool,
    pub(super) framing: Framing,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) always: Vec<Lie>,
    pub(super) once: VecDeque<Lie>,
}

impl Resource {
    /// An honest file: a strong `ETag` made from the seed, ranges, `Content-Length`.
    #[must_use]
    pub fn new(content: Content) -> Self {
        let etag = Some(format!("\"{:016x}\"", content.seed));
        Self::of_versions([Version { content, etag, modified: None }])
    }

    /// A file with these versions, the first one current.
    #[must_use]
    pub fn of_versions(versions: impl IntoIterator<Item = Version>) -> Self {
        Self {
            versions: versions.into_iter().collect(),
            ranges: true,
            framing: Framing::Length,
            gate: None,
            always: Vec::new(),
            once: VecDeque::new(),
        }
    }

    /// Without `Range`: every answer is the whole file.
    #[must_use]
    pub fn without_ranges(mut self) -> Self {
        self.ranges = false;
        self
    }

    /// With another way to tell the end.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Sent only as fast as `gate` lets it pass.
    #[must_use]
    pub fn through(mut self, gate: &Arc<Gate>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// Tells this lie to every request.
    #[must_use]
    pub fn always(mut self, lie: Lie) -> Self {
        self.always.push(lie);
        self
    }

    /// Tells this lie to one request; several are told to one request each, in this order.
    #[must_use]
    pub fn once(mut self, lie: Lie) -> Self {
        self.once.push_back(lie);
        self
    }

    /// The lies for the request that has just come.
    pub(super) fn lies_for_now(&mut self) -> Vec<Lie> {
        self.always.iter().cloned().chain(self.once.pop_front()).collect()
    }

    /// Goes over to the next version, if there is one.
    pub(super) fn swap(&mut self) {
        if self.versions.len() > 1 {
            self.versions.pop_front();
        }
    }
}
