//! The stage of the loop's tests: a made-up `ebbd` and made-up agents.
//!
//! They speak the real wire protocol to the real loop and store; temporary files are real ones. What
//! they do is small and fixed, so that a test sees what the *loop* does.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

use ebb_core::conditions::Surroundings;
use ebb_core::file::Wanted;
use ebb_core::job::{Boot, Event, Setting};
use ebb_core::policy::Policy;
use ebb_core::presence::{Logins, Presence};
use ebb_core::token::{BootId, SessionId, Token};
use ebb_store::Store;
use ebb_wire::Sandbox;
use ebb_wire::files::{FromFiles, Temporary, ToFiles};
use ebb_wire::launcher::{FromLauncher, Role, ToLauncher};
use ebb_wire::net::{FetchId, FromNet, NetTrouble, ToNet, Validators};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::agents::{Agents, Channel, Launcher, SandboxDemand};
use crate::audit::journal::Journal;
use crate::clock;
use crate::command::{
    Answer, Answered, Asker, Command, ConnectionId, FileView, Message, NewFile, Notice, NoticeKind,
    Process, TokenCall,
};
use crate::conditions::Zone;
use crate::groups::Groups;
use crate::main_loop::{Found, MainLoop, Parts};
use crate::polkit::{OfCall, Polkit};
use crate::sessions::{Finder, Question};
use crate::vault::Vault;
use crate::writer::Writer;
use ebb_core::id::JobId;
use ebb_core::time::WallTime;

const WHOLE: Sandbox = Sandbox { landlock_abi: 7, landlock_full: true, seccomp: true };
pub(super) const OWNER: u32 = 4001;
pub(super) const HELPER: u32 = 4002;
/// Whose agents say that they have no sandbox.
pub(super) const UNCONFINED: u32 = 4003;

/// What the made-up agents have seen, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Fetch {
        uid: u32,
        offset: u64,
    },
    /// A fetch of another file than `f`, by its name.
    Named(String),
    Stop,
}

/// A loop, somebody who asks, and somebody who listens.
pub(super) struct Stage {
    pub(super) inbox: mpsc::UnboundedSender<Message>,
    pub(super) notices: broadcast::Receiver<Notice>,
    pub(super) seen: mpsc::UnboundedReceiver<Seen>,
    running: JoinHandle<()>,
}

impl Stage {
    pub(super) fn new(dir: &std::path::Path, boot: &str) -> Self {
        Self::for_one(dir, boot, None)
    }

    pub(super) fn for_one(dir: &std::path::Path, boot: &str, private_to: Option<u32>) -> Self {
        let (main_loop, mut stage) = Self::not_running(dir, boot, private_to);
        stage.running = tokio::task::spawn_local(async move { main_loop.run().await.unwrap() });
        stage
    }

    /// The loop itself, for a test that has a clock of its own.
    pub(super) fn not_running(
        dir: &std::path::Path,
        boot: &str,
        private_to: Option<u32>,
    ) -> (MainLoop, Self) {
        let (ours, theirs) = ebb_wire::channel::pair().unwrap();
        let launcher = Launcher::new(Channel::new(ours).unwrap());
        let (see, seen) = mpsc::unbounded_channel();
        tokio::task::spawn_local(ebbd(Channel::new(theirs).unwrap(), see));
        let listening = Rc::clone(&launcher);
        tokio::task::spawn_local(async move { listening.listen().await.ok() });
        let (outbox, inbox) = mpsc::unbounded_channel();
        let (tell, notices) = broadcast::channel(1024);
        let mut store = open_store(&dir.join("jobs.sqlite"));
        let boot_before = store.begin_life(boot).unwrap();
        let boot_before = if boot_before { Boot::Same } else { Boot::Another };
        let (jobs, events) = (store.load().unwrap(), store.load_events().unwrap());
        let newest_of_histories = store.newest_of_histories().unwrap();
        let found = Found { events, newest_of_histories };
        let (finder, questions) = Finder::new();
        tokio::task::spawn_local(logind(questions));
        let parts = Parts {
            instance: "system",
            private_to,
            policy: Policy::default(),
            boot: BootId(boot.into()),
            boot_before,
            agents: Rc::new(Agents::new(launcher, Groups::settle(None), SandboxDemand::Required)),
            vault: Vault::with(None, dir).unwrap(),
            writer: Writer::new(store),
            journal: Journal::none(),
            inbox,
            outbox: outbox.clone(),
            notices: tell,
            surroundings: Surroundings::default(),
            zone: Zone::read(),
            presence: Presence::everyone(999),
            finder,
            polkit: Rc::new(Polkit::new(Some(String::new()))),
            settings: Rc::new(crate::settings::Settings::new(&dir.join("ebb.toml"), dir)),
        };
        let running = tokio::task::spawn_local(async {});
        (MainLoop::new(parts, jobs, found), Self { inbox: outbox, notices, seen, running })
    }

