//! Files of the machine itself as sources.
//!
//! Answers one question: *which file does a `file:` URL name?* It has no host, or `localhost`, and an
//! absolute path, in which every byte may be written with a percent sign. There is no query and no
//! fragment: a `?` or `#` in a name has to be written with a percent sign, so that nobody gets
//! another file than they wrote down.

use super::{File, PATH_LIMIT};

/// What such a URL begins with.
const SCHEME: &str = "file:";

/// Whether a URL is one of these.
#[must_use]
pub fn is_local(url: &str) -> bool {
    url.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// The path it names, in bytes.
///
/// # Errors
///
/// What is wrong with it, as a sentence fragment.
pub fn local_path(url: &str) -> Result<Vec<u8>, &'static str> {
    let rest = url.get(SCHEME.len()..).and_then(|rest| rest.strip_prefix("//"));
    let rest = rest.ok_or("a file: URL begins with file:/// and an absolute path")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
        return Err("a file: URL names no host, or localhost");
    }
    if path.contains(['?', '#']) {
        return Err("a ? or # in the path of a file: URL must be percent-encoded");
    }
    let path = decoded(path).ok_or("a percent sign in a URL is followed by two digits")?;
    match path.as_slice() {
        [] | [b'/'] => Err("the file: URL names no file"),
        path if path.len() > PATH_LIMIT => Err("the path of the file: URL is too long"),
        path if path.contains(&0) => Err("the path of the file: URL contains a zero byte"),
        path if path.ends_with(b"/") => Err("the file: URL names a directory"),
        _ => Ok(path),
    }
}

impl File {
    /// Where it is on this machine, if its source is there.
    #[must_use]
    pub fn local_source(&self) -> Option<Vec<u8>> {
        is_local(&self.url).then(|| local_path(&self.url).ok()).flatten()
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut found = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        found.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_byte_by_byte() {
        for (url, path) in [
            ("file:///srv/data", &b"/srv/data"[..]),
            ("FILE://localhost/srv/data", b"/srv/data"),
            ("file:///a%20b%3f%FF", b"/a b?\xff"),
            ("file:///../a", b"/../a"),
        ] {
            assert!(is_local(url));
            assert_eq!(local_path(url).unwrap(), path, "{url}");
        }
    }

    #[test]
    fn what_names_no_file_of_this_machine_is_refused() {
        for url in [
            "file:",
            "file:/srv/data",
            "file:srv",
            "file://",
            "file:///",
            "file://server/share/f",
            "file://localhost:80/f",
            "file:///srv/",
            "file:///a?b",
            "file:///a#b",
            "file:///a%2",
            "file:///a%zz",
            "file:///a%00",
        ] {
            assert!(local_path(url).is_err(), "{url}");
        }
        assert!(local_path(&format!("file:///{}", "a".repeat(PATH_LIMIT))).is_err());
        assert!(!is_local("http://h/file:///f") && !is_local("fil"));
    }
}
