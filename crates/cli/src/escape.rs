//! Text from outside, made safe to show.
//!
//! Answers one question: *how is this string written so that it neither steers a terminal nor
//! loses a byte?* Names, URLs and paths may hold anything; a name that holds an escape sequence
//! must not move the cursor of whoever lists it, and must not look like another name either.

use std::fmt::Write as _;

/// For a person: control characters, and those that turn the direction of writing, as `\u{..}`.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || turns_direction(letter) {
            let _infallible = write!(shown, "{}", letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// For a person: a path. What is not UTF-8 shows as `\xNN`.
#[must_use]
pub(crate) fn shown_path(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::new(), |mut path, chunk| {
        path.push_str(&shown(chunk.valid()));
        push_bytes(&mut path, chunk.invalid());
        path
    })
}

/// For a program: a path, without loss. A backslash is doubled, and a byte that is not part of
/// UTF-8 is `\xNN`; everything else is itself.
#[must_use]
pub(crate) fn lossless_path(bytes: &[u8]) -> String {
    bytes.utf8_chunks().fold(String::new(), |mut path, chunk| {
        path.push_str(&chunk.valid().replace('\\', "\\\\"));
        push_bytes(&mut path, chunk.invalid());
        path
    })
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _infallible = write!(text, "\\x{byte:02x}");
    }
}

fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
        assert_eq!(shown("Größe 日本"), "Größe 日本");
    }

    #[test]
    fn two_paths_never_look_the_same_to_a_program() {
        assert_eq!(lossless_path(b"/a\xffb"), "/a\\xffb");
        assert_eq!(lossless_path(b"/a\\xffb"), "/a\\\\xffb");
        assert_eq!(lossless_path("/grün".as_bytes()), "/grün");
    }

    #[test]
    fn a_path_shows_its_odd_bytes() {
        assert_eq!(shown_path(b"/a\xff\n"), "/a\\xff\\u{a}");
    }
}
