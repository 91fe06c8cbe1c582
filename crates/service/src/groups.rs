//! Control groups for what `ebbd` starts, so that an administrator sees and can limit it.
//!
//! Answers one question: *which group does a process belong into?* One for each program and the
//! identity it runs under (`files-1000`, `command-1000`); `ebbd` and this service into `main`.
//! `systemd-cgls` shows them, and the limits of the unit hold for all of them together.
//!
//! They are made in the unit's own group, if that was handed to this service's user: `ebb-delegate`
//! does so before `ebbd` starts, and leaves the empty group `main` as the sign of it (design 021).
//! Without that sign nothing is touched: a group that is ours by chance holds others' processes too.
//! Where there is no such tree (an older hierarchy, a container, a private instance) all goes on in
//! the group it is in, which the journal says once.
//!
//! An identity's agents give way in their groups: the processor and the disk are theirs when nobody else
//! in the unit wants them, as long as they serve no job in the foreground. Which files of the kernel's say
//! so depends on its version; one that is missing is passed over.
//!
//! What somebody could gain who takes this service over: to move processes within the unit, and to
//! stop them there, which `ebbd` does for it anyway.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ebb_wire::launcher::Role;

const HIERARCHY: &str = "/sys/fs/cgroup";
/// Where `ebbd` and this service are. A group with groups in it that have limits holds no processes.
const MAIN: &str = "main";
/// What can be limited, where the unit has been given it.
const CONTROLLERS: [&str; 4] = ["cpu", "io", "memory", "pids"];

/// A file of a group, what makes it give way, and what takes that back.
const MANNERS: [(&str, &str, &str); 4] = [
    ("cpu.idle", "1", "0"),
    ("io.weight", "default 1", "default 100"),
    ("io.bfq.weight", "default 1", "default 100"),
    ("io.prio.class", "idle", "no-change"),
];

/// The groups of this unit, if they are ours to make.
pub(crate) struct Groups {
    base: Option<PathBuf>,
    /// Identities that serve a job in the foreground.
    urgent: RefCell<BTreeSet<u32>>,
    said: Cell<bool>,
}

impl Groups {
    /// The tree that was handed to us. To be asked before this process is confined.
    pub(crate) fn find() -> Option<PathBuf> {
        let of_process = fs::read_to_string("/proc/self/cgroup").ok()?;
        let base = base(Path::new(HIERARCHY), &of_process)?;
        let ours = |dir: &Path| {
            let us = rustix::process::geteuid().as_raw();
            fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir() && found.uid() == us)
        };
        (ours(&base) && ours(&base.join(MAIN))).then_some(base)
    }

    /// Moves `ebbd` and this process into a group of their own, which makes room for the others.
    pub(crate) fn settle(base: Option<PathBuf>) -> Self {
        let groups = Self { base, urgent: RefCell::default(), said: Cell::new(false) };
        if let Some(base) = &groups.base {
            let launcher = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
            let own = rustix::process::getpid().as_raw_nonzero().get();
            let moved = launcher
                .into_iter()
                .chain([own])
                .try_for_each(|pid| write(&base.join(MAIN).join("cgroup.procs"), &pid.to_string()));
            groups.say(moved);
            let given = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
            for controller in CONTROLLERS {
                if given.split_whitespace().any(|one| one == controller) {
                    let control = base.join("cgroup.subtree_control");
                    groups.say(write(&control, &format!("+{controller}")));
                }
            }
        }
        groups
    }

    /// Puts a process that was just started where it belongs.
    pub(crate) fn place(&self, role: Role, uid: u32, pid: u32) {
        let Some(base) = &self.base else { return };
        let group = base.join(format!("{}-{uid}", name(role)));
        let made = match fs::create_dir(&group) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        };
        self.say(made.and_then(|()| write(&group.join("cgroup.procs"), &pid.to_string())));
        if matches!(role, Role::Files | Role::Network) {
            self.give_way(&group, !self.urgent.borrow().contains(&uid));
        }
    }

    /// From now on these identities' agents serve a job in the foreground, and no others do.
    pub(crate) fn hurry(&self, urgent: BTreeSet<u32>) {
        let Some(base) = &self.base else { return };
        let before = self.urgent.replace(urgent);
        let now = self.urgent.borrow();
        for uid in before.symmetric_difference(&now) {
            for role in [Role::Files, Role::Network] {
                let group = base.join(format!("{}-{uid}", name(role)));
                self.give_way(&group, before.contains(uid));
            }
        }
    }

    fn give_way(&self, group: &Path, yes: bool) {
        for (file, when_so, when_not) in MANNERS {
            match write(&group.join(file), if yes { when_so } else { when_not }) {
                // Another kernel, or nobody of this identity has been started yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                written => self.say(written),
            }
        }
    }

    /// A process that stays where it is does its work all the same.
    fn say(&self, done: io::Result<()>) {
        if let Err(error) = done
            && !self.said.replace(true)
        {
            eprintln!("control groups cannot be used: {error}; processes stay where they are");
        }
    }
}

