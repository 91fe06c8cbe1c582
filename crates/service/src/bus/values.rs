//! Answers become message bodies, refusals become D-Bus errors: the words of `crates/api`.
//!
//! One place knows what a job, a file or an error looks like on the bus; tests hold it against the
//! contract. An error tells a name, a number, a sentence and advice, and nothing from inside.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use ebb_api::{errors, names};
use ebb_core::authorities::Authorities;
use ebb_core::explain::Path;
use ebb_core::history;
use ebb_core::id::JobId;
use ebb_core::notify::Kind;
use ebb_core::refusal::Refusal;
use zbus::{Message, ObjectPath, Variant};

use super::terms;
use crate::command::{
    Answer, Answered, ErrorView, EventKind, EventView, EventsView, FileView, JobView, StatusView,
    Told,
};

/// "Unknown" for sizes and uids.
const UNKNOWN_SIZE: u64 = u64::MAX;
const NO_UID: u32 = u32::MAX;

type Dict<'a> = HashMap<&'static str, Variant<'a>>;

/// What the body of an answer looks like, where the answer alone does not say.
#[derive(Debug)]
pub(super) enum Shape {
    /// As the answer is.
    Plain,
    /// The id and path of a new job.
    Created,
    /// One property.
    Property(String),
    /// The file an error is about.
    ErrorFile,
    /// The protocol it is about.
    ErrorProtocol,
    /// The object's XML, if it may be seen.
    Introspection(String),
    /// The same for a capability.
    CapabilityIntrospection(String),
    /// On a capability: a name that opens nothing is an unknown object.
    Capability,
}

pub(super) fn unit(to: &Message) -> zbus::Result<Message> {
    Message::method_return(&to.header()).build(&())
}

pub(super) fn refused(to: &Message, refusal: &Refusal) -> zbus::Result<Message> {
    let name = refusal.full_name();
    let body = (refusal.to_string(), refusal.code(), refusal.advice());
    Message::error(&to.header(), errors::error_name(&name)).build(&body)
}

pub(super) fn unknown(to: &Message, what: &str, sentence: &str) -> zbus::Result<Message> {
    let name = format!("org.freedesktop.DBus.Error.Unknown{what}");
    Message::error(&to.header(), name).build(&(sentence,))
}

/// Puts what the main loop answered into words.
pub(super) fn reply(to: &Message, shape: &Shape, answered: Answered) -> zbus::Result<Message> {
    let answer = match answered {
        Ok(answer) => answer,
        Err(Refusal::NotFound)
            if matches!(shape, Shape::Capability | Shape::CapabilityIntrospection(_)) =>
        {
            return unknown(to, "Object", "there is no such object");
        }
        Err(refusal) => return refused(to, &refusal),
    };
    let header = to.header();
    let message = Message::method_return(&header);
    if let Shape::Introspection(xml) | Shape::CapabilityIntrospection(xml) = shape {
        return message.build(&(xml,));
    }
    match answer {
        Answer::Done => message.build(&()),
        Answer::Job(id) if matches!(shape, Shape::Created) => {
            message.build(&(id.to_string(), job_path(id)))
        }
        Answer::Job(id) => message.build(&(job_path(id),)),
        Answer::Jobs(jobs, next) => {
            let jobs: Vec<Dict<'_>> = jobs.iter().map(listed).collect();
            message.build(&(jobs, next.map(|id| id.to_string()).unwrap_or_default()))
        }
        Answer::Status(view) => message.build(&(status(&view),)),
        Answer::Policy(settings) => message.build(&(settings,)),
        Answer::FirstFile(first) => message.build(&(first,)),
        Answer::Replaced(count) => message.build(&(count,)),
        Answer::Removed(had) => message.build(&(had,)),
        Answer::Outcome(outcome) => message.build(&(outcome,)),
        Answer::Properties(view) => {
            let Shape::Property(name) = shape else {
                return message.build(&(job(&view),));
            };
            match job(&view).remove(name.as_str()) {
                Some(value) => message.build(&(value,)),
                None => refused(to, &Refusal::UnknownPropertyId),
            }
        }
        Answer::Files(files, total) => {
            let files: Vec<Dict<'_>> = files.iter().map(file).collect();
            message.build(&(files, total))
        }
        Answer::Error(view) if matches!(shape, Shape::ErrorFile) => match view.file {
            Some((index, url, path)) => message.build(&(index, url, path)),
            None => refused(to, &Refusal::FileNotAvailable),
        },
        Answer::Error(view) if matches!(shape, Shape::ErrorProtocol) => {
            match view.failure.protocol() {
                Some(protocol) => message.build(&(protocol,)),
                None => refused(to, &Refusal::ProtocolNotAvailable),
            }
        }
        Answer::Error(view) => message.build(&(error(&view),)),
        Answer::Events(EventsView { events, newest, missing }) => {
            let events: Vec<Dict<'_>> = events.iter().map(event).collect();
            message.build(&(events, newest, missing))
        }
        Answer::CustomHeaders(headers) => {
            let lines: Vec<&str> = headers.lines().collect();
            message.build(&(lines,))
        }
        Answer::Authorities(them) => {
            let alone = them.as_ref().is_some_and(Authorities::alone);
            message.build(&(them.as_ref().map_or(&[][..], Authorities::pem), alone))
        }
        Answer::ClientCertificate(it) => {
            let opens = it.passphrase().is_some();
            message.build(&(it.form().name(), it.certificate(), it.key(), opens))
        }
        Answer::Explanation(lines) => {
            let lines = lines.iter().map(|line| {
                (
                    line.condition,
                    line.bearing.name(),
                    line.sentence.as_str(),
                    line.until.map_or(0, |at| at.0),
                )
            });
            message.build(&(lines.collect::<Vec<_>>(),))
        }
        Answer::Path(seen) => message.build(&(seen.as_ref().map_or_else(Dict::new, path),)),
        Answer::History(entries) => {
            let entries: Vec<Dict<'_>> = entries.iter().map(remembered).collect();
            message.build(&(entries,))
        }
        Answer::TokenOptions(random) => {
            let path = names::token_options_path(&random);
            message.build(&(ObjectPath::try_from(path)?,))
        }
        Answer::Headers(fields) => message.build(&(fields,)),
        Answer::Ranges(ranges) => message.build(&(ranges,)),
        Answer::Flags(flags) => message.build(&(flags,)),
        Answer::Identity(uid) => {
            let name = uid.and_then(user_name).unwrap_or_default();
            message.build(&(uid.is_some(), uid.unwrap_or(NO_UID), name))
        }
    }
}

