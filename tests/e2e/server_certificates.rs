//! Promise: a program of the owner's has the last word on every server that a job speaks to over TLS,
//! and a job that needs one speaks to nobody without it (`job-model.md` 3.5).

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;
use support::bus::{AboutServer, Bus, JOB, No};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::server::{Authority, Gate, Resource, Server};
use support::users::User;

const FILE: Content = Content::new(121, 60_000);
const SET: &str = "SetServerCertificateValidation";
const WHY: u32 = 0x8123_4567;

struct Scene {
    authority: Authority,
    server: Server,
    instance: Instance,
    owner: User,
}

fn scene() -> Scene {
    let authority = Authority::new();
    let instance = Setup::new().trusting(&authority).start();
    let server = Server::https(&authority);
    for name in ["/a", "/b"] {
        server.put(name, Resource::new(FILE));
    }
    Scene { authority, server, instance, owner: User::ordinary() }
}

impl Scene {
    /// A job of one file, suspended.
    fn job<'a>(&self, bus: &'a Bus) -> Job<'a> {
        let job = Job::create(bus, "judged");
        job.add(&self.server.url("/a"), &self.instance.directory_of(&self.owner).join("a"));
        job
    }

    fn requests(&self) -> usize {
        self.server.log().len()
    }
}

/// The next question to this connection.
fn question(bus: &Bus) -> AboutServer {
    bus.wait_until("a question", || bus.server_certificates().into_iter().next()).unwrap()
}

fn judge(job: &Job<'_>, question: u64, code: u32) -> Result<(), No> {
    job.bus.call(&job.path, JOB, "JudgeServerCertificate", &(question, code)).map(|_| ())
}

fn remove(job: &Job<'_>) -> Result<bool, No> {
    job.bus.ask(&job.path, JOB, "RemoveServerCertificateValidation", &())
}

/// What is here is wrong, says its owner: Resume fetches it again.
fn once_more(job: &Job<'_>) {
    job.bus.call(&job.path, JOB, "SetValidationState", &(0_u32, false)).unwrap();
    assert_eq!(job.state(), "error");
}

#[test]
fn the_owners_program_has_the_last_word_on_every_server_and_is_asked_once_for_each_certificate() {
    let scene = scene();
    let bus = scene.instance.bus(&scene.owner);
    let job = scene.job(&bus);
    job.add(&scene.server.url("/b"), &scene.instance.directory_of(&scene.owner).join("b"));
    job.call(SET).unwrap();
    job.resume();
    let (number, file, host, port, chain) = question(&bus);
    assert_eq!((host.as_str(), port), ("127.0.0.1", scene.server.address().port()));
    assert!(file < 2);
    let leaf = CertificateDer::from_pem_slice(scene.authority.leaf.0.as_bytes()).unwrap();
    assert_eq!(chain, [leaf.to_vec()]);
    judge(&job, number, WHY).unwrap();
    job.wait_for(&["transient-error"]);
    assert_eq!(scene.requests(), 0, "it was spoken to before it was accepted");
    let error = job.error();
    assert_eq!(error["Name"], "server-certificate-rejected");
    assert_eq!(error["Code"], format!("{WHY:#x}"));
    assert_eq!(error["Context"], "server-certificate-callback");
    assert_eq!(job.property::<u32>("ErrorCount"), 1);
    // What was rejected is asked again, and what was accepted is not: for no other file, and by no other
    // attempt.
    job.resume();
    let (again, ..) = question(&bus);
    assert!(again > number);
    judge(&job, again, 0).unwrap();
    job.wait_for(&["transferred"]);
    once_more(&job);
    job.resume();
    job.wait_for(&["transferred"]);
    assert_eq!(bus.server_certificates(), []);
    // Another certificate is another question, of the same server; and to set a validator is to ask
    // everything again.
    scene.server.show_another_leaf(&scene.authority);
    once_more(&job);
    job.resume();
    let (another, _, _, _, changed) = question(&bus);
    assert_ne!(changed, chain);
    judge(&job, another, 0).unwrap();
    job.wait_for(&["transferred"]);
    once_more(&job);
    job.call(SET).unwrap();
    job.resume();
    let (anew, _, _, _, same) = question(&bus);
    assert_eq!(same, changed);
    judge(&job, anew, 0).unwrap();
    job.finish();
    FILE.check(&scene.instance.directory_of(&scene.owner).join("a"));
    let log = scene.instance.log();
    let audit = format!("audit: validator set job={} by={} outcome=done", job.id, scene.owner.uid);
    assert!(log.contains(&audit), "{log}");
}

