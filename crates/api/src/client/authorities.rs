//! The authorities by which a job judges servers' certificates.
//!
//! They go over the bus as bytes, as their owner has them, and are read back by whoever may see the job.
//! Nothing here looks into them.

use super::Job;
use crate::errors::ClientError;

/// Certificates of authorities, and lists of what they have revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// PEM; nothing where there are none.
    pub pem: Vec<u8>,
    /// Whether they stand in place of those that the machine trusts, and not beside them.
    pub alone: bool,
}

impl Job<'_> {
    /// Has it judge servers by these, in place of those it was given before; nothing of PEM removes
    /// them. For its owner alone.
    ///
    /// # Errors
    /// `Service` with `access-denied` for anybody else, and by name for what cannot be.
    pub async fn set_authorities(&self, them: &Authorities) -> Result<(), ClientError> {
        self.call("SetAuthorities", &(them.pem.as_slice(), them.alone)).await
    }

    /// Those it was given.
    ///
    /// # Errors
    /// `Service` where there is no such job for the caller.
    pub async fn authorities(&self) -> Result<Authorities, ClientError> {
        let (pem, alone) = self.call("GetAuthorities", &()).await?;
        Ok(Authorities { pem, alone })
    }
}
