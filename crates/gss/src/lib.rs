//! Tickets: the machine's GSSAPI library, found at run time.
//!
//! Answers one question: *what is said to a service so that it knows who we are, without a
//! password?* The identity is that of the process: its cache of tickets is found by the library as
//! for every program of that user, from `krb5.conf` and nothing else. (What an environment says would
//! count, too; agents have none.) Nothing is delegated, and the service has to prove who it is.
//!
//! A machine without the library has no tickets, and that is no error before somebody wants one. All
//! calls block, for they may ask other machines.
//!
//! | file     | holds                                                            |
//! |----------|------------------------------------------------------------------|
//! | `sys`    | the functions of the library; the only place with `unsafe`       |
//! | `names`  | what services and users are called                               |
//!
//! It never reads a password, a ticket or a key itself, and prints nothing.

#![deny(unsafe_code)]

mod names;
#[expect(unsafe_code, reason = "the library is one of C; see the file")]
mod sys;

use std::fmt;
use sys::{Library, Outcome, Security};

/// The library, loaded.
#[derive(Clone, Debug)]
pub struct Gss(Library);

/// A talk with one service. Each message goes where the one before went.
#[derive(Debug)]
pub struct Context(Security);

/// What a talk has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This is to be said, and an answer is needed.
    Say(Vec<u8>),
    /// This is to be said, and that is all.
    SayAndDone(Vec<u8>),
    /// They have proved who they are.
    Done,
}

/// Why there is no ticket, or no talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GssError {
    /// There is no such library on this machine.
    NoLibrary,
    /// A name that cannot be one.
    Name,
    /// The library says this.
    Library(String),
}

impl fmt::Display for GssError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLibrary => {
                f.write_str("this machine has no library for tickets (libgssapi_krb5)")
            }
            Self::Name => f.write_str("the name of the host or the user cannot be one"),
            Self::Library(said) => f.write_str(said),
        }
    }
}

impl std::error::Error for GssError {}

impl Gss {
    /// Loads the library.
    ///
    /// # Errors
    ///
    /// [`GssError::NoLibrary`].
    pub fn load() -> Result<Self, GssError> {
        Library::load().map(Self)
    }

    /// Where this identity's tickets are by default, as the library writes it: `FILE:/tmp/…`.
    ///
    /// # Errors
    ///
    /// What the library says.
    pub fn default_cache(&self) -> Result<String, GssError> {
        self.0.default_cache()
    }

    /// Begins to talk to `service` at `host`, as whoever the tickets of this identity are for.
    ///
    /// # Errors
    ///
    /// [`GssError::Name`], or what the library says.
    pub fn begin(&self, service: &str, host: &str) -> Result<Context, GssError> {
        let target = names::service(service, host)?;
        Security::new(&self.0, &target, None).map(Context)
    }

    /// The same as this user with this password. Asks for a first ticket at once.
    ///
    /// # Errors
    ///
    /// [`GssError::Name`], or what the library says.
    pub fn begin_as(
        &self,
        service: &str,
        host: &str,
        user: &str,
        password: &str,
    ) -> Result<Context, GssError> {
        let target = names::service(service, host)?;
        let user = names::user(user)?;
        Security::new(&self.0, &target, Some((&user, password.as_bytes()))).map(Context)
    }
}

impl Context {
    /// The same, tied to the connection that this is of (RFC 5929); before the first step.
    #[must_use]
    pub fn bound_to(mut self, binding: Option<&[u8]>) -> Self {
        self.0.bind(binding);
        self
    }

    /// What to say to what they said; nothing to begin with.
    ///
    /// # Errors
    ///
    /// What the library says: there is no ticket, it has expired, or they are not who they should
    /// be. There is nothing more to say then.
    pub fn step(&mut self, said: Option<&[u8]>) -> Result<Step, GssError> {
        match self.0.step(said)? {
            Outcome { message, done: true } if message.is_empty() => Ok(Step::Done),
            Outcome { message, done: true } => Ok(Step::SayAndDone(message)),
            Outcome { message, done: false } if message.is_empty() => {
                Err(GssError::Library("it waits for more, and has nothing to say".to_owned()))
            }
            Outcome { message, done: false } => Ok(Step::Say(message)),
        }
    }
}