#[test]
fn a_job_whose_validator_is_gone_waits_for_it_and_speaks_to_nobody() {
    const NAME: &str = "server-cert-validation-interface-required";
    let mut scene = scene();
    let watching = scene.instance.bus(&scene.owner);
    let judging = scene.instance.bus(&scene.owner);
    let job = scene.job(&watching);
    job.over(&judging).call(SET).unwrap();
    job.resume();
    question(&judging);
    // It goes while it is asked, and is not there when it is to be asked.
    drop(judging);
    for _ in 0..2 {
        job.wait_for(&["error"]);
        assert_eq!(job.error_name(), NAME);
        assert_eq!(job.error()["Context"], "server-certificate-callback");
        job.resume();
    }
    job.wait_for(&["error"]);
    // That there has to be one outlives the service, and which one does not.
    job.call(SET).unwrap();
    scene.instance.kill_and_restart();
    let bus = scene.instance.bus(&scene.owner);
    let job = job.over(&bus);
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!((job.error_name().as_str(), scene.requests()), (NAME, 0));
    job.call(SET).unwrap();
    job.resume();
    let (number, ..) = question(&bus);
    judge(&job, number, WHY).unwrap();
    job.wait_for(&["transient-error"]);
    job.call("Suspend").unwrap();
    // Whoever wants none gets none.
    assert!(remove(&job).unwrap() && !remove(&job).unwrap());
    assert_eq!(scene.requests(), 0);
    job.resume();
    job.finish();
    assert_eq!(bus.server_certificates(), []);
    FILE.check(&scene.instance.directory_of(&scene.owner).join("a"));
}

#[test]
fn who_may_judge_and_when_is_the_owners_alone_to_say() {
    let scene = scene();
    let gate = Arc::new(Gate::after(1_000));
    scene.server.put("/a", Resource::new(FILE).through(&gate));
    let bus = scene.instance.bus(&scene.owner);
    let job = scene.job(&bus);
    if rustix::process::getuid().is_root() {
        let [bob, root] = [User::bob(), User::root()].map(|user| scene.instance.bus(&user));
        for (stranger, no) in [(&bob, "NotFound"), (&root, "AccessDenied")] {
            let theirs = job.over(stranger);
            assert_eq!(theirs.call(SET).unwrap_err().name, no);
            assert_eq!(remove(&theirs).unwrap_err().name, no);
            assert_eq!(judge(&theirs, 1, 0).unwrap_err().name, no);
        }
    }
    job.call(SET).unwrap();
    job.resume();
    let (number, ..) = question(&bus);
    let no = job.call(SET).unwrap_err();
    assert_eq!((no.name.as_str(), no.code), ("ReadOnlyWhenJobActive", 0x8020_0075));
    assert_eq!(remove(&job).unwrap_err().name, "ReadOnlyWhenJobActive");
    // The answer is for whoever was asked, and for what was asked, once.
    let other = scene.instance.bus(&scene.owner);
    assert_eq!(judge(&job.over(&other), number, 0).unwrap_err().name, "InvalidArgument");
    assert_eq!(judge(&job, number + 1, 0).unwrap_err().name, "InvalidArgument");
    assert_eq!(scene.requests(), 0);
    judge(&job, number, 0).unwrap();
    assert_eq!(judge(&job, number, 0).unwrap_err().name, "InvalidArgument");
    job.wait_for(&["transferring"]);
    assert_eq!(job.call(SET).unwrap_err().name, "ReadOnlyWhenJobActive");
    gate.open();
    job.finish();
    assert_eq!(job.call(SET).unwrap_err().name, "InvalidState");
}
