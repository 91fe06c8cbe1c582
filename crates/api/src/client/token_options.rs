//! What one asks opened token options.
//!
//! Their path is a capability: whoever holds it may call, from any connection. So it is passed on
//! only to whom the job's owner wants to have it, and never printed anywhere else.

use super::Client;
use crate::errors::ClientError;
use crate::names;
use crate::properties::known_uid;
use crate::values::TokenFlags;

/// Whose helper token a job carries. Never anything that could be used as a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HelperIdentity {
    /// The user.
    pub uid: u32,
    /// The user's name; empty where there is none.
    pub name: String,
}

/// Opened token options. They end when the connection that opened them ends.
#[derive(Clone, Debug)]
pub struct TokenOptions<'a> {
    client: &'a Client,
    path: String,
}

impl<'a> TokenOptions<'a> {
    pub(super) fn new(client: &'a Client, path: String) -> Self {
        TokenOptions { client, path }
    }

    pub(crate) fn client(&self) -> &'a Client {
        self.client
    }

    /// The object path, to be handed to the helper.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Makes the identity of this connection the job's helper token.
    ///
    /// # Errors
    /// `Service` where the options are closed, or this identity may not be the helper.
    pub async fn set_helper_token(&self) -> Result<(), ClientError> {
        self.call("SetHelperToken", &()).await
    }

    /// Says which resources use the helper token. Independent of whether there is one.
    ///
    /// # Errors
    /// `Service` where a bit is unknown, or the token is an administrator's and the opener is not
    /// one.
    pub async fn set_flags(&self, flags: TokenFlags) -> Result<(), ClientError> {
        self.call("SetHelperTokenFlags", &flags.0).await
    }

    /// Which resources use the helper token.
    ///
    /// # Errors
    /// `Service` where the options are closed; so for all below.
    pub async fn flags(&self) -> Result<TokenFlags, ClientError> {
        self.call("GetHelperTokenFlags", &()).await.map(TokenFlags)
    }

    /// Drops the token, and keeps the flags.
    ///
    /// # Errors
    /// As [`Self::flags`].
    pub async fn clear(&self) -> Result<(), ClientError> {
        self.call("ClearHelperToken", &()).await
    }

    /// Whose token it is, if there is one.
    ///
    /// # Errors
    /// As [`Self::flags`].
    pub async fn identity(&self) -> Result<Option<HelperIdentity>, ClientError> {
        let (set, uid, name): (bool, u32, String) =
            self.call("GetHelperTokenIdentity", &()).await?;
        Ok(known_uid(uid).filter(|_| set).map(|uid| HelperIdentity { uid, name }))
    }

    /// Closes the options: the path means nothing any more.
    ///
    /// # Errors
    /// As [`Self::flags`].
    pub async fn close(&self) -> Result<(), ClientError> {
        self.call("Close", &()).await
    }

    async fn call<B, R>(&self, method: &str, body: &B) -> Result<R, ClientError>
    where
        B: serde::Serialize + zbus::DynamicType,
        R: for<'d> zbus::wire::DynamicDeserialize<'d>,
    {
        self.client.call(&self.path, names::TOKEN_OPTIONS, method, body).await
    }
}
