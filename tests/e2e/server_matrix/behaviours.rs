//! The rows of the matrix: how servers behave, as bytes.
//!
//! A row has a name, says by what its server tells versions apart, and answers. Most are an honest
//! answer with one thing changed in it.

use std::collections::HashMap;
use std::sync::LazyLock;

use support::content::Content;
use support::digests::repr_digest;

use super::SIZE;

/// A row.
pub(super) struct Row {
    pub(super) name: &'static str,
    says: Says,
    pub(super) answer: fn(&Asked, &Version) -> Vec<u8>,
    pub(super) sends: Sends,
}

/// How an answer goes out.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sends {
    /// At once.
    AtOnce,
    /// The first one ends early, and the connection stays open.
    SilentOnce(Silent),
    /// The last bytes come one at a time, for longer than a server may be silent.
    Drips,
}

/// From where on nothing comes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Silent {
    FromTheBeginning,
    InMidFile,
}

/// By what versions are told apart.
#[derive(Clone, Copy, PartialEq)]
enum Says {
    Tag,
    WeakTag,
    Date,
    /// One that is no older than seconds.
    NewDate,
    Both,
    Nothing,
    /// The same strong tag for everything there ever was.
    OneTag,
    /// The same, and a date.
    OneTagAndDate,
    /// The same, and a digest that is right.
    OneTagAndDigest,
    /// A strong tag, and a digest that is right.
    TagAndDigest,
}

/// What the client wants.
pub(super) struct Asked {
    pub(super) path: String,
    /// Whether it is behind the redirect of its row.
    there: bool,
    head_only: bool,
    range: Option<(usize, usize)>,
    if_range: Option<String>,
    /// How many answers there were before.
    pub(super) before: usize,
}

impl Asked {
    pub(super) fn new(method: &str, path: &str, fields: &HashMap<String, String>) -> Self {
        let there = path.ends_with("/there");
        let range = fields.get("range").and_then(|range| {
            let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
            let last = if last.is_empty() { SIZE - 1 } else { last.parse().ok()? };
            Some((first.parse().ok()?, last))
        });
        Self {
            path: path.trim_end_matches("/there").to_owned(),
            there,
            head_only: method == "HEAD",
            range,
            if_range: fields.get("if-range").cloned(),
            before: 0,
        }
    }
}

/// One version of the file.
pub(super) struct Version {
    bytes: &'static [u8],
    other: &'static [u8],
    tag: Option<String>,
    date: Option<&'static str>,
    digest: Option<&'static str>,
}

static BYTES: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| [1, 2].map(|seed| Content::new(seed, SIZE as u64).bytes()));
static DIGESTS: LazyLock<[String; 2]> = LazyLock::new(|| [0, 1].map(|at| repr_digest(&BYTES[at])));

const NOW: &str = "Sun, 01 Mar 2026 12:00:00 GMT";
const DATES: [&str; 2] = ["Sun, 01 Feb 2026 12:00:00 GMT", "Mon, 02 Feb 2026 12:00:00 GMT"];
const NEW_DATES: [&str; 2] = ["Sun, 01 Mar 2026 11:59:50 GMT", "Sun, 01 Mar 2026 11:59:55 GMT"];