/// The object path of a job.
pub(super) fn job_path(id: JobId) -> ObjectPath<'static> {
    ObjectPath::try_from(names::job_path(&id.to_string()))
        .expect("hexadecimal digits and underscores make a path")
}

/// A job's properties.
pub(super) fn job(view: &JobView) -> Dict<'_> {
    let mut dict = HashMap::from([
        ("Id", Variant::from(view.id.to_string())),
        ("Type", Variant::from("download")),
        ("State", Variant::from(view.state)),
        ("Reason", Variant::from(view.reason)),
        ("OwnerUid", Variant::from(view.owner)),
        ("Created", Variant::from(view.created)),
        ("Modified", Variant::from(view.modified)),
        ("TransferCompleted", Variant::from(view.transferred)),
        ("NextAttempt", Variant::from(view.next_attempt)),
        ("FilesTotal", Variant::from(view.files_total)),
        ("FilesTransferred", Variant::from(view.files_transferred)),
        ("BytesTotal", Variant::from(view.bytes_total.unwrap_or(UNKNOWN_SIZE))),
        ("BytesTransferred", Variant::from(view.bytes_transferred)),
        ("ErrorCount", Variant::from(view.error_count)),
        ("HelperTokenSet", Variant::from(view.helper.is_some())),
        ("HelperTokenUid", Variant::from(view.helper.unwrap_or(NO_UID))),
        ("HelperTokenFlags", Variant::from(view.helper_flags)),
        ("Attempts", Variant::from(view.attempts)),
        ("LastEvent", Variant::from(view.last_event)),
    ]);
    dict.extend(terms::values(&view.terms));
    dict
}

fn listed(view: &JobView) -> Dict<'_> {
    let mut dict = job(view);
    dict.insert("Path", Variant::from(job_path(view.id)));
    dict
}

fn file(view: &FileView) -> Dict<'_> {
    HashMap::from([
        ("Index", Variant::from(view.index)),
        ("RemoteName", Variant::from(view.url.as_str())),
        ("LocalName", Variant::from(view.path.as_slice())),
        ("Ranges", Variant::from(view.ranges.clone())),
        ("Digest", Variant::from(view.digest.as_str())),
        ("BytesTotal", Variant::from(view.total.unwrap_or(UNKNOWN_SIZE))),
        ("BytesTransferred", Variant::from(view.received)),
        ("BytesDurable", Variant::from(view.durable)),
        ("Transferred", Variant::from(view.transferred)),
        ("Completed", Variant::from(view.completed)),
        ("TemporaryName", Variant::from(view.temporary.as_slice())),
        ("FinalUrl", Variant::from(view.final_url.as_str())),
        ("HttpStatus", Variant::from(u32::from(view.http_status))),
        ("ValidationState", Variant::from(view.valid)),
    ])
}

/// An entry of a job's history.
fn path(seen: &Path) -> Dict<'static> {
    let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    let mut dict = HashMap::from([
        ("Course", Variant::from(seen.course.name())),
        ("Connections", Variant::from(seen.connections)),
        ("Window", Variant::from(seen.window)),
        ("Rate", Variant::from(seen.rate)),
        ("Target", Variant::from(micros(seen.target))),
        ("Card", Variant::from(seen.card)),
        ("Echoes", Variant::from(seen.echoes)),
        ("Share", Variant::from(u32::from(seen.share))),
    ]);
    dict.extend(seen.base.map(|base| ("Base", Variant::from(micros(base)))));
    dict.extend(seen.remembered.map(|base| ("Remembered", Variant::from(micros(base)))));
    dict.extend(seen.queue.map(|queue| ("Queue", Variant::from(micros(queue)))));
    dict
}

