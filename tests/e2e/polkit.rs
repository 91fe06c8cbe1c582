//! Promise: where polkit runs, it says who besides root and the configured groups is an administrator,
//! for each call. On a booted machine with a real polkit and the packages installed; and with a made-up
//! one, or none, on a bus of the test's own.

pub(crate) mod fake;

use std::fmt::Write as _;
use std::io::{Read as _, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use support::bus::{BUS_NAME, Bus, JOB, MANAGER, MANAGER_PATH, TOKEN_OPTIONS};
use support::instance::Instance;
use support::job::Job;
use support::machine::Machine;
use support::message_bus::MessageBus;
use support::server::PATIENCE;
use support::users::{User, needs_root};
use zbus::Variant;
use zbus::message::{Flags, Type};

use crate::package::installed;
use fake::{late_polkit, on_a_bus, polkit, polkit_of, socket_of, through};

const HEAD: &str = "# Who may do what by polkit

Written by `tests/e2e/polkit.rs` from a machine with systemd, logind, polkit and the packages (`make tables`),
and compared by it.

Root and the members of the groups that `admin-groups` names may do all of it and are not asked about. Of
everybody else the service asks polkit, for each call on another user's job, and for each change of the policy:
[design 035](design/035-polkit.md).
In each field: what polkit says, and what came of the call, made without the flag that lets polkit ask a person.

* *active*: whose session is the active one at the machine's seat; *inactive*: who has a session there, and none
  that is active; *remote*: in no session at a seat (ssh, a service).
* *administrator*: somebody remote for whom a rule of this site says yes (`/etc/polkit-1/rules.d`).

| action | tried with | active user | inactive user | remote user | administrator |
|---|---|---|---|---|---|
";

/// The site's own word: bob is an administrator of transfers.
const RULE: &str = "polkit.addRule(function(action, subject) {\n\
    if (action.id.indexOf('org.ebb.Transfer1.') == 0 && subject.user == 'ebbt-bob')\n\
        return polkit.Result.YES;\n});\n";
const RULES: &str = "/etc/polkit-1/rules.d/10-ebb-test.rules";

/// What is tried: action, interface, member, arguments as `dbus-send` takes them.
const TRIED: [(&str, &str, &str, &[&str]); 5] = [
    ("see-all", JOB, "GetFiles", &["uint32:0", "uint32:1"]),
    (
        "steer-all",
        "org.freedesktop.DBus.Properties",
        "Set",
        &["string:org.ebb.Transfer1.Job", "string:Description", "variant:string:new"],
    ),
    ("take-ownership", JOB, "TakeOwnership", &[]),
    ("lend-administrator-token", JOB, "OpenTokenOptions", &[]),
    ("change-policy", MANAGER, "SetPolicy", &["string:background-slots", "string:4"]),
];

/// Somebody on the machine: in a session, or in none.
struct Somebody {
    user: User,
    session: Option<String>,
}

impl Somebody {
    fn run(&self, machine: &Machine, words: &[&str]) -> std::process::Output {
        match &self.session {
            Some(session) => machine.run_in(session, &self.user, words),
            None => machine.run(&[&["runuser", "-u", &self.user.name, "--"], words].concat()),
        }
    }

    /// What came of a call over the system bus: `done`, or the name of the error.
    fn call(&self, machine: &Machine, path: &str, call: (&str, &str, &[&str])) -> String {
        let (interface, member, arguments) = call;
        let (to, method) = (format!("--dest={BUS_NAME}"), format!("{interface}.{member}"));
        let words = ["dbus-send", "--system", "--print-reply", &to, path, &method];
        let done = self.run(machine, &[&words[..], arguments].concat());
        if done.status.success() {
            return "done".into();
        }
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let name = said.strip_prefix("Error ").and_then(|rest| rest.split(':').next());
        let name = name.unwrap_or_else(|| panic!("{said}"));
        name.rsplit('.').next().unwrap_or_default().to_owned()
    }

    /// What polkit says of them.
    fn word(&self, machine: &Machine, action: &str) -> &'static str {
        let check = format!("exec pkcheck --action-id {action} --process $$");
        let checked = self.run(machine, &["sh", "-c", &check]);
        match checked.status.code() {
            Some(0) => "yes",
            Some(1) => "no",
            Some(2) => "after authentication",
            _ => panic!("{checked:?}"),
        }
    }
}

