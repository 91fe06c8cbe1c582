//! Tokens: identities the kernel has vouched for, captured at one moment.
//!
//! A job has an owner token and may have a helper token; [`TokenFlags`] say which resources use the
//! helper. This module answers one question: *who is it that touches this resource?*
//! ([`identity_for`]). It never answers "the owner instead": flags set and no token is
//! [`TokenRequired`], always (`helper-tokens.md` R7).

use crate::time::WallTime;

/// One boot of the machine, as `/proc/sys/kernel/random/boot_id` names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BootId(pub String);

/// A login session, as logind names it, and when it began: names come again within one boot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub String);

/// An identity the kernel has vouched for (`helper-tokens.md` 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups, as the kernel had them; never from the user database.
    pub groups: Vec<u32>,
    /// The login session it came from, where one is known.
    pub session: Option<SessionId>,
    /// The security label, where there is one. Recorded and shown, not enforced.
    pub label: Option<Vec<u8>>,
    /// The boot it was captured in.
    pub boot: BootId,
    /// When it was captured.
    pub captured: WallTime,
}

/// Which resources use the helper token (BITS: `BG_TOKEN_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenFlags(u32);

/// A use an identity is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Temporary and local files.
    LocalFile,
    /// Sockets, proxies, implicit credentials.
    Network,
    /// A client certificate and its key.
    ClientCertificate,
}

/// Flags ask for a helper token, and there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRequired;

impl TokenFlags {
    /// Owner only.
    pub const NONE: Self = Self(0);
    /// `BG_TOKEN_LOCAL_FILE`: files are the helper's.
    pub const LOCAL_FILE: Self = Self(1);
    /// `BG_TOKEN_NETWORK`: the network is the helper's.
    pub const NETWORK: Self = Self(2);
    /// Ours: the client certificate is the helper's (R12).
    pub const CLIENT_CERTIFICATE: Self = Self(4);

    /// Reads the number a client sent; `None` if it has bits that mean nothing (R3).
    #[must_use]
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits & !7 == 0).then_some(Self(bits))
    }

    /// The number a client is told.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether the helper token is not used at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the helper token serves this resource.
    #[must_use]
    pub fn cover(self, resource: Resource) -> bool {
        let flag = match resource {
            Resource::LocalFile => Self::LOCAL_FILE,
            Resource::Network => Self::NETWORK,
            Resource::ClientCertificate => Self::CLIENT_CERTIFICATE,
        };
        self.0 & flag.0 != 0
    }
}

/// Says whose identity a resource is used under (`helper-tokens.md` 2.5).
///
/// # Errors
///
/// [`TokenRequired`] if the flags say "the helper" and there is none. Falling back to the owner is
/// what this function exists to prevent.
pub fn identity_for<'a>(
    resource: Resource,
    owner: &'a Token,
    helper: Option<&'a Token>,
    flags: TokenFlags,
) -> Result<&'a Token, TokenRequired> {
    if flags.cover(resource) { helper.ok_or(TokenRequired) } else { Ok(owner) }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn token(uid: u32) -> Token {
        Token {
            uid,
            gid: uid,
            groups: vec![],
            session: None,
            label: None,
            boot: BootId("b".into()),
            captured: WallTime(0),
        }
    }

    #[test]
    fn each_resource_uses_the_identity_the_table_says() {
        let (owner, helper) = (token(1), token(2));
        for (bits, local, network, certificate) in
            [(0, 1, 1, 1), (1, 2, 1, 1), (2, 1, 2, 1), (3, 2, 2, 1), (4, 1, 1, 2), (7, 2, 2, 2)]
        {
            let flags = TokenFlags::from_bits(bits).unwrap();
            let uid = |resource| identity_for(resource, &owner, Some(&helper), flags).unwrap().uid;
            let found = (
                uid(Resource::LocalFile),
                uid(Resource::Network),
                uid(Resource::ClientCertificate),
            );
            assert_eq!(found, (local, network, certificate), "flags {bits}");
        }
    }

    #[test]
    fn flags_without_a_token_never_fall_back_to_the_owner() {
        let owner = token(1);
        assert_eq!(
            identity_for(Resource::Network, &owner, None, TokenFlags::NETWORK),
            Err(TokenRequired)
        );
    }

    #[test]
    fn unknown_flag_bits_are_refused() {
        assert_eq!(TokenFlags::from_bits(8), None);
        assert_eq!(TokenFlags::from_bits(u32::MAX), None);
    }
}
