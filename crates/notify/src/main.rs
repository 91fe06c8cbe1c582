//! The program ebb-notify: runs the command of a job that has ended, as the job's owner.
//!
//! `ebbd` starts it as exactly the owner, in a session of its own, without capabilities and without
//! the way to new privileges. It takes one command from the service (its standard input), runs it,
//! and says how it ended. A process runs one command, and ends with it.
//!
//! The command gets: its words as they are, no shell; `/` to be in; nothing to read and nowhere to
//! write but what it opens itself; no descriptor of ours; the environment in [`environment`]. It
//! gets no sandbox of ours, for it is the owner's own program; what it keeps of us is
//! `no_new_privs`, and the control group: to put it into one of the owner's takes rights over both,
//! which nobody here has. In a private instance it is the owner's own.
//!
//! It ends when we do, whoever ends us. It is ended with everything it started that stayed in its process group when it takes too long,
//! and when the service goes away or changes its mind.
//!
//! What the others may try: the command may do anything its owner may; we are the owner too, so there
//! is nothing to be gained here. The service may be taken over: that it could run what it likes as
//! whom it likes is why `ebbd` starts us only where *its* policy allows it, and never as root.

#![forbid(unsafe_code)]

mod environment;

use ebb_wire::channel::{self, Received};
use ebb_wire::notify::{FromNotify, ToNotify};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What the second stage is started with; then the watcher's process id and the command.
const BECOME: &str = "--become";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [mark, watcher, program, parameters @ ..] if mark == BECOME => {
            return become_it(watcher, program, parameters);
        }
        // How ebbd starts every agent; there is no sandbox to be asked for here.
        [] => {}
        [one] if one.as_bytes().starts_with(b"--sandbox=") => {}
        _ => {
            eprintln!("ebb-notify: started by ebbd, only");
            return ExitCode::from(64);
        }
    }
    match run(std::io::stdin().as_fd()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ebb-notify: {error}");
            ExitCode::from(70)
        }
    }
}

/// Runs one command, and says how it ended.
fn run(service: BorrowedFd<'_>) -> Result<(), Box<dyn Error>> {
    let Received::Message(ToNotify::Run { words, environment, limit }, _) =
        channel::receive(service)?
    else {
        // Not wanted any more.
        return Ok(());
    };
    let end = Instant::now() + Duration::from_secs(limit.into());
    let answer = match start(&words, &environment) {
        Ok(child) => match watch(child, service, end)? {
            Some(status) => FromNotify::Ended { status },
            None => return Ok(()),
        },
        Err(error) => FromNotify::NotStarted { errno: error.raw_os_error().unwrap_or(0) },
    };
    Ok(channel::send(service, &answer, None)?)
}

/// Starts it in a process group of its own.
fn start(words: &[Vec<u8>], given: &[Vec<u8>]) -> io::Result<Child> {
    let (program, parameters) =
        words.split_first().ok_or_else(|| io::Error::from_raw_os_error(22))?;
    // Ourselves once more, so that it is there before it is somebody else who must end with us.
    let mut command = Command::new("/proc/self/exe");
    command.arg(BECOME).arg(std::process::id().to_string()).arg(OsStr::from_bytes(program));
    command.args(parameters.iter().map(|word| OsStr::from_bytes(word)));
    command.env_clear().envs(environment::of(given));
    command.current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()
}

/// The second stage: a process that ends when its watcher does, and becomes the command. What a shell
/// would say of a program that cannot be run, its exit code says too.
fn become_it(watcher: &OsStr, program: &OsStr, parameters: &[OsString]) -> ExitCode {
    let dies_with = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let parent = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().to_string());
    // It may have ended before.
    if dies_with.is_err() || parent.as_deref() != watcher.to_str() {
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(parameters).exec();
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

/// Waits for it; ends it when it takes too long. `None` when the service has gone, and it with it.
fn watch(mut child: Child, service: BorrowedFd<'_>, end: Instant) -> io::Result<Option<i32>> {
    let group = Pid::from_child(&child);
    let ended = pidfd_open(group, PidfdFlags::empty())?;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 60, tv_nsec: 0 });
        let mut ready = [
            PollFd::new(&ended, PollFlags::IN),
            // Nothing is said to us any more: whatever comes is the end.
            PollFd::new(&service, PollFlags::IN),
        ];
        match poll(&mut ready, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let [over, gone] = ready.map(|one| !one.revents().is_empty());
        if over {
            let status = child.wait()?;
            let signal = || status.signal().map(|signal| -signal);
            return Ok(Some(status.code().or_else(signal).unwrap_or(-1)));
        }
        if gone || left.is_zero() {
            // A group that has gone in the meantime needs no ending.
            let _ = kill_process_group(group, Signal::KILL);
            let status = child.wait()?;
            return Ok((!gone).then(|| status.signal().map_or(-1, |signal| -signal)));
        }
    }
}
