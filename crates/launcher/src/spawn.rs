//! Starts a process as an identity, with one channel and nothing else.
//!
//! What it gets: the channel as standard input, `/dev/null` or our own output, our own error
//! output, two harmless variables, the directory `/`. What it is told on its command line is for
//! everybody to read in the list of processes: no path of a user's, no URL.

use crate::policy::Policy;
use crate::sys;
use ebb_wire::launcher::{DenyReason, Identity, Role};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// The process, and the end of its channel that it does not have.
type Started = (Child, OwnedFd);

pub(crate) fn service(policy: &Policy) -> io::Result<Started> {
    let mut command = Command::new(policy.libexec_dir.join("ebb-service"));
    command.arg(with("--instance=", if policy.private { "private" } else { "system" }));
    command.arg(with("--runtime-dir=", &policy.runtime_dir));
    command.arg(with("--state-dir=", &policy.state_dir));
    command.arg(with("--config=", &policy.config));
    start(policy, command, &policy.service)
}

pub(crate) fn agent(policy: &Policy, role: Role, whom: &Identity) -> Result<Started, DenyReason> {
    let (program, extra_ca) = match role {
        Role::Files => ("ebb-files", None),
        Role::Network => ("ebb-net", policy.extra_ca_file.as_ref()),
    };
    let mut command = Command::new(policy.libexec_dir.join(program));
    command.args(extra_ca.map(|file| with("--extra-ca=", file))).stdout(Stdio::null());
    start(policy, command, whom).map_err(|error| {
        eprintln!("ebbd: cannot start {program}: {error}");
        DenyReason::System
    })
}

fn with(name: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(value);
    argument
}

fn start(policy: &Policy, mut command: Command, whom: &Identity) -> io::Result<Started> {
    let (near, far) = ebb_wire::channel::pair()?;
    // Nobody waits for a process we started; it may wait for us.
    rustix::io::ioctl_fionbio(&near, true)?;
    command.arg(with("--sandbox=", &policy.sandbox)).current_dir("/").stdin(far);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    // A private instance already is whom its processes shall be.
    sys::before_exec(&mut command, (!policy.private).then(|| whom.clone()));
    Ok((command.spawn()?, near))
}
