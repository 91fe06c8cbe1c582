//! How the terms of a job say its files are to be asked for.
//!
//! Answers two questions: *which terms go with a request?* and *has a redirect led somewhere else?*
//! What a term means at the server is the network agent's business; what it may be is judged in
//! `core` when it is set.

use ebb_core::file::File;
use ebb_core::headers::Headers;
use ebb_core::job::{Redirects, SecurityFlags, Terms};
use ebb_wire::net::{self, FetchOptions, Header, Relaxed};
use url::Url;

use super::way::way;
use crate::agents::net::digest_to_wire;

/// How one of the job's files is asked for. `room` is what the job may still fetch, without what is
/// there of this file; nothing: no limit.
pub(super) fn asking(
    terms: &Terms,
    headers: &Headers,
    file: &File,
    room: Option<u64>,
) -> FetchOptions {
    let flags = terms.security_flags;
    FetchOptions {
        method: terms.http_method.clone(),
        headers: headers
            .fields()
            .map(|(name, value)| Header { name: name.to_owned(), value: value.into() })
            .collect(),
        redirects: match flags.redirects() {
            Redirects::Silent | Redirects::Report => net::Redirects::Follow,
            Redirects::Refuse => net::Redirects::Refuse,
        },
        allow_downgrade: flags.contains(SecurityFlags::ALLOW_HTTPS_TO_HTTP),
        relaxed: Relaxed {
            name: flags.contains(SecurityFlags::IGNORE_NAME),
            date: flags.contains(SecurityFlags::IGNORE_DATE),
            authority: flags.contains(SecurityFlags::IGNORE_AUTHORITY),
            usage: flags.contains(SecurityFlags::IGNORE_USAGE),
            revocation: flags.contains(SecurityFlags::CHECK_REVOCATION),
        },
        // Said by whoever has it opened.
        certificate: None,
        // The same.
        authorities: None,
        // The same.
        validation: None,
        dynamic: terms.dynamic_content,
        afresh: false,
        sync_at_end: terms.high_performance,
        // Said where a file comes as a whole.
        connections: 1,
        may_share: false,
        digest: file.digest.as_deref().map(digest_to_wire),
        most_bytes: room.map(|room| room.saturating_add(file.durable)),
        way: way(&terms.proxy),
    }
}

/// What the job may still fetch, all its files together.
pub(crate) fn room(terms: &Terms, files: &[File]) -> Option<u64> {
    let limit = Some(terms.maximum_download_size).filter(|limit| *limit != u64::MAX)?;
    let held = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.durable));
    Some(limit.saturating_sub(held))
}

/// Whether sizes may be asked for beforehand: not of what is made while it is sent, and not where a
/// request does something at the server.
pub(super) fn may_measure(terms: &Terms) -> bool {
    !terms.starts_over()
}

/// Whether the bytes come from somewhere else than the remote name says. User-info and fragment are
/// not part of where.
pub(super) fn is_elsewhere(remote_name: &str, final_url: &str) -> bool {
    let place = |url: &str| {
        let mut url = Url::parse(url).ok()?;
        // Fails only for URLs that have no host, and those have no user-info either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        Some(url)
    };
    place(remote_name) != place(final_url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_core::file::Destination;

    fn file(durable: u64) -> File {
        let destination = Destination { dir: b"/".into(), name: b"x".into(), dev: 1, ino: 1 };
        File { durable, ..File::new("http://h/".into(), destination, true) }
    }

    #[test]
    fn each_security_flag_is_one_thing_that_is_asked_differently() {
        let asked = |bits| {
            let mut terms = Terms::named("x").unwrap();
            terms.security_flags = SecurityFlags::from_bits(bits).unwrap();
            asking(&terms, &Headers::default(), &file(0), None)
        };
        let plain = FetchOptions { way: net::Way::Preconfigured, ..FetchOptions::default() };
        let relaxed = |relaxed| FetchOptions { relaxed, ..plain.clone() };
        let none = Relaxed::default();
        assert_eq!(asked(0), plain);
        assert_eq!(asked(0x1), relaxed(Relaxed { revocation: true, ..none }));
        assert_eq!(asked(0x2), relaxed(Relaxed { name: true, ..none }));
        assert_eq!(asked(0x4), relaxed(Relaxed { date: true, ..none }));
        assert_eq!(asked(0x8), relaxed(Relaxed { authority: true, ..none }));
        assert_eq!(asked(0x10), relaxed(Relaxed { usage: true, ..none }));
        assert_eq!(asked(0x100), plain);
        let refuse = FetchOptions { redirects: net::Redirects::Refuse, ..plain.clone() };
        assert_eq!(asked(0x200), refuse);
        assert_eq!(asked(0x800), FetchOptions { allow_downgrade: true, ..plain.clone() });
    }

    #[test]
    fn each_file_may_bring_what_the_others_have_left() {
        let mut terms = Terms::named("x").unwrap();
        let files = [file(30), file(50)];
        assert_eq!(room(&terms, &files), None);
        terms.maximum_download_size = 100;
        let room = room(&terms, &files);
        assert_eq!(asking(&terms, &Headers::default(), &files[0], room).most_bytes, Some(50));
        assert_eq!(asking(&terms, &Headers::default(), &files[1], room).most_bytes, Some(70));
    }

    #[test]
    fn user_info_and_fragment_are_no_redirect() {
        assert!(!is_elsewhere("http://u:p@h.example/a b#part", "http://h.example/a%20b"));
        assert!(is_elsewhere("http://h.example/a", "http://h.example/b"));
        assert!(is_elsewhere("http://h.example/a", "https://h.example/a"));
    }
}
