//! Servers that the owner's program is asked about, through the service.
//!
//! Answers one question: *whom does this answer belong to?* What has been accepted is kept here for the
//! newest validations only; the service remembers it longer. Nobody is waited for twice: an answer
//! without a question is dropped.

use ebb_http::{Unknown, Validation, Validator, Verdict};
use ebb_wire::codec::{CERTIFICATES_MAX, CHAIN_MAX, HOST_MAX};
use ebb_wire::net::{self, FromNet, Question, ValidationId};
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// So many are kept: each is of one attempt, and few attempts run at the same time. Whoever uses an
/// older one asks the service again.
const MOST: usize = 64;

/// The validations in use, and the questions that wait.
pub(crate) struct Validations {
    known: BTreeMap<ValidationId, Validation>,
    waiting: Arc<Mutex<Waiting>>,
    outbox: UnboundedSender<FromNet>,
}

#[derive(Default)]
struct Waiting {
    last: u64,
    questions: HashMap<u64, oneshot::Sender<Verdict>>,
}

/// Asks for the fetches of one validation.
struct Asking {
    id: ValidationId,
    waiting: Arc<Mutex<Waiting>>,
    outbox: UnboundedSender<FromNet>,
}

impl Validations {
    pub(crate) fn new(outbox: UnboundedSender<FromNet>) -> Self {
        Self { known: BTreeMap::new(), waiting: Arc::default(), outbox }
    }

    /// The validation of this fetch.
    pub(crate) fn of(&mut self, net::Validation { id, file }: net::Validation) -> Validation {
        let asking = || {
            let (waiting, outbox) = (Arc::clone(&self.waiting), self.outbox.clone());
            Validation::new(Arc::new(Asking { id, waiting, outbox }))
        };
        let validation = self.known.entry(id).or_insert_with(asking).with_file(file);
        if self.known.len() > MOST {
            self.known.pop_first();
        }
        validation
    }

    /// An answer has come.
    pub(crate) fn answer(&self, question: u64, verdict: net::Verdict) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = waiting.questions.remove(&question) else { return };
        // Whoever asked may have been stopped.
        let _ = asked.send(match verdict {
            net::Verdict::Accepted => Verdict::Accepted,
            net::Verdict::Rejected(code) => Verdict::Rejected(code),
            net::Verdict::Nobody => Verdict::Nobody,
        });
    }
}

impl Validator for Asking {
    fn ask(&self, unknown: Unknown) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        let Unknown { host, port, file, chain } = unknown;
        let length: usize = chain.iter().map(Vec::len).sum();
        if chain.len() > CERTIFICATES_MAX || length > CHAIN_MAX || host.len() > HOST_MAX {
            return Box::pin(std::future::ready(Verdict::TooLong));
        }
        let (tell, told) = oneshot::channel();
        let number = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.last += 1;
            let number = waiting.last;
            waiting.questions.insert(number, tell);
            number
        };
        let question = Question { validation: self.id, number, file, host, port, chain };
        // Fails only when the channel has ended, and then so do we.
        let _ = self.outbox.send(FromNet::Question(Box::new(question)));
        Box::pin(async move { told.await.unwrap_or(Verdict::Nobody) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    fn unknown(chain: Vec<Vec<u8>>) -> Unknown {
        Unknown { host: "localhost".to_owned(), port: 443, file: 7, chain }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_question_gets_its_own_answer_and_what_cannot_be_sent_is_not_asked() {
        let (outbox, mut asked) = unbounded_channel();
        let validations = Validations::new(outbox.clone());
        let waiting = Arc::clone(&validations.waiting);
        let asking = Asking { id: ValidationId(3), waiting, outbox };
        let too_long = asking.ask(unknown(vec![vec![0; CHAIN_MAX + 1]]));
        assert_eq!(too_long.await, Verdict::TooLong);
        let (first, second) =
            (asking.ask(unknown(vec![vec![1]])), asking.ask(unknown(vec![vec![2]])));
        let mut numbers = Vec::new();
        for byte in [1, 2] {
            let Ok(FromNet::Question(question)) = asked.try_recv() else { panic!("no question") };
            assert_eq!((question.validation, question.file), (ValidationId(3), 7));
            assert_eq!(question.chain, [[byte]]);
            numbers.push(question.number);
        }
        assert!(asked.try_recv().is_err(), "what cannot be sent was sent");
        validations.answer(99, net::Verdict::Accepted);
        validations.answer(numbers[1], net::Verdict::Rejected(5));
        validations.answer(numbers[0], net::Verdict::Accepted);
        validations.answer(numbers[0], net::Verdict::Nobody);
        assert_eq!((first.await, second.await), (Verdict::Accepted, Verdict::Rejected(5)));
    }

    #[test]
    fn fetches_of_one_validation_share_it_and_only_the_newest_are_kept() {
        let mut validations = Validations::new(unbounded_channel().0);
        let mut of = |id, file| validations.of(net::Validation { id: ValidationId(id), file });
        let first = of(1, 0);
        assert!(first == of(1, 5) && first != of(2, 0));
        for id in 3..100 {
            of(id, 0);
        }
        assert!(first != of(1, 0));
        assert_eq!(validations.known.len(), MOST);
    }
}