fn new_job(machine: &Machine, owner: &User) -> String {
    let create = ["busctl", "--system", "call", BUS_NAME, MANAGER_PATH, MANAGER, "CreateJob"];
    let said =
        machine.must_as(owner, &[&create[..], &["ssa{sv}", "roots", "download", "0"]].concat());
    said.split('"').nth(3).unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn the_page_of_polkit_is_what_a_machine_with_polkit_does() {
    let Some(machine) = installed("polkit-table") else { return };
    let (alice, bob, carol) = (User::alice(), User::bob(), User::carol());
    std::fs::write(machine.shared().join("rule"), RULE).unwrap();
    let _ = machine.must(&[
        "install",
        "-m",
        "0644",
        machine.shared().join("rule").to_str().unwrap(),
        RULES,
    ]);
    let stays = ["sleep", "infinity"];
    // polkit looks at people: whoever has an active session is active in all of them.
    let inactive = machine.log_on_at_seat(&carol, &stays);
    let active = machine.log_on_at_seat(&alice, &stays);
    let _ = machine.must(&["loginctl", "activate", &active]);
    let people = [(&alice, Some(active)), (&carol, Some(inactive)), (&alice, None)]
        .map(|(user, session)| Somebody { user: user.clone(), session });
    let is_active = |at: usize| {
        let session = people[at].session.as_deref().unwrap();
        machine.must(&["loginctl", "show-session", session, "--value", "-p", "Active"])
    };
    assert_eq!([is_active(0), is_active(1)], ["yes", "no"]);
    // polkit hears of sessions on its own, a little later than logind says so.
    let end = Instant::now() + PATIENCE;
    let first = format!("{BUS_NAME}.see-all");
    while [0, 1].map(|at| people[at].word(&machine, &first)) != ["after authentication", "no"] {
        assert!(Instant::now() < end, "polkit does not hear who is active");
        std::thread::yield_now();
    }
    let administrator = Somebody { user: bob, session: None };
    let mut page = HEAD.to_owned();
    for (action, interface, member, arguments) in TRIED {
        let id = format!("{BUS_NAME}.{action}");
        write!(page, "| `{id}` | `{member}` |").unwrap();
        for somebody in people.iter().chain([&administrator]) {
            let job = new_job(&machine, &User::root());
            let path = if interface == MANAGER { MANAGER_PATH } else { &job };
            let outcome = somebody.call(&machine, path, (interface, member, arguments));
            write!(page, " {}: {outcome} |", somebody.word(&machine, &id)).unwrap();
        }
        page.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/polkit.md");
    if std::env::var_os("EBB_REGENERATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "`make tables` writes it anew");
}

#[test]
fn a_caller_that_has_gone_is_refused_and_the_question_is_taken_back() {
    if !needs_root("a caller that has gone") {
        return;
    }
    let (message_bus, instance) = on_a_bus();
    let (alice, bob) = (User::alice(), User::bob());
    let bus = through(&message_bus, &alice);
    let job = Job::create(&bus, "hers");
    let told = late_polkit(&message_bus);
    let stream = bob.run(|| UnixStream::connect(socket_of(&message_bus))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, async {
            let builder = zbus::connection::Builder::unix_stream(stream).user_id(bob.uid);
            let connection = builder.build().await.unwrap();
            let call = zbus::Message::method_call(job.path.as_str(), "Cancel");
            let call = call.destination(BUS_NAME).interface(JOB);
            let call = call.with_flags(Flags::ALLOW_INTERACTIVE_AUTH).build(&()).unwrap();
            connection.send(&call).await.unwrap();
            let heard = told.recv_timeout(PATIENCE).unwrap();
            assert_eq!(heard, "system-bus-name by name org.ebb.Transfer1.steer-all 1");
            connection.close().await.unwrap();
        })
        .await
        .unwrap();
    });
    drop(runtime);
    // With a person it would be waited for five minutes: it is because he has gone.
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "taken back");
    assert_eq!(job.state(), "suspended");
    assert!(!instance.log().contains("audit: administrator"), "{}", instance.log());
}

