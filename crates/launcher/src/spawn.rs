//! Starts a process as an identity, with one channel and nothing else.
//!
//! What it gets: the channel as standard input, `/dev/null` or our own output, our own error
//! output, two harmless variables, the directory `/`. What it is told on its command line is for
//! everybody to read in the list of processes: no path of a user's, no URL.

use crate::policy::Sandbox;
use crate::settings::{Instance, Settings};
use crate::sys;
use ebb_wire::launcher::{Identity, Role};
use rustix::process::Pid;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts the service; gives its process and our end of its channel.
pub(crate) fn service(settings: &Settings) -> io::Result<(Pid, OwnedFd)> {
    let instance = match settings.instance {
        Instance::System => "--instance=system",
        Instance::Private => "--instance=private",
    };
    let arguments = [
        instance.into(),
        with("--runtime-dir=", &settings.runtime_dir),
        with("--state-dir=", &settings.state_dir),
        with("--config=", &settings.config),
        sandbox(settings).into(),
    ];
    let mut command = bare(&settings.libexec_dir.join("ebb-service"));
    command.args(arguments).stdout(Stdio::inherit());
    start(command, settings, &settings.service)
}

/// Starts an agent; gives its process and the service's end of its channel.
pub(crate) fn agent(
    settings: &Settings,
    role: Role,
    identity: &Identity,
) -> io::Result<(Pid, OwnedFd)> {
    let program = match role {
        Role::Files => "ebb-files",
        Role::Network => "ebb-net",
    };
    let mut command = bare(&settings.libexec_dir.join(program));
    command.arg(sandbox(settings)).stdout(Stdio::null());
    if let (Role::Network, Some(file)) = (role, &settings.policy.extra_ca_file) {
        command.arg(with("--extra-ca=", file));
    }
    start(command, settings, identity)
}

fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .current_dir("/");
    command
}

fn with(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(path);
    argument
}

fn sandbox(settings: &Settings) -> &'static str {
    match settings.policy.sandbox {
        Sandbox::Required => "--sandbox=required",
        Sandbox::Warn => "--sandbox=warn",
    }
}

fn start(
    mut command: Command,
    settings: &Settings,
    identity: &Identity,
) -> io::Result<(Pid, OwnedFd)> {
    let (near, far) = ebb_wire::channel::pair()?;
    command.stdin(far).stderr(Stdio::inherit());
    let become_whom = match settings.instance {
        Instance::System => Some(identity.clone()),
        Instance::Private => None,
    };
    sys::before_exec(&mut command, become_whom);
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // The handle neither kills nor waits when it is dropped; the house does both, by number.
    Ok((pid.ok_or(io::ErrorKind::InvalidData)?, near))
}
