//! Starting a private instance.
//!
//! Answers one question: *how does an ordinary user get a service where there is none?* The
//! daemon is found next to this program, or where packages put it, and started in a session of
//! its own, so that it outlives the terminal. Two commands that start one at the same time are no
//! trouble: one instance wins, and both talk to it.
//!
//! It never runs for root, and never looks for the daemon in the current directory.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions};
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
    let (run, state) = directories()?;
    make_private(&run)?;
    make_private(&state)?;
    let log = state.join("ebbd.log");
    let child = launch(&daemon, &run, &state, &log)
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

fn directories() -> Result<(PathBuf, PathBuf), Failure> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let both = names::private_run_dir(variable).zip(names::private_state_dir(variable));
    both.ok_or_else(|| no_service("HOME is not set".to_owned()))
}

fn make_private(directory: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
        no_service(format!("cannot make the directory {}: {error}", directory.display()))
    })
}

/// Starts this program again as the one that leaves the session and becomes the daemon: leaving
/// the session must happen in the child, and only a program can do that safely.
fn launch(daemon: &Path, run: &Path, state: &Path, log: &Path) -> std::io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
    Command::new(std::env::current_exe()?)
        .arg("start-private")
        .arg("--")
        .arg(daemon)
        // Said outright, so that both of us mean the same place.
        .args([OsStr::new("--runtime-dir"), run.as_os_str()])
        .args([OsStr::new("--state-dir"), state.as_os_str()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(duplicate(&log)?)
        .stderr(log)
        .spawn()
}

fn duplicate(log: &File) -> std::io::Result<Stdio> {
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
