//! Whose turn it is: the service, which opens keys, or one of those who have something signed.
//!
//! One loop, one thread. A key lives as long as the channel that was made for it: when the network
//! agent's end is closed, the key is forgotten. Nobody on such a channel can make us wait: one that
//! does not read its answers, or says what does not fit, loses it, and with it the key. What the
//! *service* says and does not fit ends the process.

use crate::key::{Key, Unusable};
use crate::token::{Modules, Tokens, Wanted};
use ebb_wire::Sandbox;
use ebb_wire::channel::{self, Received};
use ebb_wire::sign::{FromSign, FromSigner, KeyId, ToSign, ToSigner};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{ioctl_fionbio, retry_on_intr};
use std::error::Error;
use std::os::fd::{BorrowedFd, OwnedFd};

/// More keys than these are not kept at a time; each costs a descriptor and a few kilobytes.
const MOST: usize = 512;

/// Which keys this process opens.
pub(crate) enum Duty {
    /// Those in files.
    Files,
    /// Those on tokens.
    Tokens(Tokens),
}

/// A key, and the channel on which it is signed with.
struct Signer {
    channel: OwnedFd,
    key: Key,
}

/// Serves the service's channel to its end.
pub(crate) fn serve(
    service: BorrowedFd<'_>,
    sandbox: Sandbox,
    mut duty: Duty,
) -> Result<(), Box<dyn Error>> {
    channel::send(service, &FromSign::Hello { sandbox }, None)?;
    let mut signers: Vec<Signer> = Vec::new();
    loop {
        let mut ready = vec![PollFd::from_borrowed_fd(service, PollFlags::IN)];
        ready.extend(signers.iter().map(|signer| PollFd::new(&signer.channel, PollFlags::IN)));
        retry_on_intr(|| poll(&mut ready, None))?;
        let ready: Vec<bool> = ready.iter().map(|one| !one.revents().is_empty()).collect();
        let mut asked = ready[1..].iter();
        signers.retain(|signer| !asked.next().is_some_and(|asked| *asked) || signer.answer());
        if ready[0] {
            match channel::receive(service)? {
                Received::Message(request, Some(channel)) => {
                    let opened = match signers.len() < MOST {
                        true => open(request, &mut duty)?,
                        false => no_room(&request),
                    };
                    let (answer, signer) = made(opened, channel);
                    signers.extend(signer);
                    channel::send(service, &answer, None)?;
                }
                Received::Message(_, None) | Received::Closed => return Ok(()),
            }
        }
    }
}

/// A key's name, and what came of opening it.
type Opened = (KeyId, Result<Key, Unusable>);

/// Opens what this process is for; anything else nobody of ours asks of it.
fn open(request: ToSign, duty: &mut Duty) -> Result<Opened, &'static str> {
    Ok(match (request, duty) {
        (ToSign::Open { key, form, certificate, private_key, passphrase }, Duty::Files) => {
            (key, Key::open(form, &certificate, &private_key, passphrase.as_ref()))
        }
        (ToSign::OpenToken { key, wanted, pin }, Duty::Tokens(tokens)) => {
            (key, Key::on_token(tokens, &Wanted::new(wanted), pin.as_ref()))
        }
        // Started for tokens, and there is no library for any.
        (ToSign::OpenToken { key, wanted, pin }, Duty::Files) => {
            let mut none = Tokens::new(Modules::new(Vec::new()));
            (key, Key::on_token(&mut none, &Wanted::new(wanted), pin.as_ref()))
        }
        (ToSign::Open { .. }, Duty::Tokens(_)) => {
            return Err("asked for the key of a file where the libraries of tokens are");
        }
    })
}

fn no_room(request: &ToSign) -> Opened {
    let (ToSign::Open { key, .. } | ToSign::OpenToken { key, .. }) = request;
    (*key, Err(Unusable::unreadable("too many keys are in use at the same time")))
}

fn made((name, opened): Opened, channel: OwnedFd) -> (FromSign, Option<Signer>) {
    let usable = opened.and_then(|key| match ioctl_fionbio(&channel, true) {
        Ok(()) => Ok(key),
        Err(error) => Err(Unusable::unreadable(&format!("its channel: {error}"))),
    });
    match usable {
        Ok(key) => {
            let answer = FromSign::Opened { key: name, identity: key.identity() };
            (answer, Some(Signer { channel, key }))
        }
        Err(Unusable { trouble, detail }) => {
            (FromSign::Failed { key: name, trouble, detail }, None)
        }
    }
}

impl Signer {
    /// Answers one question; false when there will be no more.
    fn answer(&self) -> bool {
        let ToSigner::Sign { scheme, message } = match channel::receive(&self.channel) {
            Ok(Received::Message(question, _)) => question,
            Ok(Received::Closed) => return false,
            Err(error) if error.would_block() => return true,
            Err(error) => {
                eprintln!("ebb-sign: a network agent sent a message that does not fit: {error}");
                return false;
            }
        };
        let answer = match self.key.sign(scheme, &message) {
            Ok(signature) => FromSigner::Signed { signature },
            Err(why) => {
                eprintln!("ebb-sign: not signed: {why}");
                FromSigner::Refused
            }
        };
        channel::send(&self.channel, &answer, None).is_ok()
    }
}
