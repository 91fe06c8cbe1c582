//! What the kernel says about processes: who descends from whom, as whom, holding what.
//!
//! Everything is read from `/proc`. Signals go through descriptors of processes (pidfd), so that a
//! recycled number is never hit. This module never looks at a process it was not asked about.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::time::Duration;

/// One process, as it was when it was found.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its parent's number.
    pub parent: u32,
    /// The name of its program.
    pub name: String,
    handle: OwnedFd,
}

impl Process {
    /// The process of this number, if there is one.
    #[must_use]
    pub fn find(pid: u32) -> Option<Self> {
        let raw = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let handle = pidfd_open(raw, PidfdFlags::empty()).ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let mut rest = after.split_whitespace();
        let state = rest.next()?;
        let parent = rest.next()?.parse().ok()?;
        (state != "Z").then_some(Self { pid, parent, name, handle })
    }

    /// All that descend from this process, and itself first.
    #[must_use]
    pub fn family(pid: u32) -> Vec<Self> {
        let all: Vec<Self> = every_number().into_iter().filter_map(Self::find).collect();
        let mut wanted = vec![pid];
        let mut at = 0;
        while at < wanted.len() {
            let children = all.iter().filter(|p| p.parent == wanted[at]).map(|p| p.pid);
            wanted.extend(children.collect::<Vec<_>>());
            at += 1;
        }
        all.into_iter().filter(|p| wanted.contains(&p.pid)).collect()
    }

    /// A line of its `/proc/PID/status`, without its name; empty when it is gone.
    #[must_use]
    pub fn status(&self, field: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    }

    /// Its real, effective, saved and file system user id.
    #[must_use]
    pub fn uids(&self) -> Vec<u32> {
        numbers(&self.status("Uid"))
    }

    /// The same four of its group.
    #[must_use]
    pub fn gids(&self) -> Vec<u32> {
        numbers(&self.status("Gid"))
    }

    /// Its supplementary groups.
    #[must_use]
    pub fn groups(&self) -> Vec<u32> {
        numbers(&self.status("Groups"))
    }

    /// Its open descriptors and what they are.
    #[must_use]
    pub fn descriptors(&self) -> Vec<(u32, String)> {
        let Ok(dir) = std::fs::read_dir(format!("/proc/{}/fd", self.pid)) else {
            return Vec::new();
        };
        let mut all: Vec<(u32, String)> = dir
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let number = entry.file_name().to_str()?.parse().ok()?;
                let target = std::fs::read_link(entry.path()).ok()?;
                Some((number, target.display().to_string()))
            })
            .collect();
        all.sort();
        all
    }

    /// Its command line.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let line = std::fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words = line.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned());
        words.filter(|w| !w.is_empty()).collect()
    }

    /// Sends a signal; a process that is gone already is no error.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Waits until it has ended; whether it did within `limit`.
    #[must_use]
    pub fn ended_within(&self, limit: Duration) -> bool {
        let mut fds = [PollFd::new(&self.handle, PollFlags::IN)];
        let limit = Timespec::try_from(limit).expect("a short time");
        matches!(poll(&mut fds, Some(&limit)), Ok(n) if n > 0)
    }
}

fn every_number() -> Vec<u32> {
    let dir = std::fs::read_dir("/proc").expect("/proc is mounted");
    dir.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn numbers(text: &str) -> Vec<u32> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}
