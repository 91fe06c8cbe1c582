//! From a name to addresses.
//!
//! The C library looks names up in a thread of its own and cannot be called back: whoever just
//! stopped waiting would leave it asking, in the name of an identity that is to do nothing any more
//! (R9). So lookups belong to a fetch, and a fetch is over only when they are. This module answers
//! one question: *does anything still ask?*
//!
//! It never looks up two names at a time, and remembers none.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Looks a name up; blocks for as long as that takes.
pub(crate) type Resolver = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// The C library's, with all that is configured for this machine.
pub(crate) fn system(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (name, port).to_socket_addrs().map(Iterator::collect)
}

/// The lookups of one fetch.
pub(crate) struct Lookups {
    resolver: Resolver,
    running: JoinSet<io::Result<Vec<SocketAddr>>>,
    /// What else blocks, and asks others.
    others: JoinSet<()>,
}

impl Lookups {
    pub(crate) fn new(resolver: Resolver) -> Self {
        Self { resolver, running: JoinSet::new(), others: JoinSet::new() }
    }

    /// Looks a name up. When this is dropped, the lookup goes on: see [`Lookups::over`].
    pub(crate) async fn resolve(&mut self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        // The next answer must be the one to this question.
        self.over().await;
        let (resolver, name) = (self.resolver, name.to_owned());
        self.running.spawn_blocking(move || resolver(&name, port));
        let found = self.running.join_next().await.and_then(Result::ok);
        found.unwrap_or_else(|| Err(io::Error::other("the lookup was called off")))
    }

    /// Does something else that blocks, in the same way. `None` if it was called off before it began.
    pub(crate) async fn block<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.over().await;
        let (tell, told) = oneshot::channel();
        self.others.spawn_blocking(move || drop(tell.send(work())));
        told.await.ok()
    }

    /// Returns when no lookup runs any more. One that has begun is waited for, to its very end.
    pub(crate) async fn over(&mut self) {
        self.running.shutdown().await;
        self.others.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::fetch::{Ended, Head, Reports, fetch};
    use crate::measure::measure;
    use crate::order::{Options, Order};
    use crate::request::Held;
    use crate::tls::Trust;
    use futures_util::FutureExt;
    use rustix::fs::{Mode, OFlags, open};
    use std::pin::pin;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;
    use url::Url;

    /// What is known of a resolver that answers when it is told to.
    #[derive(Default)]
    struct Late {
        asked: bool,
        may_answer: bool,
        answered: bool,
    }

    /// One for each test: a resolver is a plain function.
    struct Door(Mutex<Late>, Condvar);

    impl Door {
        const fn closed() -> Self {
            let late = Late { asked: false, may_answer: false, answered: false };
            Self(Mutex::new(late), Condvar::new())
        }

        fn answer_late(&self) -> io::Result<Vec<SocketAddr>> {
            let mut late = self.0.lock().unwrap();
            late.asked = true;
            let mut late = self.1.wait_while(late, |late| !late.may_answer).unwrap();
            late.answered = true;
            Err(io::Error::other("there is no such name"))
        }

        /// Polls `ending` until the resolver is asked; then has it stopped with `stop`, sees that
        /// it does not end, and lets the resolver answer: only then it may.
        async fn see_it_end_late<T>(&self, ending: impl Future<Output = T>, stop: impl Fn()) -> T {
            let mut ending = pin!(ending);
            while !self.0.lock().unwrap().asked {
                assert!(ending.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            stop();
            let mut early = false;
            for _ in 0..1000 {
                early = early || ending.as_mut().now_or_never().is_some();
                tokio::task::yield_now().await;
            }
            // Before anything is said about it: a lookup that waits would keep this from ending.
            self.0.lock().unwrap().may_answer = true;
            self.1.notify_all();
            assert!(!early, "a lookup runs on");
            let ended = ending.await;
            assert!(self.0.lock().unwrap().answered);
            ended
        }
    }

    struct Silent;

    impl Reports for Silent {
        fn head(&mut self, _: Head) {}
        fn progress(&mut self, _: u64, _: u64) {}
    }

    fn somewhere() -> Url {
        Url::parse("http://name.example/").unwrap()
    }

    #[tokio::test]
    async fn a_fetch_has_stopped_only_when_its_lookup_is_over() {
        static DOOR: Door = Door::closed();
        let client = Client::with_resolver(Trust::load(None).unwrap(), |_, _| DOOR.answer_late());
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open("/tmp", flags, Mode::from(0o600)).unwrap();
        let order = Order {
            url: somewhere(),
            held: Held::nothing(),
            hashed: None,
            pieces: Vec::new(),
            options: Options::default(),
            bucket: None,
            stall_timeout: Duration::from_secs(60),
        };
        let (steering, control) = crate::control();
        let mut silent = Silent;
        let fetching = fetch(&client, order, file, control, &mut silent);
        let ended = DOOR.see_it_end_late(fetching, || steering.stop()).await;
        assert!(matches!(ended, Ended::Stopped { durable: 0 }), "{ended:?}");
    }

    #[tokio::test]
    async fn a_question_for_a_size_has_stopped_only_when_its_lookup_is_over() {
        static DOOR: Door = Door::closed();
        let client = Client::with_resolver(Trust::load(None).unwrap(), |_, _| DOOR.answer_late());
        let (steering, control) = crate::control();
        let (url, patience) = (somewhere(), Duration::from_secs(60));
        let options = Options::default();
        let measuring = measure(&client, &url, &options, patience, control);
        let size = DOOR.see_it_end_late(measuring, || steering.stop()).await;
        assert_eq!(size, None);
    }
}
