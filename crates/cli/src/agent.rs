//! Somebody who asks the person at the terminal.
//!
//! Answers one question: *who shows the question of polkit to whoever typed this command?* On a
//! desktop its own agent does; at a bare terminal nobody, so polkit's `pkttyagent` is started beside us, as
//! `systemctl` does, and ended with us. Passwords go from the terminal to it and never through this
//! program. Where it is not installed nobody is asked, and what takes an administrator is refused.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use crate::args::Invocation;

/// Where Debian puts it, and most others.
const PROGRAM: &str = "/usr/bin/pkttyagent";
/// Whoever has not registered by then is not waited for.
const READY_WITHIN: Duration = Duration::from_secs(5);

static AGENT: Mutex<Option<Child>> = Mutex::new(None);

/// Whether a person may be asked: there is one at a terminal, and they have not forbidden it.
pub(crate) fn may_ask(call: &Invocation) -> bool {
    !call.has("no-ask-password") && rustix::termios::isatty(std::io::stdin())
}

/// Starts it, once, and waits until polkit knows it.
pub(crate) async fn start() {
    if with(|agent| agent.is_some()) {
        return;
    }
    if let Some((child, ready)) = launch() {
        with(|agent| *agent = Some(child));
        // It closes its end when it has registered; so does its end.
        let _ = timeout(READY_WITHIN, registered(ready)).await;
    }
}

/// Ends it. It gives the terminal back as it was.
pub(crate) fn end() {
    let Some(mut child) = with(Option::take) else { return };
    if let Some(pid) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let _ = child.wait();
}

fn with<T>(act: impl FnOnce(&mut Option<Child>) -> T) -> T {
    act(&mut AGENT.lock().unwrap_or_else(PoisonError::into_inner))
}

fn launch() -> Option<(Child, OwnedFd)> {
    let subject = format!("{},{}", std::process::id(), started()?);
    let (ready, told) = pipe_with(PipeFlags::CLOEXEC).ok()?;
    // This one end is its own.
    fcntl_setfd(&told, FdFlags::empty()).ok()?;
    let mut command = Command::new(PROGRAM);
    command.args(["--fallback", "--process", &subject, "--notify-fd"]);
    command.arg(told.as_raw_fd().to_string());
    // It speaks to the terminal itself.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Some((command.spawn().ok()?, ready))
}

async fn registered(ready: OwnedFd) -> std::io::Result<()> {
    let mut ready = Receiver::from_owned_fd(ready)?;
    let mut nothing = [0];
    while ready.read(&mut nothing).await? > 0 {}
    Ok(())
}

/// When this process began, in the kernel's own units: with it a number is nobody else's.
fn started() -> Option<u64> {
    started_in(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// The 22nd field, by proc(5); the second is a name in parentheses that may hold anything.
fn started_in(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_process_is_read_whatever_its_name_is() {
        let fields: Vec<String> = (4..53).map(|field| field.to_string()).collect();
        let stat = format!("17 (a) b (c) S {}", fields.join(" "));
        assert_eq!(started_in(&stat), Some(22));
        assert_eq!(started_in("17 (a) S 4 5"), None);
        assert!(started().is_some());
    }
}
