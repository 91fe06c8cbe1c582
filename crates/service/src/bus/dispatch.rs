//! Which message is which call: the one table of what can be asked.
//!
//! A body that does not fit its signature is an error for the caller and nothing more. Permission
//! is not judged here.

use ebb_api::names;
use ebb_core::authorities::Authorities;
use ebb_core::certificate::{ClientCertificate, Form};
use ebb_core::credentials::AuthPair;
use ebb_core::headers::Headers;
use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::ranges;
use ebb_core::refusal::Refusal;
use zbus::Message;
use zbus::OwnedVariant;

use super::options::{self, Options};
use super::values::{self, Shape};
use super::{Face, introspect, secrets};
use crate::command::{Command, TokenCall, remote_name};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PEER: &str = "org.freedesktop.DBus.Peer";

/// A call, understood.
pub(super) enum Call {
    /// For the main loop.
    Ask(Command, Shape),
    /// Answered already.
    Answer(Message),
    /// Notifications of a job, to this connection.
    Register(JobId),
    /// Questions about servers' certificates of a job, to this connection.
    Validate(JobId),
    /// Signals on or off.
    Subscribe(Subscription),
}

/// Signals on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    Begin,
    End,
}

/// Why a message is no call of ours.
pub(super) enum No {
    /// The arguments are not those of the method.
    Arguments,
    /// The object, interface, method or property does not exist.
    Unknown(&'static str, &'static str),
    /// The arguments make no sense.
    Refused(Refusal),
    /// An answer could not be built.
    Broken(zbus::Error),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<zbus::Error> for No {
    fn from(error: zbus::Error) -> Self {
        Self::Broken(error)
    }
}

impl No {
    pub(super) fn reply(self, to: &Message) -> zbus::Result<Message> {
        match self {
            Self::Arguments => {
                let name = "org.freedesktop.DBus.Error.InvalidArgs";
                let sentence = "the arguments do not fit the method's signature";
                Message::error(&to.header(), name).build(&(sentence,))
            }
            Self::Unknown(what, sentence) => values::unknown(to, what, sentence),
            Self::Refused(refusal) => values::refused(to, &refusal),
            Self::Broken(error) => Err(error),
        }
    }
}

const NO_METHOD: No = No::Unknown("Method", "there is no such method");
const NO_OBJECT: No = No::Unknown("Object", "there is no such object");
const NO_INTERFACE: No = No::Unknown("Interface", "there is no such interface");

/// Which object a path names.
enum Object {
    Manager,
    Job(JobId),
    TokenOptions(String),
    /// On the way to one of the others.
    Way,
}

fn object(path: &str) -> Option<Object> {
    if path == names::MANAGER_PATH {
        return Some(Object::Manager);
    }
    if let Some(id) = names::job_id(path).and_then(|id| JobId::parse(&id)) {
        return Some(Object::Job(id));
    }
    if let Some(random) = names::token_options_random(path) {
        return Some(Object::TokenOptions(random.to_owned()));
    }
    introspect::xml(path).map(|_| Object::Way)
}

/// Understands a method call.
pub(super) fn understand(message: &Message, face: &Face) -> Result<Call, No> {
    let header = message.header();
    let path = header.path().map_or("", |path| path.as_str());
    let member = header.member().map_or("", |member| member.as_str());
    let interface = header.interface().map(|interface| interface.as_str());
    let object = object(path).ok_or(NO_OBJECT)?;
    match interface {
        Some(PEER) => return peer(message, member),
        Some(INTROSPECTABLE) => return introspection(message, member, path, object),
        Some(PROPERTIES) => return properties(message, member, face, object),
        _ => {}
    }
    let is = |name: &str| interface.is_none_or(|interface| interface == name);
    match object {
        Object::Manager if is(names::MANAGER) => manager(message, member),
        Object::Job(id) if is(names::JOB) => job(message, member, id),
        Object::TokenOptions(name) if is(names::TOKEN_OPTIONS) => {
            token_options(message, member, name)
        }
        Object::Manager | Object::Job(_) | Object::TokenOptions(_) | Object::Way => {
            Err(NO_INTERFACE)
        }
    }
}

fn manager(message: &Message, member: &str) -> Result<Call, No> {
    let (command, shape) = match member {
        "CreateJob" => {
            let (name, kind, options): (String, String, Options) = body(message)?;
            if kind != "download" {
                return Err(Refusal::NotSupported("the type of a job is download").into());
            }
            (Command::Create { name, settings: options::settings(options)? }, Shape::Created)
        }
        "GetJob" => {
            let (id,): (String,) = body(message)?;
            (Command::Find(JobId::parse(&id).ok_or(Refusal::NotFound)?), Shape::Plain)
        }
        "ListJobs" => {
            let (filter, after, limit): (Options, String, u32) = body(message)?;
            (Command::List(options::filter(filter, &after, limit)?), Shape::Plain)
        }
        "DescribeError" => {
            let (name,): (String,) = body(message)?;
            return describe(message, &name);
        }
        "DescribeErrorContext" => {
            let (name,): (String,) = body(message)?;
            let described = ebb_core::describe::context(&name)
                .ok_or(Refusal::InvalidArgument("there is no context of that name"))?;
            let answer = Message::method_return(&message.header()).build(&described)?;
            return Ok(Call::Answer(answer));
        }
        "ChangesSince" => {
            let (since, limit): (u64, u32) = body(message)?;
            (Command::Changes { job: None, since, limit }, Shape::Plain)
        }
        "Unacknowledged" => (nothing(message, Command::Unacknowledged)?, Shape::Plain),
        "Acknowledge" => {
            let (up_to,): (u64,) = body(message)?;
            (Command::Acknowledge(up_to), Shape::Plain)
        }
        "GetStatus" => (nothing(message, Command::Status)?, Shape::Plain),
        "GetPolicy" => (nothing(message, Command::GetPolicy)?, Shape::Plain),
        "SetPolicy" => {
            let (key, value): (String, String) = body(message)?;
            (Command::SetPolicy(key, value), Shape::Plain)
        }
        "Subscribe" => return Ok(Call::Subscribe(nothing(message, Subscription::Begin)?)),
        "Unsubscribe" => return Ok(Call::Subscribe(nothing(message, Subscription::End)?)),
        _ => return Err(NO_METHOD),
    };
    Ok(Call::Ask(command, shape))
}

fn job(message: &Message, member: &str, id: JobId) -> Result<Call, No> {
    let steer = |event| nothing(message, Command::Steer(id, event));
    let shape = match member {
        "GetErrorFile" => Shape::ErrorFile,
        "GetErrorProtocol" => Shape::ErrorProtocol,
        _ => Shape::Plain,
    };
    let command = match member {
        "AddFiles" => {
            let (files,): (Vec<(String, Vec<u8>, Options)>,) = body(message)?;
            Command::AddFiles(id, options::files(files)?)
        }
        "SetRemoteName" => {
            let (index, url): (u32, String) = body(message)?;
            remote_name::check(&url)?;
            Command::Steer(id, Event::SetRemoteNames(vec![(index, url)]))
        }
        "RequestFileRanges" => {
            let (index, ranges): (u32, Vec<(u64, u64)>) = body(message)?;
            Command::RequestRanges(id, index, ranges::parts(&ranges)?)
        }
        "UpdateDownloadPosition" => {
            let (index, offset): (u32, u64) = body(message)?;
            Command::Steer(id, Event::SetPosition(index, offset))
        }
        "GetFileHeaders" => {
            let (index,): (u32,) = body(message)?;
            Command::FileHeaders(id, index)
        }
        "GetFilledFileRanges" => {
            let (index,): (u32,) = body(message)?;
            Command::FilledRanges(id, index)
        }
        "SetValidationState" => {
            let (file, valid): (u32, bool) = body(message)?;
            Command::Steer(id, Event::SetValidationState { file, valid })
        }
        "ReplaceRemotePrefix" => {
            let (old, new): (String, String) = body(message)?;
            Command::ReplaceRemotePrefix(id, old, new)
        }
        "Suspend" => steer(Event::Suspend)?,
        "Resume" => steer(Event::Resume)?,
        "Cancel" => steer(Event::Cancel)?,
        "Complete" => steer(Event::Complete)?,
        "GetFiles" => {
            let (first, limit): (u32, u32) = body(message)?;
            Command::Files { job: id, first, limit }
        }
        "GetError" | "GetErrorFile" | "GetErrorProtocol" => nothing(message, Command::Error(id))?,
        "ChangesSince" => {
            let (since, limit): (u64, u32) = body(message)?;
            Command::Changes { job: Some(id), since, limit }
        }
        "GetHistory" => {
            let (after, limit): (u64, u32) = body(message)?;
            Command::History { job: id, after, limit }
        }
        "SetCustomHeaders" => {
            let (lines,): (Vec<String>,) = body(message)?;
            Command::SetHeaders(id, Headers::parse(lines.iter().map(String::as_str))?)
        }
        "GetCustomHeaders" => nothing(message, Command::GetHeaders(id))?,
        "MakeCustomHeadersWriteOnly" => nothing(message, Command::MakeHeadersWriteOnly(id))?,
        "SetCredentials" => {
            type Set = (String, String, Vec<String>, Vec<zbus::OwnedFd>);
            let (target, scheme, user, password): Set = body(message)?;
            let pair = AuthPair::parse(&target, &scheme)?;
            Command::SetCredentials(id, pair, secrets::credentials(pair, &user, &password)?)
        }
        "RemoveCredentials" => {
            let (target, scheme): (String, String) = body(message)?;
            Command::RemoveCredentials(id, AuthPair::parse(&target, &scheme)?)
        }
        "SetClientCertificate" => {
            type Set = (String, Vec<u8>, Vec<u8>, Vec<zbus::OwnedFd>);
            let (form, certificate, key, passphrase): Set = body(message)?;
            let (form, passphrase) = (Form::parse(&form)?, secrets::passphrase(&passphrase)?);
            let it = ClientCertificate::new(form, &certificate, &key, passphrase)?;
            Command::SetCertificate(id, it)
        }
        "RemoveClientCertificate" => nothing(message, Command::RemoveCertificate(id))?,
        "GetClientCertificate" => nothing(message, Command::GetCertificate(id))?,
        "SetAuthorities" => {
            let (pem, alone): (Vec<u8>, bool) = body(message)?;
            Command::SetAuthorities(id, Authorities::new(pem, alone)?)
        }
        "GetAuthorities" => nothing(message, Command::GetAuthorities(id))?,
        "Register" => return Ok(Call::Register(nothing(message, id)?)),
        "Unregister" => nothing(message, Command::Unregister(id))?,
        "SetServerCertificateValidation" => return Ok(Call::Validate(nothing(message, id)?)),
        "RemoveServerCertificateValidation" => nothing(message, Command::RemoveValidator(id))?,
        "JudgeServerCertificate" => {
            let (question, code): (u64, u32) = body(message)?;
            Command::JudgeCertificate(id, question, code)
        }
        "Explain" => nothing(message, Command::Explain(id))?,
        "GetPath" => nothing(message, Command::Path(id))?,
        "TakeOwnership" => nothing(message, Command::TakeOwnership(id))?,
        "OpenTokenOptions" => nothing(message, Command::OpenTokenOptions(id))?,
        _ => return Err(NO_METHOD),
    };
    Ok(Call::Ask(command, shape))
}

fn token_options(message: &Message, member: &str, name: String) -> Result<Call, No> {
    let call = match member {
        "SetHelperTokenFlags" => {
            let (flags,): (u32,) = body(message)?;
            TokenCall::SetFlags(flags)
        }
        "SetHelperToken" => nothing(message, TokenCall::SetToken)?,
        "GetHelperTokenFlags" => nothing(message, TokenCall::Flags)?,
        "ClearHelperToken" => nothing(message, TokenCall::Clear)?,
        "GetHelperTokenIdentity" => nothing(message, TokenCall::Identity)?,
        "Close" => nothing(message, TokenCall::Close)?,
        _ => return Err(NO_METHOD),
    };
    Ok(Call::Ask(Command::TokenOptions(name, call), Shape::Capability))
}

fn properties(message: &Message, member: &str, face: &Face, object: Object) -> Result<Call, No> {
    match (member, object) {
        ("GetAll", Object::Job(id)) => {
            let (interface,): (String,) = body(message)?;
            has_properties(&interface, names::JOB)?;
            Ok(Call::Ask(Command::Properties(id), Shape::Plain))
        }
        ("Get", Object::Job(id)) => {
            let (interface, name): (String, String) = body(message)?;
            has_properties(&interface, names::JOB)?;
            Ok(Call::Ask(Command::Properties(id), Shape::Property(name)))
        }
        ("Set", Object::Job(id)) => {
            let (interface, name, value): (String, String, OwnedVariant) = body(message)?;
            has_properties(&interface, names::JOB)?;
            let setting = options::property(&name, &value)?;
            Ok(Call::Ask(Command::Steer(id, Event::Set(setting)), Shape::Plain))
        }
        ("GetAll", Object::Manager) => {
            let (interface,): (String,) = body(message)?;
            has_properties(&interface, names::MANAGER)?;
            Ok(Call::Answer(values::manager_properties(message, face.instance.name())?))
        }
        ("Get", Object::Manager) => {
            let (interface, name): (String, String) = body(message)?;
            has_properties(&interface, names::MANAGER)?;
            Ok(Call::Answer(values::manager_property(message, face.instance.name(), &name)?))
        }
        ("Set", Object::Manager) => Err(Refusal::ReadOnlyProperty.into()),
        ("GetAll" | "Get" | "Set", Object::TokenOptions(_) | Object::Way) => Err(NO_INTERFACE),
        _ => Err(NO_METHOD),
    }
}

/// An object has the properties of one interface; the empty name means "whichever has it".
fn has_properties(asked: &str, ours: &str) -> Result<(), No> {
    if asked.is_empty() || asked == ours { Ok(()) } else { Err(NO_INTERFACE) }
}

fn introspection(message: &Message, member: &str, path: &str, object: Object) -> Result<Call, No> {
    if member != "Introspect" {
        return Err(NO_METHOD);
    }
    let xml = introspect::xml(path).ok_or(NO_OBJECT)?;
    match object {
        // Whether a job or capability is there is told only to who may know.
        Object::Job(id) => Ok(Call::Ask(Command::Properties(id), Shape::Introspection(xml))),
        Object::TokenOptions(name) => {
            let call = Command::TokenOptions(name, TokenCall::Flags);
            Ok(Call::Ask(call, Shape::CapabilityIntrospection(xml)))
        }
        Object::Manager | Object::Way => {
            Ok(Call::Answer(Message::method_return(&message.header()).build(&(xml,))?))
        }
    }
}

fn peer(message: &Message, member: &str) -> Result<Call, No> {
    let header = message.header();
    match member {
        "Ping" => Ok(Call::Answer(Message::method_return(&header).build(&())?)),
        "GetMachineId" => {
            let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
            Ok(Call::Answer(Message::method_return(&header).build(&(id.trim(),))?))
        }
        _ => Err(NO_METHOD),
    }
}

fn describe(message: &Message, name: &str) -> Result<Call, No> {
    let described = ebb_core::describe::error(name)
        .ok_or(Refusal::InvalidArgument("there is no error of that name"))?;
    let body = (described.code, described.sentence, described.advice);
    Ok(Call::Answer(Message::method_return(&message.header()).build(&body)?))
}

/// The arguments, whose signature must be exactly the method's.
fn body<T>(message: &Message) -> Result<T, No>
where
    T: serde::de::DeserializeOwned + zbus::zvariant::Type,
{
    message.body().deserialize().map_err(|_| No::Arguments)
}

/// A method without arguments takes none.
fn nothing<T>(message: &Message, value: T) -> Result<T, No> {
    if message.body().is_empty() { Ok(value) } else { Err(No::Arguments) }
}