#[test]
fn about_callers_on_our_own_socket_only_a_polkit_that_takes_descriptors_is_asked() {
    if !needs_root("another user on our own socket") {
        return;
    }
    for (version, outcome) in [("122", Err("NotFound".to_owned())), ("124", Ok(()))] {
        let (message_bus, instance) = on_a_bus();
        let told = polkit_of(version, &message_bus, Some(true));
        let [alice, bob] = [User::alice(), User::bob()].map(|user| instance.bus(&user));
        let job = Job::create(&alice, "hers");
        let done = job.over(&bob).call("Cancel").map(drop).map_err(|no| no.name);
        let asked: Vec<_> = told.try_iter().collect();
        let wanted =
            outcome.as_ref().map(|()| "unix-process by pidfd org.ebb.Transfer1.steer-all 0");
        assert_eq!(asked, Vec::from_iter(wanted.ok()), "{version}");
        assert_eq!(done, outcome, "{version}");
    }
}

#[test]
fn a_polkit_that_says_nothing_is_waited_for_some_seconds_and_the_groups_decide_alone() {
    if !needs_root("a silent polkit") {
        return;
    }
    let (message_bus, instance) = on_a_bus();
    let told = late_polkit(&message_bus);
    let [alice, bob, carol] =
        [User::alice(), User::bob(), User::carol()].map(|user| through(&message_bus, &user));
    let job = Job::create(&alice, "hers");
    assert_eq!(job.over(&bob).call("Cancel").unwrap_err().name, "NotFound");
    // The caller has the answer before polkit hears that the question is taken back.
    let said = [(); 2].map(|()| told.recv_timeout(PATIENCE).unwrap());
    assert_eq!(said, ["system-bus-name by name org.ebb.Transfer1.steer-all 0", "taken back"]);
    assert!(instance.log().contains("polkit: it does not answer"), "{}", instance.log());
    job.over(&carol).call("Cancel").unwrap();
}

#[test]
fn an_owner_lends_an_administrators_identity_only_by_polkits_leave_and_is_not_troubled_for_it() {
    if !needs_root("an administrator's identity") {
        return;
    }
    for allowed in [false, true] {
        let (message_bus, instance) = on_a_bus();
        let told = polkit(&message_bus, Some(allowed));
        let bus = through(&message_bus, &User::alice());
        let job = Job::create(&bus, "hers");
        let options = job.open_token_options().expect("an ordinary identity she may lend anyway");
        let asked = told.try_iter().collect::<Vec<_>>();
        assert_eq!(asked, ["system-bus-name by name org.ebb.Transfer1.lend-administrator-token 0"]);
        let lend = |who: &User| {
            let lent = instance.bus(who).call(&options, TOKEN_OPTIONS, "SetHelperToken", &());
            lent.map(drop).map_err(|no| no.name)
        };
        assert_eq!(lend(&User::bob()), Ok(()));
        let outcome = if allowed { Ok(()) } else { Err("AdministratorToken".to_owned()) };
        assert_eq!(lend(&User::root()), outcome);
        let helper = if allowed { User::root() } else { User::bob() };
        let (_, identity, _): (bool, u32, String) =
            bus.ask(&options, TOKEN_OPTIONS, "GetHelperTokenIdentity", &()).unwrap();
        assert_eq!(identity, helper.uid);
        assert!(told.try_iter().next().is_none(), "access is checked once, at the opening");
        let right = "outcome=done right=org.ebb.Transfer1.lend-administrator-token";
        assert_eq!(instance.log().contains(right), allowed, "{}", instance.log());
    }
}

