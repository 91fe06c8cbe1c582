//! From a request and a resource to an answer: the head, and which bytes follow.
//!
//! This is the honest server first: ranges, `If-Range`, 416, three framings. The lies are then
//! laid over it, each in one visible place. Pure: it makes a [`Plan`], `connection.rs` sends it.

use super::resource::{DATE, Framing, Lie, Resource, Version};
use crate::content::Content;
use std::fmt::Write as _;

/// What will be sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) status: u16,
    /// The head, verbatim.
    pub(super) head: Vec<u8>,
    pub(super) body: Body,
    /// Whether the connection ends with this answer.
    pub(super) close: bool,
}

/// What follows the head.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// These bytes, which are not of the file.
    Bytes(Vec<u8>),
    /// Head without end.
    EndlessHead,
    /// A piece of the file.
    Piece(Piece),
}

/// A piece of the file, and where in it something strange happens.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) content: Content,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) chunked: bool,
    pub(super) close_at: Option<u64>,
    pub(super) stall_at: Option<u64>,
    pub(super) swap_at: Option<(u64, Option<Content>)>,
}

/// The parts of a request that decide on the answer.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) head_only: bool,
    pub(super) range: Option<&'a str>,
    pub(super) if_range: Option<&'a str>,
}

impl Asked<'_> {
    /// First and last byte asked for, of a `bytes=FIRST-` or `bytes=FIRST-LAST`.
    pub(super) fn first_and_last(&self) -> Option<(u64, Option<u64>)> {
        let (first, last) = self.range?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()))
    }
}

/// The answer when there is nothing at the path.
pub(super) fn not_found() -> Plan {
    plain(404, &[], false)
}

/// Decides on the answer. `resource` is changed only in that a lie told once is used up.
pub(super) fn answer(resource: &mut Resource, asked: &Asked<'_>) -> Plan {
    let lies = resource.lies_for_now();
    if let Some(plan) = lies.iter().find_map(instead) {
        return plan;
    }
    let version = resource.versions.front().expect("a resource has a version").clone();
    let range = if has(&lies, |l| matches!(l, Lie::WholeForRange)) || !resource.ranges {
        None
    } else {
        asked.first_and_last().filter(|_| current(&version, asked.if_range))
    };
    let size = version.content.size;
    match range {
        Some((first, _)) if first >= size => {
            plain(416, &[("Content-Range".into(), format!("bytes */{size}"))], asked.head_only)
        }
        Some(_) if has(&lies, |l| matches!(l, Lie::Multipart)) => multipart(&version),
        Some((first, last)) => {
            let later = number(&lies, |l| if let Lie::StartLater(n) = l { Some(*n) } else { None });
            let from = (first + later.unwrap_or(0)).min(size);
            let to = last.map_or(size, |l| (l + 1).min(size));
            piece(resource, &version, 206, (from, to), asked.head_only, &lies)
        }
        None => piece(resource, &version, 200, (0, size), asked.head_only, &lies),
    }
}

/// Whether an `If-Range` holds (none always does); by strong comparison.
fn current(version: &Version, if_range: Option<&str>) -> bool {
    let Some(condition) = if_range else {
        return true;
    };
    version.etag.as_deref().is_some_and(|etag| etag == condition && !etag.starts_with("W/"))
        || version.modified.as_deref() == Some(condition)
}

/// A lie that replaces the whole answer.
fn instead(lie: &Lie) -> Option<Plan> {
    if let Lie::Raw(bytes) = lie {
        return Some(Plan { status: 0, head: bytes.clone(), body: Body::Empty, close: true });
    }
    if let Lie::EndlessHead = lie {
        let head = b"HTTP/1.1 200 OK\r\n".to_vec();
        return Some(Plan { status: 200, head, body: Body::EndlessHead, close: true });
    }
    if let Lie::Status(status, fields) = lie {
        return Some(plain(*status, fields, false));
    }
    None
}

