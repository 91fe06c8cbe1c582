//! What a job logs on with where a server or a proxy asks who it is (`job-model.md` 3.4).
//!
//! There is one set for each pair of a target and a scheme. A set is a user name and a password, or
//! none of both: then the schemes that can do so use what the network identity has anyway (F6), and
//! only then. In the clear a set exists while it is given, and while an attempt is made; its memory
//! is wiped after it, and no print shows anything of it. What a job holds is [`crate::headers::Sealed`],
//! and nobody reads it back.

use core::fmt;
use core::hint::black_box;

use crate::job::AuthTarget;
use crate::refusal::Refusal;

/// The most characters of a user name.
pub const USER_LIMIT: u32 = 300;
/// The most characters of a password (Q3).
pub const PASSWORD_LIMIT: u32 = 65_536;

/// How somebody proves who they are (BITS: `BG_AUTH_SCHEME`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthScheme {
    /// The password itself, for everybody on the way to read.
    Basic,
    /// A hash of it and of what the server says.
    Digest,
    /// A hash of it and of what the server says; for the connection.
    Ntlm,
    /// A ticket, by GSSAPI.
    Negotiate,
}

/// What a set of credentials is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthPair {
    /// Who asks for them.
    pub target: AuthTarget,
    /// In which way.
    pub scheme: AuthScheme,
}

/// One set of credentials in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Vec<u8>);

/// The first byte of what is sealed.
const IMPLICIT: u8 = 0;
const EXPLICIT: u8 = 1;
/// What stands between name and password; neither has control characters.
const BETWEEN: u8 = 0;

impl AuthScheme {
    /// Every scheme.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Digest, Self::Ntlm, Self::Negotiate];

    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Digest => "digest",
            Self::Ntlm => "ntlm",
            Self::Negotiate => "negotiate",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidAuthScheme`] for anything else. `passport` is among that: nobody speaks it
    /// any more.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|scheme| scheme.name() == name);
        found.ok_or(Refusal::InvalidAuthScheme)
    }

    /// Whether it can use what an identity has anyway.
    #[must_use]
    pub fn may_be_implicit(self) -> bool {
        matches!(self, Self::Ntlm | Self::Negotiate)
    }
}

impl AuthPair {
    /// Reads two names.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidAuthTarget`] and [`Refusal::InvalidAuthScheme`].
    pub fn parse(target: &str, scheme: &str) -> Result<Self, Refusal> {
        Ok(Self { target: AuthTarget::parse(target)?, scheme: AuthScheme::parse(scheme)? })
    }
}

impl Credentials {
    /// A set for this scheme; without name and password what the network identity has. The
    /// password is taken, and wiped, whatever comes of it.
    ///
    /// # Errors
    ///
    /// What is too long by the name of BITS for it, and [`Refusal::InvalidArgument`] for a set the
    /// scheme cannot use.
    pub fn new(
        scheme: AuthScheme,
        user: Option<&str>,
        password: Option<Vec<u8>>,
    ) -> Result<Self, Refusal> {
        let password = password.map(Self);
        let (user, password) = match (user, &password) {
            (None, None) if scheme.may_be_implicit() => return Ok(Self(vec![IMPLICIT])),
            (None, None) => {
                let why = "basic and digest need a user name and a password";
                return Err(Refusal::InvalidArgument(why));
            }
            (Some(user), Some(password)) => (user, password),
            (Some(_), None) | (None, Some(_)) => {
                let why = "a user name and a password come together";
                return Err(Refusal::InvalidArgument(why));
            }
        };
        let Ok(text) = core::str::from_utf8(&password.0) else {
            return Err(Refusal::InvalidArgument("the password must be UTF-8"));
        };
        if user.chars().count() > USER_LIMIT as usize {
            return Err(Refusal::UserNameTooLarge);
        }
        if text.chars().count() > PASSWORD_LIMIT as usize {
            return Err(Refusal::PasswordTooLarge);
        }
        if user.chars().chain(text.chars()).any(char::is_control) {
            let why = "user name and password have no control characters";
            return Err(Refusal::InvalidArgument(why));
        }
        if scheme == AuthScheme::Basic && user.contains(':') {
            return Err(Refusal::InvalidArgument("basic cannot say a user name with a colon"));
        }
        // All the room at once: a buffer that grows leaves copies behind.
        let mut all = Self(Vec::with_capacity(user.len() + password.0.len() + 2));
        all.0.push(EXPLICIT);
        all.0.extend_from_slice(user.as_bytes());
        all.0.push(BETWEEN);
        all.0.extend_from_slice(&password.0);
        Ok(all)
    }

