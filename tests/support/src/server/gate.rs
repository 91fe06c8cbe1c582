//! How fast the server may send: a budget of bytes in the hands of the test.
//!
//! A closed gate lets nothing pass until the test releases some bytes; so "in mid-transfer" is a
//! place, not a moment, and no test has to sleep to get there. For people who watch (the demo) a
//! gate can also have a rate.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// How often a waiting connection looks whether its client is still there.
const GLANCE: Duration = Duration::from_millis(20);

/// Bytes that may still pass.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
enum State {
    Budget(u64),
    Open,
    Rate { per_second: u64, since: Instant, passed: u64 },
}

impl Gate {
    /// Lets `bytes` pass, and then nothing until more are released.
    #[must_use]
    pub fn after(bytes: u64) -> Self {
        Self { state: Mutex::new(State::Budget(bytes)), changed: Condvar::new() }
    }

    /// Lets so many bytes pass each second.
    #[must_use]
    pub fn rate(per_second: u64) -> Self {
        let state = State::Rate { per_second, since: Instant::now(), passed: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Lets `bytes` more pass.
    pub fn release(&self, bytes: u64) {
        if let State::Budget(left) = &mut *self.state.lock().expect("no panic under this lock") {
            *left += bytes;
        }
        self.changed.notify_all();
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        *self.state.lock().expect("no panic under this lock") = State::Open;
        self.changed.notify_all();
    }

    /// Waits until something may pass and says how much, at most `want`; 0 when `alive` says that
    /// nobody is there any more to take it.
    pub(super) fn take(&self, want: u64, alive: impl Fn() -> bool) -> u64 {
        let mut state = self.state.lock().expect("no panic under this lock");
        while alive() {
            let granted = state.grant(want);
            if granted > 0 {
                return granted;
            }
            state = self.changed.wait_timeout(state, GLANCE).expect("no panic under this lock").0;
        }
        0
    }
}

impl State {
    fn grant(&mut self, want: u64) -> u64 {
        match self {
            Self::Open => want,
            Self::Budget(left) => {
                let granted = want.min(*left);
                *left -= granted;
                granted
            }
            Self::Rate { per_second, since, passed } => {
                let due = since.elapsed().as_millis() * u128::from(*per_second) / 1000;
                let due = u64::try_from(due).unwrap_or(u64::MAX);
                let granted = want.min(due.saturating_sub(*passed));
                *passed += granted;
                granted
            }
        }
    }
}
