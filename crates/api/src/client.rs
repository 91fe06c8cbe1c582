//! A typed client of the transfer service.
//!
//! Answers one question: *how does one ask the service?* A [`Client`] is one connection, and so
//! one identity: the service takes who is calling from the kernel, not from what is said. The
//! same calls go over a message bus or straight to the service's own socket.
//!
//! It never tries again, never keeps what it was told, and never polls: whoever wants to know
//! about changes subscribes ([`Client::subscribe`]) and then reads.
//!
//! Start reading at [`Client::connect`].

mod authorities;
mod call;
mod certificate;
mod changes;
mod credentials;
mod entrusted;
mod history;
mod job;
mod location;
mod manager;
mod notices;
mod notifications;
mod token_options;
mod validation;

pub use authorities::Authorities;
pub use certificate::ClientCertificate;
pub use changes::{Changes, EventKind, JobEvent};
pub use credentials::Login;
pub use entrusted::CustomHeaders;
pub use history::HistoryEntry;
pub use job::{Job, NewFile};
pub use location::Location;
pub use manager::{Filter, JobOptions, PolicySetting};
pub use notices::{Notice, Notices, Stream};
pub use notifications::{FileRanges, Heard, Notification, NotificationKind, Notifications};
pub use token_options::{HelperIdentity, TokenOptions};
pub use validation::{ServerCertificate, ServerCertificates};

use zbus::Connection;

use crate::names;

/// One connection to the service.
#[derive(Clone, Debug)]
pub struct Client {
    connection: Connection,
    location: Location,
    /// On a message bus: the unique name of the service. Signals of anybody else are not ours.
    service: Option<String>,
    /// Whether a person may be asked.
    interactive: bool,
}

impl Client {
    /// Where the service was found.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Whether polkit may ask a person, where something takes an administrator and polkit says who is
    /// one (`ALLOW_INTERACTIVE_AUTHORIZATION` of the D-Bus specification). Such a call takes as long
    /// as it takes somebody to type a password, five minutes at most. There has to be an agent that
    /// asks: a desktop's own, or `pkttyagent`. Off at first.
    #[must_use]
    pub fn interactive(self, interactive: bool) -> Self {
        Self { interactive, ..self }
    }

    /// The job with this id. Asks nothing yet.
    #[must_use]
    pub fn job(&self, id: &str) -> Job<'_> {
        Job::new(self, names::job_path(id))
    }

    /// Token options somebody has opened, by their object path. Asks nothing yet.
    #[must_use]
    pub fn token_options(&self, path: &str) -> TokenOptions<'_> {
        TokenOptions::new(self, path.to_owned())
    }
}