    /// Takes back what [`Self::as_bytes`] gave; `None` if it is nothing of ours.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let all = Self(bytes);
        let known = match all.0.split_first() {
            Some((&IMPLICIT, [])) => true,
            Some((&EXPLICIT, _)) => all.login().is_some(),
            Some(_) | None => false,
        };
        known.then_some(all)
    }

    /// What is to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// User name and password; nothing: what the network identity has.
    #[must_use]
    pub fn login(&self) -> Option<(&str, &str)> {
        let explicit = self.0.strip_prefix(&[EXPLICIT])?;
        core::str::from_utf8(explicit).ok()?.split_once(char::from(BETWEEN))
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody might look: so that the line above is not left out.
        black_box(&self.0);
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(scheme: AuthScheme, user: &str, password: &str) -> Result<Credentials, Refusal> {
        Credentials::new(scheme, Some(user), Some(password.into()))
    }

    #[test]
    fn a_set_comes_back_as_it_was_sealed_and_nothing_else_does() {
        let some = set(AuthScheme::Basic, "alice", "pa:ss wörd").unwrap();
        let again = Credentials::from_bytes(some.as_bytes().to_vec()).unwrap();
        assert_eq!(again.login(), Some(("alice", "pa:ss wörd")));
        let none = Credentials::new(AuthScheme::Negotiate, None, None).unwrap();
        assert_eq!(Credentials::from_bytes(none.as_bytes().to_vec()).unwrap().login(), None);
        for wrong in [&b""[..], b"\0x", b"\x01alice", b"\x01\xff\0x", b"\x02a\0b"] {
            assert_eq!(Credentials::from_bytes(wrong.to_vec()), None, "{wrong:?}");
        }
    }

    #[test]
    fn only_ntlm_and_negotiate_do_without_name_and_password() {
        for scheme in AuthScheme::ALL {
            let implicit = Credentials::new(scheme, None, None);
            assert_eq!(implicit.is_ok(), scheme.may_be_implicit(), "{scheme:?}");
            assert!(Credentials::new(scheme, Some("alice"), None).is_err());
            assert!(Credentials::new(scheme, None, Some(b"x".to_vec())).is_err());
            assert!(set(scheme, "", "").is_ok(), "empty is not absent");
        }
    }

    #[test]
    fn names_and_passwords_are_as_long_as_their_limit_and_not_one_longer() {
        let of = |user: usize, password: usize| {
            set(AuthScheme::Digest, &"ü".repeat(user), &"ö".repeat(password)).err()
        };
        assert_eq!(of(300, 65_536), None);
        assert_eq!(of(301, 1), Some(Refusal::UserNameTooLarge));
        assert_eq!(of(1, 65_537), Some(Refusal::PasswordTooLarge));
    }

    #[test]
    fn what_a_scheme_cannot_say_is_refused() {
        assert!(set(AuthScheme::Basic, "a:b", "c").is_err());
        assert!(set(AuthScheme::Digest, "a:b", "c").is_ok());
        assert!(set(AuthScheme::Digest, "a\0", "c").is_err());
        assert!(set(AuthScheme::Ntlm, "a", "c\n").is_err());
        assert!(Credentials::new(AuthScheme::Ntlm, Some("a"), Some(vec![0xff])).is_err());
    }

    #[test]
    fn schemes_have_bits_names_and_passport_is_none_of_them() {
        for scheme in AuthScheme::ALL {
            assert_eq!(AuthScheme::parse(scheme.name()), Ok(scheme));
        }
        for wrong in ["passport", "Basic", "", "bearer"] {
            assert_eq!(AuthScheme::parse(wrong), Err(Refusal::InvalidAuthScheme));
        }
    }

    #[test]
    fn nothing_of_a_set_is_printed() {
        let some = set(AuthScheme::Basic, "alice", "hunter2").unwrap();
        let shown = format!("{some:?}");
        assert!(!shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
    }
}
