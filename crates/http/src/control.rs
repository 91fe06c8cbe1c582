//! How the owner of a fetch says *proceed* and *stop*.
//!
//! A fetch that is about to drop bytes it held waits until its owner has written that down and says
//! [`Steering::proceed`]. A fetch is stopped with [`Steering::stop`], or by dropping the
//! [`Steering`]: without an owner nobody would ever hear how it ended.
//!
//! Nothing here blocks. Each *proceed* lets one drop pass; saying *stop* twice is as good as once.

use tokio::sync::watch;

#[derive(Clone, Copy, Default)]
struct Wishes {
    proceeds: u32,
    stop: bool,
}

/// The owner's end.
pub struct Steering(watch::Sender<Wishes>);

/// The fetch's end.
#[derive(Clone)]
pub struct Control {
    wishes: watch::Receiver<Wishes>,
    /// How many drops have passed.
    passed: u32,
}

/// Makes the two ends.
#[must_use]
pub fn control() -> (Steering, Control) {
    let (owner, fetch) = watch::channel(Wishes::default());
    (Steering(owner), Control { wishes: fetch, passed: 0 })
}

impl Steering {
    /// The start-over is written down: the file may be truncated.
    pub fn proceed(&self) {
        self.0.send_modify(|wishes| wishes.proceeds += 1);
    }

    /// End the fetch; its future then ends with `Stopped`.
    pub fn stop(&self) {
        self.0.send_modify(|wishes| wishes.stop = true);
    }
}

impl Control {
    /// Ends once the owner wants the fetch stopped, or is gone.
    pub async fn stopped(&mut self) {
        let _stopped_or_gone = self.wishes.wait_for(|wishes| wishes.stop).await;
    }

    /// Ends once the owner has said to go on. An owner who is gone never does.
    pub(crate) async fn proceeded(&mut self) {
        let passed = self.passed;
        if self.wishes.wait_for(|wishes| wishes.proceeds > passed).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.passed += 1;
    }
}
