//! Promise: a file comes in the order its owner asks for while it comes; what is said to be there is
//! there; no byte is asked for twice.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use support::bus::{Bus, JOB, No, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Resource, Server, Version};
use support::users::User;

const MIB: u64 = 1 << 20;
const TO_END: u64 = u64::MAX;
const FILE: Content = Content::new(93, 8 * MIB);

fn request(job: &Job<'_>, ranges: &[(u64, u64)]) -> Result<(), No> {
    job.bus.call(&job.path, JOB, "RequestFileRanges", &(0_u32, ranges)).map(|_| ())
}

fn position(job: &Job<'_>, offset: u64) -> Result<(), No> {
    job.bus.call(&job.path, JOB, "UpdateDownloadPosition", &(0_u32, offset)).map(|_| ())
}

/// What is said to be there, each byte of it looked at.
fn filled(job: &Job<'_>, instance: &Instance, content: Content) -> Vec<(u64, u64)> {
    let filled: Vec<(u64, u64)> =
        job.bus.ask(&job.path, JOB, "GetFilledFileRanges", &0_u32).unwrap();
    let name = job.files().remove(0).temporary;
    if !filled.is_empty() {
        let name = std::ffi::OsStr::from_bytes(&name);
        let path = instance.directory_of(&User::ordinary()).join(name);
        let file = std::fs::File::open(path).unwrap();
        for &(offset, length) in &filled {
            let mut there = vec![0; usize::try_from(length).unwrap()];
            let mut expected = there.clone();
            file.read_exact_at(&mut there, offset).unwrap();
            content.fill(offset, &mut expected);
            assert!(there == expected, "{offset}:{length} is said to be there, and is not");
        }
    }
    filled
}

fn create<'a>(bus: &'a Bus, instance: &Instance, url: &str, options: &Options<'_>) -> Job<'a> {
    let job = Job::create_with(bus, "on demand", options);
    job.add(url, &instance.directory_of(&User::ordinary()).join("f"));
    job
}

fn only_requested() -> Options<'static> {
    Options::from([("on-demand", true.into())])
}

fn sent(server: &Server) -> u64 {
    server.requests("/f").iter().map(|request| request.sent).sum()
}

#[test]
fn a_running_file_comes_in_the_order_it_is_asked_for() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let gate = Arc::new(Gate::after(MIB));
    server.put("/f", Resource::new(FILE).through(&gate));
    let bus = instance.bus(&alice);
    let job = create(&bus, &instance, &server.url("/f"), &Options::new());
    job.resume();
    job.wait_for_bytes(MIB);

    // Answered when nothing comes in the old order any more.
    request(&job, &[(6 * MIB, MIB / 2), (0, MIB / 2)]).unwrap();
    assert_eq!(filled(&job, &instance, FILE), [(0, MIB)]);
    gate.release(MIB / 2 + 1000);
    job.wait_for_bytes(3 * MIB / 2 + 1000);

    position(&job, 4 * MIB).unwrap();
    let there = filled(&job, &instance, FILE);
    assert_eq!(there, [(0, MIB + 1000), (6 * MIB, MIB / 2)]);
    gate.release(MIB);
    job.wait_for_bytes(5 * MIB / 2 + 1000);
    job.call("Suspend").unwrap();
    let there = filled(&job, &instance, FILE);
    assert_eq!(there, [(0, MIB + 1000), (4 * MIB, MIB), (6 * MIB, MIB / 2)]);

    gate.open();
    job.resume();
    job.finish();
    FILE.check(&instance.directory_of(&alice).join("f"));
    assert_eq!(sent(&server), FILE.size, "{:?}", server.requests("/f"));
}

#[test]
fn in_on_demand_mode_nothing_but_what_was_requested_is_fetched() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&alice);
    let job = create(&bus, &instance, &server.url("/f"), &only_requested());
    request(&job, &[(1000, 5000), (2 * MIB, 10), (3000, 4000)]).unwrap();
    job.resume();
    job.wait_for(&["suspended", "error"]);
    assert_eq!(job.property::<String>("Reason"), "nothing-requested", "nobody paused it");
    let there = filled(&job, &instance, FILE);
    assert_eq!(there, [(1000, 6000), (2 * MIB, 10)]);
    assert_eq!(sent(&server), 6010);
    assert_eq!(request(&job, &[(FILE.size, 1)]).unwrap_err().name, "InvalidRange");

    // What is there stays, whoever dies; the rest makes it whole.
    instance.kill_one("ebbd");
    let bus = instance.bus(&alice);
    let job = job.over(&bus);
    assert_eq!(filled(&job, &instance, FILE), there);
    request(&job, &[(0, TO_END)]).unwrap();
    job.resume();
    job.wait_for(&["transferred", "error"]);
    job.call("Complete").unwrap();
    FILE.check(&instance.directory_of(&alice).join("f"));
    assert_eq!(sent(&server), FILE.size);
}

#[test]
fn another_version_at_the_server_replaces_all_that_was_there() {
    const OTHER: Content = Content::new(94, 7 * MIB);
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let version = |content: Content| Version {
        content,
        etag: Some(format!("\"{}\"", content.seed)),
        modified: None,
    };
    server.put("/f", Resource::of_versions([version(FILE), version(OTHER)]));
    let bus = instance.bus(&alice);
    let job = create(&bus, &instance, &server.url("/f"), &only_requested());
    request(&job, &[(5 * MIB, MIB)]).unwrap();
    job.resume();
    job.wait_for(&["suspended", "error"]);
    assert_eq!(filled(&job, &instance, FILE), [(5 * MIB, MIB)]);
    server.swap("/f");
    request(&job, &[(0, 2 * MIB)]).unwrap();
    job.resume();
    job.wait_for(&["suspended", "error"]);
    assert_eq!(filled(&job, &instance, OTHER), [(0, 2 * MIB), (5 * MIB, MIB)]);
    // To the end of the file as it was: it is shorter now.
    job.set("OnDemandMode", false.into()).unwrap();
    job.resume();
    job.finish();
    OTHER.check(&instance.directory_of(&alice).join("f"));
}

#[test]
fn a_server_without_ranges_gives_the_file_as_a_whole_and_takes_no_more_requests() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let gate = Arc::new(Gate::after(MIB));
    server.put("/f", Resource::new(FILE).without_ranges().through(&gate));
    let bus = instance.bus(&alice);
    let job = create(&bus, &instance, &server.url("/f"), &Options::new());
    job.resume();
    job.wait_for_bytes(MIB);
    request(&job, &[(6 * MIB, 10)]).unwrap();
    gate.open();
    job.wait_for(&["transferred", "error"]);
    let no = request(&job, &[(0, 10)]).unwrap_err();
    assert_eq!(no.name, "RandomAccessNotSupported");
    job.finish();
    FILE.check(&instance.directory_of(&alice).join("f"));

    let demanding = create(&bus, &instance, &server.url("/f"), &only_requested());
    request(&demanding, &[(6 * MIB, 10)]).unwrap();
    demanding.resume();
    demanding.wait_for(&["error", "transferred"]);
    assert_eq!(demanding.error_name(), "insufficient-range-support");
}
