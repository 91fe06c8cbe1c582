//! The client certificate of an attempt: opened once, by whoever may read it, and shown by the network
//! agent.
//!
//! Answers one question: *which certificate does this network agent show?* The key is opened when the
//! first secured address is asked for, and forgotten when the attempt is over. The process that has it
//! and the process that shows it may be of different identities, and mostly are the two of a job with a
//! helper token (`helper-tokens.md` R12); between them goes what has to be signed, and nothing else.
//!
//! Never here: a key, a passphrase in a message to the network agent, or a certificate for an address
//! that is not secured.

use std::rc::Rc;

use ebb_core::certificate::ClientCertificate;
use ebb_core::failure::{CertificateTrouble, Failure};
use ebb_core::token::Token;
use ebb_wire::net::CertificateId;
use tokio::sync::Mutex;

use crate::agents::Agents;
use crate::agents::net::NetAgent;
use crate::agents::sign::SignAgent;

const PASSPHRASE: Failure = Failure::Certificate(CertificateTrouble::Passphrase);

/// Where the certificate of a job is, and who opens it.
pub(crate) struct Entrusted {
    pub(crate) certificate: ClientCertificate,
    pub(crate) reader: Token,
}

/// The certificate of an attempt, if it has one.
pub(super) struct Certificate {
    owner: u32,
    entrusted: Option<Entrusted>,
    shown: Mutex<Option<Shown>>,
    /// It does not open with what we have: not asked again in this attempt, for tokens count.
    refused: Mutex<Option<(Failure, String)>>,
}

/// It is open, and this agent can show it.
struct Shown {
    id: CertificateId,
    by: Rc<NetAgent>,
    // Kept in use, so that it is not let go: with it goes the key.
    _key: Rc<SignAgent>,
}

impl Certificate {
    pub(super) fn new(owner: u32, entrusted: Option<Entrusted>) -> Self {
        Self { owner, entrusted, shown: Mutex::default(), refused: Mutex::default() }
    }

    /// What this agent shows at this address, if anything. Opens it when it is first wanted; those who
    /// want it meanwhile wait.
    pub(super) async fn at(
        &self,
        url: &str,
        net: &Rc<NetAgent>,
        agents: &Agents,
    ) -> Result<Option<CertificateId>, (Failure, String)> {
        let secured = url.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("https:"));
        let Some(Entrusted { certificate, reader }) = self.entrusted.as_ref().filter(|_| secured)
        else {
            return Ok(None);
        };
        let mut shown = self.shown.lock().await;
        if let Some(shown) = shown.as_ref().filter(|shown| Rc::ptr_eq(&shown.by, net)) {
            return Ok(Some(shown.id));
        }
        let mut refused = self.refused.lock().await;
        if let Some(refused) = refused.as_ref() {
            return Err(refused.clone());
        }
        let bare = |failure| (failure, String::new());
        let form = certificate.form();
        let key = agents.sign(self.owner, reader, form).await.map_err(bare)?;
        let opened = key.open(certificate).await.inspect_err(|no| {
            *refused = Some(no.clone()).filter(|_| no.0 == PASSPHRASE);
        })?;
        let id = net.show(opened.identity, opened.channel).await.map_err(bare)?;
        *shown = Some(Shown { id, by: Rc::clone(net), _key: key });
        Ok(Some(id))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.by.forget(self.id);
    }
}
