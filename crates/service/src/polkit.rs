//! polkit is asked whether somebody may act as an administrator.
//!
//! Answers one question: *does polkit let this caller do this, now?* Who is meant is said by the name
//! on the bus or by the descriptor of the process, and never by a number that another process may have
//! by then. polkit before version 124 knows no descriptors: there nobody on our own socket can be
//! meant, and the configured groups decide alone. So they do where polkit is not there or does not
//! answer, which the log says once.
//!
//! An answer counts for the one call it was asked for; what is kept (`auth_admin_keep`), polkit keeps.
//! Nothing here decides what an administrator is asked for: see [`crate::main_loop`]. Design 035.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use zbus::names::OwnedUniqueName;
use zbus::{Connection, Variant};

use crate::bus::builder;
use crate::command::Process;

const NAME: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const AUTHORITY: &str = "org.freedesktop.PolicyKit1.Authority";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// Whoever says that there is no such service.
const BUS: &str = "org.freedesktop.DBus";
/// How long polkit may take where nobody is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a person may take.
const DIALOG: Duration = Duration::from_secs(300);
/// The first version that takes a descriptor for a process.
const KNOWS_DESCRIPTORS: u32 = 124;
/// A person may be asked.
const INTERACTIVE: u32 = 1;

/// What an administrator is asked for; `dist/org.ebb.Transfer1.policy` has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    SeeAll,
    SteerAll,
    TakeOwnership,
    LendAdministratorToken,
    ChangePolicy,
}

impl Action {
    /// Its name, as polkit knows it.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::SeeAll => "org.ebb.Transfer1.see-all",
            Self::SteerAll => "org.ebb.Transfer1.steer-all",
            Self::TakeOwnership => "org.ebb.Transfer1.take-ownership",
            Self::LendAdministratorToken => "org.ebb.Transfer1.lend-administrator-token",
            Self::ChangePolicy => "org.ebb.Transfer1.change-policy",
        }
    }
}

/// Of one call, what polkit has to do with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfCall {
    /// The caller's name on the bus; none on our own socket.
    pub(crate) name: Option<OwnedUniqueName>,
    /// Whether the caller waits while a person is asked.
    pub(crate) interactive: bool,
    /// What polkit has allowed; none before it was asked.
    pub(crate) verdict: Option<Verdict>,
}

/// What polkit said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed(Action),
    Not,
}

/// What is asked.
pub(crate) struct Question {
    pub(crate) action: Action,
    pub(crate) name: Option<OwnedUniqueName>,
    pub(crate) process: Option<Process>,
    pub(crate) interactive: bool,
}

/// The authority on the bus, if there is a bus.
pub(crate) struct Polkit {
    /// None where no bus is wanted; then the address, or the system's.
    bus: Option<Option<String>>,
    connection: RefCell<Option<Connection>>,
    /// Whether it has been said that nobody answers.
    silent: Cell<bool>,
    asked: Cell<u64>,
}

/// Why there is no answer.
enum Trouble {
    /// Nobody is there, or they do not answer.
    Nobody(String),
    /// polkit has an answer, which is no.
    Refused(String),
}

impl From<zbus::Error> for Trouble {
    fn from(error: zbus::Error) -> Self {
        let refused = if let zbus::Error::MethodError(_, _, message) = &error {
            message.header().sender().is_some_and(|sender| sender.as_str() != BUS)
        } else if let zbus::Error::FDO(error) = &error {
            // Whom the question was about has gone.
            matches!(**error, zbus::fdo::Error::NameHasNoOwner(_))
        } else {
            false
        };
        let why = error.to_string();
        if refused { Self::Refused(why) } else { Self::Nobody(why) }
    }
}

impl Polkit {
    /// The polkit on this bus: the system's if no address is given, none if it is empty.
    pub(crate) fn new(address: Option<String>) -> Self {
        let bus = (address.as_deref() != Some("")).then_some(address);
        let (silent, asked) = (Cell::new(false), Cell::new(0));
        Self { bus, connection: RefCell::new(None), silent, asked }
    }

    /// Whether there is anybody to ask.
    pub(crate) fn is_wanted(&self) -> bool {
        self.bus.is_some()
    }