fn remembered((number, entry): &(u64, history::Entry)) -> Dict<'_> {
    let mut dict = HashMap::from([
        ("Number", Variant::from(*number)),
        ("Time", Variant::from(entry.at.0)),
        ("Deed", Variant::from(entry.deed.name())),
        ("Detail", Variant::from(entry.detail.as_str())),
    ]);
    dict.extend(entry.by.map(|uid| ("Uid", Variant::from(uid))));
    dict.extend(entry.state.map(|state| ("State", Variant::from(state.name()))));
    dict
}

/// Something that happened.
fn event(view: &EventView) -> Dict<'_> {
    let mut dict = HashMap::from([
        ("Number", Variant::from(view.number)),
        ("Job", Variant::from(view.job.to_string())),
        ("Path", Variant::from(job_path(view.job))),
        ("Time", Variant::from(view.at)),
        ("Kind", Variant::from(view.name)),
        ("Attempts", Variant::from(view.attempts)),
    ]);
    match &view.kind {
        EventKind::Plain => {}
        EventKind::State { state, previous } => {
            dict.insert("State", Variant::from(*state));
            dict.insert("Previous", Variant::from(*previous));
        }
        EventKind::Trouble(trouble, next_attempt) => {
            dict.extend(error(trouble));
            dict.insert("NextAttempt", Variant::from(*next_attempt));
        }
        EventKind::File(view) => dict.extend(file(view)),
        EventKind::FilesAdded(first, count) => {
            dict.insert("First", Variant::from(*first));
            dict.insert("Count", Variant::from(*count));
        }
    }
    dict
}

/// What somebody registered is told; nothing for "you did not read".
pub(super) fn notification(told: &Told) -> Option<(Kind, Dict<'_>)> {
    Some(match told {
        Told::Transferred => (Kind::Transferred, Dict::new()),
        Told::Error(view) => (Kind::Error, error(view)),
        Told::Modification => (Kind::Modification, Dict::new()),
        Told::FileTransferred(index) => {
            (Kind::FileTransferred, Dict::from([("File", Variant::from(*index))]))
        }
        Told::Ranges(files) => {
            (Kind::RangesTransferred, Dict::from([("Ranges", Variant::from(files.clone()))]))
        }
        // Told in another way.
        Told::Certificate(..) | Told::Missed => return None,
    })
}

/// A job's error.
pub(super) fn error(view: &ErrorView) -> Dict<'_> {
    let message = match view.detail.as_str() {
        "" => view.failure.to_string(),
        // What the agent says is about the same, and closer to it.
        detail => detail.to_owned(),
    };
    let mut dict = HashMap::from([
        ("Name", Variant::from(view.failure.full_name())),
        ("Code", Variant::from(view.failure.code())),
        ("Context", Variant::from(view.failure.context().name())),
        ("Message", Variant::from(message)),
        ("Advice", Variant::from(view.failure.advice())),
    ]);
    if let Some((index, url, path)) = &view.file {
        dict.insert("File", Variant::from(*index));
        dict.insert("RemoteName", Variant::from(url.as_str()));
        dict.insert("LocalName", Variant::from(path.as_slice()));
    }
    if let ebb_core::failure::Failure::Server(ebb_core::failure::ServerTrouble::Status(status)) =
        view.failure
    {
        dict.insert("HttpStatus", Variant::from(u32::from(status)));
    }
    dict
}

/// The manager's properties.
pub(super) fn manager_properties(to: &Message, instance: &str) -> zbus::Result<Message> {
    Message::method_return(&to.header()).build(&(manager(instance),))
}

/// One property of the manager.
pub(super) fn manager_property(to: &Message, instance: &str, name: &str) -> zbus::Result<Message> {
    match manager(instance).remove(name) {
        Some(value) => Message::method_return(&to.header()).build(&(value,)),
        None => unknown(to, "Property", "there is no such property"),
    }
}

fn manager(instance: &str) -> Dict<'_> {
    HashMap::from([
        ("Version", Variant::from(env!("CARGO_PKG_VERSION"))),
        ("Instance", Variant::from(instance)),
    ])
}

fn status(view: &StatusView) -> Dict<'_> {
    let jobs: HashMap<&str, u32> = view.jobs.iter().copied().collect();
    HashMap::from([
        ("Version", Variant::from(env!("CARGO_PKG_VERSION"))),
        ("Instance", Variant::from(view.instance)),
        ("Administrator", Variant::from(view.administrator)),
        ("Jobs", Variant::from(jobs)),
        ("JobsPerUser", Variant::from(view.jobs_per_user)),
        ("JobsPerMachine", Variant::from(view.jobs_per_machine)),
        ("FilesPerJob", Variant::from(view.files_per_job)),
        ("RangesPerFile", Variant::from(view.ranges_per_file)),
        ("BackgroundSlots", Variant::from(view.background_slots)),
    ])
}

/// A user's name for people to read, from the machine's own list; a name service is not asked,
/// because nothing is decided by it.
fn user_name(uid: u32) -> Option<String> {
    let list = fs::read_to_string("/etc/passwd").ok()?;
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}
