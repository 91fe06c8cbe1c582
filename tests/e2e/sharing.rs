//! Promise: many small files of a job share one connection where the server speaks HTTP/2. It may end that
//! connection when it likes, and the job may be stopped in the middle: every file is right in the end.
//!
//! The server is nginx, and its log says over which connection and in which protocol it was asked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use support::apache::Apache;
use support::bus::Bus;
use support::content::Content;
use support::credentials::{set, set_implicit};
use support::instance::{Instance, Setup};
use support::job::Job;
use support::namespace::Namespace;
use support::nginx::Nginx;
use support::realm::Realm;
use support::server::{Authority, PATIENCE};
use support::users::{User, needs_root};

/// As many as a job may have.
const FILES: u64 = 200;
const SIZE: u64 = 3000;

fn content(file: u64) -> Content {
    Content::new(7000 + file, SIZE)
}

fn stage(requests: u32) -> (Instance, Nginx) {
    let authority = Authority::new();
    let nginx = Nginx::shared(&authority, requests);
    (Setup::new().trusting(&authority).start(), nginx)
}

/// A job of many small files, and where they are to be.
fn begin<'a>(bus: &'a Bus, nginx: &Nginx, directory: &Path) -> (Job<'a>, Vec<PathBuf>) {
    let job = Job::create(bus, "many");
    let paths: Vec<PathBuf> = (0..FILES).map(|file| directory.join(file.to_string())).collect();
    for (file, path) in (0..).zip(&paths) {
        nginx.put(&format!("f{file}"), content(file));
        job.add(&nginx.url(&format!("f{file}")), path);
    }
    job.resume();
    (job, paths)
}

/// What the server logged for these files: for each request connection, protocol and status.
fn logged(nginx: &Nginx, names: impl Iterator<Item = String>) -> Vec<[String; 3]> {
    let lines = names.flat_map(|name| nginx.log(&name, 1));
    let words = lines.map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words.map(|words| words.try_into().expect("three words")).collect()
}

fn names() -> impl Iterator<Item = String> {
    (0..FILES).map(|file| format!("f{file}"))
}

fn connections(logged: &[[String; 3]], protocol: &str) -> usize {
    let of = logged.iter().filter(|[_, spoken, _]| spoken == protocol);
    of.map(|[connection, ..]| connection).collect::<HashSet<_>>().len()
}

#[test]
fn many_small_files_come_from_nginx_on_few_connections_of_http_2() {
    if !needs_root("an address of its own") {
        return;
    }
    let ((instance, nginx), alice) = (stage(10_000), User::alice());
    let bus = instance.bus(&alice);
    let (job, paths) = begin(&bus, &nginx, &instance.directory_of(&alice));
    job.finish();
    (0..).zip(&paths).for_each(|(file, path)| content(file).check(path));
    let logged = logged(&nginx, names());
    assert_eq!(logged.len() as u64, FILES, "each is asked for once: {logged:?}");
    let shared = logged.iter().filter(|[_, protocol, _]| protocol == "HTTP/2.0").count();
    // The first is asked for alone: it might be large.
    assert_eq!((shared as u64, connections(&logged, "HTTP/2.0")), (FILES - 1, 1), "{logged:?}");
}

#[test]
fn an_nginx_that_ends_its_connections_early_is_asked_on_others_and_no_file_is_missing() {
    if !needs_root("an address of its own") {
        return;
    }
    let ((instance, nginx), alice) = (stage(25), User::alice());
    let bus = instance.bus(&alice);
    let (job, paths) = begin(&bus, &nginx, &instance.directory_of(&alice));
    assert_eq!(job.wait_for(&["transferred", "transient-error", "error"]), "transferred");
    job.finish();
    (0..).zip(&paths).for_each(|(file, path)| content(file).check(path));
    let logged = logged(&nginx, names());
    assert!(connections(&logged, "HTTP/2.0") > 1, "{logged:?}");
}

