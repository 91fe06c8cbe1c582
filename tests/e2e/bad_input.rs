//! Promise: bad input is a typed error with advice; the job is kept, nothing is lost, nothing is
//! followed.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use support::bus::{Bus, No, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::scratch::make_directory;
use support::server::{Lie, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(51, 50_000);

fn refusal(job: &Job<'_>, url: &str, path: &Path) -> No {
    let no = job.try_add(url, path).expect_err("this is to be refused");
    assert!(!no.sentence.is_empty(), "{no:?}");
    assert!(!no.advice.is_empty(), "{no:?}");
    assert_eq!(job.state(), "suspended", "the job is kept");
    assert_eq!(job.property::<u32>("FilesTotal"), 0, "and unchanged");
    no
}

#[test]
fn a_malformed_url_and_a_relative_path_are_refused_when_added() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "bad input");
    let good = instance.directory_of(&alice).join("f");
    let long = format!("http://localhost/{}", "a".repeat(8000));
    for url in ["", "nonsense", "http://", "http://[::1", "ftp://localhost/f", "gopher:x", &long] {
        refusal(&job, url, &good);
    }
    for path in ["", "f", "./f", "../f", "/", "/tmp/", "/tmp/..", "/tmp/."] {
        refusal(&job, "http://localhost/f", Path::new(path));
    }
}

#[test]
fn a_destination_that_does_not_do_is_refused_by_name_and_never_followed() {
    if !needs_root("bad destinations") {
        return;
    }
    let (instance, alice, bob) = (Instance::start(), User::alice(), User::bob());
    let bus = instance.bus(&alice);
    let own = instance.directory_of(&alice);
    let theirs = instance.directory_of(&bob);
    fs::create_dir(own.join("directory")).unwrap();
    fs::write(own.join("plain"), "text").unwrap();
    symlink(&theirs, own.join("link-to-directory")).unwrap();
    symlink("/etc/passwd", own.join("link-to-file")).unwrap();
    for (kind, name) in [("p", "fifo"), ("c 1 3", "device")] {
        let mut words = kind.split(' ');
        let made = Command::new("mknod").arg(own.join(name)).args(words.by_ref()).status();
        assert!(made.unwrap().success());
    }
    let cases = [
        (own.join("missing/f"), "NoSuchDirectory"),
        (own.join("plain/f"), "NotADirectory"),
        (own.join("link-to-directory/f"), "SymbolicLink"),
        (theirs.join("f"), "DestinationAccessDenied"),
        (own.join("directory"), "NotARegularFile"),
        (own.join("link-to-file"), "NotARegularFile"),
        (own.join("fifo"), "NotARegularFile"),
        (own.join("device"), "NotARegularFile"),
        ("/proc/f".into(), "SpecialFileSystem"),
        ("/sys/f".into(), "SpecialFileSystem"),
        ("/dev/f".into(), "SpecialFileSystem"),
        ("/etc/f".into(), "DestinationAccessDenied"),
        (own.join("n".repeat(256)), "InvalidArgument"),
    ];
    for (path, name) in cases {
        let job = Job::create(&bus, name);
        let no = refusal(&job, "http://localhost/f", &path);
        // What may not be entered and what is no ordinary place are both a no; which comes first
        // is the kernel's word for /proc and its like.
        let special = name == "SpecialFileSystem" && no.name == "DestinationAccessDenied";
        assert!(no.name == name || special, "{path:?}: {no:?}");
    }
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
    assert!(fs::metadata(own.join("fifo")).unwrap().file_type().is_fifo());
}

#[test]
fn a_missing_directory_and_a_forbidden_one_tell_the_same_about_what_is_inside() {
    if !needs_root("what an error may tell") {
        return;
    }
    let (instance, alice, bob) = (Instance::start(), User::alice(), User::bob());
    let bus = instance.bus(&alice);
    let theirs = instance.directory_of(&bob);
    make_directory(&theirs.join("there"), 0o755, &bob);
    let job = Job::create(&bus, "curious");
    let there = refusal(&job, "http://localhost/f", &theirs.join("there/f"));
    let not = refusal(&job, "http://localhost/f", &theirs.join("not/f"));
    assert_eq!(there, not);
}

