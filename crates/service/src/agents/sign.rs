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

use ebb_core::certificate::{ClientCertificate, Form};
use ebb_core::failure::{CertificateTrouble, Failure, ServiceTrouble};
use ebb_wire::Sandbox;
use ebb_wire::net::Secret;
use ebb_wire::sign::{self, ClientIdentity, FromSign, KeyId, SignTrouble, ToSign};
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
        let open = ToSign::Open {
            key,
            form: match certificate.form() {
                Form::Pem => sign::Form::Pem,
                Form::Pkcs12 => sign::Form::Pkcs12,
            },
            certificate: certificate.certificate().to_vec(),
            private_key: certificate.key().to_vec(),
            passphrase: certificate.passphrase().map(|text| Secret(text.to_vec())),
        };
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
    })
}
