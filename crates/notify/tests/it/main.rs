//! The program, with a test in the place of the service.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ebb_wire::channel::{self, Received};
use ebb_wire::notify::{FromNotify, ToNotify};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

struct Agent {
    child: Child,
    channel: Option<OwnedFd>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.channel.take());
        let _ended = self.child.wait();
    }
}

impl Agent {
    fn run(words: &[&str], limit: u32) -> Agent {
        let (near, far) = channel::pair().unwrap();
        let child =
            Command::new(env!("CARGO_BIN_EXE_ebb-notify")).stdin(far).env("SECRET", "x").spawn();
        let bytes = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let environment = bytes(&["EBB_STATE=transferred"]);
        let run = ToNotify::Run { words: bytes(words), environment, limit };
        channel::send(&near, &run, None).unwrap();
        Agent { child: child.unwrap(), channel: Some(near) }
    }

    fn answer(&self) -> FromNotify {
        let channel = self.channel.as_ref().unwrap();
        let mut ready = [PollFd::new(channel, PollFlags::IN)];
        assert_ne!(poll(&mut ready, Some(&Timespec { tv_sec: 30, tv_nsec: 0 })), Ok(0));
        match channel::receive(channel).unwrap() {
            Received::Message(answer, _) => answer,
            Received::Closed => panic!("no answer"),
        }
    }
}

fn ended(words: &[&str]) -> FromNotify {
    Agent::run(words, 30).answer()
}

#[test]
fn the_exit_status_is_told_as_it_is() {
    assert_eq!(ended(&["/bin/true"]), FromNotify::Ended { status: 0 });
    assert_eq!(ended(&["/bin/sh", "-c", "exit 7"]), FromNotify::Ended { status: 7 });
    assert_eq!(ended(&["/bin/sh", "-c", "kill -9 $$"]), FromNotify::Ended { status: -9 });
    assert_eq!(ended(&["/no/such/program"]), FromNotify::Ended { status: 127 });
    assert_eq!(ended(&["/etc/passwd"]), FromNotify::Ended { status: 126 });
}

/// What a shell finds is 0 or the number of the first check that failed.
#[test]
fn words_come_through_and_nothing_else_does() {
    let checks = "[ \"$1\" = '$(id); a|b' ] || exit 1; [ \"$2\" = '' ] || exit 2; [ $# = 2 ] || exit 3
        [ -z \"$SECRET\" ] || exit 4; [ \"$EBB_STATE\" = transferred ] || exit 5
        [ \"$(pwd)\" = / ] || exit 6; read line && exit 7
        for fd in /proc/$$/fd/*; do case ${fd##*/} in 0|1|2) ;; *) [ -S $fd ] && exit 8 ;; esac; done
        [ \"$(readlink /proc/$$/fd/0)\" = /dev/null ] || exit 9; exit 0";
    let words = ["/bin/sh", "-c", checks, "sh", "$(id); a|b", ""];
    assert_eq!(ended(&words), FromNotify::Ended { status: 0 });
}

#[test]
fn what_takes_too_long_is_ended_and_so_is_what_nobody_waits_for() {
    let late = Agent::run(&["/bin/sh", "-c", "while :; do /bin/sleep 1; done"], 1);
    assert_eq!(late.answer(), FromNotify::Ended { status: -9 });
    let mut left = Agent::run(&["/bin/sh", "-c", "while :; do /bin/sleep 1; done"], 3600);
    drop(left.channel.take());
    assert!(left.child.wait().unwrap().success(), "it ends with the service");
}

#[test]
fn the_command_ends_when_its_watcher_is_killed() {
    let fifo = std::env::temp_dir().join(format!("ebb-notify-{}", std::process::id()));
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let words = ["/bin/sh", "-c", "echo $$ > $0; exec sleep 3600", fifo.to_str().unwrap()];
    let mut agent = Agent::run(&words, 3600);
    // Ends when the command has written its number.
    let number: i32 = std::fs::read_to_string(&fifo).unwrap().trim().parse().unwrap();
    std::fs::remove_file(&fifo).unwrap();
    let command = pidfd_open(Pid::from_raw(number).unwrap(), PidfdFlags::empty()).unwrap();
    agent.child.kill().unwrap();
    let mut ready = [PollFd::new(&command, PollFlags::IN)];
    assert_ne!(poll(&mut ready, Some(&Timespec { tv_sec: 30, tv_nsec: 0 })), Ok(0));
}
