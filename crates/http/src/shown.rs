//! What may be shown of things that came from outside.
//!
//! Error texts reach journals and terminals. A URL can carry a secret in its user-info or its
//! query (signed URLs do), and a server can put terminal escapes anywhere. This module answers one
//! question: *how do we name it without giving it away, or letting it act?*
//!
//! It never shows user-info, a query or a fragment, and never lets a control character through.

use std::fmt::Write;
use url::{Position, Url};

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
}
