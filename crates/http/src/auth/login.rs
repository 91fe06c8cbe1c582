//! What there is to log on with.
//!
//! Answers one question: *which credentials may be used for whom, and by which scheme?* Everything
//! here lives as long as the fetch it was given for; memory is wiped when it is given back, and
//! nothing is printed.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

/// Who asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginTarget {
    /// The server.
    Server,
    /// The proxy.
    Proxy,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginScheme {
    /// The password itself.
    Basic,
    /// A hash of it.
    Digest,
    /// A hash of it, for the connection.
    Ntlm,
    /// A ticket, for the connection.
    Negotiate,
}

/// One set of credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Login {
    /// Whom they are for.
    pub target: LoginTarget,
    /// How they are used.
    pub scheme: LoginScheme,
    /// User name and password; nothing: what the identity we run as has.
    pub explicit: Option<(Secret, Secret)>,
}

/// The sets a fetch was given. Cheap to copy: there is one of each in memory.
///
/// Two that are the same are the same credentials, so connections are kept apart by it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Logins(Arc<[Login]>);

/// Text that is wiped when it is given back, and never printed.
#[derive(PartialEq, Eq, Hash, Default)]
pub struct Secret(Vec<u8>);

impl LoginScheme {
    /// The strongest first.
    pub const BY_STRENGTH: [Self; 4] = [Self::Negotiate, Self::Ntlm, Self::Digest, Self::Basic];

    /// As it stands in a challenge.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Digest => "Digest",
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
        }
    }

    /// Whether it is the connection that is authenticated, and not the request.
    #[must_use]
    pub fn is_for_the_connection(self) -> bool {
        matches!(self, Self::Ntlm | Self::Negotiate)
    }
}

impl Logins {
    /// What was given for this pair.
    #[must_use]
    pub fn find(&self, target: LoginTarget, scheme: LoginScheme) -> Option<&Login> {
        self.0.iter().find(|login| (login.target, login.scheme) == (target, scheme))
    }

    /// How many sets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Login> for Logins {
    fn from_iter<I: IntoIterator<Item = Login>>(logins: I) -> Self {
        Self(logins.into_iter().collect())
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logins({})", self.0.len())
    }
}

impl Secret {
    /// Room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// This text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// Goes on with these bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The text; empty if it is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes; whoever takes them wipes them.
    #[must_use]
    pub fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody might look: so that the line above is not left out.
        black_box(&self.0);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_login_is_printed() {
        let explicit = Some((Secret::of("alice"), Secret::of("hunter2")));
        let login = Login { target: LoginTarget::Server, scheme: LoginScheme::Basic, explicit };
        let shown = format!("{login:?} {:?}", Logins::from_iter([login.clone()]));
        assert!(!shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_set_is_found_by_target_and_scheme_and_by_nothing_less() {
        let login = |target, scheme| Login { target, scheme, explicit: None };
        let logins = Logins::from_iter([login(LoginTarget::Proxy, LoginScheme::Negotiate)]);
        assert!(logins.find(LoginTarget::Proxy, LoginScheme::Negotiate).is_some());
        assert!(logins.find(LoginTarget::Server, LoginScheme::Negotiate).is_none());
        assert!(logins.find(LoginTarget::Proxy, LoginScheme::Ntlm).is_none());
    }
}