#[test]
fn no_user_has_more_than_sixteen_calls_wait_for_polkit() {
    if !needs_root("many questions") {
        return;
    }
    let (message_bus, _instance) = on_a_bus();
    let (alice, bob) = (User::alice(), User::bob());
    let bus = through(&message_bus, &alice);
    let job = Job::create(&bus, "hers");
    let told = late_polkit(&message_bus);
    let stream = bob.run(|| UnixStream::connect(socket_of(&message_bus))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, async {
            let builder = zbus::connection::Builder::unix_stream(stream).user_id(bob.uid);
            let mut answers = builder.build_message_stream().await.unwrap();
            let connection = zbus::Connection::from(&answers);
            for _ in 0..17 {
                let call = zbus::Message::method_call(job.path.as_str(), "Cancel");
                let call = call.destination(BUS_NAME).interface(JOB);
                connection.send(&call.build(&()).unwrap()).await.unwrap();
            }
            let answer = loop {
                let message = answers.next().await.unwrap().unwrap();
                if message.message_type() == Type::Error {
                    break message;
                }
            };
            let header = answer.header();
            let name = header.error_name().unwrap().as_str().to_owned();
            assert!(name.ends_with(".TooManyRequests"), "{name}");
        })
        .await
        .unwrap();
    });
    let questions = (0..16).map(|_| told.recv_timeout(PATIENCE).unwrap());
    assert!(questions.into_iter().all(|what| what.ends_with("steer-all 0")));
    // Whose questions wait is nobody else's trouble: the owner goes on.
    job.call("Cancel").unwrap();
}

/// Runs `ebb` as somebody who sits at a terminal, or does not; what it said, and whether it did.
fn ebb(instance: &Instance, bus: &MessageBus, at_a_terminal: bool, words: &str) -> (String, bool) {
    let bob = User::bob();
    let line = format!("--bus bus:{} {words}", bus.address());
    let mut command = match at_a_terminal {
        true => {
            let ebb = instance.scratch().join("libexec/ebb");
            let mut script = bob.command(Path::new("/usr/bin/script"));
            script.args(["-qec", &format!("{} {line}", ebb.display()), "/dev/null"]);
            script
        }
        false => instance.ebb(&bob, &line.split(' ').collect::<Vec<_>>()),
    };
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.success())
}

#[test]
fn whom_polkit_says_no_to_is_told_who_may() {
    if !needs_root("a polkit that says no") {
        return;
    }
    let (message_bus, instance) = on_a_bus();
    let bus = through(&message_bus, &User::alice());
    let job = Job::create(&bus, "hers");
    let _asked = polkit(&message_bus, Some(false));
    let (said, done) = ebb(&instance, &message_bus, true, &format!("cancel --yes {}", job.id));
    assert!(!done && said.contains("for administrators: --all-users"), "{said}");
    let cancel = format!("cancel --all-users --yes {}", job.id);
    let (said, done) = ebb(&instance, &message_bus, true, &cancel);
    assert!(!done && said.contains("whom polkit says"), "{said}");
    assert_eq!(job.state(), "suspended");
}

#[test]
fn ebb_lets_polkit_ask_whoever_is_at_a_terminal_and_wants_other_users_jobs() {
    if !needs_root("a terminal") {
        return;
    }
    let (message_bus, instance) = on_a_bus();
    let bus = through(&message_bus, &User::alice());
    let job = Job::create(&bus, "hers");
    let cancel = format!("cancel --all-users --yes {}", job.id);
    let told = polkit(&message_bus, Some(true));
    let asked = || told.try_iter().collect::<Vec<_>>();
    let see = |flags: u32| format!("system-bus-name by name org.ebb.Transfer1.see-all {flags}");
    // Whoever does not say that they mean others' jobs is not asked, at a terminal or not.
    let (said, done) = ebb(&instance, &message_bus, true, &format!("show -g state {}", job.id));
    assert_eq!((done, asked()), (true, vec![see(0)]), "{said}");
    let (said, done) = ebb(
        &instance,
        &message_bus,
        true,
        &format!("show --all-users --no-ask-password {}", job.id),
    );
    assert_eq!((done, asked().pop()), (true, Some(see(0))), "{said}");
    let (said, done) = ebb(&instance, &message_bus, false, &format!("show --all-users {}", job.id));
    assert_eq!((done, asked().pop()), (true, Some(see(0))), "{said}");
    let (said, done) = ebb(&instance, &message_bus, true, &cancel);
    assert!(done, "{said}");
    let steer = "system-bus-name by name org.ebb.Transfer1.steer-all 1".to_owned();
    let asked = asked();
    assert!(asked.contains(&see(1)) && asked.contains(&steer), "{asked:?}");
    assert_eq!(job.state(), "cancelled");
}

