//! How an attempt speaks TLS: what it shows, and whom it trusts.
//!
//! Answers one question: *on which terms does this network agent shake hands at this address?* Both are
//! told to an agent when it first needs them, and belong to the attempt.

use std::rc::Rc;

use ebb_core::authorities::Authorities;
use ebb_core::failure::Failure;
use ebb_wire::net::FetchOptions;

use super::authorities::Trusted;
use super::certificate::{Certificate, Entrusted};
use crate::agents::Agents;
use crate::agents::net::NetAgent;

/// The terms of an attempt.
pub(super) struct Secured {
    certificate: Certificate,
    trusted: Trusted,
}

impl Secured {
    pub(super) fn new(
        owner: u32,
        entrusted: Option<Entrusted>,
        authorities: Option<Authorities>,
    ) -> Self {
        let certificate = Certificate::new(owner, entrusted);
        Self { certificate, trusted: Trusted::new(authorities) }
    }

    /// Asking so, on the terms of this address.
    pub(super) async fn at(
        &self,
        url: &str,
        options: FetchOptions,
        net: &Rc<NetAgent>,
        agents: &Agents,
    ) -> Result<FetchOptions, (Failure, String)> {
        let certificate = self.certificate.at(url, net, agents).await?;
        // An address that is not secured may lead to one that is.
        let authorities = self.trusted.by(net).map_err(|failure| (failure, String::new()))?;
        Ok(FetchOptions { certificate, authorities, ..options })
    }
}
