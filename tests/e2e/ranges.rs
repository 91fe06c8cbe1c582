//! Promise: a file of given ranges is exactly these bytes, one after the other in the order given,
//! whoever dies meanwhile; and what makes that impossible has a name.

use std::sync::Arc;
use support::bus::{JOB, No, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Lie, Resource, Server};
use support::users::User;
use zbus::Variant;

const MIB: u64 = 1 << 20;
const TO_END: u64 = u64::MAX;
const FILE: Content = Content::new(91, 3 * MIB);

/// Adds `f` with ranges.
fn add(job: &Job<'_>, instance: &Instance, url: &str, ranges: &[(u64, u64)]) -> Result<(), No> {
    let path = instance.directory_of(&User::ordinary()).join("f");
    let options = Options::from([("ranges", Variant::from(ranges.to_vec()))]);
    let files = [(url, path.as_os_str().as_encoded_bytes(), options)];
    job.bus.call(&job.path, JOB, "AddFiles", &(files.as_slice(),)).map(|_| ())
}

/// What the file has to be.
fn expected(ranges: &[(u64, u64)]) -> Vec<u8> {
    let piece = |&(offset, length): &(u64, u64)| {
        let mut bytes = vec![0; usize::try_from(length.min(FILE.size - offset)).unwrap()];
        FILE.fill(offset, &mut bytes);
        bytes
    };
    ranges.iter().flat_map(piece).collect()
}

#[test]
fn ranges_lie_one_after_the_other_in_the_order_given() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let path = instance.directory_of(&alice).join("f");
    let words = ["get", &server.url("/f"), "-o", path.to_str().unwrap()];
    let ranges = ["--range", "1048576:1000,3145000:eof,0:100"];
    instance.must(&alice, &[&words[..], &ranges].concat());
    let expected = expected(&[(MIB, 1000), (3_145_000, TO_END), (0, 100)]);
    assert!(std::fs::read(&path).unwrap() == expected, "the ranges are not what was asked for");
    let asked: u64 = server.requests("/f").iter().map(|request| request.sent).sum();
    assert_eq!(asked, expected.len() as u64, "no byte is fetched that nobody wants");
}

#[test]
fn after_a_kill_no_byte_of_a_range_is_asked_for_twice() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let gate = Arc::new(Gate::after(3 * MIB / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let ranges = [(2 * MIB, MIB), (0, MIB)];
    for victim in ["ebbd", "ebb-service", "ebb-net", "ebb-files"] {
        let bus = instance.bus(&alice);
        let job = Job::create(&bus, victim);
        add(&job, &instance, &server.url("/f"), &ranges).unwrap();
        assert_eq!(job.property::<u64>("BytesTotal"), 2 * MIB);
        job.resume();
        job.wait_for_bytes(3 * MIB / 2);
        // Whatever is synced then is a checkpoint.
        job.call("Suspend").unwrap();
        assert_eq!(job.files()[0].durable, 3 * MIB / 2);
        let seen = server.requests("/f").len();
        job.resume();
        server.wait_for("the rest", |log| (log.len() > seen).then_some(()));
        instance.kill_one(victim);
        gate.release(MIB / 2);
        let bus = instance.bus(&alice);
        let job = job.over(&bus);
        job.finish();
        let path = instance.directory_of(&alice).join("f");
        assert!(std::fs::read(&path).unwrap() == expected(&ranges), "after the death of {victim}");
        let later = &server.requests("/f")[seen..];
        assert!(later.iter().all(|r| r.from >= MIB / 2 && r.from < MIB), "{later:?}");
        gate.release(3 * MIB / 2);
    }
}

#[test]
fn ranges_that_cannot_be_are_refused_and_nothing_is_added() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "refused");
    let many: Vec<(u64, u64)> = (0..501).map(|n| (n * 2, 1)).collect();
    for (ranges, name) in [
        (&[][..], "InvalidArgument"),
        (&[(0, 0)], "InvalidRange"),
        (&[(TO_END, 1)], "InvalidRange"),
        (&[(0, 10), (9, 1)], "OverlappingRanges"),
        (&[(5, TO_END), (7, 1)], "OverlappingRanges"),
        (&many, "TooManyRangesInFile"),
    ] {
        let no = add(&job, &instance, &server.url("/f"), ranges).unwrap_err();
        assert_eq!(no.name, name, "{ranges:?}");
    }
    assert!(job.files().is_empty());
    add(&job, &instance, &server.url("/f"), &many[..500]).unwrap();
}

#[test]
fn what_a_server_cannot_give_is_told_by_name_and_lasts() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/none", Resource::new(FILE).without_ranges());
    server.put("/short", Resource::new(FILE));
    server.put("/merged", Resource::new(FILE).always(Lie::Multipart));
    let bus = instance.bus(&alice);
    for (url, ranges, name, code) in [
        ("/none", [(MIB, 10), (0, 10)], "insufficient-range-support", "0x80200013"),
        ("/short", [(0, 10), (3 * MIB - 5, 10)], "invalid-range", "0x8020002b"),
        ("/merged", [(0, 4), (100, 4)], "invalid-server-response", "0x8020001b"),
    ] {
        let job = Job::create(&bus, url);
        add(&job, &instance, &server.url(url), &ranges).unwrap();
        job.resume();
        job.wait_for(&["error", "transferred"]);
        let error = job.error();
        assert_eq!((error["Name"].as_str(), error["Code"].as_str()), (name, code), "{url}");
        job.call("Cancel").unwrap();
    }
}
