//! Promise: a helper token lives as long as the login session it came from (R5, R6, R13), on a bus
//! with a scripted logind. When it ends, its work has stopped before anybody is told, and no byte is
//! sent or written under it afterwards.

use std::sync::Arc;

use support::bus::{Bus, TOKEN_OPTIONS};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::{Job, LOCAL_FILE, NETWORK};
use support::logind::{LoggedOn, Logind, Session};
use support::message_bus::MessageBus;
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(47, 600_000);
const HALF: u64 = FILE.size / 2;

/// An instance beside a logind, and a server that stops in the middle of the file.
struct Scene {
    logind: Logind,
    instance: Instance,
    server: Server,
    gate: Arc<Gate>,
    alice: User,
    bob: User,
}

impl Scene {
    /// Alice is in session 1, bob in 2 and 3; who calls is in 2.
    fn new() -> Self {
        Self::with("")
    }

    /// The same with a line in the configuration.
    fn with(line: &str) -> Self {
        let (alice, bob) = (User::alice(), User::bob());
        let logind = Logind::start(Self::everybody(&alice, &bob));
        let instance = Setup::new().config(line).on_bus(&logind.address()).start();
        let (server, gate) = (Server::http(), Arc::new(Gate::after(HALF)));
        server.put("/f", Resource::new(FILE).through(&gate));
        Self { logind, instance, server, gate, alice, bob }
    }

    fn everybody(alice: &User, bob: &User) -> LoggedOn {
        let sessions =
            [Session::of("1", alice.uid), Session::of("2", bob.uid), Session::of("3", bob.uid)];
        LoggedOn::with(&sessions, Some("2"))
    }

    /// Only these sessions are left of all.
    fn only(&self, names: &[&str]) -> LoggedOn {
        let mut left = Self::everybody(&self.alice, &self.bob);
        left.sessions.retain(|session| names.contains(&session.name));
        left
    }

    /// A job of this owner, with bob's identity for these uses, in its middle.
    fn running<'a>(&self, bus: &'a Bus, owner: &User, flags: u32) -> Job<'a> {
        self.fetching("/f", bus, owner, flags)
    }

    fn fetching<'a>(&self, what: &str, bus: &'a Bus, owner: &User, flags: u32) -> Job<'a> {
        let job = Job::create(bus, "lent");
        job.lend(&self.instance, &self.bob, flags);
        let files = if flags & LOCAL_FILE != 0 { &self.bob } else { owner };
        let path = self.instance.directory_of(files).join(format!("f-{}", job.id));
        job.add(&self.server.url(what), &path);
        job.resume();
        job.wait_for_bytes(HALF);
        job
    }

    /// Whatever logind has said has been heard: the answer to this comes after it.
    fn it_has_heard(&self) {
        let bus = self.instance.bus(&User::root());
        let job = Job::create(&bus, "to be sure");
        let options = job.open_token_options().unwrap();
        let _ = self.instance.bus(&self.bob).call(&options, TOKEN_OPTIONS, "SetHelperToken", &());
        job.call("Cancel").unwrap();
    }

    /// It has stopped for want of its token; nothing runs under it, and nothing comes after.
    fn is_dead(&self, job: &Job<'_>) {
        assert_eq!(job.wait_for(&["error"]), "error");
        let error = job.error();
        assert_eq!(error["Name"], "token-required", "{}", self.instance.log());
        assert!(!job.property::<bool>("HelperTokenSet"));
        assert_eq!(job.property::<String>("Reason"), "helper-required");
        // More than this has not been sent; who stops says it last.
        let kept = || (job.files()[0].durable == HALF).then_some(());
        job.bus.wait_until("what was there is kept", kept).unwrap();
        let asked = self.server.log().len();
        self.gate.open();
        self.it_has_heard();
        assert_eq!(self.server.log().len(), asked, "somebody asked on");
        assert_eq!(job.files()[0].durable, HALF, "somebody wrote on");
    }

    fn lives(&self, job: &Job<'_>) {
        self.it_has_heard();
        assert_eq!(job.state(), "transferring", "{}", self.instance.log());
        assert!(job.property::<bool>("HelperTokenSet"));
        self.gate.open();
        job.finish();
    }
}

