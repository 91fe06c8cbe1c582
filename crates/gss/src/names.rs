//! What services and users are called.
//!
//! Answers one question: *can this text be a name?* The library takes `SERVICE@HOST` apart at the
//! `@`, and reads a host's name as what a user of C calls a string. Both come from URLs and from
//! owners, so what could mean something else there is no name.

use crate::GssError;

/// The longest host there is.
const LONGEST_HOST: usize = 255;
/// The longest user name we are given.
const LONGEST_USER: usize = 1200;

/// A service at a host.
pub(crate) fn service(service: &str, host: &str) -> Result<Vec<u8>, GssError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || host.len() > LONGEST_HOST || !host.bytes().all(fits) {
        return Err(GssError::Name);
    }
    Ok(format!("{service}@{host}").into_bytes())
}

/// A user, with or without a realm.
pub(crate) fn user(user: &str) -> Result<Vec<u8>, GssError> {
    if user.is_empty() || user.len() > LONGEST_USER || user.chars().any(char::is_control) {
        return Err(GssError::Name);
    }
    Ok(user.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_mean_something_else_is_no_name() {
        assert_eq!(service("HTTP", "www.example.com").unwrap(), b"HTTP@www.example.com");
        assert!(service("HTTP", "::1").is_ok());
        for wrong in ["", "a@b", "a/b", "a b", "a\0b", "ä", &"x".repeat(256)] {
            assert_eq!(service("HTTP", wrong), Err(GssError::Name), "{wrong}");
        }
        assert!(user("alice@EXAMPLE.COM").is_ok());
        for wrong in ["", "a\0", "a\n", &"x".repeat(1201)] {
            assert_eq!(user(wrong), Err(GssError::Name), "{wrong}");
        }
    }
}
