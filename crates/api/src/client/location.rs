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
use super::call::from_zbus;
use crate::errors::ClientError;
use crate::helper::{self, Identity, ImpersonationError};
use crate::names;

/// How long one call may take before the service counts as gone. Long, because completing a job
/// of many files is one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take. Short, because somebody is waiting, and there is more to try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where the system bus listens, unless the environment says otherwise.
const SYSTEM_BUS_SOCKET: &str = "/run/dbus/system_bus_socket";

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

    /// Connects to the service as somebody else; this process must be root, or be that user.
    ///
    /// The service sees that user from then on, whoever makes the calls; so it belongs to whoever
    /// decides for that user. Where nothing else is wanted than a helper token, [`Job::lend`] is
    /// all there is to do.
    ///
    /// [`Job::lend`]: super::Job::lend
    ///
    /// # Errors
    /// `Impersonation` where the identity cannot be taken on, `NotReachable` where nobody answers.
    pub async fn connect_as(
        location: &Location,
        identity: &Identity,
    ) -> Result<Client, ClientError> {
        let mut last = None;
        for place in places(location) {
            match tokio::time::timeout(CONNECT_TIMEOUT, connect_to_as(&place, identity)).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) => last = Some(error),
                Err(_late) => {
                    last = Some(ClientError::NotReachable(format!("{place}: no answer")));
                }
            }
        }
        Err(last.unwrap_or_else(|| ClientError::NotReachable("no place to look at".to_owned())))
    }
}

async fn connect_to_as(place: &Location, identity: &Identity) -> Result<Client, ClientError> {
    let on_bus = place.is_bus();
    let path = match place {
        Location::Socket(path) => path.clone(),
        Location::Bus(address) => {
            bus_socket(address).ok_or_else(|| ImpersonationError::Bus(address.clone()))?
        }
        Location::Any | Location::System | Location::Private => {
            return Err(ClientError::NotReachable("more than one place".to_owned()));
        }
    };
    let stream = helper::connect(path, identity).await?;
    let builder = Builder::unix_stream(stream).user_id(identity.uid);
    match on_bus {
        true => on_bus_at(builder, place).await,
        false => on_socket_at(builder, place).await.map_err(from_zbus),
    }
}

/// The socket of a message bus at this address; the system bus' where it is empty.
fn bus_socket(address: &str) -> Option<PathBuf> {
    let of_machine = || std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_default();
    let address = if address.is_empty() { of_machine() } else { address.to_owned() };
    if address.is_empty() {
        return Some(SYSTEM_BUS_SOCKET.into());
    }
    let paths = address.split(';').filter_map(|place| place.strip_prefix("unix:"));
    let mut paths =
        paths.flat_map(|keys| keys.split(',')).filter_map(|key| key.strip_prefix("path="));
    // A percent sign begins a byte that is not written as itself; nobody has one in such a path.
    paths.find(|path| path.starts_with('/') && !path.contains('%')).map(PathBuf::from)
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
    let place = Location::Socket(path.to_owned());
    on_socket_at(Builder::unix_stream(stream), &place).await.map_err(|error| error.to_string())
}

async fn connect_to_bus(address: &str) -> Result<Client, String> {
    let builder = match address {
        "" => Builder::system(),
        _ => Builder::address(address),
    };
    let place = Location::Bus(address.to_owned());
    on_bus_at(builder, &place).await.map_err(|error| error.to_string())
}

async fn on_socket_at(builder: Builder<'_>, place: &Location) -> zbus::Result<Client> {
    let connection = builder.p2p().method_timeout(CALL_TIMEOUT).build().await?;
    Ok(Client { connection, location: place.clone(), service: None, interactive: false })
}

async fn on_bus_at(builder: Builder<'_>, place: &Location) -> Result<Client, ClientError> {
    let connection = builder.method_timeout(CALL_TIMEOUT).build().await.map_err(from_zbus)?;
    let location = place.clone();
    let mut client = Client { connection, location, service: None, interactive: false };
    // Starts the service where the bus knows how to, so it comes before asking for its name.
    client.ping().await?;
    client.service = Some(client.name_owner().await?);
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
    fn the_socket_of_a_bus_is_in_its_address_or_there_is_none() {
        let path = |address| bus_socket(address).map(|path| path.display().to_string());
        assert_eq!(path("unix:path=/run/bus,guid=0").as_deref(), Some("/run/bus"));
        assert_eq!(path("tcp:host=x;unix:guid=0,path=/run/bus").as_deref(), Some("/run/bus"));
        for none in ["tcp:host=x", "unix:abstract=x", "unix:path=relative", "unix:path=/a%20b"] {
            assert_eq!(path(none), None);
        }
    }

    #[test]
    fn the_system_service_comes_before_the_private_one() {
        assert_eq!(places(&Location::Any)[..2], places(&Location::System)[..]);
    }
}