    /// It is gone, wherever it was.
    pub(super) async fn crash(self) {
        self.running.abort();
        let _aborted = self.running.await;
    }

    pub(super) async fn ask(&self, asker: &Asker, command: Command) -> Answered {
        let (tell, told) = oneshot::channel();
        self.inbox.send(Message::Ask(asker.clone(), command, tell)).ok();
        told.await.unwrap()
    }

    pub(super) async fn state(&self, job: JobId) -> &'static str {
        match self.ask(&asker(OWNER, None), Command::Properties(job)).await {
            Ok(Answer::Properties(view)) => view.state,
            other => panic!("{other:?}"),
        }
    }

    /// A job whose network is a helper's, lent in session "c2", and which is transferring.
    pub(super) async fn lent(&mut self, dir: &std::path::Path) -> JobId {
        let owner = asker(OWNER, None);
        let settings = vec![Setting::AutoComplete(false)];
        let create = Command::Create { name: "lent".into(), settings };
        let Ok(Answer::Job(job)) = self.ask(&owner, create).await else { panic!("no job") };
        self.ask(&owner, Command::AddFiles(job, vec![new_file(dir, "f")])).await.unwrap();
        self.lend(job).await;
        self.ask(&owner, Command::Steer(job, Event::Resume)).await.unwrap();
        assert_eq!(self.seen.recv().await, Some(Seen::Fetch { uid: HELPER, offset: 0 }));
        self.until(job, |what| {
            matches!(what, NoticeKind::StateChanged { state: "transferring", .. })
        })
        .await;
        job
    }

    /// A job of these files, started.
    pub(super) async fn started(&self, dir: &std::path::Path, names: &[&str]) -> JobId {
        let owner = asker(OWNER, None);
        let settings = vec![Setting::AutoComplete(false)];
        let create = Command::Create { name: "several".into(), settings };
        let Ok(Answer::Job(job)) = self.ask(&owner, create).await else { panic!("no job") };
        let files = names.iter().map(|name| new_file(dir, name)).collect();
        self.ask(&owner, Command::AddFiles(job, files)).await.unwrap();
        self.ask(&owner, Command::Steer(job, Event::Resume)).await.unwrap();
        job
    }

    pub(super) async fn sees(&mut self, names: &[&str]) {
        for name in names {
            assert_eq!(self.seen.recv().await, Some(Seen::Named((*name).into())));
        }
    }

    pub(super) async fn files(&self, job: JobId) -> Vec<FileView> {
        let files = Command::Files { job, first: 0, limit: 1000 };
        match self.ask(&asker(OWNER, None), files).await {
            Ok(Answer::Files(files, _)) => files,
            other => panic!("{other:?}"),
        }
    }

    /// The owner's capability to lend this job an identity.
    pub(super) async fn capability(&self, job: JobId) -> String {
        match self.ask(&asker(OWNER, None), Command::OpenTokenOptions(job)).await {
            Ok(Answer::TokenOptions(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn lend(&self, job: JobId) {
        let owner = asker(OWNER, None);
        let name = self.capability(job).await;
        let call = |call| Command::TokenOptions(name.clone(), call);
        self.ask(&owner, call(TokenCall::SetFlags(2))).await.unwrap();
        self.ask(&asker(HELPER, Some("c2")), call(TokenCall::SetToken)).await.unwrap();
    }

    /// logind says that these sessions are there, and nobody else.
    pub(super) fn logged_on(&self, sessions: &[(&str, u32)]) {
        let mut logins = Logins::default();
        for (name, user) in sessions {
            logins.session(SessionId((*name).into()), *user, "user", "online");
        }
        self.inbox.send(Message::LoggedOn(logins)).ok();
    }

    /// The session ends in which [`Self::lent`] has lent; owner and helper have others.
    pub(super) fn session_ends(&self) {
        self.logged_on(&[("c1", OWNER), ("c3", HELPER)]);
    }

    pub(super) async fn until(&mut self, job: JobId, wanted: impl Fn(&NoticeKind) -> bool) {
        loop {
            let notice = self.notices.recv().await.unwrap();
            if notice.job == job && wanted(&notice.what) {
                return;
            }
        }
    }
}

/// The thread of a loop that has just crashed may hold the store a little longer.
pub(super) fn open_store(path: &std::path::Path) -> Store {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        match Store::open(path) {
            Ok(store) => return store,
            Err(error) => assert!(std::time::Instant::now() < end, "{error}"),
        }
        std::thread::yield_now();
    }
}

pub(super) fn new_file(dir: &std::path::Path, name: &str) -> NewFile {
    NewFile {
        url: format!("http://h/{name}"),
        dir: dir.as_os_str().as_encoded_bytes().to_vec(),
        name: name.into(),
        replace: true,
        wanted: Wanted::Whole,
        digest: None,
    }
}

pub(super) fn asker(uid: u32, session: Option<&str>) -> Asker {
    let policy = Policy::default();
    Asker {
        caller: policy.caller(uid, uid, &[]),
        token: Token {
            uid,
            gid: uid,
            groups: vec![],
            session: None,
            label: None,
            boot: BootId("this".into()),
            captured: WallTime(0),
        },
        process: Some(process(session)),
        connection: ConnectionId(u64::from(uid)),
        call: OfCall::default(),
    }
}

/// A process that runs; its made-up number says which session it is in.
fn process(session: Option<&str>) -> Process {
    let myself = rustix::process::getpid();
    let descriptor =
        rustix::process::pidfd_open(myself, rustix::process::PidfdFlags::empty()).unwrap();
    let number = session.map_or(0, |name| name[1..].parse().unwrap());
    Process { descriptor: Rc::new(descriptor), number: Some(number) }
}

async fn logind(mut questions: mpsc::UnboundedReceiver<Question>) {
    while let Some(Question { process, reply }) = questions.recv().await {
        let session = process.number.filter(|number| *number > 0);
        reply.send(Ok(session.map(|number| SessionId(format!("c{number}"))))).ok();
    }
}

/// Starts and kills made-up agents as asked.
async fn ebbd(channel: Channel, see: mpsc::UnboundedSender<Seen>) {
    let mut started = HashMap::new();
    while let Ok(Some((message, None))) = channel.receive::<ToLauncher>().await {
        let (agent, role, identity) = match message {
            ToLauncher::Start { agent, role, identity } => (agent, role, identity),
            ToLauncher::Stop { agent } => {
                // One that is gone already may be killed again.
                started.remove(&agent).inspect(JoinHandle::<()>::abort);
                continue;
            }
            ToLauncher::Close => return,
        };
        let (ours, theirs) = ebb_wire::channel::pair().unwrap();
        let (ours, uid) = (Channel::new(ours).unwrap(), identity.uid);
        let task = match role {
            Role::Files => tokio::task::spawn_local(file_agent(ours, uid)),
            Role::Network => tokio::task::spawn_local(net_agent(ours, uid, see.clone())),
            // No test here has a command.
            Role::Notify | Role::Sign | Role::Token => tokio::task::spawn_local(async {}),
        };
        started.insert(agent, task);
        let answer = FromLauncher::Started { agent, pid: 1 };
        channel.send(&answer, Some(theirs.as_fd())).await.unwrap();
    }
}

async fn file_agent(channel: Channel, uid: u32) {
    let sandbox = if uid == UNCONFINED { Sandbox { seccomp: false, ..WHOLE } } else { WHOLE };
    channel.send(&FromFiles::Hello { sandbox }, None).await.unwrap();
    loop {
        let questions = channel.receive_train::<ToFiles>().await.unwrap_or_default();
        if questions.is_empty() {
            return;
        }
        for (question, _) in questions {
            let (answer, file) = answer(question);
            channel.send(&answer, file.as_ref().map(AsFd::as_fd)).await.unwrap();
        }
    }
}

/// Temporary files are real ones, so that the loop's own look at the descriptor is real.
fn answer(question: ToFiles) -> (FromFiles, Option<OwnedFd>) {
    match question {
        ToFiles::Inspect { seq, .. } => (FromFiles::Inspected { seq, dev: 1, ino: 1 }, None),
        ToFiles::Create { seq, place, name, .. } => {
            open(seq, &place.dir, &[b"temporary-", &name[..]].concat(), true)
        }
        ToFiles::Reopen { seq, place, temporary } => open(seq, &place.dir, &temporary.name, false),
        ToFiles::Sweep { seq, .. }
        | ToFiles::Fill { seq, .. }
        | ToFiles::PutInPlace { seq, .. }
        | ToFiles::Rename { seq, .. }
        | ToFiles::Delete { seq, .. } => (FromFiles::Done { seq }, None),
        ToFiles::LookAt { .. } | ToFiles::Copy { .. } => panic!("nothing comes from the machine"),
    }
}

fn open(seq: u64, dir: &[u8], name: &[u8], new: bool) -> (FromFiles, Option<OwnedFd>) {
    let dir = std::path::Path::new(std::str::from_utf8(dir).unwrap());
    let path = dir.join(std::str::from_utf8(name).unwrap());
    let file =
        File::options().read(true).write(true).create(new).truncate(false).open(path).unwrap();
    std::os::unix::fs::fchown(&file, Some(OWNER), None).unwrap();
    file.set_len(100).unwrap();
    let stat = file.metadata().unwrap();
    let temporary = Temporary { name: name.to_vec(), dev: stat.dev(), ino: stat.ino() };
    (FromFiles::Opened { seq, temporary, length: 100 }, Some(file.into()))
}

/// What a file is like goes by its name: `small…` comes at once, `missing…` is not there, of `lost…`
/// the connection breaks, and of all
/// others ten bytes come, and then nothing until the agent is told to stop. `large…` says that it is
/// large, the others that they have a hundred bytes.
async fn net_agent(channel: Channel, uid: u32, see: mpsc::UnboundedSender<Seen>) {
    channel.send(&FromNet::Hello { sandbox: WHOLE }, None).await.unwrap();
    let mut orders = VecDeque::new();
    loop {
        if orders.is_empty() {
            orders.extend(channel.receive_train::<ToNet>().await.unwrap_or_default());
        }
        let Some((order, _)) = orders.pop_front() else { return };
        match order {
            ToNet::Fetch { fetch, offset, url, .. } => {
                let name = url.strip_prefix("http://h/").unwrap();
                see.send(match name {
                    "f" => Seen::Fetch { uid, offset },
                    name => Seen::Named(name.into()),
                })
                .ok();
                for said in about(fetch, offset, name) {
                    channel.send(&said, None).await.unwrap();
                }
            }
            ToNet::Stop { fetch } => {
                see.send(Seen::Stop).ok();
                channel.send(&FromNet::Stopped { fetch, durable: 10 }, None).await.unwrap();
            }
            ToNet::Measure { fetch, .. } => {
                channel.send(&FromNet::Measured { fetch, size: None }, None).await.unwrap();
            }
            ToNet::Proceed { .. } => panic!("nothing was dropped"),
            ToNet::Login { .. } => {}
            ToNet::Certificate { .. } | ToNet::Forget { .. } => panic!("no job has one"),
            ToNet::Authorities { .. } | ToNet::Distrust { .. } => panic!("no job has any"),
            ToNet::Limit { bytes_per_second: None, .. } | ToNet::Card { .. } => {}
            ToNet::Remember { .. } | ToNet::Share { .. } => {}
            ToNet::Limit { .. } => panic!("nothing is limited"),
            ToNet::Verdict { .. } => panic!("nothing was asked"),
            ToNet::Check { .. } => panic!("nothing comes in pieces"),
        }
    }
}

fn about(fetch: FetchId, offset: u64, name: &str) -> Vec<FromNet> {
    if name.starts_with("missing") || name.starts_with("lost") {
        let lost = name.starts_with("lost");
        let trouble = if lost { NetTrouble::ConnectionLost } else { NetTrouble::Status(404) };
        let detail = String::new();
        let (retry_after, redirect) = (None, None);
        return vec![FromNet::Failed { fetch, durable: 0, trouble, retry_after, redirect, detail }];
    }
    let total = if name.starts_with("large") { 1 << 30 } else { 100 };
    let validators =
        Validators { etag: Some(b"\"1\"".into()), total: Some(total), ..Default::default() };
    let (status, final_url, fields) = (200, format!("http://h/{name}"), Vec::new());
    let (from, anew, shared) = (offset, offset == 0, false);
    let head = FromNet::Head { fetch, status, validators, final_url, from, anew, shared, fields };
    let done = FromNet::Done { fetch, length: 100, modified: None };
    let progress = FromNet::Progress { fetch, durable: 0, received: 10 };
    if name.starts_with("small") { vec![head, done] } else { vec![head, progress] }
}

/// Runs a scene on one thread, in a directory of its own. Ownership of files matters, so it takes
/// root; without, the scene is left out and says so.
pub(super) fn scene<F: Future<Output = ()>>(play: impl FnOnce(std::path::PathBuf) -> F) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: needs root");
        return;
    }
    let name = format!("ebb-loop-{}", clock::unguessable());
    let dir = std::env::temp_dir().join(name);
    std::fs::create_dir(&dir).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, play(dir.clone()));
    std::fs::remove_dir_all(dir).unwrap();
}
