//! A machine of the test's own with a real systemd, message bus and logind, where people log on
//! through PAM: this machine's files under an overlay, booted by `systemd-nspawn`.
//!
//! It shares this machine's network, so that the test's servers are reached; everything else is its
//! own. Nothing of it is left after [`Drop`]: all it writes is in memory. Where it cannot be booted
//! (no root, no nspawn, no overlay), that is said aloud and the test left out.

use crate::processes::Process;
use crate::scratch::{wait_for_event, watch};
use crate::server::PATIENCE;
use crate::users::{User, left_out, needs_root};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What is started in it: no more than logging on takes.
const TARGET: &str = "[Unit]\nRequires=basic.target\nAfter=basic.target dbus.service systemd-logind.service\n\
    Wants=dbus.service systemd-logind.service systemd-user-sessions.service ebb-test-ready.service ebb-test-end.service\n";
/// When people can log on, it says so with this file in the shared directory.
const READY: &str = "ready";
/// Should nobody end it, it ends by itself.
const END: &str =
    "[Service]\nExecStart=/bin/sh -c 'sleep 600 && systemctl poweroff --force --force'\n";
/// What our programs confine themselves with.
const LANDLOCK: &str = "landlock_create_ruleset landlock_add_rule landlock_restrict_self";
/// How long a boot may take.
const BOOT: Duration = Duration::from_secs(120);

/// How `systemd-nspawn` ends when the machine wants to be started anew.
const REBOOT: i32 = 133;

/// A booted machine.
#[derive(Debug)]
pub struct Machine {
    directory: PathBuf,
    nspawn: Child,
    leader: u32,
}

impl Machine {
    /// Boots one, or says why that cannot be.
    #[must_use]
    pub fn boot(what: &str) -> Option<Self> {
        if !needs_root(what) {
            return None;
        }
        let name = format!("ebbt-{}-{what}", std::process::id());
        let directory = Path::new("/run").join(&name);
        match Self::try_boot(&name, &directory) {
            Ok(machine) => Some(machine),
            Err(why) => {
                clear_away(&directory);
                left_out(&format!("no machine can be booted here ({why}): {what}"));
                None
            }
        }
    }

    fn try_boot(name: &str, directory: &Path) -> Result<Self, String> {
        let [up, work, root, shared] =
            ["memory/up", "memory/work", "memory/root", "shared"].map(|part| directory.join(part));
        let failed = |error: std::io::Error| error.to_string();
        fs::create_dir_all(&shared).map_err(failed)?;
        fs::create_dir(directory.join("memory")).map_err(failed)?;
        run("mount", &["-t", "tmpfs", "-o", "mode=0755", name, &text(&directory.join("memory"))])?;
        let units = up.join("etc/systemd/system");
        for part in [&units, &work, &root] {
            fs::create_dir_all(part).map_err(failed)?;
        }
        for part in [directory, &shared, &up, &up.join("etc")] {
            fs::set_permissions(part, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        }
        fs::write(units.join("ebb-test.target"), TARGET).map_err(failed)?;
        fs::write(units.join("ebb-test-end.service"), END).map_err(failed)?;
        let layers = format!("lowerdir=/,upperdir={},workdir={}", up.display(), work.display());
        run("mount", &["-t", "overlay", "-o", &layers, name, &text(&root)])?;
        let ready = format!(
            "[Unit]\nAfter=dbus.service systemd-logind.service systemd-user-sessions.service\n\
             [Service]\nType=oneshot\nExecStart=/bin/touch {}\n",
            shared.join(READY).display()
        );
        fs::write(units.join("ebb-test-ready.service"), ready).map_err(failed)?;
        let nspawn = spawn(directory).map_err(|error| format!("systemd-nspawn: {error}"))?;
        let mut machine = Self { directory: directory.to_owned(), nspawn, leader: 0 };
        machine.come_up()?;
        Ok(machine)
    }

    fn come_up(&mut self) -> Result<(), String> {
        let events = watch(&self.shared());
        let end = Instant::now() + BOOT;
        while !self.is_up() {
            if self.nspawn.try_wait().map_err(|error| error.to_string())?.is_some() {
                return Err("systemd-nspawn ended".into());
            }
            if Instant::now() > end {
                return Err("it does not come up".into());
            }
            wait_for_event(&events);
        }
        Ok(())
    }

    fn is_up(&mut self) -> bool {
        if !self.shared().join(READY).exists() {
            return false;
        }
        let nspawn = self.nspawn.id();
        let family = Process::family(nspawn);
        let init = family.iter().find(|p| p.parent == nspawn && p.name == "systemd");
        let Some(init) = init else { return false };
        self.leader = init.pid;
        self.run(&["loginctl", "list-sessions"]).status.success()
    }

    /// Lets it start anew, as a person would; all that was on its disks is there afterwards.
    ///
    /// # Panics
    ///
    /// When it does not come up again in time.
    pub fn reboot(&mut self) {
        let ready = self.shared().join(READY);
        fs::remove_file(&ready).expect("it was ready");
        let asked = self.run(&["systemctl", "--no-block", "reboot"]);
        assert!(asked.status.success(), "{asked:?}");
        let ended = self.nspawn.wait().expect("our child");
        assert_eq!(ended.code(), Some(REBOOT), "it goes down to come up again");
        self.nspawn = spawn(&self.directory).expect("as before");
        self.come_up().expect("as before");
    }

    /// Runs a program in it as root, which has to succeed; gives its standard output.
    ///
    /// # Panics
    ///
    /// When it does not succeed.
    pub fn must(&self, words: &[&str]) -> String {
        let done = self.run(words);
        let (out, said) =
            (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{words:?}: {out}{said}");
        out.trim_end().to_owned()
    }

    /// The same as a user who has not logged on.
    ///
    /// # Panics
    ///
    /// When it does not succeed.
    pub fn must_as(&self, user: &User, words: &[&str]) -> String {
        self.must(&[&["runuser", "-u", &user.name, "--"], words].concat())
    }

    /// A directory that is the same here and there.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.directory.join("shared")
    }

    /// The words that start a program in it, which ends with whoever started it.
    #[must_use]
    pub fn wrapper(&self) -> Vec<String> {
        let leader = self.leader.to_string();
        let words = ["nsenter", "-t", &leader, "-m", "-u", "-i", "-n", "-p", "-C"];
        let words = words.iter().chain(&["setpriv", "--pdeathsig", "KILL"]);
        words.map(|word| (*word).to_owned()).collect()
    }

    /// Runs a program in it as root.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("nsenter can be started")
    }

