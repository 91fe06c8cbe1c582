//! Header fields that an owner wants sent with every request of a job (`job-model.md` 3.5,
//! CustomHeaders), and how they are kept: sealed.
//!
//! They are likely to be secrets. In the clear they exist while they are set, read back or handed
//! to an attempt, and their memory is wiped after it; a [`Headers`] shows the names only, whoever
//! prints it. What a job holds, and what is on disk, is [`Sealed`]: bytes that only the service's
//! vault can open, for this job and no other.

use core::fmt;
use core::hint::black_box;

use crate::refusal::Refusal;

/// The most characters of them all, each ending in CR LF, with a last one that ends the text.
pub const HEADERS_LIMIT: u32 = 16_384;
/// The most fields, as of an answer.
pub const HEADERS_COUNT: usize = 256;

/// Header fields in the clear: `Name: value`, CR LF, for each.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<u8>);

/// Something that only the vault can open.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Used once, for this.
    pub nonce: [u8; 12],
    /// What it became, and the proof that nobody changed it.
    pub bytes: Vec<u8>,
}

/// These are ours, and why: they frame the request, or say which bytes are wanted.
const OURS: [(&str, &str); 16] = [
    ("host", "the header Host comes from the URL"),
    ("range", "the header Range is set by the service"),
    ("if-range", "the header If-Range is set by the service"),
    ("if-match", "the header If-Match is set by the service"),
    ("if-none-match", "the header If-None-Match is set by the service"),
    ("if-modified-since", "the header If-Modified-Since is set by the service"),
    ("if-unmodified-since", "the header If-Unmodified-Since is set by the service"),
    (
        "accept-encoding",
        "the header Accept-Encoding is set by the service: ranges count plain bytes",
    ),
    ("content-length", "the header Content-Length is set by the service"),
    ("transfer-encoding", "the header Transfer-Encoding is set by the service"),
    ("connection", "the header Connection is set by the service"),
    ("keep-alive", "the header Keep-Alive is set by the service"),
    ("te", "the header TE is set by the service"),
    ("trailer", "the header Trailer is set by the service"),
    ("upgrade", "the header Upgrade is set by the service"),
    ("expect", "the header Expect is set by the service"),
];

impl Headers {
    /// Takes lines as their owner wrote them, `Name: value` each, without an end of line.
    ///
    /// # Errors
    ///
    /// [`Refusal::StringTooLong`] for too many characters, [`Refusal::InvalidArgument`] for a line
    /// that is no field, or names one that is the service's.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        // All the room there may be, at once: a buffer that grows leaves copies behind.
        let mut all = Self(Vec::with_capacity(HEADERS_LIMIT as usize));
        for (count, line) in lines.into_iter().enumerate() {
            let (name, value) = field(line)?;
            if count == HEADERS_COUNT {
                return Err(Refusal::InvalidArgument("there are more than 256 headers"));
            }
            if all.0.len() + name.len() + value.len() + 5 > HEADERS_LIMIT as usize {
                return Err(Refusal::StringTooLong { what: "headers", limit: HEADERS_LIMIT });
            }
            for part in [name, ": ", value, "\r\n"] {
                all.0.extend_from_slice(part.as_bytes());
            }
        }
        Ok(all)
    }

    /// Takes back what [`Self::as_bytes`] gave; `None` if it is nothing of ours.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        // Wiped in any case from here on.
        let all = Self(bytes);
        let text = core::str::from_utf8(&all.0).ok()?;
        Self::parse(text.split_terminator("\r\n")).ok().filter(|again| *again == all)
    }

    /// What is to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Name: value`, one after the other.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        core::str::from_utf8(&self.0).unwrap_or_default().split_terminator("\r\n")
    }

    /// Names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines().filter_map(|line| line.split_once(": "))
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody might look: so that the line above is not left out.
        black_box(&self.0);
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields().map(|(name, _)| name)).finish()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.bytes.len())
    }
}

