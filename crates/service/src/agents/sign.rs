//! A signing agent, as the service sees it: keys that are opened, and channels to them.
//!
//! For each key that is opened the service makes a channel. One end goes to the agent with the
//! question, the other is for a network agent, of whatever identity: what has to be signed goes from
//! one to the other, and the service sees nothing of it. When both ends but the agent's own are closed,
//! the agent forgets the key. An agent that sends what nobody asked for is ended.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use ebb_core::certificate::{ClientCertificate, Form, Said, TokenUri};
use ebb_core::failure::{CertificateTrouble, Failure, ServiceTrouble};
use ebb_wire::Sandbox;
use ebb_wire::net::Secret;
use ebb_wire::sign::{self, ClientIdentity, FromSign, KeyId, SignTrouble, ToSign, TokenPart};
use tokio::sync::oneshot;

use super::launcher::Process;
use super::{Channel, Listening};

/// A network file system may hang, a card may be slow; nobody waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);

const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);

/// What came of opening a key.
type Answer = Result<ClientIdentity, (SignTrouble, String)>;

/// One running `ebb-sign`.
pub(crate) struct SignAgent {
    channel: Rc<Channel>,
    process: Rc<Process>,
    next: Cell<u64>,
    asked: Rc<RefCell<Asked>>,
    // Kept for what it does when it is dropped.
    _listening: Listening,
}

#[derive(Default)]
struct Asked {
    waiting: HashMap<KeyId, oneshot::Sender<Answer>>,
    over: bool,
}

/// A key that is open.
pub(crate) struct Opened {
    /// What is shown to servers.
    pub(crate) identity: ClientIdentity,
    /// For whoever has something signed.
    pub(crate) channel: OwnedFd,
}

impl SignAgent {
    /// Waits for the first message and begins to serve.
    pub(crate) async fn greet(
        channel: Channel,
        process: Process,
    ) -> Result<(Rc<Self>, Sandbox), Failure> {
        let hello = channel.receive::<FromSign>().await;
        let Ok(Some((FromSign::Hello { sandbox }, None))) = hello else {
            return Err(LOST);
        };
        let (channel, process) = (Rc::new(channel), Rc::new(process));
        let asked = Rc::new(RefCell::new(Asked::default()));
        let task = listen(Rc::clone(&channel), Rc::clone(&process), Rc::clone(&asked));
        let (next, _listening) = (Cell::new(1), Listening::begin(task));
        Ok((Rc::new(Self { channel, process, next, asked, _listening }), sandbox))
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.asked.borrow().over
    }

    /// Opens a certificate and its key; says what failed, and what the agent says of it.
    pub(crate) async fn open(
        &self,
        certificate: &ClientCertificate,
    ) -> Result<Opened, (Failure, String)> {
        let lost = |_| (LOST, String::new());
        let (channel, theirs) = ebb_wire::channel::pair().map_err(|error| {
            eprintln!("no channel for a signing agent: {error}");
            lost(())
        })?;
        let key = KeyId(self.next.replace(self.next.get() + 1));
        let (tell, told) = oneshot::channel();
        self.asked.borrow_mut().waiting.insert(key, tell);
        let open = request(key, certificate).map_err(|failure| (failure, String::new()))?;
        self.channel.send(&open, Some(theirs.as_fd())).await.map_err(|_| lost(()))?;
        drop((open, theirs));
        let Ok(answer) = tokio::time::timeout(PATIENCE, told).await else {
            // It hangs, and with it everybody else who wants something signed.
            self.process.kill().await;
            return Err(lost(()));
        };
        match answer.map_err(|_| lost(()))? {
            Ok(identity) => Ok(Opened { identity, channel }),
            Err((trouble, detail)) => Err((failure_of(trouble), detail)),
        }
    }
}

/// What is said to have it opened.
fn request(key: KeyId, certificate: &ClientCertificate) -> Result<ToSign, Failure> {
    let passphrase = certificate.passphrase().map(|text| Secret(text.to_vec()));
    let form = match certificate.form() {
        Form::Pem => sign::Form::Pem,
        Form::Pkcs12 => sign::Form::Pkcs12,
        Form::Pkcs11 => {
            // It was looked at when it was set.
            let uri = TokenUri::parse(certificate.certificate())
                .map_err(|_| Failure::Certificate(CertificateTrouble::Invalid))?;
            let wanted =
                uri.said().iter().map(|(said, value)| (part_of(*said), value.clone())).collect();
            return Ok(ToSign::OpenToken { key, wanted, pin: passphrase });
        }
    };
    let at = certificate.certificate().to_vec();
    let private_key = certificate.key().to_vec();
    Ok(ToSign::Open { key, form, certificate: at, private_key, passphrase })
}

fn part_of(said: Said) -> TokenPart {
    match said {
        Said::Token => TokenPart::Token,
        Said::Manufacturer => TokenPart::Manufacturer,
        Said::Serial => TokenPart::Serial,
        Said::Model => TokenPart::Model,
        Said::SlotId => TokenPart::SlotId,
        Said::SlotDescription => TokenPart::SlotDescription,
        Said::SlotManufacturer => TokenPart::SlotManufacturer,
        Said::Object => TokenPart::Object,
        Said::Id => TokenPart::Id,
        Said::Type => TokenPart::Type,
        Said::ModulePath => TokenPart::ModulePath,
        Said::ModuleName => TokenPart::ModuleName,
    }
}

/// Hands answers to whoever waits for them, until the agent is gone.
async fn listen(channel: Rc<Channel>, process: Rc<Process>, asked: Rc<RefCell<Asked>>) {
    while let Ok(Some((message, None))) = channel.receive::<FromSign>().await {
        let (key, answer) = match message {
            FromSign::Opened { key, identity } => (key, Ok(identity)),
            FromSign::Failed { key, trouble, detail } => (key, Err((trouble, detail))),
            FromSign::Hello { .. } => break,
        };
        let Some(tell) = asked.borrow_mut().waiting.remove(&key) else {
            break;
        };
        // Whoever asked may have given up.
        let _ = tell.send(answer);
    }
    asked.borrow_mut().over = true;
    process.kill().await;
    asked.borrow_mut().waiting.clear();
}

/// What the agent ran into, in the core's words.
fn failure_of(trouble: SignTrouble) -> Failure {
    Failure::Certificate(match trouble {
        SignTrouble::Unreadable => CertificateTrouble::Unreadable,
        SignTrouble::Invalid | SignTrouble::Mismatch => CertificateTrouble::Invalid,
        SignTrouble::Passphrase => CertificateTrouble::Passphrase,
        SignTrouble::ModuleMissing => CertificateTrouble::ModuleMissing,
        SignTrouble::TokenAbsent => CertificateTrouble::TokenAbsent,
        SignTrouble::PinLocked => CertificateTrouble::PinLocked,
        SignTrouble::NotFound => CertificateTrouble::NotFound,
        SignTrouble::Ambiguous => CertificateTrouble::Ambiguous,
    })
}
