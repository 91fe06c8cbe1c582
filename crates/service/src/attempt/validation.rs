//! The owner's say in which servers an attempt speaks to.
//!
//! Answers one question: *who is asked when the network agent meets a server?* The main loop knows who;
//! here the agent's questions are handed to it and the answers back, beside everything else the attempt
//! does. Nobody waits for an answer for ever: a validator that says nothing for [`PATIENCE`] is none.
//!
//! Certificates are passed on and never looked into.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ebb_core::id::{AttemptId, JobId};
use ebb_wire::net::{self, Question, ValidationId, Verdict};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::agents::net::NetAgent;
use crate::command::{Message, UnknownServer};

/// Time for a program that has to look something up, or to ask somebody who sits in front of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the network agent is told about it.
pub(super) struct Validation {
    wanted: bool,
    job: JobId,
    attempt: AttemptId,
    main_loop: mpsc::UnboundedSender<Message>,
    asking: RefCell<Option<Asking>>,
}

/// The questions of one agent.
struct Asking {
    id: ValidationId,
    of: Rc<NetAgent>,
}

impl Validation {
    pub(super) fn new(
        wanted: bool,
        (job, attempt): (JobId, AttemptId),
        main_loop: mpsc::UnboundedSender<Message>,
    ) -> Self {
        Self { wanted, job, attempt, main_loop, asking: RefCell::default() }
    }

    /// What this agent is told for this file; nothing where nobody has a say.
    pub(super) fn of(&self, net: &Rc<NetAgent>, file: u32) -> Option<net::Validation> {
        if !self.wanted {
            return None;
        }
        let mut asking = self.asking.borrow_mut();
        if let Some(asking) = asking.as_ref().filter(|asking| Rc::ptr_eq(&asking.of, net)) {
            return Some(net::Validation { id: asking.id, file });
        }
        let (id, questions) = net.validate();
        *asking = Some(Asking { id, of: Rc::clone(net) });
        let (job, attempt, main_loop) = (self.job, self.attempt, self.main_loop.clone());
        tokio::task::spawn_local(listen((job, attempt), Rc::clone(net), questions, main_loop));
        Some(net::Validation { id, file })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.of.no_more_questions(self.id);
    }
}

/// Has each question answered, until no more can come.
async fn listen(
    (job, attempt): (JobId, AttemptId),
    net: Rc<NetAgent>,
    mut questions: mpsc::UnboundedReceiver<Question>,
    main_loop: mpsc::UnboundedSender<Message>,
) {
    while let Some(Question { number, file, host, port, chain, .. }) = questions.recv().await {
        let (reply, told) = oneshot::channel();
        let unknown = UnknownServer { job, attempt, file, host, port, chain };
        // The main loop ends only with the process.
        let _ = main_loop.send(Message::UnknownServer(unknown, reply));
        let net = Rc::clone(&net);
        tokio::task::spawn_local(async move { net.answer(number, within(PATIENCE, told).await) });
    }
}

async fn within(patience: Duration, told: oneshot::Receiver<Verdict>) -> Verdict {
    match timeout(patience, told).await {
        Ok(Ok(verdict)) => verdict,
        // It has gone, or is as good as gone.
        Ok(Err(_)) | Err(_) => Verdict::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_validator_that_has_gone_or_says_nothing_is_nobody() {
        let (reply, told) = oneshot::channel();
        assert_eq!(within(Duration::from_millis(1), told).await, Verdict::Nobody);
        assert!(reply.is_closed(), "it waits no more");
        let (reply, told) = oneshot::channel();
        drop(reply);
        assert_eq!(within(PATIENCE, told).await, Verdict::Nobody);
        let (reply, told) = oneshot::channel();
        reply.send(Verdict::Rejected(7)).unwrap();
        assert_eq!(within(PATIENCE, told).await, Verdict::Rejected(7));
    }
}
