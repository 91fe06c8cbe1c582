//! The program under test, and what it said.

use std::process::{ExitStatus, Output, Stdio};

use tokio::process::{Child, Command};

use crate::fake::Fake;

/// What a person or a script saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl From<Output> for Seen {
    fn from(output: Output) -> Seen {
        Seen {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: code(output.status),
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

/// The program, with nothing of the test's environment.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ebb"));
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs the program without a service.
pub(crate) async fn alone(words: &[&str]) -> Seen {
    command(words).output().await.unwrap().into()
}

impl Fake {
    /// The program, told where this service is.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = command(words);
        command.env("EBB_BUS", self.socket.display().to_string());
        command
    }

    /// Runs the program against this service.
    pub(crate) async fn ebb(&self, words: &[&str]) -> Seen {
        self.command(words).output().await.unwrap().into()
    }

    /// Starts the program against this service.
    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }
}

/// Waits for the end of what [`Fake::spawn`] started.
pub(crate) async fn seen(child: Child) -> Seen {
    child.wait_with_output().await.unwrap().into()
}

/// Sends a signal to what [`Fake::spawn`] started.
pub(crate) fn kill(child: &Child, signal: rustix::process::Signal) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}
