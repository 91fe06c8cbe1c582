//! Promise: on a booted machine with the packages installed, where people log on and off through PAM
//! and ssh, each way a session can end stops what is done under its tokens before that is told; and
//! what does not end a session stops nothing (R5, R6, R13).
//!
//! Each ending is looked at from five sides: the job's state and error, the audit record in the
//! machine's journal, the sockets the kernel has, what reaches the server, and the file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use support::bus::Bus;
use support::content::Content;
use support::job::{Job, LOCAL_FILE, NETWORK};
use support::machine::Machine;
use support::scratch::make_directory;
use support::server::{Gate, PATIENCE, Resource, Server};
use support::users::{User, left_out};

use crate::package::installed;

const FILE: Content = Content::new(71, 600_000);
const HALF: u64 = FILE.size / 2;
const STAYS: [&str; 2] = ["sleep", "infinity"];

/// A machine with the packages, whose service is reached from outside, too.
struct House {
    machine: Machine,
    server: Server,
    alice: User,
    bob: User,
}

/// A job in its middle, under somebody's identity.
struct Running<'a> {
    job: Job<'a>,
    gate: Arc<Gate>,
    what: String,
    directory: PathBuf,
    helper: u32,
}

impl House {
    fn furnish(what: &str) -> Option<Self> {
        let machine = installed(what)?;
        let (server, alice, bob) = (Server::http(), User::alice(), User::bob());
        make_directory(&machine.shared().join("run"), 0o755, &User::named("ebb"));
        let house = Self { machine, server, alice, bob };
        let place = format!("echo runtime-dir = {} >> /etc/ebb/ebbd.conf", house.run().display());
        let _ = house.machine.must(&["sh", "-c", &place]);
        house.restart();
        Some(house)
    }

    fn run(&self) -> PathBuf {
        self.machine.shared().join("run")
    }

    fn restart(&self) {
        let _ = self.machine.must(&["systemctl", "restart", "ebbd"]);
    }

    fn bus(&self, user: &User) -> Bus {
        Bus::connect(&self.run().join("bus"), user).unwrap()
    }

    /// `ebb`, as people on the machine call it.
    fn ebb(&self, words: &str) -> String {
        format!("ebb --bus unix:path={}/bus {words}", self.run().display())
    }

