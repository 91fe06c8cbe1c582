//! A service that keeps the contract, in one table of jobs.
//!
//! It checks nothing and transfers nothing. A job that is resumed goes where `on_resume` says, at
//! once. What it was asked is kept, so that a test can look.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ebb_api::names;
use futures_util::StreamExt;
use tokio::net::UnixListener;
use zbus::connection::Builder;
use zbus::message::{Message, Type};
use zbus::{Connection, Guid, MessageStream, OwnedVariant, Variant};

pub(crate) type Dictionary = HashMap<String, OwnedVariant>;

/// What becomes of a job when it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnResume {
    Finish,
    Fail,
    Hang,
}

pub(crate) struct State {
    pub(crate) jobs: Vec<Dictionary>,
    pub(crate) files: HashMap<String, Vec<Dictionary>>,
    pub(crate) calls: Vec<String>,
    pub(crate) on_resume: OnResume,
    pub(crate) refuse: Option<(&'static str, &'static str)>,
    pub(crate) error_name: &'static str,
    /// What happened: job, state, state before; numbered from 1.
    pub(crate) events: Vec<(String, &'static str, String)>,
    subscribers: Vec<Connection>,
}

/// The fake, listening.
pub(crate) struct Fake {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) socket: PathBuf,
    directory: PathBuf,
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.directory);
    }
}

impl Fake {
    /// Starts one.
    pub(crate) fn start() -> Fake {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("ebb-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let socket = directory.join("bus");
        let listener = UnixListener::bind(&socket).unwrap();
        // Other users call too.
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&socket, everybody).unwrap();
        let state = Arc::new(Mutex::new(State {
            jobs: Vec::new(),
            files: HashMap::new(),
            calls: Vec::new(),
            on_resume: OnResume::Finish,
            refuse: None,
            error_name: "http-404",
            events: Vec::new(),
            subscribers: Vec::new(),
        }));
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Fake { state, socket, directory }
    }

    /// Puts a job there, and says its id.
    pub(crate) fn job(&self, id_start: &str, name: &str, state: &str) -> String {
        let id = format!("{id_start}-0000-4000-8000-000000000001");
        let mut fake = self.state.lock().unwrap();
        fake.jobs.push(new_job(&id, name, state));
        id
    }

    /// Changes a job and tells whoever listens.
    pub(crate) async fn change(&self, id: &str, state: &'static str) {
        change(&self.state, id, state).await;
    }

    /// Waits until somebody has called this, without a clock of its own.
    pub(crate) async fn called(&self, what: &str) {
        while !self.state.lock().unwrap().calls.iter().any(|call| call.contains(what)) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }
}

fn owned(value: impl Into<Variant<'static>>) -> OwnedVariant {
    value.into().try_to_owned().unwrap()
}

