//! Where a redirect leads, and whether we go there. Pure.
//!
//! A `Location` is the server's wish, not an order. This module answers one question: *given where
//! we are and where the server sends us, where do we ask next?* It refuses schemes other than http
//! and https, user-info (it would be a credential of somebody else's choosing), a step from https
//! to http unless that was allowed, and more than twenty steps.
//!
//! It never carries anything along: whatever belongs to an origin stays with it.

use url::Url;

/// The most redirects that are followed for one file.
pub const MOST_REDIRECTS: u32 = 20;

/// The longest URL we go to, in octets.
const LONGEST_URL: usize = 8_000;

/// Whether a redirect may lead from https to http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downgrade {
    /// It may not.
    Refuse,
    /// The application said it may.
    Allow,
}

/// A redirect we do not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// Twenty were enough.
    #[error("the server redirects more than {MOST_REDIRECTS} times")]
    TooMany,
    /// From https to http.
    #[error("the server redirects from https to http, which this job does not allow")]
    Downgrade,
    /// Neither http nor https, or nonsense.
    #[error("the server's redirect leads nowhere: {0}")]
    Invalid(&'static str),
}

/// Decides where `location`, received from `here`, leads.
///
/// # Errors
///
/// [`RedirectError`] when we do not go there.
pub fn follow(here: &Url, location: &[u8], downgrade: Downgrade) -> Result<Url, RedirectError> {
    let location =
        std::str::from_utf8(location).map_err(|_| RedirectError::Invalid("it is not text"))?;
    let mut there = here.join(location).map_err(|_| RedirectError::Invalid("it is not a URL"))?;
    there.set_fragment(None);
    if there.as_str().len() > LONGEST_URL {
        return Err(RedirectError::Invalid("it is longer than 8,000 octets"));
    }
    if !there.username().is_empty() || there.password().is_some() {
        return Err(RedirectError::Invalid("it carries a user name or password"));
    }
    match (here.scheme(), there.scheme(), downgrade) {
        ("https", "http", Downgrade::Refuse) => Err(RedirectError::Downgrade),
        (_, "http" | "https", Downgrade::Refuse | Downgrade::Allow) => Ok(there),
        (_, _, Downgrade::Refuse | Downgrade::Allow) => {
            Err(RedirectError::Invalid("it is neither http nor https"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(here: &str, location: &str) -> Result<String, RedirectError> {
        let here = Url::parse(here).unwrap();
        follow(&here, location.as_bytes(), Downgrade::Refuse).map(String::from)
    }

    #[test]
    fn a_location_is_resolved_against_where_we_are() {
        let here = "https://h.example/a/b?q=1";
        assert_eq!(from(here, "c?d#e").unwrap(), "https://h.example/a/c?d");
        assert_eq!(from(here, "//other.example/x").unwrap(), "https://other.example/x");
        assert_eq!(from(here, "").unwrap(), "https://h.example/a/b?q=1");
    }

    #[test]
    fn only_http_and_https_are_followed() {
        for location in ["file:///etc/passwd", "ftp://h/", "data:,x", "javascript:1", "http://[/"] {
            let refused = from("http://h.example/", location);
            assert!(matches!(refused, Err(RedirectError::Invalid(_))), "{location}: {refused:?}");
        }
    }

    #[test]
    fn a_location_with_credentials_or_of_endless_length_is_refused() {
        for location in ["http://u:p@h.example/", "//u@h.example/", &"a".repeat(9_000)] {
            assert!(matches!(from("http://h.example/", location), Err(RedirectError::Invalid(_))));
        }
    }

    #[test]
    fn the_way_down_to_http_must_be_allowed() {
        let here = Url::parse("https://h.example/").unwrap();
        let down = b"http://h.example/";
        assert_eq!(follow(&here, down, Downgrade::Refuse), Err(RedirectError::Downgrade));
        assert!(follow(&here, down, Downgrade::Allow).is_ok());
    }
}
