//! Client certificates that fetches may show, and how one gets a signature for them.
//!
//! Answers one question: *which certificate does this fetch mean?* The service hands each over with a
//! channel to the process that has its key (`ebb-sign`, of whatever identity), and says when it is not
//! needed any more. The key itself never comes here.
//!
//! Asking blocks, because the TLS library cannot wait in any other way. So it is bounded: who does not
//! answer within [`PATIENCE`] is not asked again.

use ebb_http::{ClientCertificate, Sign};
use ebb_wire::channel::{Received, receive, send};
use ebb_wire::net::CertificateId;
use ebb_wire::sign::{ClientIdentity, FromSigner, ToSigner};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a signature may take. A card in a reader needs a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// No job has more than one, and no agent so many jobs at the same time.
const MOST: usize = 1024;

/// The certificates in hand.
#[derive(Default)]
pub(crate) struct Certificates(HashMap<CertificateId, ClientCertificate>);

impl Certificates {
    /// Takes one; false if that cannot be.
    pub(crate) fn take(
        &mut self,
        id: CertificateId,
        identity: ClientIdentity,
        signer: OwnedFd,
    ) -> bool {
        if self.0.contains_key(&id) || self.0.len() == MOST {
            return false;
        }
        let bounded = [Timeout::Recv, Timeout::Send]
            .map(|way| set_socket_timeout(&signer, way, Some(PATIENCE)).is_ok());
        // Where it cannot be bounded it is not asked at all: the handshake fails, and says so.
        let channel = Mutex::new(Some(signer).filter(|_| bounded == [true; 2]));
        let signer = Arc::new(Asked { channel });
        self.0.insert(id, ClientCertificate::new(identity.chain, &identity.schemes, signer));
        true
    }

    /// It is not needed any more; who still uses it may go on.
    pub(crate) fn forget(&mut self, id: CertificateId) {
        self.0.remove(&id);
    }

    pub(crate) fn of(&self, id: CertificateId) -> Option<ClientCertificate> {
        self.0.get(&id).cloned()
    }
}

/// Somebody who has a key.
struct Asked {
    /// Nothing, when it is of no more use.
    channel: Mutex<Option<OwnedFd>>,
}

impl Sign for Asked {
    fn sign(&self, scheme: u16, message: &[u8]) -> Option<Vec<u8>> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = channel.take()?;
        let question = ToSigner::Sign { scheme, message: message.to_vec() };
        send(&asked, &question, None).ok()?;
        let Ok(Received::Message(answer, None)) = receive(&asked) else {
            // A late answer would be taken for that to another question: it is closed.
            return None;
        };
        *channel = Some(asked);
        match answer {
            FromSigner::Signed { signature } => Some(signature),
            FromSigner::Refused => None,
        }
    }
}
