//! The system bus: the same objects under `org.ebb.Transfer1`.
//!
//! Who calls is asked of the bus (`GetConnectionCredentials`), once for each unique name, and
//! forgotten when the name goes. A bus that tells no `ProcessFD` cannot vouch for a login session,
//! so `SetHelperToken` is refused over it (R2) and the client library uses our own socket.

use std::collections::HashMap;
use std::fs;
use std::rc::Rc;

use ebb_api::names;
use futures_util::StreamExt;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::message::Type;
use zbus::names::{BusName, OwnedUniqueName};

use super::connection::Client;
use super::{Face, Peer};
use crate::command::Process;

/// The bus at this address, or the system's.
pub(crate) fn builder(address: Option<&str>) -> zbus::connection::Builder<'_> {
    match address {
        Some(address) => zbus::connection::Builder::address(address),
        None => zbus::connection::Builder::system(),
    }
}

/// Serves the bus until it goes away. A machine without a bus is served over our socket alone.
///
/// # Errors
///
/// What the bus says: not there, name not allowed, connection lost.
pub(crate) async fn serve(address: Option<&str>, face: Rc<Face>) -> zbus::Result<()> {
    let mut messages = builder(address).build_message_stream().await?;
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

/// The bus' word about a caller; nothing unless it tells uid and groups.
async fn credentials(bus: &DBusProxy<'_>, name: &OwnedUniqueName) -> Option<Peer> {
    let told = bus.get_connection_credentials(BusName::from(name.as_ref())).await.ok()?;
    let uid = told.unix_user_id()?;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let (gid, groups) = split_groups(uid, told.unix_group_ids()?, &users)?;
    let label = told.linux_security_label().cloned();
    let number = told.process_id();
    let process = told.into_process_fd().map(|descriptor| {
        let descriptor = Rc::new(descriptor.into());
        Process { descriptor, number }
    });
    Some(Peer { uid, gid, groups, label, process })
}

/// The bus tells the kernel's groups as one sorted list and not which is the effective one. It is
/// taken to be the group that the user list names for this user, if the kernel vouches for it, and
/// else the first. The list never adds a group, so nobody gets a right the caller has not.
fn split_groups(uid: u32, vouched: &[u32], users: &str) -> Option<(u32, Vec<u32>)> {
    let primary = users.lines().find_map(|line| {
        let mut numbers = line.split(':').skip(2).map_while(|field| field.parse::<u32>().ok());
        (numbers.next() == Some(uid)).then(|| numbers.next()).flatten()
    });
    let gid = primary.filter(|gid| vouched.contains(gid)).or_else(|| vouched.first().copied())?;
    Some((gid, vouched.iter().copied().filter(|group| *group != gid).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nalice:x:1001:1002::/home/alice:/bin/sh\n";

    #[test]
    fn the_users_own_group_is_the_effective_one_if_the_kernel_vouches_for_it() {
        let split = split_groups(1001, &[33, 1002, 65534], USERS);
        assert_eq!(split, Some((1002, vec![33, 65534])));
    }

    #[test]
    fn the_user_list_never_adds_a_group() {
        assert_eq!(split_groups(1001, &[33, 65534], USERS), Some((33, vec![65534])));
        assert_eq!(split_groups(4711, &[33], USERS), Some((33, vec![])));
        assert_eq!(split_groups(1001, &[], USERS), None);
    }
}