impl Version {
    pub(super) fn bytes_of(number: usize) -> &'static [u8] {
        &BYTES[number - 1]
    }

    pub(super) fn of(row: &Row, number: usize) -> Self {
        let at = number - 1;
        Self {
            bytes: &BYTES[at],
            other: &BYTES[1 - at],
            tag: match row.says {
                Says::Tag | Says::Both | Says::TagAndDigest => Some(format!("\"v{number}\"")),
                Says::WeakTag => Some(format!("W/\"v{number}\"")),
                Says::OneTag | Says::OneTagAndDate | Says::OneTagAndDigest => {
                    Some("\"v\"".to_owned())
                }
                Says::Date | Says::NewDate | Says::Nothing => None,
            },
            date: match row.says {
                Says::Date | Says::Both | Says::OneTagAndDate => Some(DATES[at]),
                Says::NewDate => Some(NEW_DATES[at]),
                Says::Tag
                | Says::WeakTag
                | Says::Nothing
                | Says::OneTag
                | Says::OneTagAndDigest
                | Says::TagAndDigest => None,
            },
            digest: match row.says {
                Says::OneTagAndDigest | Says::TagAndDigest => Some(&DIGESTS[at]),
                Says::Tag
                | Says::WeakTag
                | Says::Date
                | Says::NewDate
                | Says::Both
                | Says::Nothing
                | Says::OneTagAndDate
                | Says::OneTag => None,
            },
        }
    }

    fn fields(&self) -> String {
        let mut fields = format!("Date: {NOW}\r\nConnection: close\r\n");
        let mut add = |name: &str, value: Option<&str>| {
            fields += &value.map(|value| format!("{name}: {value}\r\n")).unwrap_or_default();
        };
        add("ETag", self.tag.as_deref());
        add("Last-Modified", self.date);
        add("Repr-Digest", self.digest);
        fields
    }

    fn is(&self, condition: &str) -> bool {
        self.tag.as_deref().is_some_and(|tag| tag == condition && !tag.starts_with("W/"))
            || self.date == Some(condition)
    }
}

/// An honest answer's beginning: the connection is lost in mid-file.
pub(super) fn interrupted(row: &Row, asked: &Asked) -> Vec<u8> {
    let version = Version::of(row, 1);
    let mut answer = whole(asked, &version, "");
    let half = if asked.head_only { 0 } else { SIZE / 2 };
    answer.truncate(answer.len() - half);
    answer
}

/// 200, with these fields besides.
fn whole(asked: &Asked, version: &Version, fields: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{}{fields}", version.fields());
    ended(asked, format!("{head}Content-Length: {SIZE}\r\n\r\n"), version.bytes)
}

/// 206 from there to there, with these fields besides.
fn part(asked: &Asked, version: &Version, first: usize, last: usize, fields: &str) -> Vec<u8> {
    let (body, length) = (&version.bytes[first..=last], last + 1 - first);
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\n{}{fields}Content-Range: bytes {first}-{last}/{SIZE}\r\n\
         Content-Length: {length}\r\n\r\n",
        version.fields(),
    );
    ended(asked, head, body)
}

fn ended(asked: &Asked, head: String, body: &[u8]) -> Vec<u8> {
    let body = if asked.head_only { b"" } else { body };
    [head.as_bytes(), body].concat()
}

