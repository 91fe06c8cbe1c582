//! What a client knows of those it has logged on to, with the same credentials.
//!
//! Answers two questions: *are these the same credentials?* Connections are kept apart by it. And
//! *where do we stand with this origin?* Several fetches of a job share the answer, and only one of
//! them at a time finds it out: a wrong password is said once, however many files are in flight.
//!
//! An account lives as long as a fetch, or a connection that is kept for some seconds, has use for
//! it. That a password was rejected is remembered some seconds longer: the next fetch of the same job
//! may be on its way already.

use super::login::Logins;
use super::standing::Standing;
use super::talk::Tickets;
use crate::connect::Origin;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long after the last fetch a rejected password is not said again.
const REMEMBERED: Duration = Duration::from_secs(10);

/// All accounts of a client.
#[derive(Default)]
pub(crate) struct Accounts {
    known: Mutex<Vec<Weak<Account>>>,
    /// Where tickets come from, if they come from anywhere.
    tickets: Option<Arc<dyn Tickets>>,
}

/// The same credentials, wherever they are used.
pub(crate) struct Account {
    pub(crate) logins: Logins,
    seats: Mutex<HashMap<Origin, Arc<Seat>>>,
    /// Where we stand with the job's proxies.
    at_proxies: Arc<Seat>,
    /// Fetches that have it in hand.
    users: Mutex<usize>,
}

/// Where we stand with one origin; who wants to find out holds it.
pub(crate) type Seat = tokio::sync::Mutex<Standing>;

/// A fetch has an account in hand.
pub(crate) struct InHand(Arc<Account>);

impl Accounts {
    pub(crate) fn with(tickets: Option<Arc<dyn Tickets>>) -> Self {
        Self { tickets, ..Self::default() }
    }

    pub(crate) fn tickets(&self) -> Option<Arc<dyn Tickets>> {
        self.tickets.clone()
    }

    /// The account of these credentials; none for none.
    pub(crate) fn of(&self, logins: &Logins) -> Option<InHand> {
        if logins.is_empty() {
            return None;
        }
        let mut known = lock(&self.known);
        known.retain(|account| account.strong_count() > 0);
        let same = known.iter().filter_map(Weak::upgrade).find(|known| known.logins == *logins);
        let account = same.unwrap_or_else(|| {
            let logins = logins.clone();
            let (seats, at_proxies, users) = Default::default();
            let new = Arc::new(Account { logins, seats, at_proxies, users });
            known.push(Arc::downgrade(&new));
            new
        });
        *lock(&account.users) += 1;
        Some(InHand(account))
    }
}

impl Accounts {
    /// The same for a fetch that somebody has just asked for: what was rejected may be said again,
    /// once. Whoever is saying it at this moment says it for this fetch, too.
    pub(crate) fn afresh(&self, logins: &Logins) -> Option<InHand> {
        let in_hand = self.of(logins)?;
        in_hand.0.forgive_all();
        Some(in_hand)
    }
}

impl Account {
    /// Where we stand with the job's proxies.
    pub(crate) fn at_proxies(&self) -> Arc<Seat> {
        Arc::clone(&self.at_proxies)
    }

    /// Where we stand with this origin.
    pub(crate) fn seat(&self, origin: &Origin) -> Arc<Seat> {
        let mut seats = lock(&self.seats);
        Arc::clone(seats.entry(origin.clone()).or_default())
    }
}

impl Account {
    /// Whoever was rejected may try again, if nobody is at it.
    fn forgive(&self) {
        if *lock(&self.users) == 0 {
            self.forgive_all();
        }
    }

    fn forgive_all(&self) {
        let _ = self.each_standing(|standing| {
            standing.forgive();
            false
        });
    }

    /// Does this wherever we stand; says whether any of it said yes.
    fn each_standing(&self, what: impl Fn(&mut Standing) -> bool) -> bool {
        let seats = lock(&self.seats);
        let mut any = false;
        for seat in seats.values().chain([&self.at_proxies]) {
            // Nobody has it: whoever could has this account in hand.
            if let Ok(mut standing) = seat.try_lock() {
                any |= what(&mut standing);
            }
        }
        any
    }
}

impl InHand {
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.0
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut users = lock(&self.0.users);
        *users -= 1;
        if *users > 0 {
            return;
        }
        drop(users);
        let rejected = self.0.each_standing(Standing::forget_unusable);
        match (Handle::try_current(), rejected) {
            (Ok(runtime), true) => {
                let account = Arc::clone(&self.0);
                runtime.spawn(async move {
                    tokio::time::sleep(REMEMBERED).await;
                    account.forgive();
                });
            }
            (Ok(_) | Err(_), _) => self.0.forgive(),
        }
    }
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Account {}

impl Hash for Account {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self).hash(state);
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(not shown)")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::login::{Login, LoginScheme, LoginTarget, Secret};

    fn logins(password: &str) -> Logins {
        let explicit = Some((Secret::of("alice"), Secret::of(password)));
        let login = Login { target: LoginTarget::Server, scheme: LoginScheme::Basic, explicit };
        [login].into_iter().collect()
    }

    #[test]
    fn the_same_credentials_are_one_account_and_others_another() {
        let accounts = Accounts::default();
        let [one, same, other] = ["x", "x", "y"].map(|it| accounts.of(&logins(it)).unwrap());
        assert_eq!(one.account(), same.account());
        assert_ne!(one.account(), other.account());
        assert!(accounts.of(&Logins::default()).is_none());
    }

    #[test]
    fn nothing_is_left_of_an_account_that_nobody_uses() {
        let accounts = Accounts::default();
        let account = Arc::downgrade(accounts.of(&logins("x")).unwrap().account());
        assert!(account.upgrade().is_none());
    }
}