/// Types the password whenever it is asked for; everything that was said, and whether it ended well.
fn typing(mut command: Command, password: &str) -> (String, bool) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = [0; 1000];
        while let Ok(length @ 1..) = screen.read(&mut piece) {
            tell.send(String::from_utf8_lossy(&piece[..length]).into_owned()).unwrap_or_default();
        }
    });
    let (mut said, mut typed, end) = (String::new(), 0, Instant::now() + PATIENCE);
    loop {
        match told.recv_timeout(Duration::from_secs(2)) {
            Ok(more) => said += &more,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            // What was typed before the terminal was ready for a password has been thrown away.
            Err(mpsc::RecvTimeoutError::Timeout) => typed = 0,
        }
        if Instant::now() > end {
            let _ = child.kill();
            panic!("it waits for something: {said}");
        }
        if said.matches("Password:").count() > typed {
            typed = said.matches("Password:").count();
            // It may just have ended.
            let _ = writeln!(keys, "{password}");
        }
    }
    (said, child.wait().unwrap().success())
}

#[test]
fn whoever_sits_at_a_bare_terminal_is_asked_for_an_administrators_password_and_then_may() {
    let Some(machine) = installed("polkit-agent") else { return };
    let alice = User::alice();
    let password = Command::new("openssl").args(["passwd", "-6", "correct-horse"]).output();
    let password = String::from_utf8(password.unwrap().stdout).unwrap();
    let _ = machine.must(&["usermod", "-p", password.trim(), "root"]);
    let session = machine.log_on_at_seat(&alice, &["sleep", "infinity"]);
    let _ = machine.must(&["loginctl", "activate", &session]);
    let somebody = Somebody { user: alice.clone(), session: Some(session.clone()) };
    // polkit hears of sessions on its own.
    let end = Instant::now() + PATIENCE;
    while somebody.word(&machine, "org.ebb.Transfer1.steer-all") != "after authentication" {
        assert!(Instant::now() < end, "polkit does not hear who is active");
        std::thread::yield_now();
    }
    let job = new_job(&machine, &User::root());
    let id = job.rsplit('/').next().unwrap().replace('_', "-");
    let line = format!("ebb cancel --all-users --yes {id}");
    let words = ["script", "-qec", &line, "/dev/null"];
    let (said, done) = typing(machine.command_in(&session, &alice, &words), "correct-horse");
    assert!(done && said.contains("Password:"), "{said}");
    assert_eq!(machine.must(&["ebb", "show", "-g", "state", &id]), "cancelled");
    let log = machine.must(&["journalctl", "-o", "cat", "EBB_RIGHT=org.ebb.Transfer1.steer-all"]);
    assert!(log.contains("cancel"), "{log}");
    let agents = machine.run(&["pgrep", "pkttyagent"]);
    assert!(!agents.status.success(), "it ends with who started it: {agents:?}");
}

#[test]
fn where_polkit_is_not_there_the_groups_decide_which_is_said_once() {
    if !needs_root("no polkit") {
        return;
    }
    let (message_bus, instance) = on_a_bus();
    let [alice, bob, carol] =
        [User::alice(), User::bob(), User::carol()].map(|user| through(&message_bus, &user));
    let job = Job::create(&alice, "hers");
    let over_bus = |bus: &Bus| job.over(bus).call("Suspend").map_err(|no| no.name);
    for _ in 0..2 {
        assert_eq!(over_bus(&bob).unwrap_err(), "NotFound");
    }
    job.over(&carol).set("Description", Variant::from("a member of the group")).unwrap();
    let log = instance.log();
    assert_eq!(log.matches("the configured groups alone say who is an administrator").count(), 1);
    assert!(log.contains("property=Description right=group outcome=done"), "{log}");
}
