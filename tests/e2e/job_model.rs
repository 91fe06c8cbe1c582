//! Promise: the terms of a job hold while it runs, and change at once when they are changed.

use std::collections::HashMap;
use std::sync::Arc;
use support::bus::JOB;
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Lie, Resource, Server};
use support::users::User;
use zbus::{OwnedVariant, Variant};

const FILE: Content = Content::new(71, 400_000);

/// A job whose server has stopped in the middle of its file.
fn halfway<'a>(
    instance: &Instance,
    server: &Server,
    bus: &'a support::bus::Bus,
) -> (Arc<Gate>, Job<'a>) {
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let job = Job::create(bus, "halfway");
    job.add(&server.url("/f"), &instance.directory_of(&User::ordinary()).join("f"));
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    (gate, job)
}

/// The remote name of the first file.
fn remote_name(job: &Job<'_>) -> String {
    let page = job.bus.ask(&job.path, JOB, "GetFiles", &(0_u32, 1_u32));
    let (mut files, _): (Vec<HashMap<String, OwnedVariant>>, u32) = page.unwrap();
    String::try_from(files.remove(0).remove("RemoteName").unwrap()).unwrap()
}

#[test]
fn a_job_moved_to_another_server_goes_on_from_its_last_byte() {
    let (instance, server, mirror) = (Instance::start(), Server::http(), Server::http());
    mirror.put("/f", Resource::new(FILE));
    let alice = User::ordinary();
    let bus = instance.bus(&alice);
    let (_gate, job) = halfway(&instance, &server, &bus);
    let (old, new) = (server.url("/"), mirror.url("/"));
    instance.must(&alice, &["rebase", &job.id, &old, &new]);
    job.finish();
    FILE.check(&instance.directory_of(&alice).join("f"));
    assert_eq!(mirror.log()[0].from, FILE.size / 2, "the mirror proved that it has the same file");
    assert_eq!(server.log().len(), 1, "nobody asks the old server any more");
    assert_eq!(remote_name(&job), mirror.url("/f"));
    let late = bus.call(&job.path, JOB, "SetRemoteName", &(0_u32, old.as_str())).unwrap_err();
    assert_eq!(late.name, "InvalidState");
}

#[test]
fn another_file_at_the_new_address_starts_over() {
    const OTHER: Content = Content::new(72, FILE.size);
    let (instance, server, mirror) = (Instance::start(), Server::http(), Server::http());
    mirror.put("/f", Resource::new(OTHER));
    let alice = User::ordinary();
    let bus = instance.bus(&alice);
    let (_gate, job) = halfway(&instance, &server, &bus);
    let url = mirror.url("/f");
    bus.call(&job.path, JOB, "SetRemoteName", &(0_u32, url.as_str())).unwrap();
    job.finish();
    OTHER.check(&instance.directory_of(&alice).join("f"));
}

#[test]
fn a_name_that_would_not_do_changes_none() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "names");
    job.add("http://localhost/a", &instance.directory_of(&alice).join("a"));
    let replace = |old: &str, new: &str| {
        bus.ask::<_, u32>(&job.path, JOB, "ReplaceRemotePrefix", &(old, new))
    };
    for (old, new) in [("http://", "ftp://"), ("", "http://x"), ("http://localhost/a", "x")] {
        assert_eq!(replace(old, new).unwrap_err().name, "InvalidArgument", "{old} {new}");
    }
    assert_eq!(replace("HTTP://", "https://").unwrap(), 0, "upper and lower case count");
    assert_eq!(remote_name(&job), "http://localhost/a");
    assert_eq!(replace("http://localhost/", "https://mirror/").unwrap(), 1);
    let strange = bus.call(&job.path, JOB, "SetRemoteName", &(1_u32, "http://localhost/b"));
    assert_eq!(strange.unwrap_err().name, "FileNotFound");
    assert_eq!(remote_name(&job), "https://mirror/a");
}

#[test]
fn a_job_that_has_run_as_long_as_it_may_stops_and_goes_on_after_resume() {
    let (instance, server) = (Instance::start(), Server::http());
    let bus = instance.bus(&User::ordinary());
    let (gate, job) = halfway(&instance, &server, &bus);
    let none = job.set("MaximumDownloadTime", Variant::from(0_u32)).unwrap_err();
    assert_eq!(none.name, "InvalidArgument");
    assert_eq!(job.property::<u32>("MaximumDownloadTime"), 7_776_000);
    job.set("MaximumDownloadTime", Variant::from(1_u32)).unwrap();
    assert_eq!(job.wait_for(&["error"]), "error");
    let error = job.error();
    assert_eq!(error["Name"], "max-download-time");
    assert_eq!(error["Code"], "0x80200054");
    assert_eq!(error["Context"], "general-queue-manager");
    job.set("MaximumDownloadTime", Variant::from(3600_u32)).unwrap();
    gate.open();
    job.resume();
    job.finish();
    FILE.check(&instance.directory_of(&User::ordinary()).join("f"));
    let last = server.log().last().map(|request| request.from);
    assert_eq!(last, Some(FILE.size / 2), "what was there is kept");
}

#[test]
fn what_the_server_said_of_a_file_can_be_read_and_survives_a_restart() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let odd = Lie::Field("X-Odd".into(), "a: b".into());
    server.put("/f", Resource::new(FILE).always(odd));
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "headers");
    job.add(&server.url("/f"), &instance.directory_of(&alice).join("f"));
    job.resume();
    job.wait_for(&["transferred", "error"]);
    instance.kill_one("ebbd");
    let bus = instance.bus(&alice);
    let job = job.over(&bus);
    let asked = bus.ask(&job.path, JOB, "GetFileHeaders", &0_u32);
    let fields: Vec<(String, String)> = asked.unwrap();
    let odd = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-odd"));
    assert_eq!(odd.unwrap().1, "a: b", "{fields:?}");
    let shown = instance.must(&alice, &["files", "--headers", &job.id]);
    assert!(shown.to_ascii_lowercase().contains("x-odd: a: b"), "{shown}");
    let none = bus.ask::<_, Vec<(String, String)>>(&job.path, JOB, "GetFileHeaders", &7_u32);
    assert_eq!(none.unwrap_err().name, "FileNotFound");
}

#[test]
fn files_added_to_a_transferred_job_are_fetched_after_resume() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let directory = instance.directory_of(&alice);
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "more");
    job.add(&server.url("/f"), &directory.join("f"));
    job.resume();
    job.wait_for(&["transferred", "error"]);
    job.add(&server.url("/f"), &directory.join("g"));
    assert_eq!(job.state(), "transferred");
    assert_eq!(server.requests("/f").len(), 1, "nothing is fetched before Resume");
    job.resume();
    job.finish();
    FILE.check(&directory.join("f"));
    FILE.check(&directory.join("g"));
    assert_eq!(server.requests("/f").len(), 2, "what is there is not fetched again");
}
