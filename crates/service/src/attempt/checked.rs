//! Whether a file that came in pieces is the one that was meant.
//!
//! Answers one question: *does it have the digests it must have?* A file that comes from its
//! beginning to its end is hashed by the network agent on its way. This one did not, so it is read
//! once, when everything is there, by an agent that has it open already. Where no digest is known,
//! nothing is read.

use std::os::fd::OwnedFd;

use ebb_core::failure::{DestinationTrouble, Failure};
use ebb_core::file::File;
use ebb_wire::net::FromNet;

use super::one_file::lost;
use super::{Attempt, Break, stopped, trouble};
use crate::agents::net::{NetAgent, STOP_PATIENCE, failure_of};

impl Attempt {
    /// Has a file that is there whole compared with its digests.
    pub(super) async fn unless_wrong(
        &self,
        net: &NetAgent,
        fd: &OwnedFd,
        at: u32,
        file: &File,
    ) -> Result<(), Break> {
        // What a server says about an answer to another method is not about this file.
        let (server, owner) = file.digests();
        let digests = (server.filter(|_| !self.order.terms.has_own_method()), owner);
        if digests == (None, None) {
            return Ok(());
        }
        let of = |failure| Break::Trouble(trouble(at, failure, String::new(), None));
        let asked = net.check(file, file.durable, digests, another(fd, at)?);
        let mut check = asked.await.map_err(of)?;
        let mut halt = self.halt.subscribe();
        let heard = tokio::select! {
            heard = check.heard.recv() => heard,
            () = stopped(&mut halt) => {
                net.stop(check.id).await;
                if tokio::time::timeout(STOP_PATIENCE, check.last_word()).await.is_err() {
                    net.end().await;
                }
                return Err(Break::Stopped);
            }
        };
        match heard {
            Some(FromNet::Done { .. }) => Ok(()),
            Some(FromNet::Failed { trouble: told, detail, .. }) => {
                Err(Break::Trouble(trouble(at, failure_of(told), detail, None)))
            }
            Some(
                FromNet::Hello { .. }
                | FromNet::Head { .. }
                | FromNet::Hashed { .. }
                | FromNet::Progress { .. }
                | FromNet::Measured { .. }
                | FromNet::Path(_)
                | FromNet::Learned { .. }
                | FromNet::Question(_)
                | FromNet::Stopped { .. },
            ) => self.out_of_its_mind(net, at).await,
            None => Err(lost(at)),
        }
    }
}

/// The same open file, for another message.
pub(super) fn another(fd: &OwnedFd, at: u32) -> Result<OwnedFd, Break> {
    fd.try_clone().map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0);
        let failure = Failure::Destination(DestinationTrouble::Io(errno));
        Break::Trouble(trouble(at, failure, String::new(), None))
    })
}
