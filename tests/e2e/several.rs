//! Promise: a large file of a job in the foreground comes over several connections where a server
//! limits each of them, and is the right one; after a kill it goes on from what was recorded; and who
//! is in the background, or has a server without ranges, or a policy of one, has one connection.
//!
//! The server is nginx, and its log says what it was asked for, on which connection.

use std::collections::HashSet;
use std::path::Path;

use support::bus::{Bus, Options};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::nginx::Nginx;
use support::users::{User, needs_root};

/// At the server's rate this takes twelve seconds over one connection.
const FILE: Content = Content::new(3030, 48 << 20);
/// And this takes ten: others would have been tried after three.
const SMALLER: Content = Content::new(3031, 40 << 20);

/// A request, as the server tells it.
#[derive(Debug)]
struct Asked {
    connection: String,
    range: String,
    status: String,
}

fn asked(nginx: &Nginx, path: &str) -> Vec<Asked> {
    let lines = nginx.log(path, 1).into_iter();
    let asked = lines.map(|line| {
        let [connection, range, status] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (connection, range) = (connection.to_owned(), range.to_owned());
        Asked { connection, range, status: status.to_owned() }
    });
    asked.collect()
}

fn connections(asked: &[Asked]) -> usize {
    asked.iter().map(|one| &one.connection).collect::<HashSet<_>>().len()
}

fn start<'a>(bus: &'a Bus, priority: &str, url: &str, path: &Path) -> Job<'a> {
    let job = Job::create_with(bus, url, &Options::from([("priority", priority.into())]));
    job.add(url, path);
    job.resume();
    job
}

#[test]
fn a_large_file_in_the_foreground_comes_over_several_connections_and_is_the_right_one() {
    if !needs_root("an address of its own") {
        return;
    }
    let (instance, nginx, alice) = (Instance::start(), Nginx::plain(), User::alice());
    nginx.put("rated/f", FILE);
    let (bus, path) = (instance.bus(&alice), instance.directory_of(&alice).join("f"));
    start(&bus, "foreground", &nginx.url("rated/f"), &path).finish();
    FILE.check(&path);
    let asked = asked(&nginx, "rated/f");
    assert!(connections(&asked) > 1, "{asked:?}");
    assert!(asked.iter().any(|one| one.status == "206"), "{asked:?}");
}

#[test]
fn a_file_over_several_connections_goes_on_from_what_was_recorded_when_everything_was_killed() {
    if !needs_root("an address of its own") {
        return;
    }
    let (mut instance, nginx, alice) = (Instance::start(), Nginx::plain(), User::alice());
    nginx.put("rated/f", FILE);
    let path = instance.directory_of(&alice).join("f");
    let before = {
        let bus = instance.bus(&alice);
        let job = start(&bus, "foreground", &nginx.url("rated/f"), &path);
        let mut bytes = 20_000_000;
        loop {
            job.wait_for_bytes(bytes);
            let durable = job.files()[0].durable;
            if durable > 0 {
                break (job.path.clone(), job.id.clone(), durable);
            }
            bytes += 1_000_000;
        }
    };
    instance.kill_and_restart();
    let (object, id, durable) = before;
    let bus = instance.bus(&alice);
    Job { bus: &bus, path: object, id }.finish();
    FILE.check(&path);
    let asked = asked(&nginx, "rated/f");
    assert_eq!(asked.iter().filter(|one| one.range == "-").count(), 1, "{asked:?}");
    // Only who goes on asks for all the rest.
    let rest: Vec<u64> = asked
        .iter()
        .filter_map(|one| one.range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .collect();
    assert!(!rest.is_empty() && rest.iter().all(|from| *from >= durable), "{durable} {asked:?}");
}

#[test]
fn who_gives_way_or_has_no_ranges_or_may_not_has_one_connection() {
    if !needs_root("an address of its own") {
        return;
    }
    let (instance, nginx, alice) = (Instance::start(), Nginx::plain(), User::alice());
    let alone = Setup::new().config("connections-per-file = 1").start();
    nginx.put("rated/background", SMALLER);
    nginx.put("rated/alone", SMALLER);
    nginx.put("whole/f", SMALLER);
    let (bus, bus_alone) = (instance.bus(&alice), alone.bus(&alice));
    let directory = instance.directory_of(&alice);
    let paths = ["background", "alone", "whole"].map(|name| directory.join(name));
    let jobs = [
        start(&bus, "normal", &nginx.url("rated/background"), &paths[0]),
        start(&bus_alone, "foreground", &nginx.url("rated/alone"), &paths[1]),
        start(&bus, "foreground", &nginx.url("whole/f"), &paths[2]),
    ];
    for (job, path) in jobs.iter().zip(&paths) {
        job.finish();
        SMALLER.check(path);
    }
    for path in ["rated/background", "rated/alone", "whole/f"] {
        let asked = asked(&nginx, path);
        assert_eq!((asked.len(), asked[0].range.as_str()), (1, "-"), "{path}: {asked:?}");
    }
}