#[test]
fn who_logs_on_for_a_connection_has_it_alone_and_others_share_one_at_the_same_server() {
    if !needs_root("a realm, and an Apache that speaks HTTP/2") {
        return;
    }
    let (realm, alice) = (Realm::start(), User::alice());
    realm.add_user("alice", "correct-horse");
    let authority = Authority::with_leaf_for(&[&realm.address]);
    let server = Apache::start_with_tls(&realm, &authority);
    let wrapper = realm.wrapper();
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let instance = Setup::new().trusting(&authority).under(&wrapper).start();
    realm.log_in(&alice, "alice", "correct-horse");
    let (bus, directory) = (instance.bus(&alice), instance.directory_of(&alice));
    // Where from, with what, and whether connections are shared. The server asks for a login below
    // `ticket` only; what a job has for others decides before anybody knows that.
    let ways = [
        ("open", "nothing", true),
        ("open", "basic", true),
        ("open", "digest", false),
        ("open", "ntlm", false),
        ("ticket", "negotiate", false),
    ];
    for (place, scheme, shared) in ways {
        let job = Job::create(&bus, scheme);
        match scheme {
            "nothing" => {}
            "negotiate" => set_implicit(&job, "server", "negotiate").unwrap(),
            scheme => set(&job, "server", scheme, "al", "correct-horse").unwrap(),
        }
        let names: Vec<String> = (0..6).map(|file| format!("{scheme}-{file}")).collect();
        for name in &names {
            server.put(name, content(0));
            job.add(&server.url_over_tls(&format!("{place}/{name}")), &directory.join(name));
        }
        job.resume();
        job.finish();
        names.iter().for_each(|name| content(0).check(&directory.join(name)));
        // Some may have been asked for their size before that, by HTTP/1.1.
        let spoken = names.iter().flat_map(|name| server.spoken(&format!("{place}/{name}")));
        let spoken: Vec<String> = spoken.collect();
        let by_http_2 = spoken.iter().any(|how| how.starts_with("HTTP/2.0"));
        assert_eq!(by_http_2, shared, "{scheme} at {place}: {spoken:?}");
    }
    assert_eq!(server.spoken("ticket/negotiate-5"), ["HTTP/1.1 alice@EBBTEST"]);
}

#[test]
fn files_that_shared_a_connection_go_on_from_where_they_were_when_the_job_was_stopped() {
    /// Sixteen seconds' worth, while it does not go on.
    const SLOW: u64 = 128 * 1024;
    if !needs_root("an address of its own") {
        return;
    }
    let ((instance, nginx), alice) = (stage(10_000), User::alice());
    let (bus, directory) = (instance.bus(&alice), instance.directory_of(&alice));
    let job = Job::create(&bus, "slow");
    let slow = |file: u64| Content::new(7900 + file, SLOW);
    for file in 0..4 {
        nginx.put(&format!("f{file}"), content(file));
        job.add(&nginx.url(&format!("f{file}")), &directory.join(file.to_string()));
    }
    for file in 0..4 {
        nginx.put(&format!("slow/f{file}"), slow(file));
        job.add(&nginx.url(&format!("slow/f{file}")), &directory.join(format!("slow{file}")));
    }
    job.resume();
    job.wait_for_bytes(4 * SIZE + SLOW / 4);
    job.call("Suspend").expect("it runs");
    let files = job.files();
    let begun = (0..4).filter(|file| (1..SLOW).contains(&files[*file + 4].durable));
    let begun: Vec<usize> = begun.collect();
    assert!(begun.len() > 1, "{files:?}");
    job.resume();
    job.finish();
    (0..4).for_each(|file| slow(file).check(&directory.join(format!("slow{file}"))));
    let asked: Vec<String> =
        begun.iter().flat_map(|file| nginx.log(&format!("slow/f{file}"), 2)).collect();
    // The first goes on alone, by HTTP/1.1 like every first one.
    assert!(asked.iter().any(|line| line.ends_with(" HTTP/2.0 206")), "{asked:?}");
    assert_eq!(
        asked.iter().filter(|line| line.ends_with(" 206")).count(),
        begun.len(),
        "{asked:?}"
    );
}

/// The connections to the server that are marked as of lower effort.
fn marked(namespace: &Namespace) -> usize {
    let [ip, words @ ..] = namespace.wrapper();
    let output = Command::new(ip).args(words).args(["ss", "-tnH", "--tos"]).output().unwrap();
    let told = String::from_utf8(output.stdout).expect("ss tells text");
    told.lines().filter(|line| line.contains(":8443") && line.contains("tos:0x4")).count()
}

#[test]
fn a_connection_that_is_shared_gives_way_as_a_whole_however_small_the_files_are() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    let (namespace, authority) = (Namespace::new(), Authority::new());
    let nginx = Nginx::shared_at(namespace.machine().to_string(), &authority, 10_000);
    let instance = Setup::new().trusting(&authority).under(&namespace.wrapper()).start();
    let (alice, slow) = (User::alice(), Content::new(7800, 60 * 1024));
    let (bus, directory) = (instance.bus(&alice), instance.directory_of(&alice));
    let job = Job::create(&bus, "polite");
    for file in 0..8 {
        let (path, content) = match file {
            0..4 => (format!("f{file}"), content(file)),
            _ => (format!("slow/f{file}"), slow),
        };
        nginx.put(&path, content);
        job.add(&nginx.url(&path), &directory.join(file.to_string()));
    }
    job.resume();
    let end = Instant::now() + PATIENCE;
    // Each of these answers is too short to be steered by itself.
    while marked(&namespace) != 1 {
        assert!(Instant::now() < end, "nothing gives way");
    }
    job.finish();
    (4..8).for_each(|file| slow.check(&directory.join(file.to_string())));
}
