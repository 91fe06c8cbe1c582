//! Promise: a file that has to have a digest has it when it is put in place, whoever gave the digest,
//! whoever died meanwhile, and in whatever order the bytes came; else none of it is kept.
//!
//! What the digests are is `sha256sum`'s and `sha512sum`'s word.

use std::path::Path;
use std::sync::Arc;
use support::bus::{JOB, Options};
use support::content::Content;
use support::digests::{repr_digest, sha256, sha512};
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Lie, Resource, Server};
use support::users::User;
use zbus::Variant;

const MIB: u64 = 1 << 20;
const FILE: Content = Content::new(101, 3 * MIB);
const OTHER: Content = Content::new(102, 3 * MIB);

/// The field by which a server vouches for this content.
fn vouching(content: Content) -> Lie {
    Lie::Field("Repr-Digest".into(), repr_digest(&content.bytes()))
}

/// Adds `f` with these options.
fn add(job: &Job<'_>, path: &Path, url: &str, options: Options<'_>) {
    let files = [(url, path.as_os_str().as_encoded_bytes(), options)];
    job.bus.call(&job.path, JOB, "AddFiles", &(files.as_slice(),)).unwrap();
}

#[test]
fn a_file_with_another_digest_than_it_was_added_with_is_never_put_in_place() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(OTHER));
    let path = instance.directory_of(&alice).join("f");
    let get = |digest: &str| {
        let words = ["get", &server.url("/f"), "-o", path.to_str().unwrap(), "--json", "--digest"];
        instance.run(&alice, &[&words[..], &[digest]].concat())
    };
    for digest in [sha256(&FILE.bytes()), sha512(&FILE.bytes())] {
        let refused = get(&digest);
        let told = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert_eq!(refused.status.code(), Some(11), "{told}");
        assert!(told.contains("\"digest-mismatch\""), "{told}");
        assert!(!path.exists());
    }
    // One try each: the next would bring the same.
    assert_eq!(server.requests("/f").len(), 2);
    let nonsense = get("sha-256=abc");
    let told = String::from_utf8_lossy(&nonsense.stderr).into_owned();
    assert!(!nonsense.status.success() && told.contains("hexadecimal digits"), "{told}");

    // The job waits for its owner; when the server has the right file, Resume brings it whole.
    let id = instance.must(&alice, &["list", "-g", "id"]).lines().next().unwrap().to_owned();
    let shown = instance.must(&alice, &["show", &id, "--json"]);
    assert!(shown.contains("\"digest\":\"sha-"), "{shown}");
    assert_eq!(instance.must(&alice, &["show", &id, "-g", "bytes_transferred"]), "0");
    server.put("/f", Resource::new(FILE));
    instance.must(&alice, &["resume", &id]);
    instance.must(&alice, &["wait", &id]);
    FILE.check(&path);
}

#[test]
fn what_has_not_the_digest_its_server_gave_is_fetched_once_more_and_then_refused() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/once", Resource::new(FILE).always(vouching(FILE)).once(vouching(OTHER)));
    server.put("/always", Resource::new(FILE).always(vouching(OTHER)));
    let directory = instance.directory_of(&alice);
    let bus = instance.bus(&alice);
    let once = Job::create(&bus, "once");
    once.add(&server.url("/once"), &directory.join("once"));
    once.resume();
    once.finish();
    FILE.check(&directory.join("once"));
    let always = Job::create(&bus, "always");
    always.add(&server.url("/always"), &directory.join("always"));
    always.resume();
    assert_eq!(always.wait_for(&["error", "transferred"]), "error");
    assert_eq!(always.error_name(), "repr-digest-mismatch");
    assert_eq!(always.error()["Context"], "remote-file");
    assert_eq!(always.files()[0].durable, 0);
    for path in ["/once", "/always"] {
        let requests = server.requests(path);
        assert_eq!(requests.len(), 2, "{path}: once more, and no more often");
        assert!(requests.iter().all(|request| request.from == 0), "{path}: {requests:?}");
    }
}