fn new_job(id: &str, name: &str, state: &str) -> Dictionary {
    let text = |text: &str| owned(text.to_owned());
    HashMap::from([
        ("Path".to_owned(), text(&names::job_path(id))),
        ("Id".to_owned(), text(id)),
        ("Type".to_owned(), text("download")),
        ("DisplayName".to_owned(), text(name)),
        ("Description".to_owned(), text("")),
        ("Priority".to_owned(), text("normal")),
        ("State".to_owned(), text(state)),
        ("Reason".to_owned(), text("")),
        ("OwnerUid".to_owned(), owned(0u32)),
        ("Created".to_owned(), owned(1_700_000_000i64)),
        ("Modified".to_owned(), owned(1_700_000_000i64)),
        ("TransferCompleted".to_owned(), owned(0i64)),
        ("NextAttempt".to_owned(), owned(0i64)),
        ("FilesTotal".to_owned(), owned(0u32)),
        ("FilesTransferred".to_owned(), owned(0u32)),
        ("BytesTotal".to_owned(), owned(u64::MAX)),
        ("BytesTransferred".to_owned(), owned(0u64)),
        ("ErrorCount".to_owned(), owned(0u32)),
        ("MinimumRetryDelay".to_owned(), owned(600u32)),
        ("NoProgressTimeout".to_owned(), owned(1_209_600u32)),
        ("MaximumDownloadTime".to_owned(), owned(7_776_000u32)),
        ("AutoComplete".to_owned(), owned(true)),
        ("NotifyFlags".to_owned(), owned(3u32)),
        ("NotifyCommand".to_owned(), owned(Vec::<Vec<u8>>::new())),
        ("MinimumNotificationInterval".to_owned(), owned(500u32)),
        ("ProxySettings".to_owned(), owned(("preconfig", "", ""))),
        ("CostFlags".to_owned(), owned(0u32)),
        ("DynamicContent".to_owned(), owned(false)),
        ("HighPerformance".to_owned(), owned(false)),
        ("MaximumDownloadSize".to_owned(), owned(u64::MAX)),
        ("BandwidthLimit".to_owned(), owned(0u64)),
        ("OnDemandMode".to_owned(), owned(false)),
        ("UseStoredCredentials".to_owned(), owned("")),
        ("HttpMethod".to_owned(), owned("GET")),
        ("SecurityFlags".to_owned(), owned(0u32)),
        ("FileMode".to_owned(), owned(u32::MAX)),
        ("FileGroup".to_owned(), owned(u32::MAX)),
        ("HelperTokenSet".to_owned(), owned(false)),
        ("HelperTokenUid".to_owned(), owned(u32::MAX)),
        ("HelperTokenFlags".to_owned(), owned(0u32)),
        ("Attempts".to_owned(), owned(1u64)),
        ("LastEvent".to_owned(), owned(1u64)),
    ])
}

fn new_file(index: u32, url: &str, path: &[u8]) -> Dictionary {
    HashMap::from([
        ("Index".to_owned(), owned(index)),
        ("RemoteName".to_owned(), owned(url.to_owned())),
        ("LocalName".to_owned(), owned(path.to_vec())),
        ("Ranges".to_owned(), owned(Vec::<(u64, u64)>::new())),
        ("Digest".to_owned(), owned(String::new())),
        ("BytesTotal".to_owned(), owned(1024u64)),
        ("BytesTransferred".to_owned(), owned(1024u64)),
        ("BytesDurable".to_owned(), owned(1024u64)),
        ("Transferred".to_owned(), owned(true)),
        ("Completed".to_owned(), owned(true)),
        ("TemporaryName".to_owned(), owned(Vec::<u8>::new())),
        ("FinalUrl".to_owned(), owned(url.to_owned())),
        ("HttpStatus".to_owned(), owned(200u32)),
        ("ValidationState".to_owned(), owned(false)),
    ])
}

pub(crate) fn text(dictionary: &Dictionary, name: &str) -> String {
    dictionary[name].downcast_ref::<&str>().unwrap().to_owned()
}

async fn accept(listener: UnixListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream.into_std().unwrap(), Arc::clone(&state)));
    }
}

async fn serve(stream: std::os::unix::net::UnixStream, state: Arc<Mutex<State>>) {
    let uid = rustix::net::sockopt::socket_peercred(&stream).unwrap().uid.as_raw();
    let builder = Builder::unix_stream(stream).server(Guid::generate()).p2p();
    let Ok(mut messages) = builder.build_message_stream().await else {
        return;
    };
    let connection = Connection::from(&messages);
    while let Some(Ok(message)) = messages.next().await {
        if message.message_type() == Type::MethodCall {
            answer(&connection, &message, &state, uid).await;
        }
    }
    drop::<MessageStream>(messages);
}