fn has(lies: &[Lie], is: impl Fn(&Lie) -> bool) -> bool {
    lies.iter().any(is)
}

fn number(lies: &[Lie], of: impl Fn(&Lie) -> Option<u64>) -> Option<u64> {
    lies.iter().find_map(of)
}

fn head(status: u16, fields: &[(String, String)]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Status\r\nDate: {DATE}\r\nServer: ebb-test\r\n");
    for (name, value) in fields {
        write!(text, "{name}: {value}\r\n").expect("writing to a string");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn plain(status: u16, fields: &[(String, String)], head_only: bool) -> Plan {
    let body = format!("status {status}\n").into_bytes();
    let mut fields = fields.to_vec();
    if status != 204 && status != 304 {
        fields.push(("Content-Length".into(), body.len().to_string()));
    }
    let bare = head_only || status == 204 || status == 304;
    let body = if bare { Body::Empty } else { Body::Bytes(body) };
    Plan { status, head: head(status, &fields), body, close: false }
}

fn validators(version: &Version) -> Vec<(String, String)> {
    let etag = version.etag.iter().map(|v| ("ETag".into(), v.clone()));
    let modified = version.modified.iter().map(|v| ("Last-Modified".into(), v.clone()));
    etag.chain(modified).collect()
}

/// Two parts where one was asked for, as a server that merges ranges may send them.
fn multipart(version: &Version) -> Plan {
    let size = version.content.size;
    let part = format!(
        "\r\n--ebb\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-3/{size}\r\n\r\nabcd"
    );
    let body = format!("{part}{part}\r\n--ebb--\r\n").into_bytes();
    let mut fields = validators(version);
    fields.push(("Content-Type".into(), "multipart/byteranges; boundary=ebb".into()));
    fields.push(("Content-Length".into(), body.len().to_string()));
    Plan { status: 206, head: head(206, &fields), body: Body::Bytes(body), close: false }
}

fn piece(
    resource: &Resource,
    version: &Version,
    status: u16,
    (from, to): (u64, u64),
    head_only: bool,
    lies: &[Lie],
) -> Plan {
    let mut fields = validators(version);
    if resource.ranges {
        fields.push(("Accept-Ranges".into(), "bytes".into()));
    }
    if status == 206 {
        let total = number(lies, |l| if let Lie::ClaimTotal(n) = l { Some(*n) } else { None });
        let total = total.unwrap_or(version.content.size);
        let last = to.saturating_sub(1);
        fields.push(("Content-Range".into(), format!("bytes {from}-{last}/{total}")));
    }
    let claim = number(lies, |l| if let Lie::ClaimLength(n) = l { Some(*n) } else { None });
    fields.extend(match resource.framing {
        Framing::Length => Some(("Content-Length".into(), claim.unwrap_or(to - from).to_string())),
        Framing::Chunked => Some(("Transfer-Encoding".into(), "chunked".into())),
        Framing::Unframed => Some(("Connection".into(), "close".into())),
    });
    for lie in lies {
        if let Lie::Field(name, value) = lie {
            fields.push((name.clone(), value.clone()));
        }
    }
    let body = Piece {
        content: version.content,
        from,
        to,
        chunked: resource.framing == Framing::Chunked,
        close_at: number(lies, |l| {
            if let Lie::CloseAt(n) | Lie::SwapAndCloseAt(n) = l { Some(*n) } else { None }
        }),
        stall_at: number(lies, |l| if let Lie::StallAt(n) = l { Some(*n) } else { None }),
        swap_at: number(lies, |l| {
            if let Lie::SwapAt(n) | Lie::SwapAndCloseAt(n) = l { Some(*n) } else { None }
        })
        .map(|at| (at, resource.versions.get(1).map(|v| v.content))),
    };
    Plan {
        status,
        head: head(status, &fields),
        close: resource.framing == Framing::Unframed || claim.is_some(),
        body: if head_only { Body::Empty } else { Body::Piece(body) },
    }
}
