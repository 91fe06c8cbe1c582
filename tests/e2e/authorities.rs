//! Promise: a job may bring authorities of its own, by which its servers are judged and nobody else's;
//! they outlive the service, and what makes no sense is said by name.

use support::bus::{JOB, No};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Authority, Resource, Server};
use support::users::User;

const FILE: Content = Content::new(171, 80_000);

struct Scene {
    authority: Authority,
    server: Server,
    instance: Instance,
    owner: User,
}

/// A server whose authority this machine does not know.
fn scene() -> Scene {
    let (authority, instance) = (Authority::new(), Instance::start());
    let server = Server::https(&authority);
    server.put("/f", Resource::new(FILE));
    Scene { authority, server, instance, owner: User::ordinary() }
}

impl Scene {
    fn job<'a>(&self, bus: &'a support::bus::Bus, name: &str) -> Job<'a> {
        let job = Job::create(bus, name);
        job.add(&self.server.url("/f"), &self.instance.directory_of(&self.owner).join(name));
        job
    }
}

fn set(job: &Job<'_>, pem: &str, alone: bool) -> Result<(), No> {
    job.bus.call(&job.path, JOB, "SetAuthorities", &(pem.as_bytes(), alone)).map(|_| ())
}

fn get(job: &Job<'_>) -> (Vec<u8>, bool) {
    job.bus.ask(&job.path, JOB, "GetAuthorities", &()).unwrap()
}

/// It stops, and this is why.
fn stops_with(job: &Job<'_>, name: &str) {
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!(job.error_name(), name);
}

#[test]
fn a_job_brings_an_authority_that_nobody_else_trusts_and_that_outlives_the_service() {
    let mut scene = scene();
    let (bus, pem) = (scene.instance.bus(&scene.owner), scene.authority.pem.clone());
    let job = scene.job(&bus, "knows");
    stops_with(&job, "certificate-invalid");
    assert_eq!(scene.server.log().len(), 0, "nothing was asked of a stranger");
    set(&job, &pem, true).unwrap();
    assert_eq!(get(&job), (pem.clone().into_bytes(), true));
    let other = scene.job(&bus, "does-not");
    scene.instance.kill_and_restart();
    let bus = scene.instance.bus(&scene.owner);
    let (job, other) = (job.over(&bus), other.over(&bus));
    assert_eq!(get(&job), (pem.into_bytes(), true));
    job.resume();
    job.finish();
    FILE.check(&scene.instance.directory_of(&scene.owner).join("knows"));
    // The connection is still there, and in the hands of the same agent.
    stops_with(&other, "certificate-invalid");
    assert_eq!(scene.server.requests("/f").len(), 1);
    assert_eq!(get(&job).0, b"", "what a job that is over needed is gone");
    let log = scene.instance.log();
    let audit = format!("audit: authorities set job={} by={}", job.id, scene.owner.uid);
    assert!(log.contains(&audit), "{log}");
}

#[test]
fn authorities_that_are_none_stop_the_job_by_name_and_can_be_mended() {
    let scene = scene();
    let bus = scene.instance.bus(&scene.owner);
    let job = scene.job(&bus, "mended");
    let broken = scene.authority.pem.replacen("MII", "M!I", 1);
    for (nonsense, why) in [("nonsense\0", "no PEM certificate"), (broken.as_str(), "no PEM:")] {
        set(&job, nonsense, true).unwrap();
        stops_with(&job, "authorities-unusable");
        let message = job.error()["Message"].clone();
        assert!(message.contains("cacert") && message.contains(why), "{message}");
        assert!(job.error()["Advice"].contains("cacert="), "{:?}", job.error());
    }
    for (much, alone) in [("-".repeat(49_153), false), (String::new(), true)] {
        assert_eq!(set(&job, &much, alone).unwrap_err().name, "InvalidArgument");
    }
    assert_eq!(scene.server.log().len(), 0);
    set(&job, &scene.authority.pem, false).unwrap();
    job.resume();
    job.finish();
    assert_eq!(set(&job, "", false).unwrap_err().name, "InvalidState");
}

#[test]
fn a_list_among_a_jobs_authorities_says_what_has_been_revoked() {
    let scene = scene();
    let bus = scene.instance.bus(&scene.owner);
    let job = scene.job(&bus, "checked");
    job.set("SecurityFlags", 0x1_u32.into()).unwrap();
    let pem = &scene.authority.pem;
    set(&job, pem, true).unwrap();
    stops_with(&job, "revocation-unknown");
    set(&job, &format!("{pem}{}", scene.authority.list_of_leaf()), true).unwrap();
    stops_with(&job, "certificate-revoked");
    assert_eq!(scene.server.log().len(), 0, "nothing was asked before that was clear");
    set(&job, &format!("{pem}{}", scene.authority.list()), true).unwrap();
    job.resume();
    job.finish();
}

#[test]
fn the_command_line_takes_authorities_as_curl_does_and_shows_them() {
    let scene = scene();
    let directory = scene.instance.directory_of(&scene.owner);
    let (file, path) = (directory.join("ca.pem"), directory.join("got"));
    let pem = &scene.authority.pem;
    std::fs::write(&file, pem).unwrap();
    let (file, path_text) = (file.to_str().unwrap(), path.to_str().unwrap());
    let ebb = |words: &[&str]| {
        let output = scene.instance.run(&scene.owner, words);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let url = scene.server.url("/f");
    let got = ebb(&["get", &url, "-o", path_text, "--cacert", file]);
    assert_eq!(got.0, Some(0), "{}", got.2);
    FILE.check(&path);
    let (_, id, _) = ebb(&["create", "shown", "--add-cacert", file]);
    let id = id.trim();
    assert!(ebb(&["show", id]).1.contains("authorities: 1, beside the machine's"));
    assert_eq!(ebb(&["set", id, &format!("cacert={file}")]).0, Some(0));
    assert!(ebb(&["show", id]).1.contains("authorities: 1, instead of the machine's"));
    let json = ebb(&["show", id, "--json"]).1;
    assert!(json.contains(&pem.replace('\n', "\\n")), "{json}");
    assert_eq!(ebb(&["set", id, "cacert=none"]).0, Some(0));
    assert!(!ebb(&["show", id]).1.contains("authorities:"));
    let none = directory.join("none.pem");
    std::fs::write(&none, "nothing\n").unwrap();
    let no = ebb(&["create", "no", "--cacert", none.to_str().unwrap()]);
    assert!(no.0 != Some(0) && no.2.contains("no PEM certificate"), "{}", no.2);
}