async fn answer(connection: &Connection, message: &Message, state: &Mutex<State>, uid: u32) {
    let header = message.header();
    let path = header.path().unwrap().to_string();
    let member = header.member().unwrap().to_string();
    let job = names::job_id(&path);
    state.lock().unwrap().calls.push(format!("{member} by {uid}"));
    let refused = state.lock().unwrap().refuse.filter(|(refused, _)| *refused == member);
    if let Some((_, name)) = refused {
        return refuse(connection, message, name).await;
    }
    let known = job.as_ref().is_none_or(|id| find(state, id).is_some());
    if !known {
        return refuse(connection, message, "not-found").await;
    }
    match member.as_str() {
        "Ping" | "Unsubscribe" | "Close" => reply(connection, message, &()).await,
        "Subscribe" => {
            state.lock().unwrap().subscribers.push(connection.clone());
            reply(connection, message, &()).await;
        }
        "CreateJob" => create(connection, message, state).await,
        "ListJobs" => list(connection, message, state).await,
        "ChangesSince" => {
            let (since, _): (u64, u32) = message.body().deserialize().unwrap();
            let body = changes(&state.lock().unwrap().events, since);
            reply(connection, message, &body).await;
        }
        "GetStatus" => reply(connection, message, &status()).await,
        "AddFiles" => add(connection, message, state, &job.unwrap()).await,
        "GetFiles" => {
            let files = state.lock().unwrap().files.get(&job.unwrap()).cloned().unwrap_or_default();
            let total = u32::try_from(files.len()).unwrap();
            reply(connection, message, &(files, total)).await;
        }
        "GetAll" => reply(connection, message, &find(state, &job.unwrap()).unwrap()).await,
        "Set" => {
            let body = message.body();
            let (_, name, value): (String, String, OwnedVariant) = body.deserialize().unwrap();
            set(state, &job.unwrap(), &name, value);
            reply(connection, message, &()).await;
        }
        "GetError" => {
            let name = state.lock().unwrap().error_name;
            reply(connection, message, &error(name)).await;
        }
        "ReplaceRemotePrefix" => {
            let (old, new): (String, String) = message.body().deserialize().unwrap();
            let replaced = rebase(state, &job.unwrap(), &old, &new);
            reply(connection, message, &replaced).await;
        }
        "Suspend" => {
            reply(connection, message, &()).await;
            change(state, &job.unwrap(), "suspended").await;
        }
        "Resume" => resume(connection, message, state, &job.unwrap()).await,
        "Cancel" => {
            reply(connection, message, &"done").await;
            change(state, &job.unwrap(), "cancelled").await;
        }
        "Complete" => {
            reply(connection, message, &"done").await;
            change(state, &job.unwrap(), "acknowledged").await;
        }
        "OpenTokenOptions" => {
            // The job's digits are as good a random name as any, here.
            let path = names::token_options_path(&job.unwrap().replace('-', ""));
            let path = zbus::OwnedObjectPath::try_from(path).unwrap();
            reply(connection, message, &path).await;
        }
        _ => token_options(connection, message, state, &path, uid).await,
    }
}

async fn token_options(
    connection: &Connection,
    message: &Message,
    state: &Mutex<State>,
    path: &str,
    uid: u32,
) {
    let random = names::token_options_random(path).unwrap_or_default();
    let id = state
        .lock()
        .unwrap()
        .jobs
        .iter()
        .map(|job| text(job, "Id"))
        .find(|id| id.replace('-', "") == random);
    let Some(id) = id else {
        let error = "org.freedesktop.DBus.Error.UnknownObject";
        let _gone = connection.reply_error(&message.header(), error, &"no such object").await;
        return;
    };
    let member = message.header().member().unwrap().to_string();
    match member.as_str() {
        "SetHelperToken" => {
            set(state, &id, "HelperTokenSet", owned(true));
            set(state, &id, "HelperTokenUid", owned(uid));
            reply(connection, message, &()).await;
            changed(state, &id, &["HelperTokenSet", "HelperTokenUid"]).await;
        }
        "SetHelperTokenFlags" => {
            let flags: u32 = message.body().deserialize().unwrap();
            set(state, &id, "HelperTokenFlags", owned(flags));
            reply(connection, message, &()).await;
        }
        "ClearHelperToken" => {
            set(state, &id, "HelperTokenSet", owned(false));
            set(state, &id, "HelperTokenUid", owned(u32::MAX));
            reply(connection, message, &()).await;
        }
        "GetHelperTokenIdentity" => {
            let job = find(state, &id).unwrap();
            let uid = u32::try_from(&job["HelperTokenUid"]).unwrap();
            let set = bool::try_from(&job["HelperTokenSet"]).unwrap();
            reply(connection, message, &(set, uid, "somebody")).await;
        }
        _ => refuse(connection, message, "not-supported").await,
    }
}

