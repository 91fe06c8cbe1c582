//! Messages on their way to an agent.
//!
//! Answers one question: *what goes with what?* Tasks put in what they have to say and do not wait; what
//! has come together by the time the channel is free goes in one datagram. So an agent of which one thing
//! is asked gets it at once, and one of which a hundred things are asked is woken a few times.
//!
//! Messages arrive in the order in which they were put in. That the agent is gone is told by its channel,
//! to whoever waits for an answer, and not here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use ebb_wire::codec::Message;
use ebb_wire::train::{self, Car};
use tokio::sync::Notify;

use super::Channel;

/// What is to be sent on one channel, by a task of its own.
pub(super) struct Outbox {
    queue: Rc<Queue>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Queue {
    cars: RefCell<VecDeque<Car>>,
    more: Notify,
}

impl Outbox {
    /// Begins to send on this channel.
    pub(super) fn begin(channel: Rc<Channel>) -> Self {
        let queue = Rc::<Queue>::default();
        let task = tokio::task::spawn_local(send(channel, Rc::clone(&queue)));
        Self { queue, task }
    }

    /// Puts a message in.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where it cannot be written, or a descriptor does not belong to it.
    pub(super) fn put<M: Message>(
        &self,
        message: &M,
        descriptor: Option<OwnedFd>,
    ) -> io::Result<()> {
        let car = Car::of(message, descriptor)?;
        self.queue.cars.borrow_mut().push_back(car);
        self.queue.more.notify_one();
        Ok(())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(channel: Rc<Channel>, queue: Rc<Queue>) {
    loop {
        queue.more.notified().await;
        loop {
            let cars: Vec<Car> = {
                let mut waiting = queue.cars.borrow_mut();
                let count = train::fitting(waiting.make_contiguous());
                waiting.drain(..count).collect()
            };
            if cars.is_empty() {
                break;
            }
            // An agent that is gone hears nothing, and whoever listens to it knows.
            if channel.send_train(&cars).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ebb_wire::files::{FromFiles, ToFiles};
    use tokio::task::LocalSet;

    fn question(seq: u64) -> ToFiles {
        ToFiles::LookAt { seq, path: b"/x".to_vec() }
    }

    #[tokio::test]
    async fn what_is_put_in_at_the_same_time_goes_together_and_in_order() {
        let play = async {
            let (near, far) = ebb_wire::channel::pair().unwrap();
            let (near, far) = (Channel::new(near).unwrap(), Channel::new(far).unwrap());
            let outbox = Outbox::begin(Rc::new(near));
            (0..20).for_each(|seq| outbox.put(&question(seq), None).unwrap());
            // What cannot be written is its author's trouble, and holds nobody up.
            let endless = ToFiles::LookAt { seq: 20, path: vec![b'/'; 1 << 20] };
            assert!(outbox.put(&endless, None).is_err());
            let (mut came, mut datagrams) = (Vec::new(), 0);
            while came.len() < 20 {
                came.extend(far.receive_train::<ToFiles>().await.unwrap());
                datagrams += 1;
            }
            let expected: Vec<_> = (0..20).map(question).collect();
            let came: Vec<_> = came.into_iter().map(|(message, _)| message).collect();
            assert_eq!((came, datagrams), (expected, 2));
        };
        LocalSet::new().run_until(play).await;
    }

    #[tokio::test]
    async fn who_is_gone_holds_up_nobody_who_puts_something_in() {
        let play = async {
            let (near, far) = ebb_wire::channel::pair().unwrap();
            let outbox = Outbox::begin(Rc::new(Channel::new(near).unwrap()));
            drop(far);
            for seq in 0..20 {
                outbox.put(&FromFiles::Done { seq }, None).unwrap();
                tokio::task::yield_now().await;
            }
        };
        LocalSet::new().run_until(play).await;
    }
}