    /// A job of this owner's in its middle, whose file and network are the helper's. Whoever lends runs
    /// the words they are given.
    fn running<'a>(&self, bus: &'a Bus, lend: impl FnOnce(&str), as_whom: &User) -> Running<'a> {
        let job = Job::create(bus, "lent");
        let options = job.open_token_options().unwrap();
        let invitation = options.rsplit('/').next().unwrap();
        lend(&self.ebb(&format!("helper set {invitation} --for both")));
        let has = || {
            job.property("HelperTokenSet")
                && job.property::<u32>("HelperTokenFlags") == NETWORK | LOCAL_FILE
        };
        let set = || has().then_some(());
        bus.wait_until("the identity", set).unwrap();
        let (what, gate) = (format!("/{}", job.id), Arc::new(Gate::after(HALF)));
        self.server.put(&what, Resource::new(FILE).through(&gate));
        let directory = self.machine.shared().join(&as_whom.name);
        make_directory(&directory, 0o700, as_whom);
        job.add(&self.server.url(&what), &directory.join(&job.id));
        job.resume();
        job.wait_for_bytes(HALF);
        let helper = as_whom.uid;
        assert_eq!(self.sockets(helper), 1, "it is seen as who lent");
        Running { job, gate, what, directory, helper }
    }

    /// Connections to the server that the kernel has for somebody.
    fn sockets(&self, uid: u32) -> usize {
        let port = format!(":{:04X}", self.server.address().port());
        let all = fs::read_to_string("/proc/net/tcp").unwrap();
        let open = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let theirs = open.filter(|words| {
            let [_, _, remote, state, _, _, _, whose, ..] = words[..] else { return false };
            remote.ends_with(&port) && state == "01" && whose == uid.to_string()
        });
        theirs.count()
    }

    /// Whatever logind has said has been heard: the answer to this comes after it.
    fn it_has_heard(&self) {
        let bus = self.bus(&User::root());
        let job = Job::create(&bus, "to be sure");
        let options = job.open_token_options().unwrap();
        let invitation = options.rsplit('/').next().unwrap();
        let lend = self.ebb(&format!("helper set {invitation}"));
        let _ = self.machine.run(&["runuser", "-u", &self.bob.name, "--", "sh", "-c", &lend]);
        job.call("Cancel").unwrap();
    }

    /// Why the journal says the tokens of a job were dropped.
    fn discards(&self, job: &Job<'_>, at_least: usize) -> Vec<String> {
        let of = format!("EBB_JOB={}", job.id);
        let read = ["journalctl", "-q", "-o", "cat", "--output-fields=EBB_OUTCOME"];
        let read = [&read[..], &[&of, "EBB_ACT=token-discard", "_SYSTEMD_UNIT=ebbd.service"]];
        let end = Instant::now() + PATIENCE;
        loop {
            let said = self.machine.must(&read.concat());
            let why: Vec<String> = said.lines().map(ToOwned::to_owned).collect();
            if why.len() >= at_least {
                return why;
            }
            assert!(Instant::now() < end, "the journal says nothing of {}", job.id);
        }
    }

    /// It has stopped for want of its token, and nothing more is done under it.
    fn is_dead(&self, running: &Running<'_>, why: &str) {
        let Running { job, gate, what, directory, helper } = running;
        assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{why}");
        assert_eq!(self.sockets(*helper), 0, "{why}: work goes on after that was told");
        let (newest, asked) = (self.server.newest_connection(), self.server.log().len());
        assert_eq!(job.error_name(), "token-required", "{why}");
        assert!(!job.property::<bool>("HelperTokenSet"), "{why}");
        assert_eq!(self.discards(job, 1), [why]);
        // Who stops says last how far they were.
        let file = || job.files().into_iter().find(|file| file.durable == HALF);
        let file = job.bus.wait_until("what was there is kept", file).unwrap();
        let temporary = directory.join(String::from_utf8(file.temporary.clone()).unwrap());
        let look = || {
            let found = fs::metadata(&temporary).unwrap();
            assert_eq!(found.uid(), *helper);
            (found.len(), found.modified().unwrap())
        };
        let before = look();
        gate.open();
        self.it_has_heard();
        assert_eq!(look(), before, "{why}: somebody wrote on");
        // The look itself is the next one, and the only one.
        assert_eq!(self.server.newest_connection(), newest + 1, "{why}: somebody connected");
        assert_eq!(self.server.log().len(), asked + 1, "{why}: somebody asked on");
        let whose = self.server.requests(what);
        assert!(whose.iter().all(|request| request.uid == Some(*helper)), "{whose:#?}");
        assert_eq!(job.state(), "error");
        job.call("Cancel").unwrap();
    }

    /// Whatever happened, it goes on.
    fn lives(&self, running: &Running<'_>) {
        self.it_has_heard();
        assert_eq!(running.job.state(), "transferring");
        assert!(running.job.property::<bool>("HelperTokenSet"));
        assert_eq!(self.sockets(running.helper), 1);
    }

    fn finishes(&self, running: &Running<'_>) {
        running.gate.open();
        running.job.finish();
        let file = running.directory.join(&running.job.id);
        FILE.check(&file);
        assert_eq!(fs::metadata(&file).unwrap().uid(), running.helper);
        assert_eq!(self.discards(&running.job, 0), [""; 0], "nothing was dropped");
    }

    /// Bob logs on through PAM, and lends; his session stays.
    fn bob_lends(&self, lend: &str) -> String {
        self.machine.log_on(&self.bob, &["sh", "-c", &format!("{lend} && exec sleep infinity")])
    }

    fn ends(&self, session: &str) {
        let _ = self.machine.must(&["loginctl", "terminate-session", session]);
        let end = Instant::now() + PATIENCE;
        let listed = || self.machine.must(&["loginctl", "list-sessions", "--no-legend"]);
        while listed().lines().any(|line| line.split_whitespace().next() == Some(session)) {
            assert!(Instant::now() < end, "{session} does not end");
        }
    }
}

