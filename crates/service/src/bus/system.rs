//! The system bus: the same objects under `org.ebb.Transfer1`.
//!
//! Who calls is asked of the bus (`GetConnectionCredentials`), once for each unique name, and
//! forgotten when the name goes. A bus that tells no `ProcessFD` cannot vouch for a login session,
//! so `SetHelperToken` is refused over it (R2) and the client library uses our own socket.

use std::collections::HashMap;
use std::rc::Rc;

use ebb_api::names;
use futures_util::StreamExt;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::message::Type;
use zbus::names::{BusName, OwnedUniqueName};

use super::connection::Client;
use super::{Face, Peer};

/// Serves the bus until it goes away. A machine without a bus is served over our socket alone.
///
/// # Errors
///
/// What the bus says: not there, name not allowed, connection lost.
pub(crate) async fn serve(address: Option<&str>, face: Rc<Face>) -> zbus::Result<()> {
    let builder = match address {
        Some(address) => zbus::connection::Builder::address(address),
        None => zbus::connection::Builder::system(),
    };
    let mut messages = builder.build_message_stream().await?;
    let connection = Connection::from(&messages);
    let bus = DBusProxy::new(&connection).await?;
    let mut gone = bus.receive_name_owner_changed().await?;
    connection.request_name(names::BUS_NAME).await?;
    let mut clients: HashMap<OwnedUniqueName, Client> = HashMap::new();
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    hear(&message?, &connection, &bus, &face, &mut clients).await;
                }
                None => return Ok(()),
            },
            Some(change) = gone.next() => {
                let Ok(change) = change.args() else { continue };
                if change.new_owner().is_some() {
                    continue;
                }
                let name = change.name().as_str();
                if let Some(client) = OwnedUniqueName::try_from(name).ok()
                    .and_then(|name| clients.remove(&name))
                {
                    face.gone(client.asker().connection);
                }
            }
        }
    }
}

async fn hear(
    message: &zbus::Message,
    connection: &Connection,
    bus: &DBusProxy<'_>,
    face: &Rc<Face>,
    clients: &mut HashMap<OwnedUniqueName, Client>,
) {
    if message.message_type() != Type::MethodCall {
        return;
    }
    let header = message.header();
    let Some(sender) = header.sender() else {
        return;
    };
    let sender = OwnedUniqueName::from(sender.to_owned());
    if !clients.contains_key(&sender) {
        // A caller who has gone is nobody, and above all not root (`attacks.md` 13).
        let Some(peer) = credentials(bus, &sender).await else {
            return;
        };
        let asker = face.asker(peer);
        let client = Client::new(connection.clone(), Some(sender.clone()), asker, Rc::clone(face));
        clients.insert(sender.clone(), client);
    }
    if let Some(client) = clients.get(&sender) {
        client.hear(message);
    }
}

/// The bus' word about a caller; nothing unless it tells uid and gid and groups.
async fn credentials(bus: &DBusProxy<'_>, name: &OwnedUniqueName) -> Option<Peer> {
    let told = bus.get_connection_credentials(BusName::from(name.as_ref())).await.ok()?;
    let uid = told.unix_user_id()?;
    let mut groups = told.unix_group_ids()?.clone();
    // The bus tells one list; the first is not promised to be the effective one.
    let gid = groups.first().copied()?;
    groups.retain(|group| *group != gid);
    let label = told.linux_security_label().cloned();
    let process_known = told.process_fd().is_some();
    Some(Peer { uid, gid, groups, label, process_known })
}
