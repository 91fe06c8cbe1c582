//! What a remote name must be, when it is given and whenever it is changed (`job-model.md` 5.2 and
//! 5.3, `decisions.md`).
//!
//! Nothing is fetched or looked up here; whether there is such a file is the server's to say.

use ebb_core::file::{File, URL_LIMIT, is_local, local_path};
use ebb_core::refusal::Refusal;

/// Looks whether it is one.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check(url: &str) -> Result<(), Refusal> {
    if url.len() > URL_LIMIT {
        return Err(Refusal::StringTooLong { what: "URL", limit: 8000 });
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::InvalidArgument(
            "the URL has characters that must be percent-encoded (host names: in IDN form)",
        ));
    }
    if is_local(url) {
        return local_path(url).map(drop).map_err(Refusal::InvalidArgument);
    }
    let parsed = url::Url::parse(url)
        .map_err(|_| Refusal::InvalidArgument("the URL is not well formed: https://host/path"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(Refusal::InvalidArgument(
            "the URL must begin with http://, https:// or file:///",
        ));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Refusal::InvalidArgument("the URL must not contain a user name or password"));
    }
    // The parser forgives `http:///f` and takes `f` for the host; nobody means that.
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    if authority.starts_with(['/', '\\']) || parsed.host_str().is_none_or(str::is_empty) {
        return Err(Refusal::InvalidArgument("the URL names no host"));
    }
    Ok(())
}

/// The new names of all files whose names begin with `old`, by index. Letter by letter: neither
/// case nor percent signs are looked through, and the prefix may end anywhere.
///
/// # Errors
///
/// [`Refusal::InvalidArgument`] for an empty prefix; otherwise what is wrong with the first name
/// that would not do.
pub(crate) fn replace_prefix(
    files: &[File],
    old: &str,
    new: &str,
) -> Result<Vec<(u32, String)>, Refusal> {
    if old.is_empty() || new.is_empty() {
        return Err(Refusal::InvalidArgument("neither of the two prefixes may be empty"));
    }
    let rest = (0..).zip(files).filter_map(|(at, file)| Some((at, file.url.strip_prefix(old)?)));
    let renamed = rest.map(|(at, rest)| (at, format!("{new}{rest}")));
    renamed.map(|(at, url)| check(&url).map(|()| (at, url))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_core::file::Destination;

    fn files(urls: &[&str]) -> Vec<File> {
        let destination = Destination { dir: b"/".into(), name: b"f".into(), dev: 1, ino: 1 };
        let file = |url: &&str| File::new((*url).to_owned(), destination.clone(), true);
        urls.iter().map(file).collect()
    }

    #[test]
    fn only_http_https_and_files_without_secrets_are_taken() {
        for url in ["http://h/f", "https://h:8443/a%20b?sig=1", "http://[::1]:80/", "file:///srv/f"]
        {
            assert!(check(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "h/f",
            "ftp://h/f",
            "file://h/etc/passwd",
            "http:///f",
            "http://u:p@h/f",
            "http://u@h/f",
            "http://h/a b",
            "http://h/ü",
            "http://h/\n",
            "https://",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
        assert!(check(&format!("http://h/{}", "a".repeat(8000))).is_err());
    }

    #[test]
    fn every_name_that_begins_with_the_prefix_gets_the_new_one() {
        let files = files(&["http://old/a", "http://Old/b", "http://older/c", "https://old/d"]);
        let renamed = replace_prefix(&files, "http://old", "https://new").unwrap();
        let expected = [(0, "https://new/a".to_owned()), (2, "https://newer/c".to_owned())];
        assert_eq!(renamed, expected);
        assert_eq!(replace_prefix(&files, "http://h/", "https://new").unwrap(), []);
    }

    #[test]
    fn one_name_that_would_not_do_refuses_them_all() {
        let files = files(&["http://h/a", "http://h/b"]);
        for (old, new) in [("", "x"), ("x", ""), ("http://h/", "ftp://h/"), ("http://h", "h")] {
            assert!(replace_prefix(&files, old, new).is_err(), "{old} {new}");
        }
        let long = format!("http://h/{}", "a".repeat(URL_LIMIT));
        assert!(replace_prefix(&files, "http://h/", &long).is_err());
    }
}