#[test]
fn on_an_installed_machine_each_ending_of_a_session_stops_its_work_before_that_is_told() {
    let Some(house) = House::furnish("log-off") else { return };
    let (machine, alice, bob) = (&house.machine, &house.alice, &house.bob);
    let bus = house.bus(alice);
    let (hers, also_hers) = (machine.log_on(alice, &STAYS), machine.log_on(alice, &STAYS));
    // He has another session, which stays.
    let his = machine.log_on(bob, &STAYS);

    // The helper's session ends; the owner stays.
    let mut session = String::new();
    let running = house.running(&bus, |lend| session = house.bob_lends(lend), bob);
    house.ends(&session);
    house.is_dead(&running, "session-ended");

    // One that came through ssh.
    if let Some(ssh) = Ssh::set_up(&house) {
        let running = house.running(&bus, |lend| ssh.log_on(&house, lend), bob);
        let _ = machine.must(&["systemctl", "stop", Ssh::UNIT]);
        house.is_dead(&running, "session-ended");
    }

    // Who becomes somebody else in a session of hers has not logged on: it is that session that counts.
    let as_bob = |lend: &str| {
        let inside = machine.run_in(&also_hers, bob, &["sh", "-c", lend]);
        assert!(inside.status.success(), "{inside:?}");
    };
    let running = house.running(&bus, as_bob, bob);
    house.lives(&running);
    house.ends(&also_hers);
    house.is_dead(&running, "session-ended");

    // Another person comes to the front of the machine; then he leaves.
    let at_seat = |lend: &str| {
        let stays = format!("{lend} && exec sleep infinity");
        session = machine.log_on_at_seat(bob, &["sh", "-c", &stays]);
    };
    let running = house.running(&bus, at_seat, bob);
    let in_front = machine.log_on_at_seat(alice, &STAYS);
    let _ = machine.must(&["loginctl", "activate", &in_front]);
    house.lives(&running);
    house.ends(&session);
    house.is_dead(&running, "session-ended");

    // One of the owner's sessions ends, then the last.
    let running = house.running(&bus, |lend| session = house.bob_lends(lend), bob);
    house.ends(&in_front);
    house.lives(&running);
    house.ends(&hers);
    house.is_dead(&running, "owner-logged-off");
    house.ends(&session);

    // Whoever lingers is there without a session.
    let _ = machine.must(&["loginctl", "enable-linger", &alice.name]);
    let running = house.running(&bus, |lend| session = house.bob_lends(lend), bob);
    house.lives(&running);
    let _ = machine.must(&["loginctl", "disable-linger", &alice.name]);
    house.is_dead(&running, "owner-logged-off");

    // System users are always there, as owners and as helpers.
    let root = house.bus(&User::root());
    let daemon = User::named("daemon");
    let as_daemon = |lend: &str| drop(machine.must_as(&daemon, &["sh", "-c", lend]));
    let running = house.running(&root, as_daemon, &daemon);
    house.ends(&session);
    house.ends(&his);
    house.lives(&running);
    house.finishes(&running);
}

#[test]
fn on_an_installed_machine_restarts_of_logind_and_of_the_service_keep_the_tokens_that_live() {
    let Some(house) = House::furnish("restarts") else { return };
    let (machine, alice, bob) = (&house.machine, &house.alice, &house.bob);
    let _hers = machine.log_on(alice, &STAYS);
    let _his = machine.log_on(bob, &STAYS);
    let mut session = String::new();

    // logind goes and comes: nothing ends, until the session does.
    let bus = house.bus(alice);
    let running = house.running(&bus, |lend| session = house.bob_lends(lend), bob);
    let _ = machine.must(&["systemctl", "restart", "systemd-logind"]);
    house.lives(&running);
    house.ends(&session);
    house.is_dead(&running, "session-ended");

    // The service goes and comes, in the same boot.
    let running = house.running(&bus, |lend| session = house.bob_lends(lend), bob);
    running.gate.open();
    house.restart();
    let bus = house.bus(alice);
    let running = Running { job: running.job.over(&bus), ..running };
    house.finishes(&running);

    // And comes when the session has gone.
    let running = house.running(&bus, |lend| session = house.bob_lends(lend), bob);
    let _ = machine.must(&["systemctl", "stop", "ebbd"]);
    house.ends(&session);
    let _ = machine.must(&["systemctl", "start", "ebbd"]);
    let bus = house.bus(alice);
    let running = Running { job: running.job.over(&bus), ..running };
    house.is_dead(&running, "session-ended");

    // Without logind everyone is there, which is said once.
    let _ = machine.must(&["systemctl", "mask", "--now", "systemd-logind.service"]);
    house.restart();
    let bus = house.bus(alice);
    let as_bob = |lend: &str| drop(machine.must_as(bob, &["sh", "-c", lend]));
    let running = house.running(&bus, as_bob, bob);
    house.lives(&running);
    house.finishes(&running);
    let read =
        ["journalctl", "-q", "-o", "cat", "-u", "ebbd", "-g", "everyone counts as logged on"];
    assert_eq!(machine.must(&read).lines().count(), 1);
}