#[test]
fn when_the_helpers_session_ends_their_work_stops_though_they_have_another() {
    if !needs_root("sessions: the helper's ends") {
        return;
    }
    for flags in [NETWORK, LOCAL_FILE, NETWORK | LOCAL_FILE] {
        let scene = Scene::new();
        let bus = scene.instance.bus(&scene.alice);
        let job = scene.running(&bus, &scene.alice, flags);
        scene.logind.change(scene.only(&["1", "3"]));
        scene.is_dead(&job);
        // The way out: another token, from a session that lives, and Resume.
        scene.logind.change(LoggedOn { caller: Some("3"), ..scene.only(&["1", "3"]) });
        job.lend(&scene.instance, &scene.bob, flags);
        job.resume();
        job.finish();
    }
}

#[test]
fn another_session_of_helper_or_owner_may_end() {
    if !needs_root("sessions: another one ends") {
        return;
    }
    let scene = Scene::new();
    let mut more = Scene::everybody(&scene.alice, &scene.bob);
    more.sessions.push(Session::of("4", scene.alice.uid));
    scene.logind.change(more);
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    scene.logind.change(scene.only(&["1", "2"]));
    scene.lives(&job);
}

#[test]
fn when_the_owner_logs_off_every_helper_token_on_their_jobs_ends_and_no_other() {
    if !needs_root("sessions: the owner logs off") {
        return;
    }
    let scene = Scene::new();
    let (alice, root) = (scene.instance.bus(&scene.alice), scene.instance.bus(&User::root()));
    let hers = scene.running(&alice, &scene.alice, NETWORK);
    let gate = Arc::new(Gate::after(HALF));
    scene.server.put("/g", Resource::new(FILE).through(&gate));
    let roots = scene.fetching("/g", &root, &User::root(), NETWORK);
    // Without flags nothing of it matters but the token.
    let unused = Job::create(&alice, "lent for nothing");
    unused.lend(&scene.instance, &scene.bob, 0);
    scene.logind.change(scene.only(&["2", "3"]));
    hers.wait_for(&["error"]);
    assert_eq!(hers.error_name(), "token-required");
    assert_eq!(unused.state(), "suspended");
    assert!(!unused.property::<bool>("HelperTokenSet"));
    // Root is a system user, who is always there.
    scene.it_has_heard();
    assert_eq!(roots.state(), "transferring");
    gate.open();
    roots.finish();
}

#[test]
fn whoever_lingers_is_there_until_they_do_not_linger_any_more() {
    if !needs_root("sessions: linger") {
        return;
    }
    let scene = Scene::new();
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    scene.logind.change(scene.only(&["2"]).lingering(&[scene.alice.uid]));
    scene.it_has_heard();
    assert_eq!(job.state(), "transferring");
    scene.logind.change(scene.only(&["2"]));
    scene.is_dead(&job);
}

#[test]
fn a_token_from_no_session_lives_as_long_as_its_user_is_there() {
    if !needs_root("sessions: a caller without one") {
        return;
    }
    let scene = Scene::new();
    scene.logind.change(LoggedOn { caller: None, ..scene.only(&["1", "2", "3"]) });
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    scene.logind.change(LoggedOn { caller: None, ..scene.only(&["1", "3"]) });
    scene.it_has_heard();
    assert_eq!(job.state(), "transferring");
    scene.logind.change(LoggedOn { caller: None, ..scene.only(&["1"]) });
    scene.is_dead(&job);
}

#[test]
fn a_closing_session_has_ended_and_one_that_another_user_covers_has_not() {
    if !needs_root("sessions: closing, switch-user") {
        return;
    }
    let scene = Scene::new();
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    let with_state = |state| {
        let mut all = scene.only(&["1", "2", "3"]);
        all.sessions[1].state = state;
        all
    };
    for state in ["active", "online"] {
        scene.logind.change(with_state(state));
        scene.it_has_heard();
        assert_eq!(job.state(), "transferring", "{state}");
    }
    scene.logind.change(with_state("closing"));
    scene.is_dead(&job);
}

