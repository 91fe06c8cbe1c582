//! Finding the service.
//!
//! Answers one question: *whom do we ask?* `--bus` and `EBB_BUS` say it outright; `--system` and
//! `--session` choose; otherwise the system service, then the caller's private instance. Only
//! `get`, `submit` and `create` start a private instance where there is none: a command that asks
//! about jobs has nothing to ask a service that is new. Who wants other users' jobs is led to where
//! polkit can be asked who they are.

use ebb_api::Client;
use ebb_api::client::Location;

use crate::agent;
use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::private;

/// Connects to the service.
///
/// # Errors
/// Code 9 where there is none.
pub(crate) async fn service(call: &Invocation) -> Result<Client, Failure> {
    let location = location(call)?;
    let of_others = call.has("all-users")
        || call.command.name == "take"
        || call.command.name == "policy" && !call.operands.is_empty();
    if of_others && !is_root() {
        return as_administrator(call, &location).await;
    }
    match Client::connect(&location).await {
        Ok(client) => Ok(announce(call, client)),
        Err(error) => Err(unreachable(call, error)),
    }
}

/// Connects to the service for other users' jobs: over the message bus where there is one, since polkit before
/// version 124 knows callers by their names there only; and a person may be asked for a password.
async fn as_administrator(call: &Invocation, location: &Location) -> Result<Client, Failure> {
    let bus = Location::Bus(String::new());
    let on_bus = match location {
        Location::Any | Location::System => Client::connect(&bus).await.ok(),
        Location::Private | Location::Socket(_) | Location::Bus(_) => None,
    };
    let client = match on_bus {
        Some(client) => client,
        None => Client::connect(location).await.map_err(|error| unreachable(call, error))?,
    };
    let may_ask = agent::may_ask(call);
    if may_ask {
        agent::start().await;
    }
    Ok(announce(call, client.interactive(may_ask)))
}

/// Connects to the service, and starts a private instance where there is none.
///
/// # Errors
/// Code 9 where there is none and none can be started.
pub(crate) async fn service_or_private(call: &Invocation) -> Result<Client, Failure> {
    let location = location(call)?;
    let error = match Client::connect(&location).await {
        Ok(client) => return Ok(announce(call, client)),
        Err(error) => error,
    };
    let may_start = matches!(location, Location::Any | Location::Private) && !is_root();
    if !may_start {
        return Err(unreachable(call, error));
    }
    private::start().await?;
    service(call).await
}

fn location(call: &Invocation) -> Result<Location, Failure> {
    let from_environment = std::env::var("EBB_BUS").ok().filter(|address| !address.is_empty());
    if let Some(address) = call.text("bus")?.map(str::to_owned).or(from_environment) {
        return address.parse().map_err(|_| {
            Failure::usage(format!("{address:?} is no address of a service"))
                .hint("addresses are unix:path=/PATH, bus: and bus:ADDRESS")
        });
    }
    match (call.has("system"), call.has("session")) {
        (true, true) => Err(Failure::usage("either --system or --session")),
        (false, true) => Ok(Location::Private),
        (true, false) => Ok(Location::System),
        // Root's jobs belong to the system service, never to an instance nobody looks after.
        (false, false) if is_root() => Ok(Location::System),
        (false, false) => Ok(Location::Any),
    }
}

fn announce(call: &Invocation, client: Client) -> Client {
    if call.has("verbose") {
        eprintln!("service: {}", client.location());
    }
    client
}

fn unreachable(call: &Invocation, error: ebb_api::ClientError) -> Failure {
    let failure = cannot("reach the transfer service")(error);
    let reasons = failure.text.clone();
    let failure = match call.has("verbose") {
        true => Failure::new(Exit::NotReachable, reasons),
        false => Failure::new(Exit::NotReachable, "the transfer service is not running here"),
    };
    failure.hint(match is_root() {
        true => "start the system service: systemctl start ebbd, or run ebbd",
        false => "ebb get and ebb submit start a private instance; -v says where it was looked for",
    })
}

/// Whether this is root.
#[must_use]
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
