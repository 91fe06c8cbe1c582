//! Promise: no spliced file, ever. The remote file is swapped for one of the same size in
//! mid-transfer, under every kind of validator, across `kill -9`; the result is one version, whole.
//!
//! 200 tries. In half of them the server cuts the connection, in half the transfer is suspended (so
//! that bytes are durable and a careless client would go on from them) and one of the processes is
//! killed before the swap.

use std::path::Path;
use std::sync::Arc;
use support::bus::{Bus, Options};
use support::content::Content;
use support::dice::Dice;
use support::instance::Instance;
use support::job::{AT_REST, Job};
use support::server::{Gate, JUST_NOW, LONG_AGO, Lie, Resource, Server, Version};
use support::users::User;

const SIZE: u64 = 200_000;
const TRIES_AT_ONCE: u64 = 10;
const ROUNDS: u64 = 20;

/// One file of two versions of one size; `kind` chooses what the server says of them.
fn swapped(number: u64, kind: u64) -> [Version; 2] {
    [0, 1].map(|version| {
        let content = Content::new(1000 + number * 2 + version, SIZE);
        let (etag, modified) = match kind % 6 {
            0 => (Some(format!("\"v{version}\"")), None),
            1 => (Some(format!("W/\"v{version}\"")), None),
            2 => (None, None),
            // The same second for both versions: only its age could make it strong.
            3 => (None, Some(JUST_NOW.to_owned())),
            4 => (None, Some(if version == 0 { LONG_AGO } else { JUST_NOW }.to_owned())),
            // A weak tag that does not change when the bytes do, as content-coding servers have it.
            _ => (Some("W/\"same\"".to_owned()), Some(JUST_NOW.to_owned())),
        };
        Version { content, etag, modified }
    })
}

fn job_for<'a>(bus: &'a Bus, server: &Server, name: &str, directory: &Path) -> Job<'a> {
    let mut options = Options::new();
    options.insert("priority", "foreground".into());
    let job = Job::create_with(bus, name, &options);
    job.add(&server.url(name), &directory.join(&name[1..]));
    job.resume();
    job
}

/// Resumes until it is transferred; nothing but an error or a wait may come in between.
fn see_through(job: &Job<'_>) {
    loop {
        match job.wait_for(&["transferred", "transient-error", "error", "suspended"]).as_str() {
            "transferred" => return job.call("Complete").unwrap(),
            "error" => panic!("{:?}", job.error()),
            _ => job.resume(),
        }
    }
}

fn assert_whole(path: &Path, versions: &[Version; 2]) {
    let departure = |version: &Version| {
        let mut file = std::fs::File::open(path).unwrap();
        version.content.departure(&mut file).unwrap()
    };
    let departures = versions.each_ref().map(departure);
    assert!(departures.contains(&None), "{path:?} is neither version: {departures:?}");
}

#[test]
fn a_connection_that_breaks_before_the_swap_leads_to_one_version() {
    let mut dice = Dice::announced("swap after a broken connection");
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let bus = instance.bus(&alice);
    let directory = instance.directory_of(&alice);
    for round in 0..ROUNDS / 2 {
        let mut under_way = Vec::new();
        for number in (0..TRIES_AT_ONCE).map(|n| round * TRIES_AT_ONCE + n) {
            let versions = swapped(number, number);
            let cut = dice.below(SIZE);
            let name = format!("/cut-{number}");
            // The swap happens as the last byte before the cut goes out: the next request, however
            // fast it comes, meets the other version.
            let resource = Resource::of_versions(versions.clone());
            server.put(&name, resource.once(Lie::SwapAndCloseAt(cut)));
            under_way.push((job_for(&bus, &server, &name, &directory), name, versions));
        }
        for (job, name, versions) in under_way {
            see_through(&job);
            assert_whole(&directory.join(&name[1..]), &versions);
            assert!(server.requests(&name).len() >= 2, "it was never interrupted");
        }
    }
}

#[test]
fn a_kill_before_the_swap_leads_to_one_version() {
    let mut dice = Dice::announced("swap across kill -9");
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let directory = instance.directory_of(&alice);
    for round in ROUNDS / 2..ROUNDS {
        let numbers = round * TRIES_AT_ONCE..(round + 1) * TRIES_AT_ONCE;
        let all: Vec<_> = numbers.map(|n| (format!("/kill-{n}"), swapped(n, n))).collect();
        let ids = suspend_half_way(&instance, &server, &directory, &all, &mut dice);
        let names: Vec<String> = instance.family().into_iter().map(|p| p.name).collect();
        instance.kill_one(dice.pick::<String>(&names));
        let bus = instance.bus(&alice);
        for ((name, versions), (path, id, gate)) in all.iter().zip(ids) {
            server.swap(name);
            gate.open();
            let job = Job { bus: &bus, path, id };
            job.resume();
            see_through(&job);
            assert_whole(&directory.join(&name[1..]), versions);
        }
    }
    // Under a strong validator a client has to try to go on; else this has shown nothing.
    let tried = server.log().iter().filter(|r| r.from > 0 && r.field("if-range").is_some()).count();
    assert!(tried >= 20, "only {tried} requests tried to go on");
}

type Suspended = (String, String, Arc<Gate>);

/// Brings each file to somewhere in its middle, durably.
fn suspend_half_way(
    instance: &Instance,
    server: &Server,
    directory: &Path,
    all: &[(String, [Version; 2])],
    dice: &mut Dice,
) -> Vec<Suspended> {
    let bus = instance.bus(&User::ordinary());
    let suspended = all.iter().map(|(name, versions)| {
        let half = 1 + dice.below(SIZE - 2);
        let gate = Arc::new(Gate::after(half));
        server.put(name, Resource::of_versions(versions.clone()).through(&gate));
        let job = job_for(&bus, server, name, directory);
        job.wait_for_bytes(half);
        job.call("Suspend").unwrap();
        assert!(AT_REST.contains(&job.state().as_str()));
        (job.path, job.id, gate)
    });
    suspended.collect()
}
