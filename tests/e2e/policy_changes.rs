//! Promise: administrators change what transfers may do while the service runs; it counts at once and after
//! restarts, until it is taken back. Nobody else does, and what may be done by whom is not changed so.

use std::collections::HashMap;
use std::fs;

use support::bus::{Bus, MANAGER, MANAGER_PATH, No};
use support::instance::{Instance, Setup};
use support::job::Job;
use support::users::{User, needs_root};
use zbus::OwnedVariant;

use crate::polkit::fake::{on_a_bus, polkit, through};

fn set(bus: &Bus, key: &str, value: &str) -> Result<(), No> {
    bus.call(MANAGER_PATH, MANAGER, "SetPolicy", &(key, value)).map(drop)
}

fn background_slots(bus: &Bus) -> u32 {
    let status: HashMap<String, OwnedVariant> =
        bus.ask(MANAGER_PATH, MANAGER, "GetStatus", &()).unwrap();
    u32::try_from(&status["BackgroundSlots"]).unwrap()
}

fn settings(bus: &Bus) -> Vec<(String, String, String)> {
    bus.ask(MANAGER_PATH, MANAGER, "GetPolicy", &()).unwrap()
}

#[test]
fn an_administrator_changes_a_policy_while_the_service_runs_and_nobody_else_does() {
    if !needs_root("an administrator's policy") {
        return;
    }
    let mut instance = Setup::new().config("background-slots = 7").start();
    let [root, alice] = [User::root(), User::alice()].map(|user| instance.bus(&user));
    assert_eq!(set(&alice, "background-slots", "9").unwrap_err().name, "AccessDenied");
    assert_eq!(set(&alice, "nonsense", "9").unwrap_err().name, "AccessDenied");
    assert_eq!(background_slots(&alice), 7);
    set(&root, "background-slots", "2").unwrap();
    set(&root, "owner-presence", "logged-on").unwrap();
    assert_eq!(background_slots(&alice), 2);
    let changed = |key: &str, value: &str| (key.to_owned(), value.to_owned(), String::new());
    let changes = [changed("background-slots", "2"), changed("owner-presence", "\"logged-on\"")];
    let by_call = |bus: &Bus| {
        let all = settings(bus).into_iter();
        all.filter(|(_, _, file)| file.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(by_call(&alice), changes, "anybody may know");
    assert_eq!(instance.terminate(), Some(0));
    instance.start_again();
    let [root, alice] = [User::root(), User::alice()].map(|user| instance.bus(&user));
    assert_eq!((background_slots(&alice), by_call(&alice)), (2, changes.to_vec()));
    set(&root, "background-slots", "").unwrap();
    assert_eq!(background_slots(&alice), 7, "what the file says");
    let in_file = settings(&alice).into_iter().find(|(key, ..)| key == "background-slots").unwrap();
    assert!(in_file.1 == "7" && in_file.2.ends_with("ebb.toml"), "{in_file:?}");
    let log = instance.log();
    let uid = User::alice().uid;
    let refused = format!("policy set by={uid} policy=background-slots outcome=access-denied");
    assert!(log.contains(&refused), "{log}");
    assert!(log.contains("policy set by=0 policy=owner-presence right=root outcome=done"), "{log}");
}

#[test]
fn a_limit_that_was_changed_counts_for_the_next_job_and_leaves_those_that_are_there() {
    if !needs_root("a limit for another user") {
        return;
    }
    let instance = Instance::start();
    let [root, alice] = [User::root(), User::alice()].map(|user| instance.bus(&user));
    let before = Job::create(&alice, "before");
    set(&root, "jobs-per-user", "1").unwrap();
    let create = |name: &str| {
        let none: HashMap<&str, zbus::Variant<'_>> = HashMap::new();
        alice.call(MANAGER_PATH, MANAGER, "CreateJob", &(name, "download", none)).map(drop)
    };
    assert_eq!(create("one more").unwrap_err().name, "TooManyJobsPerUser");
    assert_eq!(before.state(), "suspended");
    set(&root, "jobs-per-user", "").unwrap();
    create("now").unwrap();
}

#[test]
fn what_is_no_policy_or_no_value_of_it_is_refused_by_name_and_changes_nothing() {
    if !needs_root("an administrator's policy") {
        return;
    }
    let instance = Instance::start();
    let root = instance.bus(&User::root());
    for key in ["admin-groups", "bus-address", "allow-notify-command", "no-such-thing"] {
        let no = set(&root, key, "1").unwrap_err();
        assert_eq!((no.name.as_str(), no.code), ("UnknownPolicy", 0x8007_0057), "{key}");
    }
    for value in ["0", "several", "1\nadmin-groups = ['root']"] {
        let no = set(&root, "background-slots", value).unwrap_err();
        assert_eq!((no.name.as_str(), no.code), ("InvalidPolicyValue", 0x8007_0057), "{value}");
        assert!(no.sentence.contains("must be"), "{no:?}");
    }
    assert_eq!(background_slots(&root), 3);
    assert!(settings(&root).iter().all(|(_, _, file)| !file.is_empty()));
}

#[test]
fn a_policy_that_cannot_be_read_is_not_changed_either() {
    if !needs_root("an administrator's policy") {
        return;
    }
    let instance = Instance::start();
    let root = instance.bus(&User::root());
    set(&root, "background-slots", "2").unwrap();
    let changes = instance.scratch().join("state/policy.toml");
    fs::write(&changes, "background-slots = 'two'").unwrap();
    assert_eq!(set(&root, "jobs-per-user", "5").unwrap_err().name, "PolicyNotKept");
    assert_eq!(fs::read_to_string(&changes).unwrap(), "background-slots = 'two'");
    assert_eq!(background_slots(&root), 2, "what was in force stays");
    let log = instance.log();
    assert!(log.contains("the policy stays as it is: ") && log.contains("policy.toml"), "{log}");
}

#[test]
fn whom_polkit_allows_it_changes_a_policy_and_each_change_is_asked_about() {
    if !needs_root("polkit's leave") {
        return;
    }
    for allowed in [false, true] {
        let (message_bus, instance) = on_a_bus();
        let told = polkit(&message_bus, Some(allowed));
        let bob = through(&message_bus, &User::bob());
        let outcome = set(&bob, "background-slots", "2").map_err(|no| no.name);
        let asked = told.try_iter().collect::<Vec<_>>();
        assert_eq!(asked, ["system-bus-name by name org.ebb.Transfer1.change-policy 0"]);
        let (wanted, slots) =
            if allowed { (Ok(()), 2) } else { (Err("AccessDenied".to_owned()), 3) };
        assert_eq!((outcome, background_slots(&bob)), (wanted, slots));
        let right = "policy=background-slots right=org.ebb.Transfer1.change-policy outcome=done";
        assert_eq!(instance.log().contains(right), allowed, "{}", instance.log());
        assert!(told.try_iter().next().is_none(), "to look at it is everybody's");
    }
}

#[test]
fn the_command_line_shows_what_was_set_changes_it_and_takes_it_back() {
    if !needs_root("an administrator's policy") {
        return;
    }
    let instance = Instance::start();
    let root = User::root();
    instance.must(&root, &["policy", "background-slots=1", "work-hours=08:00-17:30"]);
    let shown = instance.must(&User::alice(), &["policy"]);
    for line in ["background-slots = 1  # ebb policy", "work-hours = \"08:00-17:30\"  # ebb policy"]
    {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    instance.must(&root, &["policy", "background-slots=", "work-hours="]);
    assert!(!instance.must(&root, &["policy"]).contains("# ebb policy"));
    let fails = |user: &User, words: &[&str]| {
        let done = instance.run(user, &[&["policy"], words].concat());
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = fails(&User::alice(), &["background-slots=1"]);
    assert!(code == Some(4) && said.contains("set background-slots"), "{said}");
    let (code, said) = fails(&root, &["on-battery=perhaps", "stall-timeout=9"]);
    assert!(
        code == Some(1) && said.contains("the value must be all, foreground or none"),
        "{said}"
    );
    assert!(instance.must(&root, &["policy"]).contains("stall-timeout = 9"), "the other counts");
    assert_eq!(fails(&root, &["background-slots"]).0, Some(2));
}