#[test]
fn a_session_that_goes_while_it_is_looked_at_hides_nobody_who_is_there() {
    if !needs_root("sessions: one goes in the middle of a look") {
        return;
    }
    let scene = Scene::new();
    let with_gone = |name, user: &User, mut others: LoggedOn| {
        others.sessions.push(Session { state: "gone", ..Session::of(name, user.uid) });
        others
    };
    let everybody = Scene::everybody(&scene.alice, &scene.bob);
    scene.logind.change(with_gone("4", &scene.alice, everybody));
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    // And the session that is lent from goes in the same way.
    scene.logind.change(with_gone("2", &scene.bob, scene.only(&["1", "3"])));
    scene.is_dead(&job);
}

#[test]
fn a_session_of_the_same_name_is_another_one() {
    if !needs_root("sessions: names come again") {
        return;
    }
    let scene = Scene::new();
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    let mut again = scene.only(&["1", "2"]);
    again.sessions[1].began = 2000;
    scene.logind.change(again);
    scene.is_dead(&job);
}

#[test]
fn while_logind_is_away_nothing_ends_and_who_is_gone_when_it_is_back_has_left() {
    if !needs_root("sessions: logind restarts") {
        return;
    }
    let scene = Scene::new();
    let bus = scene.instance.bus(&scene.alice);
    let job = scene.running(&bus, &scene.alice, NETWORK);
    scene.logind.leave();
    // Nobody can say where a caller comes from now, so nobody lends.
    let options = job.open_token_options().unwrap();
    let as_bob = scene.instance.bus(&scene.bob);
    let no = as_bob.call(&options, TOKEN_OPTIONS, "SetHelperToken", &()).unwrap_err();
    assert_eq!(no.name, "SessionUnknown");
    assert_eq!(job.state(), "transferring");
    scene.logind.come_back(scene.only(&["1", "2", "3"]));
    scene.it_has_heard();
    assert_eq!(job.state(), "transferring");
    scene.logind.leave();
    scene.logind.come_back(scene.only(&["1", "3"]));
    scene.is_dead(&job);
}

#[test]
fn a_caller_whose_session_has_ended_meanwhile_lends_nothing() {
    if !needs_root("sessions: a caller from an ended one") {
        return;
    }
    let scene = Scene::new();
    let mut closing = scene.only(&["1", "2", "3"]);
    closing.sessions[1].state = "closing";
    scene.logind.change(closing);
    let bus = scene.instance.bus(&scene.alice);
    let job = Job::create(&bus, "too late");
    let options = job.open_token_options().unwrap();
    let as_bob = scene.instance.bus(&scene.bob);
    let no = as_bob.call(&options, TOKEN_OPTIONS, "SetHelperToken", &()).unwrap_err();
    assert_eq!(no.name, "SessionUnknown");
    assert!(no.advice.contains("session"), "{no:?}");
    assert!(!job.property::<bool>("HelperTokenSet"));
    assert!(scene.instance.log().contains("outcome=session-unknown"), "R14");
}

#[test]
fn a_restart_keeps_the_tokens_whose_session_lives_and_drops_the_rest() {
    if !needs_root("sessions: the service restarts") {
        return;
    }
    for (left, lives) in [(["1", "2"], true), (["1", "3"], false), (["2", "3"], false)] {
        let mut scene = Scene::new();
        let bus = scene.instance.bus(&scene.alice);
        let job = scene.running(&bus, &scene.alice, NETWORK);
        scene.instance.kill();
        scene.logind.change(scene.only(&left));
        let asked = scene.server.log().len();
        scene.gate.open();
        scene.instance.start_again();
        let bus = scene.instance.bus(&scene.alice);
        let job = job.over(&bus);
        if lives {
            job.finish();
            assert!(scene.server.log().iter().all(|r| r.uid == Some(scene.bob.uid)));
        } else {
            assert_eq!(job.wait_for(&["error", "transferred"]), "error");
            assert_eq!(job.error_name(), "token-required");
            assert_eq!(scene.server.log().len(), asked, "nobody asked under the dead token");
        }
    }
}

