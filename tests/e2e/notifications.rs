//! Promise: who registers for a job is told what its flags say, in order, at its pace, and of what
//! is owed at least once, whoever dies meanwhile.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;
use support::bus::{Bus, JOB, MANAGER, MANAGER_PATH, Notification, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Resource, Server};
use support::users::User;

const MIB: u64 = 1 << 20;
const FILE: Content = Content::new(21, 300_000);

fn register(job: &Job<'_>) {
    job.call("Register").unwrap();
}

fn flags(bits: u32) -> Options<'static> {
    Options::from([("notify-flags", bits.into())])
}

/// What was told, up to the first of this kind.
fn until(bus: &Bus, kind: &str) -> Vec<Notification> {
    let told = RefCell::new(Vec::new());
    let found = |new: Notification| {
        told.borrow_mut().push(new);
        told.borrow().last().is_some_and(|last| last.kind == kind).then_some(())
    };
    bus.wait_until(kind, || bus.notifications().into_iter().find_map(found)).unwrap();
    told.into_inner()
}

fn kinds(told: &[Notification]) -> Vec<&str> {
    told.iter().map(|told| told.kind.as_str()).collect()
}

fn acknowledge(bus: &Bus, number: u64) {
    bus.call(MANAGER_PATH, MANAGER, "Acknowledge", &number).unwrap();
}

#[test]
fn what_is_owed_is_told_at_every_registration_until_it_is_acknowledged() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let first = instance.bus(&alice);
    let job = Job::create(&first, "owed");
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    register(&job);
    job.resume();
    let told = until(&first, "transferred");
    assert_eq!(kinds(&told), ["transferred"]);
    let number = told[0].number;

    // Another connection, and after a restart a third: the same again.
    let second = instance.bus(&alice);
    register(&job.over(&second));
    assert_eq!(until(&second, "transferred")[0].number, number);
    instance.kill_and_restart();
    let third = instance.bus(&alice);
    let job = job.over(&third);
    register(&job);
    assert_eq!(until(&third, "transferred")[0].number, number);

    // Known now: whoever registers is told of nothing. The end of the job is what ends the wait.
    acknowledge(&third, number);
    let fourth = instance.bus(&alice);
    let job = job.over(&fourth);
    register(&job);
    job.set("NotifyFlags", 0x9_u32.into()).unwrap();
    job.call("Complete").unwrap();
    assert!(!kinds(&until(&fourth, "modification")).contains(&"transferred"));
}

#[test]
fn each_file_is_told_before_the_job_and_only_to_who_registered_and_disable_silences_all() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    for name in ["/a", "/b", "/c"] {
        server.put(name, Resource::new(FILE));
    }
    let (bus, other) = (instance.bus(&alice), instance.bus(&alice));
    let add = |job: &Job<'_>| {
        for name in ["a", "b", "c"] {
            let path = instance.directory_of(&alice).join(name);
            job.add(&server.url(&format!("/{name}")), &path);
        }
    };
    let job = Job::create_with(&bus, "files", &flags(0x13));
    add(&job);
    register(&job);
    job.resume();
    let told = until(&bus, "transferred");
    let file = "file-transferred";
    assert_eq!(kinds(&told), [file, file, file, "transferred"]);
    assert!(told.windows(2).all(|two| two[0].number < two[1].number), "{told:?}");
    // Who only listens gets signals, and no notification.
    job.over(&other).wait_for(&["transferred"]);
    assert_eq!(other.notifications(), []);
    job.call("Cancel").unwrap();

    let job = Job::create_with(&bus, "silent", &flags(0x3b));
    add(&job);
    register(&job);
    job.set("Description", "changed".into()).unwrap();
    until(&bus, "modification");
    job.set("NotifyFlags", 0x3f_u32.into()).unwrap();
    bus.notifications();
    job.resume();
    job.wait_for(&["transferred"]);
    assert_eq!(bus.notifications(), []);
    // Taken back, what is owed is told.
    job.set("NotifyFlags", 0x3_u32.into()).unwrap();
    assert_eq!(kinds(&until(&bus, "transferred")), ["transferred"]);
}

#[test]
fn changes_and_ranges_come_no_more_often_than_the_interval_says() {
    const LARGE: Content = Content::new(22, 8 * MIB);
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let gate = Arc::new(Gate::rate(3 * MIB));
    server.put("/f", Resource::new(LARGE).through(&gate));
    let bus = instance.bus(&alice);
    let mut options = flags(0x29);
    options.insert("on-demand", true.into());
    options.insert("notification-interval", 300_u32.into());
    let job = Job::create_with(&bus, "pace", &options);
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    // 32 pieces, each of which is told when it is there.
    let pieces: Vec<(u64, u64)> = (0..32).map(|at| (at * 8 * MIB / 32, 8 * MIB / 32)).collect();
    bus.call(&job.path, JOB, "RequestFileRanges", &(0_u32, pieces.as_slice())).unwrap();
    let begun = Instant::now();
    register(&job);
    job.resume();
    let told = until(&bus, "transferred");
    let lasted = u64::try_from(begun.elapsed().as_millis()).unwrap();
    for kind in ["modification", "file-ranges-transferred"] {
        let count = told.iter().filter(|told| told.kind == kind).count() as u64;
        assert!((1..=lasted / 300 + 1).contains(&count), "{count} of {kind} in {lasted} ms");
    }
    let numbers: Vec<u64> = told.iter().map(|told| told.number).collect();
    assert!(numbers.is_sorted(), "{told:?}");
}

#[test]
fn ranges_that_are_there_are_told_to_everybody_who_listens() {
    const LARGE: Content = Content::new(23, 4 * MIB);
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(LARGE));
    let bus = instance.bus(&alice);
    let job = Job::create_with(&bus, "ranges", &Options::from([("on-demand", true.into())]));
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    let wanted: &[(u64, u64)] = &[(MIB, 1000), (3 * MIB, 5)];
    bus.call(&job.path, JOB, "RequestFileRanges", &(0_u32, wanted)).unwrap();
    bus.call(MANAGER_PATH, MANAGER, "Subscribe", &()).unwrap();
    job.resume();
    let all_told = || {
        let told = bus.ranges();
        let bytes: u64 = told.iter().map(|(_, _, length)| length).sum();
        (bytes == 1005).then_some(told)
    };
    let told = bus.wait_until("the ranges", all_told).unwrap();
    let inside = |(file, offset, length): &(u32, u64, u64)| {
        let covers =
            |(start, long): &(u64, u64)| start <= offset && offset + length <= start + long;
        *file == 0 && wanted.iter().any(covers)
    };
    assert!(told.iter().all(inside), "{told:?}");
}
