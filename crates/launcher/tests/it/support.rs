//! An ebbd in a directory of its own, whose service is a relay to the test.

use ebb_wire::channel::{self, Received};
use ebb_wire::launcher::{AgentId, FromLauncher, Identity, Role, ToLauncher};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

/// How long anything may take before a test fails.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

pub(crate) struct Ebbd {
    dir: PathBuf,
    pub(crate) launcher: Child,
    control: Option<OwnedFd>,
}

/// The user of the service, whom `tests/setup` makes: uid and gid.
pub(crate) fn service_user() -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let entry = passwd.lines().find(|line| line.starts_with("ebb:")).expect("tests/setup was run");
    let number = |at: usize| entry.split(':').nth(at).unwrap().parse().unwrap();
    (number(2), number(3))
}

/// Whether identities can be changed here.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Ebbd {
    /// Starts one as root.
    pub(crate) fn system(policy: &str) -> Self {
        Self::start(policy, None)
    }

    /// Starts a private one as this uid and gid, with this supplementary group.
    pub(crate) fn private(uid: u32, group: u32) -> Self {
        Self::start("", Some((uid, group)))
    }

    fn start(policy: &str, private: Option<(u32, u32)>) -> Self {
        let dir = furnish(policy, private.map_or_else(|| service_user().0, |(uid, _)| uid));
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None);
        let listener = listener.unwrap();
        let control = dir.join("run/control");
        rustix::net::bind(&listener, &SocketAddrUnix::new(&control).unwrap()).unwrap();
        fs::set_permissions(&control, fs::Permissions::from_mode(0o777)).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        let mut launcher = command(&dir, private).spawn().unwrap();
        if !wait_for(&listener) {
            launcher.kill().unwrap();
            panic!("the service did not connect");
        }
        let control = rustix::net::accept(&listener).unwrap();
        Self { dir, launcher, control: Some(control) }
    }

    pub(crate) fn say(&self, message: &ToLauncher) {
        channel::send(self.control.as_ref().unwrap(), message, None).unwrap();
    }

    /// Another handle on what the service hears and says.
    pub(crate) fn control(&self) -> OwnedFd {
        self.control.as_ref().unwrap().try_clone().unwrap()
    }

    pub(crate) fn say_bytes(&self, bytes: &[u8]) {
        rustix::net::send(self.control.as_ref().unwrap(), bytes, SendFlags::NOSIGNAL).unwrap();
    }

    pub(crate) fn hear(&self) -> (FromLauncher, Option<OwnedFd>) {
        let control = self.control.as_ref().unwrap();
        assert!(wait_for(control), "ebbd said nothing");
        match channel::receive(control).unwrap() {
            Received::Message(message, end) => (message, end),
            Received::Closed => panic!("the service is gone"),
        }
    }

    /// Starts an agent that must be admitted; its process id and its channel.
    pub(crate) fn agent(&self, agent: u32, role: Role, identity: Identity) -> (u32, OwnedFd) {
        self.say(&ToLauncher::Start { agent: AgentId(agent), role, identity });
        loop {
            match self.hear() {
                (FromLauncher::Started { agent: started, pid }, Some(end)) => {
                    assert_eq!(started, AgentId(agent));
                    wait_until_it_runs(&end);
                    return (pid, end);
                }
                // One that was started before, and whose channel the test has let go of.
                (FromLauncher::Ended { agent: ended, .. }, None) if ended != AgentId(agent) => {}
                other => panic!("not started: {other:?}"),
            }
        }
    }

    /// Has the service end as it does when all is well.
    pub(crate) fn close_control(&mut self) {
        self.control = None;
    }

    /// Process id of the service.
    pub(crate) fn service(&self) -> u32 {
        let pid = self.launcher.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let mut children = children.split_whitespace().map(|child| child.parse().unwrap());
        children.find(|child| name_of(*child) == "ebb-service").expect("the service runs")
    }

    /// Waits for ebbd's end; its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.launcher);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty());
        assert!(wait_for(pidfd.unwrap()), "ebbd did not end");
        self.launcher.wait().unwrap().code()
    }
}

impl Drop for Ebbd {
    fn drop(&mut self) {
        let _ = self.launcher.kill();
        let _ = self.launcher.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// One line of `/proc/PID/status`.
pub(crate) fn status(pid: u32, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(&format!("{key}:")));
    value.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Waits for the end of a process that is not ours to reap.
pub(crate) fn wait_for_end(pid: &OwnedFd) {
    assert!(wait_for(pid), "a process was left running");
}

/// A handle on a process that stays valid after its end.
pub(crate) fn handle(pid: u32) -> OwnedFd {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap()
}

/// Waits until something can be read.
pub(crate) fn wait_for(fd: impl AsFd) -> bool {
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&PATIENCE)).unwrap() == 1
}

fn name_of(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim().into()
}

fn furnish(policy: &str, owner: u32) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("ebbd-{}-{number}", std::process::id()));
    for sub in ["libexec", "run", "state"] {
        fs::create_dir_all(dir.join(sub)).unwrap();
        fs::set_permissions(dir.join(sub), fs::Permissions::from_mode(0o755)).unwrap();
        chown(dir.join(sub), Some(owner), None).unwrap();
    }
    let test = std::env::current_exe().unwrap();
    let examples = test.ancestors().nth(2).unwrap().join("examples");
    for (stand_in, program) in
        [("relay", "ebb-service"), ("idler", "ebb-files"), ("idler", "ebb-net")]
    {
        copy(&examples.join(stand_in), &dir.join("libexec").join(program));
    }
    let place = dir.display();
    let text = format!(
        "libexec-dir = {place}/libexec\nruntime-dir = {place}/run\n\
         state-dir = {place}/state\nconfig = {place}/ebb.toml\n{policy}\n"
    );
    fs::write(dir.join("ebbd.conf"), text).unwrap();
    dir
}

fn command(dir: &Path, private: Option<(u32, u32)>) -> Command {
    let program = env!("CARGO_BIN_EXE_ebbd");
    let mut command = match private {
        None => Command::new(program),
        Some((uid, group)) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={uid}")]);
            command.arg(format!("--groups={group}")).arg(program);
            command
        }
    };
    command.arg("--policy").arg(dir.join("ebbd.conf"));
    command
}

/// Waits for the stand-in's one word: until then the dynamic loader is at work in the process.
fn wait_until_it_runs(end: &OwnedFd) {
    assert!(wait_for(end), "the agent said nothing");
    rustix::net::recv(end, &mut [0_u8][..], rustix::net::RecvFlags::empty()).unwrap();
}

/// Copies a program. Not in this process: a child that another test's thread forks meanwhile would
/// hold the copy open for writing, and nobody could run it.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success(), "{from:?}");
}
