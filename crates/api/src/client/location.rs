//! Where the service may be, and going there.
//!
//! Answers one question: *which socket or bus?* [`Location::Any`] looks at the system service's
//! own socket, then at the system bus, then at the caller's private instance, and takes the first
//! that answers. It never starts a service.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use zbus::connection::Builder;

use super::Client;
use crate::errors::ClientError;
use crate::names;

/// How long one call may take before the service counts as gone. Long, because completing a job
/// of many files is one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take. Short, because somebody is waiting, and there is more to try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to look for the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The system service, else the caller's private instance.
    Any,
    /// The system service: its own socket, else the system bus.
    System,
    /// The caller's private instance.
    Private,
    /// A service's own socket.
    Socket(PathBuf),
    /// The message bus at this D-Bus address, or the system bus where it is empty.
    Bus(String),
}

impl Location {
    /// Whether a message bus stands between the client and the service.
    pub(super) fn is_bus(&self) -> bool {
        matches!(self, Location::Bus(_))
    }
}

impl FromStr for Location {
    type Err = ClientError;

    /// Reads `/path`, `unix:path=/path` (a service's own socket), `bus:` (the system bus) or
    /// `bus:ADDRESS` (another message bus).
    fn from_str(text: &str) -> Result<Self, ClientError> {
        let path = text.strip_prefix("unix:path=").unwrap_or(text);
        match text.strip_prefix("bus:") {
            Some(address) => Ok(Location::Bus(address.to_owned())),
            None if path.starts_with('/') => Ok(Location::Socket(path.into())),
            None => Err(ClientError::NotReachable(format!(
                "{text:?} is neither unix:path=/PATH nor bus:ADDRESS"
            ))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Any => f.write_str("the system or the private service"),
            Location::System => f.write_str("the system service"),
            Location::Private => f.write_str("the private service"),
            Location::Socket(path) => write!(f, "unix:path={}", path.display()),
            Location::Bus(address) => write!(f, "bus:{address}"),
        }
    }
}

impl Client {
    /// Connects to the service, on a tokio runtime.
    ///
    /// # Errors
    /// `NotReachable` where nobody answers at any of the places.
    pub async fn connect(location: &Location) -> Result<Client, ClientError> {
        let mut reasons = Vec::new();
        for place in places(location) {
            match tokio::time::timeout(CONNECT_TIMEOUT, connect_to(&place)).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) => reasons.push(format!("{place}: {error}")),
                Err(_late) => reasons.push(format!("{place}: no answer")),
            }
        }
        Err(ClientError::NotReachable(reasons.join("; ")))
    }
}

/// The places to try, in order.
fn places(location: &Location) -> Vec<Location> {
    let system = [Location::Socket(names::SYSTEM_SOCKET.into()), Location::Bus(String::new())];
    let private = || {
        let run_dir = names::private_run_dir(|name| std::env::var_os(name).map(PathBuf::from));
        run_dir.map(|dir| Location::Socket(names::socket_in(&dir)))
    };
    match location {
        Location::Any => system.into_iter().chain(private()).collect(),
        Location::System => system.into(),
        Location::Private => private().into_iter().collect(),
        Location::Socket(_) | Location::Bus(_) => vec![location.clone()],
    }
}

async fn connect_to(place: &Location) -> Result<Client, String> {
    match place {
        Location::Socket(path) => connect_to_socket(path).await,
        Location::Bus(address) => connect_to_bus(address).await,
        Location::Any | Location::System | Location::Private => {
            Err("more than one place".to_owned()) // `places` has taken these apart
        }
    }
}

async fn connect_to_socket(path: &Path) -> Result<Client, String> {
    let stream = UnixStream::connect(path).map_err(|error| error.to_string())?;
    let builder = Builder::unix_stream(stream).p2p().method_timeout(CALL_TIMEOUT);
    let connection = builder.build().await.map_err(|error| error.to_string())?;
    Ok(Client { connection, location: Location::Socket(path.to_owned()), service: None })
}

async fn connect_to_bus(address: &str) -> Result<Client, String> {
    let builder = match address {
        "" => Builder::system(),
        _ => Builder::address(address),
    };
    let builder = builder.method_timeout(CALL_TIMEOUT);
    let connection = builder.build().await.map_err(|error| error.to_string())?;
    let mut client =
        Client { connection, location: Location::Bus(address.to_owned()), service: None };
    // Starts the service where the bus knows how to, so it comes before asking for its name.
    client.ping().await.map_err(|error| error.to_string())?;
    client.service = Some(client.name_owner().await.map_err(|error| error.to_string())?);
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_bus() {
        let socket = Location::Socket("/run/x".into());
        assert_eq!("/run/x".parse::<Location>().unwrap(), socket);
        assert_eq!("unix:path=/run/x".parse::<Location>().unwrap(), socket);
        assert_eq!("bus:".parse::<Location>().unwrap(), Location::Bus(String::new()));
        assert_eq!(socket.to_string().parse::<Location>().unwrap(), socket);
        assert!("tcp:host=x".parse::<Location>().is_err());
    }

    #[test]
    fn the_system_service_comes_before_the_private_one() {
        assert_eq!(places(&Location::Any)[..2], places(&Location::System)[..]);
    }
}
