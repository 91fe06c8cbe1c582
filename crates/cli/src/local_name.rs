//! Where a download goes when nobody said.
//!
//! Answers one question: *which file name does this URL suggest?* The last segment of its path,
//! percent-decoded. The name comes from whoever typed or wrote down the URL, never from the
//! server; still it may only ever be a plain name in the chosen directory.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The longest file name Linux takes.
const NAME_MAX: usize = 255;

/// The file name a URL suggests; nothing where it suggests none that is safe.
#[must_use]
pub(crate) fn from_url(url: &str) -> Option<OsString> {
    let name = percent_decode(last_segment(url)?)?;
    is_plain_name(&name).then(|| OsString::from_vec(name))
}

fn last_segment(url: &str) -> Option<&str> {
    let (_scheme, rest) = url.split_once("://")?;
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    // Without a slash there is only a host, and a host is no file.
    rest.rsplit_once('/').map(|(_, segment)| segment)
}

/// Nothing where a percent sign is not followed by two hexadecimal digits.
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            _ => byte,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// A name that stays in its directory and can be read on a terminal.
fn is_plain_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| *byte == b'/' || byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segment_is_the_name() {
        let table = [
            ("https://h/f.iso", "f.iso"),
            ("https://h/a/b%20c.txt?x=/y#/z", "b c.txt"),
            ("http://h:80/gr%C3%BCn", "grün"),
            ("file:///srv/data", "data"),
        ];
        for (url, name) in table {
            assert_eq!(from_url(url), Some(name.into()), "{url}");
        }
    }

    #[test]
    fn a_name_that_leaves_its_directory_is_no_name() {
        let urls = [
            "https://h",
            "https://h/",
            "https://h/a/",
            "https://h/.",
            "https://h/..",
            "https://h/%2e%2e",
            "https://h/..%2fpasswd",
            "https://h/a%00b",
            "https://h/a%0ab",
            "https://h/%",
            "https://h/%4",
            "https://h/%zz",
            "https://h/?f.iso",
            "f.iso",
        ];
        for url in urls {
            assert_eq!(from_url(url), None, "{url}");
        }
        assert_eq!(from_url(&format!("https://h/{}", "x".repeat(256))), None);
    }
}