#[test]
fn on_an_installed_machine_jobs_wait_for_their_owner_where_the_policy_says_so() {
    let Some(house) = House::furnish("presence") else { return };
    let (machine, alice) = (&house.machine, &house.alice);
    let policy = "mkdir -p /etc/ebb/ebb.toml.d && echo \"owner-presence = 'logged-on'\" \
                  > /etc/ebb/ebb.toml.d/presence.toml && ebb check-config";
    let _ = machine.must(&["sh", "-c", policy]);
    house.restart();
    let bus = house.bus(alice);
    let hers = machine.log_on(alice, &STAYS);
    let (job, gate) = (Job::create(&bus, "hers"), Arc::new(Gate::after(HALF)));
    house.server.put("/f", Resource::new(FILE).through(&gate));
    let hers_alone = machine.shared().join(&alice.name);
    make_directory(&hers_alone, 0o700, alice);
    let at = hers_alone.join("f");
    job.add(&house.server.url("/f"), &at);
    job.resume();
    job.wait_for_bytes(HALF);
    house.ends(&hers);
    job.wait_for(&["queued"]);
    assert_eq!(house.sockets(alice.uid), 0, "she is not there, and neither is her work");
    assert_eq!(job.property::<String>("Reason"), "owner-logged-off");
    let newest = house.server.newest_connection();
    gate.open();
    house.it_has_heard();
    let now = house.server.newest_connection();
    assert_eq!(now, newest + 1, "nobody but this look asks for who is not there");
    let _ = machine.log_on(alice, &STAYS);
    job.finish();
    FILE.check(&at);
    let from: Vec<u64> = house.server.requests("/f").iter().map(|request| request.from).collect();
    assert_eq!(from, [0, HALF], "it went on where it was");
}

/// Logging on through ssh: a server for each connection, as inetd starts it, and so without a port.
struct Ssh {
    directory: PathBuf,
}

impl Ssh {
    const UNIT: &str = "ebb-test-ssh.service";

    /// Keys for bob; nothing where there is no ssh.
    fn set_up(house: &House) -> Option<Self> {
        if !["/usr/sbin/sshd", "/usr/bin/ssh"].iter().all(|program| Path::new(program).exists()) {
            left_out("no ssh here: sessions that come through it");
            return None;
        }
        let directory = house.machine.shared().join("ssh");
        make_directory(&directory, 0o755, &User::root());
        for name in ["host", "bob"] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(directory.join(name));
            assert!(make.status().unwrap().success());
        }
        let _ = house.machine.must(&["mkdir", "-p", "/run/sshd"]);
        Some(Self { directory })
    }

    fn log_on(&self, house: &House, lend: &str) {
        let at = self.directory.display();
        let server = format!(
            "ProxyCommand=/usr/sbin/sshd -i -f /dev/null -h {at}/host -o UsePAM=yes -o StrictModes=no \
             -o AuthorizedKeysFile={at}/bob.pub"
        );
        let (key, lends) = (format!("{at}/bob"), format!("{lend} && exec sleep infinity"));
        let who = format!("{}@machine", house.bob.name);
        let unit = format!("--unit={}", Self::UNIT);
        let mut words = vec!["systemd-run", "--no-block", &unit, "ssh", "-F", "none", "-i", &key];
        for option in ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", &server] {
            words.extend(["-o", option]);
        }
        words.extend([who.as_str(), &lends]);
        let _ = house.machine.must(&words);
    }
}