    fn command(&self, words: &[&str]) -> Command {
        let wrapper = self.wrapper();
        let mut command = Command::new(&wrapper[0]);
        command.args(&wrapper[1..]).args(words).stdin(Stdio::null()).current_dir("/");
        command
    }

    /// Logs a user on, with a program that is their session until it ends; says which session.
    ///
    /// # Panics
    ///
    /// When there is no session for [`PATIENCE`].
    #[must_use]
    pub fn log_on(&self, user: &User, program: &[&str]) -> String {
        self.log_on_with(user, &[], program)
    }

    /// The same at the machine's seat.
    ///
    /// # Panics
    ///
    /// When there is no session for [`PATIENCE`].
    #[must_use]
    pub fn log_on_at_seat(&self, user: &User, program: &[&str]) -> String {
        self.log_on_with(user, &["-E", "XDG_SEAT=seat0"], program)
    }

    fn log_on_with(&self, user: &User, more: &[&str], program: &[&str]) -> String {
        let before = self.sessions_of(user);
        let (uid, class) = (format!("User={}", user.name), "XDG_SESSION_CLASS=user");
        let login = ["systemd-run", "--no-block", "-p", "PAMName=login", "-p", &uid];
        let kind = ["-E", class, "-E", "XDG_SESSION_TYPE=tty", "--"];
        let words: Vec<&str> =
            login.iter().chain(more).chain(&kind).chain(program).copied().collect();
        let started = self.run(&words);
        assert!(started.status.success(), "{started:?}");
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.sessions_of(user);
            if let Some(new) = now.into_iter().find(|session| !before.contains(session)) {
                return new;
            }
            assert!(Instant::now() < end, "{} gets no session", user.name);
        }
    }

    /// Runs a program as a user, in a session of theirs.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn run_in(&self, session: &str, user: &User, words: &[&str]) -> Output {
        self.command_in(session, user, words).output().expect("nsenter can be started")
    }

    /// What runs a program as a user, in a session of theirs.
    #[must_use]
    pub fn command_in(&self, session: &str, user: &User, words: &[&str]) -> Command {
        let scope = format!("session-{session}.scope");
        let group = self.must(&["systemctl", "show", "--value", "-p", "ControlGroup", &scope]);
        let enter = format!(
            "echo $$ > /sys/fs/cgroup{group}/cgroup.procs && exec runuser -u {} -- \"$@\"",
            user.name
        );
        self.command(&[&["sh", "-c", &enter, "sh"], words].concat())
    }

    /// The sessions of a user.
    #[must_use]
    pub fn sessions_of(&self, user: &User) -> Vec<String> {
        let listed = self.run(&["loginctl", "list-sessions", "--no-legend"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let words = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let uid = user.uid.to_string();
        let theirs = words.filter(|words| words.get(1) == Some(&uid.as_str()));
        theirs.map(|words| words[0].to_owned()).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.run(&["journalctl", "-q", "-b", "-n", "80", "-o", "short-precise"]);
            eprintln!("--- its journal:\n{}---", String::from_utf8_lossy(&said.stdout));
        }
        // All that runs in it ends with its first process, which does not end with nspawn.
        let family = Process::family(self.nspawn.id());
        for init in family.iter().filter(|process| process.parent == self.nspawn.id()) {
            init.signal(Signal::KILL);
            let _ = init.ended_within(PATIENCE);
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
        clear_away(&self.directory);
    }
}

fn spawn(directory: &Path) -> std::io::Result<Child> {
    let name = directory.file_name().unwrap_or_default();
    Command::new("systemd-nspawn")
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .args(["--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--console=pipe"])
        .arg("--machine")
        .arg(name)
        .arg("--directory")
        .arg(directory.join("memory/root"))
        .arg(format!("--bind={}", directory.join("shared").display()))
        // Its filter knows only what its own version knows.
        .arg(format!("--system-call-filter={LANDLOCK}"))
        .args(["--boot", "systemd.unit=ebb-test.target"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn clear_away(directory: &Path) {
    for mounted in ["memory/root", "memory"] {
        let _ = Command::new("umount").arg("-l").arg(directory.join(mounted)).output();
    }
    // Never across a mount that could not be undone.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if !mounts.contains(&*directory.to_string_lossy()) {
        let _ = fs::remove_dir_all(directory);
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
}