    /// Asks, and gives up where nobody wants to know any more. It takes as long as a person takes.
    pub(crate) async fn ask(&self, question: &Question, end: oneshot::Receiver<()>) -> Verdict {
        let number = self.asked.replace(self.asked.get() + 1);
        let ticket = format!("ebb-{number}");
        let bound = if question.interactive { DIALOG } else { PATIENCE };
        let answer = tokio::select! {
            answer = tokio::time::timeout(bound, self.check(question, &ticket)) => answer,
            _ = end => {
                self.take_back(&ticket).await;
                return Verdict::Not;
            }
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) => {
                self.take_back(&ticket).await;
                // A person who does not answer is not polkit's fault.
                match question.interactive {
                    true => Err(Trouble::Refused("nobody answered in time".into())),
                    false => Err(Trouble::Nobody("it does not answer".into())),
                }
            }
        };
        match answer {
            Ok(allowed) => {
                self.speaks();
                if allowed { Verdict::Allowed(question.action) } else { Verdict::Not }
            }
            Err(Trouble::Refused(why)) => {
                self.speaks();
                eprintln!("polkit does not say whether {} is allowed: {why}", question.action.id());
                Verdict::Not
            }
            Err(Trouble::Nobody(why)) => {
                // The next question finds out whether there is a bus again.
                self.connection.replace(None);
                if !self.silent.replace(true) {
                    println!(
                        "the configured groups alone say who is an administrator: polkit: {why}"
                    );
                }
                Verdict::Not
            }
        }
    }

    fn speaks(&self) {
        if self.silent.replace(false) {
            println!("polkit says again who is an administrator");
        }
    }

    async fn check(&self, question: &Question, ticket: &str) -> Result<bool, Trouble> {
        let connection = self.connection().await?;
        let (kind, key, who) = match (&question.name, &question.process) {
            (Some(name), _) => ("system-bus-name", "name", Variant::from(name.as_str())),
            (None, Some(process)) if knows_descriptors(&connection).await? => {
                let descriptor = duplicate(&process.descriptor)?;
                ("unix-process", "pidfd", Variant::from(zbus::Fd::from(descriptor)))
            }
            (None, _) => return Ok(false),
        };
        let subject = (kind, HashMap::from([(key, who)]));
        let flags = if question.interactive { INTERACTIVE } else { 0 };
        let details = HashMap::<&str, &str>::new();
        let body = (subject, question.action.id(), details, flags, ticket);
        let to = Some(NAME);
        let asked = connection.call_method(to, PATH, Some(AUTHORITY), "CheckAuthorization", &body);
        let answer = asked.await?;
        let (allowed, ..): (bool, bool, HashMap<String, String>) =
            answer.body().deserialize().map_err(|error| Trouble::Refused(error.to_string()))?;
        Ok(allowed)
    }

    /// Nobody waits for this answer any more; a dialog is closed.
    async fn take_back(&self, ticket: &str) {
        let connection = self.connection.borrow().clone();
        if let Some(connection) = connection {
            let method = "CancelCheckAuthorization";
            let told = connection.call_method(Some(NAME), PATH, Some(AUTHORITY), method, &ticket);
            // Whatever becomes of it: the answer is not waited for.
            drop(tokio::time::timeout(PATIENCE, told).await);
        }
    }

    async fn connection(&self) -> Result<Connection, Trouble> {
        let nobody = || Trouble::Nobody("there is no message bus".into());
        let there = self.connection.borrow().clone();
        if let Some(connection) = there.filter(|there| !there.is_closed()) {
            return Ok(connection);
        }
        let address = self.bus.as_ref().ok_or_else(nobody)?;
        let made = builder(address.as_deref()).build().await.map_err(|_| nobody())?;
        self.connection.replace(Some(made.clone()));
        Ok(made)
    }
}

/// Whether this polkit takes a process by its descriptor.
async fn knows_descriptors(connection: &Connection) -> Result<bool, Trouble> {
    let body = (AUTHORITY, "BackendVersion");
    let told = connection.call_method(Some(NAME), PATH, Some(PROPERTIES), "Get", &body).await?;
    let told: zbus::OwnedVariant =
        told.body().deserialize().map_err(|error| Trouble::Refused(error.to_string()))?;
    Ok(<&str>::try_from(&told).is_ok_and(takes_descriptors))
}

/// `122`, `124`, before that `0.105`.
fn takes_descriptors(version: &str) -> bool {
    let first = version.split('.').next().unwrap_or_default();
    first.parse::<u32>().is_ok_and(|number| number >= KNOWS_DESCRIPTORS)
}

fn duplicate(descriptor: &Rc<OwnedFd>) -> Result<OwnedFd, Trouble> {
    descriptor.as_fd().try_clone_to_owned().map_err(|error| Trouble::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = include_str!("../../../dist/org.ebb.Transfer1.policy");

    #[test]
    fn only_a_polkit_that_takes_descriptors_is_asked_about_processes() {
        for (version, takes) in [
            ("0.105", false),
            ("122", false),
            ("123", false),
            ("124", true),
            ("126", true),
            ("", false),
        ] {
            assert_eq!(takes_descriptors(version), takes, "{version}");
        }
    }

    #[test]
    fn the_actions_that_are_asked_for_are_those_that_are_installed_and_no_others() {
        use Action::{ChangePolicy, LendAdministratorToken, SeeAll, SteerAll, TakeOwnership};
        let installed = POLICY.split("<action id=\"").skip(1);
        let installed: Vec<&str> =
            installed.map(|rest| rest.split('"').next().unwrap_or_default()).collect();
        let asked = [SeeAll, SteerAll, TakeOwnership, LendAdministratorToken, ChangePolicy];
        let asked = asked.map(Action::id);
        assert_eq!(installed, asked);
        let owned = "<annotate key=\"org.freedesktop.policykit.owner\">unix-user:ebb</annotate>";
        assert_eq!(POLICY.matches(owned).count(), asked.len(), "who may ask about others");
    }
}