/// Name and value of a line, without the space around them.
fn field(line: &str) -> Result<(&str, &str), Refusal> {
    let no = Refusal::InvalidArgument("a header is a line `Name: value`");
    let (name, value) = line.split_once(':').ok_or(no)?;
    if !is_token(name) {
        return Err(Refusal::InvalidArgument("the name of a header is letters, digits and `-`"));
    }
    let value = value.trim_matches([' ', '\t']);
    if !value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(Refusal::InvalidArgument("the value of a header is one line of plain ASCII"));
    }
    if let Some((_, why)) = OURS.iter().find(|(ours, _)| name.eq_ignore_ascii_case(ours)) {
        return Err(Refusal::InvalidArgument(why));
    }
    if name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("proxy-")) {
        let why = "headers that begin with Proxy- are for a proxy, and set by the service";
        return Err(Refusal::InvalidArgument(why));
    }
    Ok((name, value))
}

/// RFC 9110, 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(line: &str) -> String {
        match Headers::parse([line]) {
            Err(Refusal::InvalidArgument(why)) => why.to_owned(),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn headers_come_back_as_they_were_set_without_the_space_around_values() {
        let headers = Headers::parse(["X-Key:  a b\t", "x-empty:", "X-Key: c: d"]).unwrap();
        let lines: Vec<&str> = headers.lines().collect();
        assert_eq!(lines, ["X-Key: a b", "x-empty: ", "X-Key: c: d"]);
        let fields: Vec<_> = headers.fields().collect();
        assert_eq!(fields, [("X-Key", "a b"), ("x-empty", ""), ("X-Key", "c: d")]);
        assert_eq!(Headers::from_bytes(headers.as_bytes().to_vec()), Some(headers));
        assert!(Headers::parse([]).unwrap().is_empty());
    }

    #[test]
    fn no_header_can_smuggle_another_line_in() {
        for line in ["A: b\r\nHost: c", "A: b\nC: d", "A: b\r", "A: b\0", "A: \u{e9}", "A: \u{7f}"]
        {
            assert!(why(line).contains("one line"), "{line:?}");
        }
        for line in ["A\r\nB: c", " A: b", "A : b", ": b", "\u{e9}: b"] {
            assert!(why(line).contains("the name"), "{line:?}");
        }
        assert!(why("no colon").contains("Name: value"));
    }

    #[test]
    fn what_frames_a_request_or_asks_for_bytes_is_the_services() {
        for name in [
            "Host",
            "Content-Length",
            "transfer-encoding",
            "Connection",
            "RANGE",
            "If-Range",
            "Accept-Encoding",
            "Upgrade",
            "Expect",
            "TE",
            "Proxy-Authorization",
            "proxy-x",
        ] {
            let why = why(&format!("{name}: 1"));
            let named = name.to_lowercase();
            assert!(why.to_lowercase().contains(named.get(..6).unwrap_or(&named)), "{why}");
        }
        assert!(Headers::parse(["Authorization: Bearer x", "Cookie: a=b"]).is_ok());
    }

    #[test]
    fn headers_have_16384_characters_with_their_ends_and_no_more() {
        let fits = format!("X: {}", "a".repeat(16_384 - 6));
        assert_eq!(Headers::parse([fits.as_str()]).unwrap().as_bytes().len(), 16_383);
        let long = Headers::parse([format!("{fits}a").as_str()]);
        assert_eq!(long, Err(Refusal::StringTooLong { what: "headers", limit: 16_384 }));
        assert!(Headers::parse([fits.as_str(), "B: c"]).is_err());
        assert!(Headers::parse(["A: b"; 256]).is_ok());
        assert!(Headers::parse(["A: b"; 257]).is_err());
    }

    #[test]
    fn nobody_who_prints_headers_prints_their_values() {
        let headers = Headers::parse(["X-Key: hunter2"]).unwrap();
        assert_eq!(format!("{headers:?}"), "[\"X-Key\"]");
        let sealed = Sealed { nonce: [7; 12], bytes: b"hunter2".to_vec() };
        assert_eq!(format!("{sealed:?}"), "Sealed(7 bytes)");
    }

    #[test]
    fn bytes_that_are_no_headers_of_ours_are_none() {
        for bytes in [&b"\xff"[..], b"A: b", b"A:b\r\n", b"Host: x\r\n", b"\r\n"] {
            assert_eq!(Headers::from_bytes(bytes.to_vec()), None, "{bytes:?}");
        }
    }
}
