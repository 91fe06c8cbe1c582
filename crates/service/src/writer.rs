//! The store's thread: commits, one transaction after the other, without holding up the loop's
//! neighbours.
//!
//! The main loop waits for its commit; connections and agents go on meanwhile, and what they bring
//! shares the next transaction.

use std::sync::mpsc;
use std::thread;

use ebb_core::history::Entry;
use ebb_core::id::JobId;
use ebb_store::{Batch, Recorder, Store, StoreError};
use tokio::sync::oneshot;

/// What is asked of the thread.
enum Request {
    Commit(Batch, oneshot::Sender<Result<(), StoreError>>),
    /// A job's history after a number, so many entries of it.
    History(JobId, u64, u32, oneshot::Sender<Page>),
}

/// A page of a job's history.
type Page = Result<Vec<(u64, Entry)>, StoreError>;

/// The way to the store.
pub(crate) struct Writer {
    requests: mpsc::Sender<Request>,
    thread: thread::JoinHandle<()>,
}

impl Writer {
    /// Gives the store a thread of its own.
    pub(crate) fn new(store: Store) -> Self {
        let (requests, work) = mpsc::channel::<Request>();
        let thread = thread::spawn(move || {
            let mut recorder = None;
            for request in work {
                match request {
                    // The main loop waits for every answer; if it does not, the process is ending.
                    Request::Commit(batch, reply) => {
                        let _ = reply.send(commit(&store, &mut recorder, batch));
                    }
                    // Whoever asked may be gone.
                    Request::History(job, after, limit, reply) => {
                        let _ = reply.send(store.history(job, after, limit));
                    }
                }
            }
        });
        Self { requests, thread }
    }

    /// Closes the store, so that the next life of the service can open it.
    pub(crate) fn close(self) {
        drop(self.requests);
        // A thread that panicked has ended the process already.
        let _ = self.thread.join();
    }

    /// Writes a batch down; durable when it returns.
    ///
    /// # Errors
    ///
    /// What the store says; nothing of the batch is written then.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        self.requests
            .send(Request::Commit(batch, tell))
            .expect("the thread lives as long as its channel");
        told.await.expect("the thread answers every request")
    }

    /// Has a page of a job's history read, after everything that was committed before.
    pub(crate) fn history(&self, job: JobId, after: u64, limit: u32) -> oneshot::Receiver<Page> {
        let (tell, told) = oneshot::channel();
        let request = Request::History(job, after, limit, tell);
        self.requests.send(request).expect("the thread lives as long as its channel");
        told
    }
}

fn commit<'a>(
    store: &'a Store,
    recorder: &mut Option<Recorder<'a>>,
    batch: Batch,
) -> Result<(), StoreError> {
    let recorder = match recorder {
        Some(recorder) => recorder,
        None => recorder.insert(store.recorder()?),
    };
    recorder.commit(batch)
}
