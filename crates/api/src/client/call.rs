//! One call, and what may come back.
//!
//! Answers one question: *what does this reply mean?* A no of the service becomes
//! [`ClientError::Service`] with everything the service said; a lost connection and a bus without
//! the service become `NotReachable`; all else is `Protocol`.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use zbus::names::OwnedErrorName;
use zbus::proxy::MethodFlags;
use zbus::wire::DynamicDeserialize;
use zbus::{DynamicType, Message, OwnedVariant, Variant, fdo};

use super::Client;
use crate::errors::{ClientError, ServiceError, symbolic_name};
use crate::fields::Fields;
use crate::names;

/// Longer than the service lets polkit ask.
const PATIENCE_WITH_A_PERSON: Duration = Duration::from_secs(330);
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

impl Client {
    pub(super) async fn call<B, R>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<R, ClientError>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        // Without a message bus there is nobody to name: the other end is the service.
        let destination = self.location.is_bus().then_some(names::BUS_NAME);
        if self.interactive {
            return self.call_interactively(path, interface, method, body).await;
        }
        self.call_at(destination, path, interface, method, body).await
    }

    /// The same, and whoever decides may ask a person.
    async fn call_interactively<B, R>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<R, ClientError>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let calling = async {
            let to = names::BUS_NAME;
            let proxy = zbus::Proxy::new(&self.connection, to, path, interface).await?;
            proxy.call_with_flags(method, MethodFlags::ALLOW_INTERACTIVE_AUTH, body).await
        };
        let late = || ClientError::NotReachable(format!("no answer to {method}"));
        let reply = timeout(PATIENCE_WITH_A_PERSON, calling).await.map_err(|_| late())?;
        reply.map_err(from_zbus)?.ok_or_else(late)
    }

    /// Calls a method of the message bus itself.
    pub(super) async fn call_bus<B, R>(&self, method: &str, body: &B) -> Result<R, ClientError>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let bus = "org.freedesktop.DBus";
        self.call_at(Some(bus), "/org/freedesktop/DBus", bus, method, body).await
    }

    async fn call_at<B, R>(
        &self,
        destination: Option<&str>,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<R, ClientError>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let sent = self.connection.call_method(destination, path, Some(interface), method, body);
        let reply = sent.await.map_err(from_zbus)?;
        let body = reply.body();
        body.deserialize()
            .map_err(|error| ClientError::Protocol(format!("reply to {method}: {error}")))
    }

    /// All properties of an interface at a path.
    pub(super) async fn properties(
        &self,
        path: &str,
        interface: &str,
    ) -> Result<Fields, ClientError> {
        let map: HashMap<String, OwnedVariant> =
            self.call(path, PROPERTIES, "GetAll", &interface).await?;
        Ok(Fields::from(map))
    }

    pub(super) async fn set_property(
        &self,
        path: &str,
        interface: &str,
        name: &str,
        value: Variant<'_>,
    ) -> Result<(), ClientError> {
        self.call(path, PROPERTIES, "Set", &(interface, name, value)).await
    }

    /// Asks whether the service is there.
    ///
    /// # Errors
    /// `NotReachable` where it is not.
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.call(names::MANAGER_PATH, "org.freedesktop.DBus.Peer", "Ping", &()).await
    }

    pub(super) async fn name_owner(&self) -> Result<String, ClientError> {
        self.call_bus("GetNameOwner", &names::BUS_NAME).await
    }
}

pub(super) fn from_zbus(error: zbus::Error) -> ClientError {
    if let zbus::Error::MethodError(name, sentence, reply) = &error {
        return from_reply(name, sentence.as_deref(), reply);
    }
    if let zbus::Error::FDO(error) = &error {
        return from_bus(error);
    }
    if is_connection_trouble(&error) {
        return ClientError::NotReachable(error.to_string());
    }
    ClientError::Protocol(error.to_string())
}

fn is_connection_trouble(error: &zbus::Error) -> bool {
    matches!(
        error,
        zbus::Error::InputOutput(_) | zbus::Error::Connection(..) | zbus::Error::Handshake(_)
    )
}

fn from_reply(name: &OwnedErrorName, sentence: Option<&str>, reply: &Message) -> ClientError {
    let Some(symbolic) = symbolic_name(name.as_str()) else {
        return ClientError::Protocol(format!("{name}: {}", sentence.unwrap_or_default()));
    };
    match reply.body().deserialize::<(String, u32, String)>() {
        Ok((sentence, code, advice)) => {
            ClientError::Service(ServiceError { name: symbolic, code, sentence, advice })
        }
        Err(error) => ClientError::Protocol(format!("{name} without its reasons: {error}")),
    }
}

/// An error in the bus' own words: of the bus, or of a service that does not know our names.
fn from_bus(error: &fdo::Error) -> ClientError {
    if let fdo::Error::AccessDenied(sentence) = error {
        return no(
            "access-denied",
            0x8007_0005,
            sentence,
            "The policy of the message bus says no.",
        );
    }
    // What cannot be guessed, and was: the service says no more than that there is no such object.
    if let fdo::Error::UnknownObject(sentence) = error {
        return no("not-found", 0, sentence, "");
    }
    let gone = matches!(
        error,
        fdo::Error::ServiceUnknown(_)
            | fdo::Error::NameHasNoOwner(_)
            | fdo::Error::NoReply(_)
            | fdo::Error::NoServer(_)
            | fdo::Error::Disconnected(_)
            | fdo::Error::Timeout(_)
            | fdo::Error::TimedOut(_)
            | fdo::Error::SpawnFailed(_)
            | fdo::Error::SpawnChildExited(_)
            | fdo::Error::SpawnServiceNotFound(_)
    );
    match gone {
        true => ClientError::NotReachable(error.to_string()),
        false => ClientError::Protocol(error.to_string()),
    }
}

fn no(name: &str, code: u32, sentence: &str, advice: &str) -> ClientError {
    ClientError::Service(ServiceError {
        name: name.to_owned(),
        code,
        sentence: sentence.to_owned(),
        advice: advice.to_owned(),
    })
}
