//! What may be shown of things that came from outside.
//!
//! Error texts reach journals and terminals. A URL can carry a secret in its user-info or its
//! query (signed URLs do), and a server can put terminal escapes anywhere. This module answers one
//! question: *how do we name it without giving it away, or letting it act?*
//!
//! It never shows user-info, a query or a fragment, and never lets a control character through.

use http::HeaderMap;
use std::fmt::Write;
use url::{Position, Url};

/// Names and values of the fields of an answer that are shown, together. The channel takes as much.
const MOST_FIELD_BYTES: usize = 40 * 1024;

/// The longest text we repeat from outside.
const LONGEST: usize = 300;

/// Scheme, host, port and path.
#[must_use]
pub fn shown_url(url: &Url) -> String {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    printable(&format!("{}://{host}{}", url.scheme(), url.path()))
}

/// The URL with everything but user-info and fragment.
#[must_use]
pub fn without_user_info(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails only for URLs that have no host, and those have no user-info either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url
}

/// The fields of an answer, in their order, as text that cannot act. What does not fit into the
/// limit is left out, field by field.
pub(crate) fn shown_fields(fields: &HeaderMap) -> Vec<(String, String)> {
    let mut room = MOST_FIELD_BYTES;
    let mut shown = Vec::new();
    for (name, value) in fields {
        let value = shown_value(value.as_bytes());
        let length = name.as_str().len() + value.len();
        if length <= room {
            room -= length;
            shown.push((name.as_str().to_owned(), value));
        }
    }
    shown
}

/// UTF-8 as it is, anything else byte by byte; and nothing that is not printable.
fn shown_value(value: &[u8]) -> String {
    let tame = |c: char| {
        if c == '\t' {
            ' '
        } else if c.is_control() {
            '?'
        } else {
            c
        }
    };
    match std::str::from_utf8(value) {
        Ok(text) => text.chars().map(tame).collect(),
        Err(_) => {
            value.iter().map(|b| if b.is_ascii() { tame((*b).into()) } else { '?' }).collect()
        }
    }
}

/// The text with everything that is not plain ASCII escaped, cut to a bearable length.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if shown.len() >= LONGEST {
            shown.push_str("...");
            break;
        }
        match character {
            ' '..='~' => shown.push(character),
            _ => write!(shown, "{}", character.escape_unicode()).unwrap_or_default(),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_url_is_shown_without_its_secrets() {
        let url = Url::parse("https://user:pass@h.example:8443/a/b?sig=SECRET#frag").unwrap();
        assert_eq!(shown_url(&url), "https://h.example:8443/a/b");
        assert_eq!(without_user_info(&url).as_str(), "https://h.example:8443/a/b?sig=SECRET");
    }

    #[test]
    fn terminal_escapes_are_made_visible() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert!(printable(&"x".repeat(10_000)).len() <= LONGEST + 3);
    }

    #[test]
    fn the_fields_of_an_answer_are_shown_in_a_bearable_length_and_cannot_act() {
        let mut fields = HeaderMap::new();
        let mut add = |name: &'static str, value: &[u8]| {
            fields.append(name, http::HeaderValue::from_bytes(value).unwrap());
        };
        add("x-tab", b"a\tb");
        add("x-utf-8", "\u{fc}\u{85}".as_bytes());
        add("x-latin-1", b"\xfc");
        add("x-huge", &[b'x'; 50_000]);
        add("x-last", b"still here");
        let shown = shown_fields(&fields);
        let values: Vec<_> = shown.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["a b", "\u{fc}?", "?", "still here"]);
    }
}
