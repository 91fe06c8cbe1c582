//! Accounts of the machine that tests use, and doing something as one of them.
//!
//! `tests/setup` makes the accounts; this module only reads the user database and never changes
//! it. Becoming a user is done by a thread that changes its own credentials with the raw system
//! calls, or by `setpriv` for programs; the test process itself stays root.

use rustix::process::{Gid, Uid, getuid};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// The group whose members are administrators in the tests' configuration.
pub const ADMIN_GROUP: &str = "ebbt-admins";

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its supplementary groups, without the primary one.
    pub groups: Vec<u32>,
}

/// Whether tests that need several identities can run; says aloud when they cannot.
#[must_use]
pub fn needs_root(what: &str) -> bool {
    if getuid().is_root() {
        return true;
    }
    left_out(&format!("needs root: {what}"));
    false
}

/// Says aloud that something is left out, and why.
pub fn left_out(what: &str) {
    // Past the capturing of the test harness: what was left out is to be seen when all is well. In
    // one piece and on a line of its own, whatever else is being printed.
    let line = format!("\nleft out: {what}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

impl User {
    /// The account of this name.
    ///
    /// # Panics
    ///
    /// When there is none: `tests/setup` has not been run.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let passwd = database("/etc/passwd");
        let entry = passwd.iter().find(|entry| entry[0] == name);
        let entry = entry.unwrap_or_else(|| panic!("no user {name}; run tests/setup as root"));
        let (uid, gid) = (number(&entry[2]), number(&entry[3]));
        let member = |entry: &&Vec<String>| entry[3].split(',').any(|member| member == name);
        let groups = database("/etc/group");
        let groups = groups.iter().filter(member).map(|entry| number(&entry[2]));
        Self { name: name.into(), uid, gid, groups: groups.filter(|g| *g != gid).collect() }
    }

    /// Whoever runs this.
    ///
    /// # Panics
    ///
    /// When the kernel's word on this process is not what it is on every Linux.
    #[must_use]
    pub fn me() -> Self {
        let (uid, gid) = (getuid().as_raw(), rustix::process::getgid().as_raw());
        let named = database("/etc/passwd").into_iter().find(|entry| number(&entry[2]) == uid);
        let name = named.map_or_else(|| format!("uid-{uid}"), |entry| entry[0].clone());
        let groups = rustix::process::getgroups().expect("every process has groups");
        let groups = groups.into_iter().map(Gid::as_raw).filter(|group| *group != gid);
        Self { name, uid, gid, groups: groups.collect() }
    }

    /// An ordinary user to own a job where one identity is enough: Alice, or without root whoever
    /// runs this.
    #[must_use]
    pub fn ordinary() -> Self {
        if getuid().is_root() { Self::alice() } else { Self::me() }
    }

    /// The superuser.
    #[must_use]
    pub fn root() -> Self {
        Self { name: "root".into(), uid: 0, gid: 0, groups: Vec::new() }
    }

    /// Alice, an ordinary user.
    #[must_use]
    pub fn alice() -> Self {
        Self::named("ebbt-alice")
    }

    /// Bob, another one.
    #[must_use]
    pub fn bob() -> Self {
        Self::named("ebbt-bob")
    }

    /// Carol, who is in [`ADMIN_GROUP`].
    #[must_use]
    pub fn carol() -> Self {
        Self::named("ebbt-carol")
    }

    /// Runs `work` in a thread that has exactly this user's uid, gid and groups.
    ///
    /// # Panics
    ///
    /// When the thread cannot become the user, or panics.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if getuid().as_raw() == self.uid {
            return work();
        }
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.become_in_this_thread().expect("root may become anybody");
                work()
            });
            thread.join().expect("the work does not panic")
        })
    }

    fn become_in_this_thread(&self) -> rustix::io::Result<()> {
        let groups: Vec<Gid> = self.groups.iter().map(|g| Gid::from_raw(*g)).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        rustix::thread::set_thread_groups(&groups)?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        rustix::thread::set_thread_res_uid(uid, uid, uid)
    }

    /// A program to be run as this user, with an empty environment but for `PATH`.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = if getuid().as_raw() == self.uid {
            Command::new(program)
        } else {
            let mut command = Command::new("setpriv");
            let groups = self.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            command.arg(format!("--reuid={}", self.uid)).arg(format!("--regid={}", self.gid));
            match groups.as_str() {
                "" => command.arg("--clear-groups"),
                list => command.arg(format!("--groups={list}")),
            };
            command.arg("--").arg(program);
            command
        };
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("LANG", "C.UTF-8");
        command
    }
}

fn database(path: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let entries = text.lines().map(|line| line.split(':').map(String::from).collect());
    entries.filter(|entry: &Vec<String>| entry.len() >= 4).collect()
}

fn number(text: &str) -> u32 {
    text.parse().expect("the user database has numbers there")
}

#[cfg(test)]
mod tests {
    use super::{User, needs_root};

    #[test]
    fn a_thread_becomes_a_user_and_the_process_does_not() {
        if !needs_root("becoming another user") {
            return;
        }
        let alice = User::alice();
        let uid = alice.run(|| std::fs::read_to_string("/proc/thread-self/status").unwrap());
        assert!(uid.contains(&format!("Uid:\t{0}\t{0}\t{0}\t{0}", alice.uid)), "{uid}");
        assert!(rustix::process::geteuid().is_root());
    }
}