#[test]
fn a_transferred_job_keeps_its_files_and_is_completed_by_a_fresh_token() {
    if !needs_root("sessions: a transferred job") {
        return;
    }
    let scene = Scene::new();
    scene.gate.open();
    let bus = scene.instance.bus(&scene.alice);
    let job = Job::create(&bus, "all there");
    job.lend(&scene.instance, &scene.bob, LOCAL_FILE);
    let path = scene.instance.directory_of(&scene.bob).join("f");
    job.add(&scene.server.url("/f"), &path);
    job.resume();
    job.wait_for(&["transferred"]);
    scene.logind.change(scene.only(&["1", "3"]));
    scene.it_has_heard();
    assert_eq!(job.state(), "transferred");
    assert_eq!(job.call("Complete").unwrap_err().name, "TokenRequired");
    scene.logind.change(LoggedOn { caller: Some("3"), ..scene.only(&["1", "3"]) });
    job.lend(&scene.instance, &scene.bob, LOCAL_FILE);
    job.call("Complete").unwrap();
    FILE.check(&path);
}

#[test]
fn where_the_policy_says_so_jobs_wait_for_their_owners_to_come_back() {
    if !needs_root("sessions: owner presence") {
        return;
    }
    let scene = Scene::with("owner-presence = 'logged-on'");
    let (alice, root) = (scene.instance.bus(&scene.alice), scene.instance.bus(&User::root()));
    let fetching = |bus, owner: &User, what: &str| {
        let job = Job::create(bus, what);
        job.add(&scene.server.url(what), &scene.instance.directory_of(owner).join("f"));
        job.resume();
        job
    };
    let gate = Arc::new(Gate::after(HALF));
    scene.server.put("/g", Resource::new(FILE).through(&gate));
    let (hers, roots) =
        (fetching(&alice, &scene.alice, "/f"), fetching(&root, &User::root(), "/g"));
    hers.wait_for_bytes(HALF);
    roots.wait_for_bytes(HALF);
    scene.logind.change(scene.only(&["2"]));
    hers.wait_for(&["queued"]);
    assert_eq!(hers.property::<String>("Reason"), "owner-logged-off");
    let why = scene.instance.must(&scene.alice, &["explain", &hers.id]);
    assert!(why.contains("owner is not logged on"), "{why}");
    scene.it_has_heard();
    assert_eq!(roots.state(), "transferring", "system users are always there");
    // One that is started now waits, too, and keeps no slot from others.
    scene.server.put("/h", Resource::new(FILE));
    let late = fetching(&alice, &scene.alice, "/h");
    assert_eq!(late.state(), "queued");
    let asked = scene.server.log().len();
    scene.gate.open();
    gate.open();
    roots.finish();
    assert_eq!(scene.server.log().len(), asked, "nobody asks for who is not there");
    scene.logind.change(scene.only(&["1"]));
    hers.finish();
    late.finish();
    let from: Vec<u64> = scene.server.requests("/f").iter().map(|r| r.from).collect();
    assert_eq!(from, [0, HALF], "it went on where it was");
}

#[test]
fn without_logind_everyone_counts_as_logged_on_and_the_log_says_so_once() {
    if !needs_root("sessions: no logind") {
        return;
    }
    let bus = MessageBus::start();
    let instance = Setup::new().on_bus(&bus.address()).start();
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    let alice = User::alice();
    let as_alice = instance.bus(&alice);
    let job = Job::create(&as_alice, "no logind");
    job.lend(&instance, &User::bob(), NETWORK);
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    job.resume();
    job.finish();
    assert_eq!(instance.log().matches("everyone counts as logged on").count(), 1);
}