fn status(line: &str, fields: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {line}\r\nDate: {NOW}\r\nConnection: close\r\n{fields}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// What a server does that knows its trade.
fn honest(asked: &Asked, version: &Version) -> Vec<u8> {
    let holds = asked.if_range.as_deref().is_none_or(|condition| version.is(condition));
    match asked.range {
        Some((first, _)) if holds && first >= SIZE => {
            status("416 Range Not Satisfiable", &format!("Content-Range: bytes */{SIZE}\r\n"))
        }
        Some((first, last)) if holds => part(asked, version, first, last.min(SIZE - 1), ""),
        Some(_) | None => whole(asked, version, ""),
    }
}

/// The range as it was asked for, `If-Range` or not; else the whole.
fn blindly(asked: &Asked, version: &Version) -> Vec<u8> {
    let unconditional = Asked { if_range: None, path: String::new(), ..*asked };
    honest(&unconditional, version)
}

/// An honest answer, with something in it replaced by something else.
fn with(answer: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().replace(from, to);
    [head.as_bytes(), &answer[end..]].concat()
}

fn is_part(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 206")
}

/// A part, changed like this; the whole stays honest.
fn changed_part(asked: &Asked, version: &Version, change: fn(&str) -> String) -> Vec<u8> {
    let answer = blindly(asked, version);
    if !is_part(&answer) {
        return answer;
    }
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let head = change(std::str::from_utf8(&answer[..end]).unwrap());
    [head.as_bytes(), &answer[end..]].concat()
}

fn without(head: &str, name: &str) -> String {
    head.split("\r\n").filter(|line| !line.starts_with(name)).collect::<Vec<_>>().join("\r\n")
}

/// Honest, but not the first time.
fn at_last(asked: &Asked, version: &Version, first: Vec<u8>) -> Vec<u8> {
    if asked.before == 0 { first } else { honest(asked, version) }
}

fn chunked(asked: &Asked, version: &Version, until: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{}Transfer-Encoding: chunked\r\n\r\n", version.fields());
    let mut body = Vec::new();
    for piece in version.bytes[..until].chunks(10_000) {
        body.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    if until == SIZE {
        body.extend_from_slice(b"0\r\n\r\n");
    }
    ended(asked, head, &body)
}

const fn row(name: &'static str, says: Says, answer: fn(&Asked, &Version) -> Vec<u8>) -> Row {
    Row { name, says, answer, sends: Sends::AtOnce }
}

/// Honest, as far as it comes.
const fn slow(name: &'static str, sends: Sends) -> Row {
    Row { name, says: Says::Tag, answer: honest, sends }
}

/// All rows, in the order of the table.
pub(super) static ROWS: &[Row] = &[
    row("honest, strong ETag", Says::Tag, honest),
    row("honest, weak ETag", Says::WeakTag, honest),
    row("honest, Last-Modified long ago", Says::Date, honest),
    row("honest, Last-Modified seconds ago", Says::NewDate, honest),
    row("honest, ETag and Last-Modified", Says::Both, honest),
    row("honest, tells nothing of versions", Says::Nothing, honest),
    row("ignores If-Range, strong ETag", Says::Tag, blindly),
    row("ignores If-Range, weak ETag", Says::WeakTag, blindly),
    row("ignores If-Range, Last-Modified", Says::Date, blindly),
    row("ignores If-Range, Last-Modified seconds ago", Says::NewDate, blindly),
    row("ignores If-Range, tells nothing of versions", Says::Nothing, blindly),
    row("206 without the ETag that the whole had", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| without(head, "ETag"))
    }),
    row("206 with a weak ETag where the whole had a strong one", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| head.replace("ETag: ", "ETag: W/"))
    }),
    row("206 with two ETags", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| head.replace("ETag: ", "ETag: \"x\"\r\nETag: "))
    }),
    row("the same ETag for every version, another Last-Modified", Says::OneTagAndDate, honest),
    row("another ETag in each answer, the same bytes", Says::Tag, |asked, version| {
        with(honest(asked, version), "\"v", &format!("\"{}v", asked.before))
    }),
    row("the same ETag for every version, another size", Says::OneTag, |asked, version| {
        let larger = |answer| {
            let total = format!("/{SIZE}");
            with(answer, &total, &format!("/{}", SIZE + 7))
        };
        if version.bytes == Version::bytes_of(1) {
            honest(asked, version)
        } else {
            larger(blindly(asked, version))
        }
    }),
    row("the same ETag for every version, and Repr-Digest", Says::OneTagAndDigest, honest),
    row("Repr-Digest, and ignores If-Range", Says::TagAndDigest, blindly),
    row("Repr-Digest of another file", Says::Tag, |asked, version| {
        let field = format!("Repr-Digest: {}\r\nDate: ", repr_digest(version.other));
        with(honest(asked, version), "Date: ", &field)
    }),
    row("exchanges the file in mid-body, and Repr-Digest", Says::TagAndDigest, |asked, version| {
        let answer = honest(asked, version);
        if asked.before > 0 || asked.head_only {
            return answer;
        }
        let (begin, length) = (answer.len() - 1000, version.bytes.len());
        [&answer[..begin], &version.other[length - 1000..]].concat()
    }),
    row("no ranges: 200 to everything", Says::Tag, |asked, version| whole(asked, version, "")),
    row("Accept-Ranges: none", Says::Tag, |asked, version| {
        whole(asked, version, "Accept-Ranges: none\r\n")
    }),
    row("206 without Content-Range", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| without(head, "Content-Range"))
    }),
    row("206 of another unit", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| head.replace("bytes ", "items "))
    }),
    row("206 with an unknown total", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| head.replace(&format!("/{SIZE}"), "/*"))
    }),
    row("206 with another total", Says::Tag, |asked, version| {
        changed_part(asked, version, |head| {
            head.replace(&format!("/{SIZE}"), &format!("/{}", SIZE + 1))
        })
    }),
    row("206 that begins later than asked", Says::Tag, |asked, version| match asked.range {
        Some((first, _)) => part(asked, version, first + 100, SIZE - 1, ""),
        None => whole(asked, version, ""),
    }),
    row("206 that begins earlier than asked", Says::Tag, |asked, version| match asked.range {
        Some((first, _)) => part(asked, version, first.saturating_sub(100), SIZE - 1, ""),
        None => whole(asked, version, ""),
    }),
    row("206 of the whole file, from its first byte", Says::Tag, |asked, version| {
        match asked.range {
            Some(_) => part(asked, version, 0, SIZE - 1, ""),
            None => whole(asked, version, ""),
        }
    }),
    row(
        "206 with a right head and the wrong bytes, and Repr-Digest",
        Says::TagAndDigest,
        |asked, version| {
            let answer = blindly(asked, version);
            match asked.range {
                Some((first, _)) if is_part(&answer) => {
                    let length = SIZE - first;
                    [&answer[..answer.len() - length], &version.bytes[..length + 5]].concat()
                }
                Some(_) | None => answer,
            }
        },
    ),
    row("206 shorter than asked", Says::Tag, |asked, version| match asked.range {
        Some((first, _)) if asked.if_range.as_deref().is_none_or(|tag| version.is(tag)) => {
            part(asked, version, first, (first + 50_000).min(SIZE - 1), "")
        }
        Some(_) | None => whole(asked, version, ""),
    }),
    row("206 in one part of many (multipart/byteranges)", Says::Tag, |asked, version| {
        let Some((first, _)) = asked.range else { return whole(asked, version, "") };
        let part = format!("\r\n--b\r\nContent-Range: bytes {first}-{}/{SIZE}\r\n\r\n", SIZE - 1);
        let body = [part.as_bytes(), &version.bytes[first..], b"\r\n--b--\r\n"].concat();
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\n{}Content-Type: multipart/byteranges; boundary=b\r\n\
             Content-Length: {}\r\n\r\n",
            version.fields(),
            body.len()
        );
        ended(asked, head, &body)
    }),
    row("206 to a request without a range", Says::Tag, |asked, version| {
        part(asked, version, asked.range.map_or(0, |range| range.0), SIZE - 1, "")
    }),
    row("416 in mid-file, silent about the size", Says::Tag, |asked, version| match asked.range {
        Some(_) => status("416 Range Not Satisfiable", ""),
        None => whole(asked, version, ""),
    }),
    row("416 in mid-file, with a smaller size", Says::Tag, |asked, version| match asked.range {
        Some(_) => status("416 Range Not Satisfiable", "Content-Range: bytes */1000\r\n"),
        None => whole(asked, version, ""),
    }),
    row("412 to If-Range", Says::Tag, |asked, version| match asked.if_range {
        Some(_) => status("412 Precondition Failed", ""),
        None => honest(asked, version),
    }),
    row("304 to everything", Says::Tag, |_, _| status("304 Not Modified", "")),
    row("chunked, without a length", Says::Tag, |asked, version| chunked(asked, version, SIZE)),
    row("chunked, and cut", Says::Tag, |asked, version| chunked(asked, version, 90_000)),
    row("neither a length nor chunks", Says::Tag, |asked, version| {
        let head = without(&format!("HTTP/1.1 200 OK\r\n{}\r\n", version.fields()), "Content-L");
        ended(asked, head, version.bytes)
    }),
    row("HTTP/1.0", Says::Tag, |asked, version| {
        with(whole(asked, version, ""), "HTTP/1.1", "HTTP/1.0")
    }),
    row("Content-Length too large", Says::Tag, |asked, version| {
        with(honest(asked, version), "Content-Length: ", "Content-Length: 1")
    }),
    row("Content-Length too small, and Repr-Digest", Says::TagAndDigest, |asked, version| {
        let short = format!("Content-Length: {}", SIZE - 1000);
        with(whole(asked, version, ""), &format!("Content-Length: {SIZE}"), &short)
    }),
    row("two Content-Lengths that differ", Says::Tag, |asked, version| {
        with(whole(asked, version, ""), "Content-Length: ", "Content-Length: 5\r\nContent-Length: ")
    }),
    row("Content-Length and chunks", Says::Tag, |asked, version| {
        let both = format!("Transfer-Encoding: chunked\r\nContent-Length: {SIZE}");
        with(chunked(asked, version, SIZE), "Transfer-Encoding: chunked", &both)
    }),
    row("Content-Encoding: gzip", Says::Tag, |asked, version| {
        with(honest(asked, version), "Date: ", "Content-Encoding: gzip\r\nDate: ")
    }),
    row("Transfer-Encoding: gzip, chunked", Says::Tag, |asked, version| {
        with(chunked(asked, version, SIZE), "g: chunked", "g: gzip, chunked")
    }),
    row("says early what comes (103)", Says::Tag, |asked, version| {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        [&early[..], &honest(asked, version)].concat()
    }),
    row("302 to the file", Says::Tag, |asked, version| moved(asked, version, "302 Found")),
    row("303 to the file", Says::Tag, |asked, version| moved(asked, version, "303 See Other")),
    row("308 to the file", Says::Tag, |asked, version| {
        moved(asked, version, "308 Permanent Redirect")
    }),
    row("302 to itself, for ever", Says::Tag, |asked, _| {
        status("302 Found", &format!("Location: {}\r\n", asked.path))
    }),
    row("302 without a Location", Says::Tag, |_, _| status("302 Found", "")),
    row("302 to file:///etc/passwd", Says::Tag, |_, _| {
        status("302 Found", "Location: file:///etc/passwd\r\n")
    }),
    row("204", Says::Tag, |_, _| status("204 No Content", "")),
    row("403", Says::Tag, |_, _| status("403 Forbidden", "")),
    row("404", Says::Tag, |_, _| status("404 Not Found", "")),
    row("429 once, Retry-After: 0", Says::Tag, |asked, version| {
        at_last(asked, version, status("429 Too Many Requests", "Retry-After: 0\r\n"))
    }),
    row("503, Retry-After: 120", Says::Tag, |_, _| {
        status("503 Service Unavailable", "Retry-After: 120\r\n")
    }),
    row("500 once", Says::Tag, |asked, version| {
        at_last(asked, version, status("500 Internal Server Error", ""))
    }),
    row("closes without an answer, once", Says::Tag, |asked, version| {
        at_last(asked, version, Vec::new())
    }),
    row("closes in mid-head, once", Says::Tag, |asked, version| {
        at_last(asked, version, b"HTTP/1.1 200 OK\r\nETag: ".to_vec())
    }),
    slow("says nothing, once", Sends::SilentOnce(Silent::FromTheBeginning)),
    slow("falls silent in mid-file, once", Sends::SilentOnce(Silent::InMidFile)),
    slow("drips", Sends::Drips),
    row("a head of 70 KiB", Says::Tag, |asked, version| {
        let field = format!("X-Long: {}\r\n", "x".repeat(70_000));
        whole(asked, version, &field)
    }),
    row("no HTTP at all", Says::Tag, |_, _| b"220 mail.example ESMTP\r\n".to_vec()),
];

fn moved(asked: &Asked, version: &Version, line: &str) -> Vec<u8> {
    if asked.there {
        return honest(asked, version);
    }
    status(line, &format!("Location: {}/there\r\n", asked.path))
}