/// The unit's group, by what the kernel says about a process in it.
fn base(hierarchy: &Path, of_process: &str) -> Option<PathBuf> {
    let group = of_process.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let is_plain = !group.is_empty() && group.split('/').all(|step| ![".", ".."].contains(&step));
    is_plain.then(|| hierarchy.join(group))
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Files => "files",
        Role::Network => "network",
        Role::Sign => "sign",
        Role::Token => "token",
        Role::Notify => "command",
    }
}

/// One word to a file of the kernel's.
fn write(path: &Path, word: &str) -> io::Result<()> {
    fs::File::options().write(true).open(path)?.write_all(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_that_of_the_unified_hierarchy_and_never_the_root_or_outside() {
        let of = |text: &str| base(Path::new("/sys/fs/cgroup"), text);
        let hybrid = "9:name=systemd:/x\n1:cpu:/\n0::/system.slice/ebbd.service\n";
        assert_eq!(of(hybrid), Some("/sys/fs/cgroup/system.slice/ebbd.service".into()));
        assert_eq!(of("0::/\n"), None);
        assert_eq!(of("1:cpu:/ebbd\n"), None);
        assert_eq!(of("0::/../../etc\n"), None);
    }

    #[test]
    fn an_identitys_agents_give_way_unless_a_job_in_the_foreground_has_them() {
        let base = std::env::temp_dir().join(format!("ebb-groups-{}", std::process::id()));
        let (his, hers) = (base.join("network-1001"), base.join("network-1000"));
        // A kernel that knows two of the files.
        let kernel = || {
            for group in [&his, &hers] {
                fs::create_dir_all(group).unwrap();
                for file in ["cgroup.procs", "cpu.idle", "io.weight"] {
                    fs::write(group.join(file), "").unwrap();
                }
            }
        };
        let said = |group: &Path| {
            let of = |file| fs::read_to_string(group.join(file)).unwrap();
            (of("cpu.idle"), of("io.weight"))
        };
        let text = |idle: &str, weight: &str| (idle.to_owned(), weight.to_owned());
        kernel();
        let urgent = RefCell::default();
        let groups = Groups { base: Some(base.clone()), urgent, said: Cell::new(false) };
        groups.place(Role::Network, 1000, 1);
        assert_eq!(said(&hers), text("1", "default 1"));
        kernel();
        groups.hurry(BTreeSet::from([1000, 1001]));
        assert_eq!((said(&hers), said(&his)), (text("0", "default 100"), text("0", "default 100")));
        kernel();
        groups.place(Role::Network, 1001, 2);
        assert_eq!(said(&his), text("0", "default 100"), "the next one of them, too");
        groups.hurry(BTreeSet::from([1000]));
        assert_eq!(said(&hers), text("", ""), "as it was");
        kernel();
        groups.hurry(BTreeSet::new());
        assert_eq!((said(&hers), said(&his)), (text("1", "default 1"), text("", "")));
        assert!(!groups.said.get(), "files the kernel does not have are no trouble");
        assert_eq!(fs::read_dir(&his).unwrap().count(), 3, "and are not made");
        fs::remove_dir_all(base).unwrap();
    }
}