#[test]
fn a_destination_exchanged_for_a_link_after_adding_is_not_followed() {
    if !needs_root("destination exchanged") {
        return;
    }
    let (instance, alice, bob) = (Instance::start(), User::alice(), User::bob());
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&alice);
    let own = instance.directory_of(&alice);
    make_directory(&own.join("target"), 0o755, &alice);
    let trap = instance.directory_of(&bob);
    fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let job = Job::create(&bus, "exchanged");
    job.add(&server.url("/f"), &own.join("target/f"));
    fs::rename(own.join("target"), own.join("away")).unwrap();
    symlink(&trap, own.join("target")).unwrap();
    job.resume();
    job.wait_for(&["error"]);
    assert!(["symbolic-link", "destination-changed"].contains(&job.error_name().as_str()));
    fs::remove_file(own.join("target")).unwrap();
    make_directory(&own.join("target"), 0o755, &alice);
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!(job.error_name(), "destination-changed", "another directory of the same name");
    fs::remove_dir(own.join("target")).unwrap();
    fs::rename(own.join("away"), own.join("target")).unwrap();
    job.resume();
    job.finish();
    FILE.check(&own.join("target/f"));
    assert_eq!(fs::read_dir(&trap).unwrap().count(), 0, "the link was followed");
}

/// A small file system of its own, unmounted at the end.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path) -> Self {
        make_directory(path, 0o777, &User::root());
        let options = ["-t", "tmpfs", "-o", "size=1m,mode=777", "ebb-test"];
        let mounted = Command::new("mount").args(options).arg(path).status();
        assert!(mounted.unwrap().success(), "a small file system");
        Self(path)
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_by_name_and_the_job_goes_on_when_there_is_room() {
    if !needs_root("full disk") {
        return;
    }
    let (instance, alice) = (Instance::start(), User::alice());
    let server = Server::http();
    let content = Content::new(52, 800_000);
    server.put("/f", Resource::new(content));
    let path = instance.scratch().join("small");
    let small = Small::mount(&path);
    fs::write(path.join("ballast"), vec![0; 500_000]).unwrap();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "full");
    job.add(&server.url("/f"), &path.join("f"));
    job.resume();
    job.wait_for(&["error"]);
    let error = job.error();
    assert_eq!((error["Name"].as_str(), error["Context"].as_str()), ("no-space", "local-file"));
    assert!(!error["Advice"].is_empty());
    fs::remove_file(path.join("ballast")).unwrap();
    job.resume();
    job.finish();
    content.check(&path.join("f"));
    drop(small);
}

/// Every error of a job at the first try, without waiting for another.
fn impatient(bus: &Bus) -> Job<'_> {
    let mut options = Options::new();
    options.insert("no-progress-timeout", 0_u32.into());
    Job::create_with(bus, "nonsense", &options)
}

#[test]
fn a_server_that_answers_nonsense_is_an_error_with_a_name_and_leaves_nothing_in_place() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let server = Server::http();
    let bus = instance.bus(&alice);
    let directory = instance.directory_of(&alice);
    let field = |name: &str, value: &str| Lie::Field(name.into(), value.into());
    let raw = |text: &str| Lie::Raw(text.as_bytes().to_vec());
    let cases = [
        ("/garbage", raw("no http at all\r\n\r\n"), "malformed-answer"),
        ("/status-line", raw("HTTP/1.1 2oo OK\r\n\r\n"), "malformed-answer"),
        ("/two-lengths", field("Content-Length", "7"), "malformed-answer"),
        ("/coded", field("Content-Encoding", "gzip"), "encoded-answer"),
        ("/endless", Lie::EndlessHead, "head-too-large"),
        ("/loop", Lie::redirect(302, "/loop"), "too-many-redirects"),
        ("/elsewhere", Lie::redirect(302, "file:///etc/passwd"), "redirect-invalid"),
        ("/gone", Lie::Status(410, vec![]), "http-410"),
        ("/forbidden", Lie::Status(403, vec![]), "http-403"),
        ("/nothing", Lie::Status(204, vec![]), "http-204"),
        ("/cut", Lie::CloseAt(100), "connection-lost"),
    ];
    for (path, lie, name) in cases {
        server.put(path, Resource::new(FILE).always(lie));
        let job = impatient(&bus);
        let destination = directory.join(&path[1..]);
        job.add(&server.url(path), &destination);
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{path}");
        let error = job.error();
        assert_eq!(error["Name"], name, "{path}: {error:?}");
        assert!(!error["Advice"].is_empty() && !error["Message"].is_empty(), "{error:?}");
        assert!(!destination.exists(), "{path} left a file in place");
        // An honest server later: the job was kept, and nothing of the nonsense is in the file.
        server.put(path, Resource::new(FILE));
        job.resume();
        job.finish();
        FILE.check(&destination);
    }
}

#[test]
fn an_existing_file_is_replaced_in_one_step_and_only_at_complete() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let server = Server::http();
    server.put("/f", Resource::new(FILE));
    let bus = instance.bus(&alice);
    let path = instance.directory_of(&alice).join("f");
    fs::write(&path, "before").unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let job = Job::create(&bus, "replacing");
    job.add(&server.url("/f"), &path);
    job.resume();
    job.wait_for(&["transferred"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    job.call("Complete").unwrap();
    FILE.check(&path);
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode, "written into instead of replaced");
}
