//! One client: its calls in, answers and signals out.
//!
//! Calls go to the main loop in the order they come; answers go out as they are ready. A client may
//! have a bounded number of calls waiting; one more is refused, and nothing else happens to it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ebb_core::refusal::Refusal;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use zbus::message::{Flags, Type};
use zbus::names::OwnedUniqueName;
use zbus::{Connection, MessageStream};

use super::dispatch::{Call, Subscription, understand};
use super::{Face, notices, values};
use crate::command::{Asker, Command, Message, Notification};
use crate::polkit::OfCall;

/// Calls of one client that may wait for their answers at the same time.
const WAITING: usize = 256;

/// Notifications that may wait for a client to read them.
const NOTIFICATIONS: usize = 1024;

/// One client of ours.
pub(super) struct Client {
    shared: Rc<Shared>,
    asker: Asker,
    face: Rc<Face>,
    subscription: RefCell<Option<JoinHandle<()>>>,
    /// Where notifications go, once it has registered for a job.
    notified: RefCell<Option<(mpsc::Sender<Notification>, JoinHandle<()>)>>,
}

struct Shared {
    connection: Connection,
    waiting: Cell<usize>,
    /// Where signals go on a bus; on our own socket there is only one listener.
    destination: Option<OwnedUniqueName>,
}

impl Client {
    pub(super) fn new(
        connection: Connection,
        destination: Option<OwnedUniqueName>,
        asker: Asker,
        face: Rc<Face>,
    ) -> Self {
        let shared = Rc::new(Shared { connection, waiting: Cell::new(0), destination });
        Self { shared, asker, face, subscription: RefCell::new(None), notified: RefCell::new(None) }
    }

    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Serves until the client goes.
    pub(super) async fn serve(self, mut messages: MessageStream) {
        while let Some(Ok(message)) = messages.next().await {
            self.hear(&message);
        }
    }

    /// Takes one message. Only calls matter; everything else is nothing to us.
    pub(super) fn hear(&self, message: &zbus::Message) {
        if message.message_type() != Type::MethodCall {
            return;
        }
        let call = understand(message, &self.face);
        match call {
            Ok(Call::Ask(command, shape)) => self.ask(message, command, shape),
            Ok(Call::Register(job)) => {
                let command = Command::Register(job, self.notified());
                self.ask(message, command, values::Shape::Plain);
            }
            Ok(Call::Validate(job)) => {
                let command = Command::SetValidator(job, self.notified());
                self.ask(message, command, values::Shape::Plain);
            }
            Ok(Call::Answer(reply)) => self.answer(message, Ok(reply)),
            Ok(Call::Subscribe(wanted)) => {
                self.subscribe(wanted);
                self.answer(message, values::unit(message));
            }
            Err(no) => self.answer(message, no.reply(message)),
        }
    }

    fn ask(&self, message: &zbus::Message, command: Command, shape: values::Shape) {
        if self.shared.waiting.get() >= WAITING {
            return self.answer(message, values::refused(message, &Refusal::TooManyRequests));
        }
        let (tell, told) = oneshot::channel();
        let call = OfCall {
            name: self.shared.destination.clone(),
            interactive: message.primary_header().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH),
            verdict: None,
        };
        let ask = Message::Ask(Asker { call, ..self.asker.clone() }, command, tell);
        // The main loop ends only with the process.
        let _ = self.face.outbox.send(ask);
        self.answer_later(message.clone(), shape, told);
    }

    /// Where this client's notifications go.
    fn notified(&self) -> mpsc::Sender<Notification> {
        let mut notified = self.notified.borrow_mut();
        let (to, _) = notified.get_or_insert_with(|| {
            let (to, from) = mpsc::channel(NOTIFICATIONS);
            let shared = Rc::clone(&self.shared);
            let (connection, destination) = (shared.connection.clone(), shared.destination.clone());
            let task = notices::notify(connection, destination, from);
            (to, tokio::task::spawn_local(task))
        });
        to.clone()
    }

    fn answer_later(
        &self,
        message: zbus::Message,
        shape: values::Shape,
        told: oneshot::Receiver<crate::command::Answered>,
    ) {
        let shared = Rc::clone(&self.shared);
        shared.waiting.set(shared.waiting.get() + 1);
        tokio::task::spawn_local(async move {
            let answered = told.await.unwrap_or(Err(Refusal::ShuttingDown));
            shared.waiting.set(shared.waiting.get() - 1);
            shared.send(&message, values::reply(&message, &shape, answered)).await;
        });
    }

    fn answer(&self, message: &zbus::Message, reply: zbus::Result<zbus::Message>) {
        let (shared, message) = (Rc::clone(&self.shared), message.clone());
        tokio::task::spawn_local(async move { shared.send(&message, reply).await });
    }

    fn subscribe(&self, wanted: Subscription) {
        let mut subscription = self.subscription.borrow_mut();
        match wanted {
            Subscription::Begin if subscription.is_none() => {
                let heard = self.face.notices.subscribe();
                let shared = Rc::clone(&self.shared);
                let caller = self.asker.caller;
                let task = notices::forward(
                    shared.connection.clone(),
                    shared.destination.clone(),
                    caller,
                    heard,
                );
                *subscription = Some(tokio::task::spawn_local(task));
            }
            Subscription::Begin => {}
            Subscription::End => {
                if let Some(task) = subscription.take() {
                    task.abort();
                }
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.subscribe(Subscription::End);
        if let Some((_, task)) = self.notified.take() {
            task.abort();
        }
    }
}

impl Shared {
    async fn send(&self, to: &zbus::Message, reply: zbus::Result<zbus::Message>) {
        if to.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED) {
            return;
        }
        match reply {
            // The client may have gone.
            Ok(reply) => drop(self.connection.send(&reply).await),
            Err(error) => eprintln!("an answer could not be put into words: {error}"),
        }
    }
}
