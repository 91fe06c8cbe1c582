//! Promise: a file of this machine is copied by whoever the job's files belong to, who has to be allowed
//! to read it; it is of one version, and no process with a network takes part.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use support::bus::Options;
use support::content::Content;
use support::digests::{sha256, sha512};
use support::instance::Instance;
use support::job::{Job, LOCAL_FILE};
use support::users::{User, needs_root};

/// More than one part.
const FILE: Content = Content::new(111, 40 << 20);
const SMALL: Content = Content::new(112, 100_000);

fn url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A file of this user's that nobody else reads.
fn source(instance: &Instance, user: &User, name: &str, content: Content) -> PathBuf {
    let path = instance.directory_of(user).join(name);
    std::fs::write(&path, content.bytes()).unwrap();
    std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_file_of_this_machine_is_copied_without_a_network_agent() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let from = source(&instance, &alice, "from", FILE);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    std::fs::File::options().write(true).open(&from).unwrap().set_modified(long_ago).unwrap();
    let to = instance.directory_of(&alice).join("to");
    instance.must(&alice, &["get", &url(&from), "-o", to.to_str().unwrap()]);
    FILE.check(&to);
    assert_eq!(to.metadata().unwrap().mtime(), 1_700_000_000);
    assert!(instance.processes("ebb-net").is_empty(), "nobody needs a network for this");

    // By the name that is in the URL, and with a digest.
    let directory = instance.directory_of(&alice).join("d");
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(alice.uid), Some(alice.gid)).unwrap();
    let words = ["get", &url(&from), "-d", directory.to_str().unwrap(), "--digest"];
    instance.must(&alice, &[&words[..], &[&sha512(&FILE.bytes())]].concat());
    FILE.check(&directory.join("from"));
    let wrong = instance.run(&alice, &[&words[..], &[&sha256(&SMALL.bytes())]].concat());
    assert_eq!(wrong.status.code(), Some(11), "{}", String::from_utf8_lossy(&wrong.stderr));
}

#[test]
fn what_cannot_be_copied_is_told_by_name_or_refused_when_it_is_added() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let from = source(&instance, &alice, "from", SMALL);
    let directory = instance.directory_of(&alice);
    symlink(&from, directory.join("link")).unwrap();
    let bus = instance.bus(&alice);
    for (path, name) in [
        (directory.join("gone"), "source-not-found"),
        (directory.join("from/below"), "source-not-found"),
        (directory.join("link"), "source-not-a-file"),
        (directory.clone(), "source-not-a-file"),
        ("/dev/zero".into(), "source-not-a-file"),
        ("/proc/cpuinfo".into(), "source-not-a-file"),
    ] {
        let job = Job::create(&bus, name);
        job.add(&url(&path), &directory.join("to"));
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{path:?}");
        let error = job.error();
        assert_eq!((error["Name"].as_str(), error["Context"].as_str()), (name, "remote-file"));
        job.call("Cancel").unwrap();
    }
    let job = Job::create(&bus, "refused");
    for url in ["file://server/f", "file:/f", "file:///", "file:///a?b", "ftp://h/f"] {
        let no = job.try_add(url, &directory.join("to")).unwrap_err();
        assert_eq!(no.name, "InvalidArgument", "{url}");
    }
    let ranges = Options::from([("ranges", zbus::Variant::from(vec![(0_u64, 5_u64)]))]);
    let files = [(url(&from), directory.join("to").into_os_string().into_encoded_bytes(), ranges)];
    let no = bus.call(&job.path, support::bus::JOB, "AddFiles", &(files.as_slice(),)).unwrap_err();
    assert_eq!(no.name, "InvalidArgument");
}

#[test]
fn a_file_is_read_as_its_owner_and_with_a_helper_as_the_helper() {
    if !needs_root("two users") {
        return;
    }
    let (instance, alice, bob) = (Instance::start(), User::alice(), User::bob());
    let secret = source(&instance, &bob, "secret", SMALL);
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "alone");
    job.add(&url(&secret), &instance.directory_of(&alice).join("to"));
    job.resume();
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    assert_eq!(job.error_name(), "source-access-denied");
    job.call("Cancel").unwrap();
    let job = Job::create(&bus, "as bob");
    job.lend(&instance, &bob, LOCAL_FILE);
    let to = instance.directory_of(&bob).join("to");
    job.add(&url(&secret), &to);
    job.resume();
    job.finish();
    SMALL.check(&to);
    assert_eq!(to.metadata().unwrap().uid(), bob.uid);
}

#[test]
fn a_source_that_changed_while_the_job_was_suspended_starts_over() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let from = source(&instance, &alice, "from", FILE);
    let to = instance.directory_of(&alice).join("to");
    let bus = instance.bus(&alice);
    for change in [false, true] {
        let job = Job::create(&bus, "suspended");
        job.add(&url(&from), &to);
        job.resume();
        job.wait_for_bytes(1);
        let _ = job.call("Suspend");
        if change {
            let mut file = std::fs::File::options().write(true).open(&from).unwrap();
            file.write_all(b"another beginning").unwrap();
        }
        // All of it may have come by then.
        let _ = job.call("Resume");
        let state = job.wait_for(&["transferred", "error"]);
        assert_eq!(state, "transferred", "{:?}", job.error());
        job.call("Complete").unwrap();
        let (copied, there) = (std::fs::read(&to).unwrap(), std::fs::read(&from).unwrap());
        assert!(copied == there || copied == FILE.bytes(), "a splice of two versions");
        std::fs::remove_file(&to).unwrap();
    }
}
