//! Lending an identity: how root makes a user the helper of a job.
//!
//! Answers one question: *how does the service come to see that user?* The service believes the
//! kernel, not what it is told, so root has to *become* the user on the connection that calls
//! `SetHelperToken`. That is a child process here: `setpriv` drops everything root has and runs a
//! program that calls [`join`] with the path it is given. The options stay open in this process
//! until the child is done, because they end with the connection that opened them.
//!
//! What other users may try: to read the path, a capability, before the child has used it. So it
//! travels through a pipe; command lines can be read by everybody.
//!
//! Nothing here changes the identity of the calling process.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::client::{Client, TokenOptions};
use crate::errors::ClientError;

/// The user whose identity is lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentIdentity {
    /// The user.
    pub uid: u32,
    /// The primary group. The others are what a fresh login of that user would have.
    pub gid: u32,
}

/// Makes the caller of this function the helper of the job behind `options`, an object path.
///
/// # Errors
/// `Service` where the options are closed, or the caller may not be the helper.
pub async fn join(client: &Client, options: &str) -> Result<(), ClientError> {
    client.token_options(options).set_helper_token().await
}

/// Makes a user the helper of the job behind `options`; the caller must be root.
///
/// `program` is what the user runs, with the object path as the one line of its standard input: it
/// connects, calls [`join`], and says on standard error why it could not. It gets an environment of `PATH` only.
///
/// # Errors
/// `Impersonation` where the child could not be started, or ended with a no; with its words.
pub async fn set_as_user(
    options: &TokenOptions<'_>,
    user: LentIdentity,
    program: &[OsString],
) -> Result<(), ClientError> {
    let command = as_user(user, program);
    let path = options.path().to_owned();
    let done = tokio::task::spawn_blocking(move || run(command, &path)).await;
    let output = done
        .map_err(|error| ClientError::Impersonation(error.to_string()))?
        .map_err(|error| ClientError::Impersonation(format!("setpriv: {error}")))?;
    judge(&output)
}

fn run(mut command: Command, path: &str) -> io::Result<Output> {
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A child that is already gone tells us why with its status.
        let _gone = writeln!(stdin, "{path}");
    }
    child.wait_with_output()
}

/// The command that drops from root to `user` and runs `program`.
fn as_user(user: LentIdentity, program: &[OsString]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={}", user.uid))
        .arg(format!("--regid={}", user.gid))
        .args(["--init-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"])
        .args(["--no-new-privs", "--"])
        .args(program)
        // Root's environment may hold what the user should not see, or change what runs as him.
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn judge(output: &Output) -> Result<(), ClientError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(ClientError::Impersonation(match said {
        "" => ended(output.status),
        _ => said.to_owned(),
    }))
}

fn ended(status: ExitStatus) -> String {
    format!("it ended with {status}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: LentIdentity = LentIdentity { uid: 65534, gid: 65534 };

    fn words(text: &[&str]) -> Vec<OsString> {
        text.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_child_of_root_is_the_user_and_nothing_more() {
        if std::fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me)).ok()
            != Some(0)
        {
            return; // only root can become somebody else
        }
        let output = as_user(NOBODY, &words(&["cat", "/proc/self/status"])).output().unwrap();
        let status = String::from_utf8(output.stdout).unwrap();
        for line in [
            "Uid:\t65534\t65534\t65534\t65534",
            "Gid:\t65534\t65534\t65534\t65534",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
        ] {
            assert!(status.contains(line), "{line} is not in {status}");
        }
    }

    #[test]
    fn the_path_is_not_on_a_command_line() {
        let mut command = Command::new("sh");
        command.args(["-c", "read line; echo $line; tr '\\0' ' ' </proc/$$/cmdline"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let output = String::from_utf8(run(command, "/secret").unwrap().stdout).unwrap();
        assert_eq!(output.matches("/secret").count(), 1);
    }

    #[test]
    fn what_the_child_says_is_the_reason() {
        let no = Command::new("sh").args(["-c", "echo no such door >&2; exit 3"]).output().unwrap();
        let error = judge(&no).unwrap_err();
        assert_eq!(error.to_string(), "becoming the helper failed: no such door");
    }
}