#[test]
fn a_high_performance_job_is_compared_with_its_digests_too() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&alice);
    for (digest, error) in
        [(sha512(&FILE.bytes()), ""), (sha512(&OTHER.bytes()), "digest-mismatch")]
    {
        let options = Options::from([("high-performance", true.into())]);
        let job = Job::create_with(&bus, "in place", &options);
        let path = instance.directory_of(&alice).join("f");
        add(&job, &path, &server.url("/f"), Options::from([("digest", Variant::from(digest))]));
        job.resume();
        job.wait_for(&["error", "transferred"]);
        assert_eq!(job.error_name(), error);
    }
}

#[test]
fn a_digest_is_that_of_all_bytes_whoever_dies_while_they_come() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let path = instance.directory_of(&alice).join("f");
    for victim in ["ebbd", "ebb-service", "ebb-net", "ebb-files"] {
        for right in [true, false] {
            let gate = Arc::new(Gate::after(MIB));
            server.put("/f", Resource::new(FILE).always(vouching(FILE)).through(&gate));
            let bus = instance.bus(&alice);
            let job = Job::create(&bus, victim);
            let digest = sha512(&if right { FILE } else { OTHER }.bytes());
            let options = Options::from([("digest", Variant::from(digest))]);
            add(&job, &path, &server.url("/f"), options);
            job.resume();
            job.wait_for_bytes(MIB);
            // Whatever is synced then is a checkpoint, and with it what is hashed.
            job.call("Suspend").unwrap();
            assert_eq!(job.files()[0].durable, MIB);
            let seen = server.requests("/f").len();
            job.resume();
            server.wait_for("the rest", |log| (log.len() > seen).then_some(()));
            instance.kill_one(victim);
            gate.release(2 * MIB);
            let bus = instance.bus(&alice);
            let job = job.over(&bus);
            if right {
                job.finish();
                FILE.check(&path);
                std::fs::remove_file(&path).unwrap();
            } else {
                assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{victim}");
                assert_eq!(job.error_name(), "digest-mismatch", "{victim}");
                job.call("Cancel").unwrap();
                assert!(!path.exists());
            }
        }
    }
}

#[test]
fn a_file_that_came_in_pieces_has_its_digest_too() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    // The server's digest is of all it has: it says nothing about ranges of that.
    server.put("/f", Resource::new(FILE).always(vouching(FILE)));
    server.put("/lie", Resource::new(FILE).always(vouching(OTHER)));
    let path = instance.directory_of(&alice).join("f");
    let bus = instance.bus(&alice);
    let ranges = [(2 * MIB, MIB), (0, 100)];
    let bytes = FILE.bytes();
    let output = [&bytes[usize::try_from(2 * MIB).unwrap()..], &bytes[..100]].concat();
    for (digest, ended) in [(sha256(&output), "transferred"), (sha256(&bytes), "error")] {
        let job = Job::create(&bus, "ranges");
        let options = Options::from([
            ("ranges", Variant::from(ranges.to_vec())),
            ("digest", Variant::from(digest)),
        ]);
        add(&job, &path, &server.url("/f"), options);
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), ended, "{:?}", job.error());
        if ended == "transferred" {
            job.call("Complete").unwrap();
            assert!(std::fs::read(&path).unwrap() == output);
        } else {
            assert_eq!((job.error_name(), job.files()[0].durable), ("digest-mismatch".into(), 0));
        }
    }
    for (url, digest, error) in [
        ("/f", sha512(&bytes), ""),
        ("/f", sha512(&output), "digest-mismatch"),
        ("/lie", sha512(&bytes), "repr-digest-mismatch"),
    ] {
        let job = Job::create(&bus, "on demand");
        let options = Options::from([("digest", Variant::from(digest))]);
        add(&job, &path, &server.url(url), options);
        let wanted: &[(u64, u64)] = &[(2 * MIB, 5)];
        job.bus.call(&job.path, JOB, "RequestFileRanges", &(0_u32, wanted)).unwrap();
        job.resume();
        job.wait_for(&["error", "transferred"]);
        assert_eq!(job.error_name(), error, "{url}");
        job.call(if error.is_empty() { "Complete" } else { "Cancel" }).unwrap();
        assert!(server.requests(url).iter().any(|request| request.from == 2 * MIB));
    }
    FILE.check(&path);
}