async fn create(connection: &Connection, message: &Message, state: &Mutex<State>) {
    let body = message.body();
    let (name, _type, options): (String, String, Dictionary) = body.deserialize().unwrap();
    let number = state.lock().unwrap().jobs.len() + 1;
    let id = format!("{number:08x}-0000-4000-8000-0000000000ff");
    let mut job = new_job(&id, &name, "suspended");
    for (option, property) in [
        ("priority", "Priority"),
        ("description", "Description"),
        ("auto-complete", "AutoComplete"),
        ("retry-delay", "MinimumRetryDelay"),
        ("no-progress-timeout", "NoProgressTimeout"),
        ("max-download-time", "MaximumDownloadTime"),
    ] {
        if let Some(value) = options.get(option) {
            job.insert(property.to_owned(), value.try_clone().unwrap());
        }
    }
    state.lock().unwrap().jobs.push(job);
    let path = zbus::OwnedObjectPath::try_from(names::job_path(&id)).unwrap();
    reply(connection, message, &(id, path)).await;
}

async fn list(connection: &Connection, message: &Message, state: &Mutex<State>) {
    let body = message.body();
    let (filter, _, _): (Dictionary, String, u32) = body.deserialize().unwrap();
    let wanted = |job: &&Dictionary| {
        let over = matches!(text(job, "State").as_str(), "acknowledged" | "cancelled");
        let fits = |key: &str, test: &dyn Fn(&str) -> bool| {
            filter.get(key).is_none_or(|value| test(value.downcast_ref::<&str>().unwrap()))
        };
        (!over || filter.contains_key("finished"))
            && fits("id-prefix", &|prefix| text(job, "Id").starts_with(prefix))
            && fits("name", &|name| text(job, "DisplayName") == name)
            && fits("state", &|state| text(job, "State") == state)
    };
    let jobs: Vec<Dictionary> = state.lock().unwrap().jobs.iter().filter(wanted).cloned().collect();
    reply(connection, message, &(jobs, "")).await;
}

async fn add(connection: &Connection, message: &Message, state: &Mutex<State>, id: &str) {
    let body = message.body();
    let (files,): (Vec<(String, Vec<u8>, Dictionary)>,) = body.deserialize().unwrap();
    let count = u32::try_from(files.len()).unwrap();
    let files = files.iter().zip(0u32..).map(|((url, path, _), index)| new_file(index, url, path));
    state.lock().unwrap().files.insert(id.to_owned(), files.collect());
    set(state, id, "FilesTotal", owned(count));
    reply(connection, message, &0u32).await;
}

fn rebase(state: &Mutex<State>, id: &str, old: &str, new: &str) -> u32 {
    let mut state = state.lock().unwrap();
    let mut replaced = 0;
    for file in state.files.get_mut(id).into_iter().flatten() {
        if let Some(rest) = text(file, "RemoteName").strip_prefix(old) {
            file.insert("RemoteName".to_owned(), owned(format!("{new}{rest}")));
            replaced += 1;
        }
    }
    replaced
}

async fn resume(connection: &Connection, message: &Message, state: &Mutex<State>, id: &str) {
    reply(connection, message, &()).await;
    let on_resume = state.lock().unwrap().on_resume;
    change(state, id, "transferring").await;
    match on_resume {
        OnResume::Finish => {
            change(state, id, "transferred").await;
            change(state, id, "acknowledged").await;
        }
        OnResume::Fail => change(state, id, "error").await,
        OnResume::Hang => {}
    }
}

