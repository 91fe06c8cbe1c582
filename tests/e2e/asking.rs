//! Promise: a job's files are asked for in the way its terms say: method, redirects, certificates,
//! content made while it is sent, and not more bytes than allowed.

use std::collections::HashMap;
use support::bus::{Bus, JOB, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Authority, Framing, Lie, Resource, Server};
use support::users::User;
use zbus::{OwnedVariant, Variant};

const FILE: Content = Content::new(33, 50_000);

fn job_with<'a>(bus: &'a Bus, option: (&'static str, Variant<'static>)) -> Job<'a> {
    let patience = ("no-progress-timeout", 0_u32.into());
    Job::create_with(bus, "asking", &Options::from([option, patience]))
}

fn remote_name(job: &Job<'_>) -> String {
    let page = job.bus.ask(&job.path, JOB, "GetFiles", &(0_u32, 1_u32));
    let (mut files, _): (Vec<HashMap<String, OwnedVariant>>, u32) = page.unwrap();
    String::try_from(files.remove(0).remove("RemoteName").unwrap()).unwrap()
}

#[track_caller]
fn fails_with(job: &Job<'_>, name: &str, code: &str) {
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    let error = job.error();
    assert_eq!((error["Name"].as_str(), error["Code"].as_str()), (name, code), "{error:?}");
}

#[test]
fn another_method_is_sent_as_it_is_and_every_try_begins_at_the_first_byte() {
    let (instance, alice, server) = (Instance::start(), User::ordinary(), Server::http());
    server.put("/f", Resource::new(FILE).once(Lie::CloseAt(20_000)));
    let bus = instance.bus(&alice);
    let job = Job::create_with(&bus, "report", &Options::from([("http-method", "REPORT".into())]));
    let path = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &path);
    assert_eq!(job.property::<String>("Priority"), "foreground");
    job.resume();
    // No second try by itself.
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    job.resume();
    job.finish();
    FILE.check(&path);
    let requests = server.requests("/f");
    assert_eq!(requests.len(), 2, "{requests:#?}");
    for request in requests {
        assert_eq!((request.method.as_str(), request.field("range")), ("REPORT", None));
    }
}

#[test]
fn content_that_is_made_while_it_is_sent_starts_over_after_every_interruption() {
    let (instance, alice, server) = (Instance::start(), User::ordinary(), Server::http());
    server.put("/f", Resource::new(FILE).once(Lie::CloseAt(20_000)));
    let bus = instance.bus(&alice);
    let job = Job::create_with(&bus, "dynamic", &Options::from([("dynamic-content", true.into())]));
    let path = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
    let requests = server.requests("/f");
    assert!(requests.len() == 2 && requests.iter().all(|r| r.field("range").is_none()));
}

#[test]
fn a_redirect_is_followed_reported_or_refused_as_the_job_says() {
    let (instance, alice, server) = (Instance::start(), User::ordinary(), Server::http());
    server.put("/there", Resource::new(FILE));
    let bus = instance.bus(&alice);
    let directory = instance.directory_of(&alice);
    for (status, code) in [
        (301, "0x8007012d"),
        (302, "0x8007012e"),
        (303, "0x8007012f"),
        (307, "0x80070133"),
        (308, "0x80070134"),
    ] {
        let here = format!("/{status}");
        server.put(&here, Resource::new(FILE).always(Lie::redirect(status, &server.url("/there"))));
        for (flags, ends_as) in [(0_u32, here.as_str()), (0x100, "/there"), (0x200, "/there")] {
            let job = job_with(&bus, ("security-flags", flags.into()));
            let path = directory.join(format!("{status}-{flags}"));
            job.add(&server.url(&here), &path);
            job.resume();
            if flags == 0x200 {
                fails_with(&job, "redirect-refused", code);
                assert_eq!(remote_name(&job), server.url("/there"), "{status}");
                job.resume();
            }
            assert_eq!(job.wait_for(&["error", "transferred"]), "transferred", "{status} {flags}");
            assert_eq!(remote_name(&job), server.url(ends_as), "{status} {flags}");
            job.finish();
            FILE.check(&path);
        }
    }
}

