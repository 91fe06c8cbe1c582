//! Starting a private instance.
//!
//! Answers one question: *how does an ordinary user get a service where there is none?* The
//! daemon is found next to this program, or where packages put it, and started in a session of
//! its own, so that it outlives the terminal. It is told its places by a policy file that is written
//! here: it reads no variable itself, so both of us mean the same places. Two commands that start one at the same time are no
//! trouble: one instance wins, and both talk to it.
//!
//! It never runs for root, and never looks for the daemon in the current directory.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ebb_api::Client;
use ebb_api::client::Location;
use ebb_api::names;
use tokio::time::Instant;

use crate::exit::Exit;
use crate::failure::Failure;

const DAEMON: &str = "ebbd";
const START_LIMIT: Duration = Duration::from_secs(5);
/// How long we still try after the daemon has ended: another one may have won.
const AFTER_END: Duration = Duration::from_millis(500);

/// Starts a private instance and waits until it answers.
///
/// # Errors
/// Code 9 where the daemon is not found, or does not answer in time.
pub(crate) async fn start() -> Result<(), Failure> {
    let daemon = find_daemon().ok_or_else(|| {
        no_service("neither the system service nor the program ebbd is there".to_owned())
    })?;
    let places = Places::of_user()?;
    make_private(&places.run)?;
    make_private(&places.state)?;
    let log = places.state.join("ebbd.log");
    let child = launch(&daemon, &places, &log)
        .map_err(|error| no_service(format!("cannot start {}: {error}", daemon.display())))?;
    wait_for_answer(child, &log).await
}

fn no_service(text: String) -> Failure {
    Failure::new(Exit::NotReachable, format!("cannot start a private instance: {text}"))
        .hint("install the system service, or put ebbd next to ebb")
}

fn find_daemon() -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let own_dir = own.as_deref().and_then(Path::parent);
    let beside = own_dir.into_iter().flat_map(|dir| [dir.to_owned(), dir.join("../libexec/ebb")]);
    let packaged = ["/usr/libexec/ebb", "/usr/sbin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let from_path: Vec<PathBuf> =
        std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect();
    beside.chain(packaged).chain(from_path).map(|dir| dir.join(DAEMON)).find(|file| file.is_file())
}

/// Where a private instance has its things.
struct Places {
    run: PathBuf,
    state: PathBuf,
    config: PathBuf,
}

impl Places {
    fn of_user() -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let places = || {
            Some(Self {
                run: names::private_run_dir(variable)?,
                state: names::private_state_dir(variable)?,
                config: names::private_config(variable)?,
            })
        };
        places().ok_or_else(|| no_service("HOME is not set".to_owned()))
    }

    /// The daemon's policy: where everything is. The other programs are beside the daemon, or
    /// where packages put them.
    fn policy(&self, daemon: &Path) -> io::Result<Vec<u8>> {
        let beside = daemon.parent().filter(|dir| dir.join("ebb-service").is_file());
        let places = [
            ("libexec-dir", beside),
            ("runtime-dir", Some(self.run.as_path())),
            ("state-dir", Some(&self.state)),
            ("config", Some(&self.config)),
        ];
        let mut policy = Vec::new();
        for (key, place) in places.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let place = place.as_os_str().as_bytes();
            // A path that the file cannot say must not become another one.
            if place.contains(&b'#') || place.contains(&b'\n') || place != place.trim_ascii() {
                let text = format!("{:?} cannot be a place of it", OsStr::from_bytes(place));
                return Err(io::Error::other(text));
            }
            policy.extend([key.as_bytes(), b" = ", place, b"\n"].concat());
        }
        Ok(policy)
    }
}

/// Writes a file that nobody else may write, in one step: another command may do the same now.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension(std::process::id().to_string());
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    file.write_all(text)?;
    fs::rename(new, path)
}

fn make_private(directory: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
        no_service(format!("cannot make the directory {}: {error}", directory.display()))
    })
}

/// Starts this program again as the one that leaves the session and becomes the daemon: leaving
/// the session must happen in the child, and only a program can do that safely.
fn launch(daemon: &Path, places: &Places, log: &Path) -> io::Result<Child> {
    let policy = places.run.join("ebbd.conf");
    write_private(&policy, &places.policy(daemon)?)?;
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
    Command::new(std::env::current_exe()?)
        .arg("start-private")
        .arg("--")
        .arg(daemon)
        .arg("--policy")
        .arg(policy)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(duplicate(&log)?)
        .stderr(log)
        .spawn()
}

fn duplicate(log: &File) -> io::Result<Stdio> {
    Ok(Stdio::from(log.try_clone()?))
}

/// Leaves the session and becomes the daemon; returns only where that fails.
pub(crate) fn become_daemon(daemon: &OsStr, arguments: &[OsString]) -> Failure {
    // A child just started leads no group, so it may lead a session.
    let left = rustix::process::setsid();
    let error = match left {
        Ok(_) => Command::new(daemon).args(arguments).exec(),
        Err(error) => error.into(),
    };
    no_service(error.to_string())
}

async fn wait_for_answer(mut child: Child, log: &Path) -> Result<(), Failure> {
    let mut deadline = Instant::now() + START_LIMIT;
    let mut ended = false;
    while Instant::now() < deadline {
        if Client::connect(&Location::Private).await.is_ok() {
            return Ok(());
        }
        if !ended && matches!(child.try_wait(), Ok(Some(_))) {
            ended = true;
            deadline = deadline.min(Instant::now() + AFTER_END);
        }
        // The daemon has no way to tell a program it does not know that its socket is there.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let what = if ended { "it ended at once" } else { "it does not answer" };
    Err(no_service(format!("{what}; its log is {}", log.display())))
}
