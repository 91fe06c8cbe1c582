//! Promise: the configuration is read again when that is asked for, and a mistake in it changes
//! nothing.

use std::collections::HashMap;
use std::time::Instant;

use support::bus::{Bus, MANAGER, MANAGER_PATH};
use support::instance::Instance;
use support::job::Job;
use support::server::PATIENCE;
use support::users::User;
use zbus::OwnedVariant;

fn jobs_per_user(bus: &Bus) -> u32 {
    let status: HashMap<String, OwnedVariant> =
        bus.ask(MANAGER_PATH, MANAGER, "GetStatus", &()).unwrap();
    u32::try_from(&status["JobsPerUser"]).unwrap()
}

/// Nobody tells when it has been read; asking until then is safe.
fn until(what: &str, reached: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_new_policy_counts_at_once_and_one_with_a_mistake_not_at_all() {
    let instance = Instance::start();
    let bus = instance.bus(&User::ordinary());
    let job = Job::create(&bus, "before");
    assert_eq!(jobs_per_user(&bus), 60);
    instance.reload(|text| format!("{text}\njobs-per-user = 1\n"));
    until("the new limit", || jobs_per_user(&bus) == 1);
    let refused = instance.run(&User::ordinary(), &["create", "one more"]);
    if User::ordinary().uid != 0 {
        assert!(!refused.status.success(), "the limit holds for those who are there already");
    }
    assert_eq!(job.state(), "suspended", "what is there stays");
    instance.reload(|text| text.replace("jobs-per-user", "jobs-per-usr"));
    until("the complaint", || instance.log().contains("there is no setting `jobs-per-usr`"));
    let log = instance.log();
    assert!(log.contains("the old configuration stays: ") && log.contains(", line "), "{log}");
    assert_eq!(jobs_per_user(&bus), 1);
}

#[test]
fn a_configuration_with_a_mistake_ends_the_start_for_good() {
    let mut instance = Instance::start();
    assert_eq!(instance.terminate(), Some(0));
    let policy = instance.scratch().join("ebbd.conf");
    let config = instance.scratch().join("ebb.toml");
    std::fs::write(&config, "jobs-per-usr = 1\n").unwrap();
    let mut ebbd = std::process::Command::new(instance.scratch().join("libexec/ebbd"));
    let ended = ebbd.arg("--policy").arg(policy).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(78), "systemd does not try again: {said}");
    assert!(said.contains("there is no setting `jobs-per-usr`"), "{said}");
}