#[test]
fn a_certificate_nobody_vouches_for_is_taken_only_where_the_job_says_so() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let server = Server::https(&Authority::new());
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&alice);
    let path = instance.directory_of(&alice).join("f");
    for others in [0_u32, 0x2 | 0x4 | 0x10] {
        let job = job_with(&bus, ("security-flags", others.into()));
        job.add(&server.url("/f"), &path);
        job.resume();
        fails_with(&job, "certificate-invalid", "0x80072f8f");
    }
    assert!(server.requests("/f").is_empty());
    let job = job_with(&bus, ("security-flags", 0x8_u32.into()));
    job.add(&server.url("/f"), &path);
    job.resume();
    job.finish();
    FILE.check(&path);
}

#[test]
fn the_way_down_to_http_is_gone_only_where_the_job_says_so() {
    let authority = Authority::new();
    let instance = support::instance::Setup::new().trusting(&authority).start();
    let (alice, plain, server) = (User::ordinary(), Server::http(), Server::https(&authority));
    plain.put("/f", Resource::new(FILE));
    server.put("/f", Resource::new(FILE).always(Lie::redirect(302, &plain.url("/f"))));
    let bus = instance.bus(&alice);
    let path = instance.directory_of(&alice).join("f");
    let job = job_with(&bus, ("security-flags", 0_u32.into()));
    job.add(&server.url("/f"), &path);
    job.resume();
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    assert_eq!(job.error_name(), "redirect-downgrade");
    // Set while it is in error, as a repair.
    job.set("SecurityFlags", 0x800_u32.into()).unwrap();
    job.resume();
    job.finish();
    FILE.check(&path);
}

#[test]
fn a_job_fetches_no_more_bytes_than_it_may_told_or_not() {
    let (instance, alice, server) = (Instance::start(), User::ordinary(), Server::http());
    let bus = instance.bus(&alice);
    for (name, framing) in
        [("/told", Framing::Length), ("/chunked", Framing::Chunked), ("/bare", Framing::Unframed)]
    {
        server.put(name, Resource::new(FILE).framed(framing));
        let path = instance.directory_of(&alice).join(&name[1..]);
        let job = job_with(&bus, ("max-download-size", (FILE.size - 1).into()));
        job.add(&server.url(name), &path);
        job.resume();
        fails_with(&job, "max-download-size-limit-reached", "0x80200064");
        let job = job_with(&bus, ("max-download-size", FILE.size.into()));
        job.add(&server.url(name), &path);
        job.resume();
        job.finish();
        FILE.check(&path);
    }
}

#[test]
fn a_job_with_a_limit_of_its_own_is_overtaken_until_the_limit_is_lifted() {
    const LARGE: Content = Content::new(34, 8 << 20);
    let (instance, alice, server) = (Instance::start(), User::ordinary(), Server::http());
    server.put("/f", Resource::new(LARGE));
    let bus = instance.bus(&alice);
    let limited = job_with(&bus, ("limit-rate", 4096_u64.into()));
    let slow = instance.directory_of(&alice).join("slow");
    limited.add(&server.url("/f"), &slow);
    limited.resume();
    limited.wait_for(&["transferring", "error", "transferred"]);
    // What comes after it is here before it.
    let free = Job::create(&bus, "free");
    let fast = instance.directory_of(&alice).join("fast");
    free.add(&server.url("/f"), &fast);
    free.resume();
    free.finish();
    LARGE.check(&fast);
    assert_eq!(limited.state(), "transferring");
    limited.set("BandwidthLimit", 0_u64.into()).unwrap();
    limited.finish();
    LARGE.check(&slow);
}