fn error(name: &'static str) -> HashMap<&'static str, Variant<'static>> {
    HashMap::from([
        ("Name", name.into()),
        ("Code", 0x8019_0194u32.into()),
        ("Context", "remote-file".into()),
        ("Message", "the server has no such file\u{1b}[2J".into()),
        ("Advice", "check the address".into()),
        ("File", 0u32.into()),
        ("RemoteName", "https://h/f".into()),
    ])
}

fn status() -> HashMap<&'static str, Variant<'static>> {
    HashMap::from([
        ("Version", "0.1.0".into()),
        ("Instance", "system".into()),
        ("Administrator", true.into()),
        ("Jobs", HashMap::from([("queued".to_owned(), 2u32)]).into()),
        ("JobsPerUser", 60u32.into()),
        ("JobsPerMachine", 300u32.into()),
        ("FilesPerJob", 200u32.into()),
        ("RangesPerFile", 500u32.into()),
        ("BackgroundSlots", 3u32.into()),
    ])
}

type Changes = (Vec<Dictionary>, u64, bool);

fn changes(events: &[(String, &'static str, String)], since: u64) -> Changes {
    let newest = events.len() as u64;
    let all = (1u64..).zip(events).filter(|(number, _)| *number > since);
    let event = |(number, (job, state, previous)): (u64, &(String, &'static str, String))| {
        HashMap::from([
            ("Number".to_owned(), owned(number)),
            ("Job".to_owned(), owned(job.clone())),
            ("Time".to_owned(), owned(1i64)),
            ("Attempts".to_owned(), owned(1u64)),
            ("Kind".to_owned(), owned("state")),
            ("State".to_owned(), owned(*state)),
            ("Previous".to_owned(), owned(previous.clone())),
        ])
    };
    (all.map(event).collect(), newest, since > newest)
}

fn find(state: &Mutex<State>, id: &str) -> Option<Dictionary> {
    state.lock().unwrap().jobs.iter().find(|job| text(job, "Id") == id).cloned()
}

fn set(state: &Mutex<State>, id: &str, name: &str, value: OwnedVariant) {
    let mut state = state.lock().unwrap();
    let job = state.jobs.iter_mut().find(|job| text(job, "Id") == id).unwrap();
    job.insert(name.to_owned(), value);
}

async fn change(state: &Mutex<State>, id: &str, now: &'static str) {
    let before = text(&find(state, id).unwrap(), "State");
    set(state, id, "State", owned(now));
    let number = {
        let mut state = state.lock().unwrap();
        state.events.push((id.to_owned(), now, before.clone()));
        state.events.len() as u64
    };
    signal(state, id, names::JOB, "StateChanged", &(now, before.as_str(), number)).await;
}

async fn changed(state: &Mutex<State>, id: &str, properties: &[&str]) {
    let job = find(state, id).unwrap();
    let changed: HashMap<&str, &OwnedVariant> =
        properties.iter().map(|name| (*name, &job[*name])).collect();
    let body = (names::JOB, changed, Vec::<String>::new());
    signal(state, id, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body).await;
}

async fn signal<B>(state: &Mutex<State>, id: &str, interface: &str, member: &str, body: &B)
where
    B: serde::Serialize + zbus::DynamicType,
{
    let subscribers = state.lock().unwrap().subscribers.clone();
    for connection in subscribers {
        let path = names::job_path(id);
        // Whoever has gone no longer listens.
        let _gone = connection.emit_signal(None::<&str>, path, interface, member, body).await;
    }
}

async fn reply<B>(connection: &Connection, message: &Message, body: &B)
where
    B: serde::Serialize + zbus::DynamicType,
{
    let _gone = connection.reply(&message.header(), body).await;
}

async fn refuse(connection: &Connection, message: &Message, name: &str) {
    let body = (format!("the fake says {name}"), 7u32, "ask another");
    let error = ebb_api::errors::error_name(name);
    let _gone = connection.reply_error(&message.header(), error, &body).await;
}
