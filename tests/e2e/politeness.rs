//! Promise: background transfers give way. The kernel is told so for each live connection, a change of
//! priority counts at once, and `ebb explain` says what is seen and done.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::namespace::Namespace;
use support::server::{Gate, PATIENCE, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(71, 4_000_000);

/// Asks again and again: nobody tells when a path has been looked at.
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(thing) = found() {
            return thing;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
    }
}

/// What the kernel says of the connections in there: traffic class and priority with each.
fn connections(namespace: &Namespace) -> String {
    let [ip, words @ ..] = namespace.wrapper();
    let output = Command::new(ip).args(words).args(["ss", "-tnH", "--tos"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The line about its path, if there is one.
fn path(instance: &Instance, user: &User, job: &Job<'_>) -> Option<String> {
    let told = instance.must(user, &["explain", "--verbose", &job.id]);
    let mut lines = told.lines().map(str::trim_start);
    lines.find(|line| line.starts_with("path")).map(str::to_owned)
}

#[test]
fn a_background_connection_gives_way_and_a_foreground_one_does_not_from_the_moment_it_is_one() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    let namespace = Namespace::new();
    let instance = Setup::new().under(&namespace.wrapper()).start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let alice = User::alice();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "polite");
    let destination = instance.directory_of(&alice).join("f");
    job.add(&server.url("/f"), &destination);
    job.resume();
    job.wait_for_bytes(FILE.size / 2);

    let told = until("the path is told", || path(&instance, &alice, &job));
    assert!(told.contains("its share of it 20.0 ms"), "{told}");
    assert!(told.contains("this machine's card."), "{told}");
    let marked = || connections(&namespace).contains("tos:0x4");
    until("the mark is on", || marked().then_some(()));

    let mut watch = instance.ebb(&alice, &["explain", "--watch", "--json", &job.id]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut stream = BufReader::new(watch.stdout.take().unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let id = format!("\"job\":\"{}\"", job.id);
    let told =
        ["\"state\":\"transferring\"", "\"target_ms\":20.0", "\"connections\":1", "\"card\""];
    assert!(line.contains(&id) && told.iter().all(|part| line.contains(part)), "{line}");
    let unseen = line.contains("\"queue_ms\":null");
    assert_ne!(line.contains("\"round-trips\""), unseen, "{line}");

    job.set("Priority", "low".into()).unwrap();
    let low = || path(&instance, &alice, &job).filter(|line| line.contains("10.0 ms"));
    until("the target is that of low priority", low);

    job.set("Priority", "foreground".into()).unwrap();
    let silent = || path(&instance, &alice, &job).is_none().then_some(());
    until("it gives way no more", silent);
    until("the mark is off", || (!marked()).then_some(()));

    gate.open();
    job.finish();
    assert_eq!(std::fs::read(&destination).unwrap(), FILE.bytes());

    let lines: Vec<String> = stream.lines().map(Result::unwrap).collect();
    assert!(watch.wait().unwrap().success());
    let bytes = format!("\"bytes_transferred\":{}", FILE.size);
    let told = ["\"state\":\"acknowledged\"", "\"path\":null", &bytes];
    let last = lines.last().unwrap();
    assert!(told.iter().all(|part| last.contains(part)), "{last}");
}

#[test]
fn small_files_one_after_the_other_give_way_as_a_large_one_does() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    const SMALL: Content = Content::new(72, 40_000);
    let (files, half) = (40, SMALL.size / 2);
    let namespace = Namespace::new();
    let instance = Setup::new().under(&namespace.wrapper()).start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let gate = Arc::new(Gate::after(half));
    let alice = User::alice();
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "many");
    for file in 0..files {
        let resource = Resource::new(SMALL);
        let resource = if file + 1 < files { resource } else { resource.through(&gate) };
        server.put(&format!("/{file}"), resource);
        let destination = instance.directory_of(&alice).join(file.to_string());
        job.add(&server.url(&format!("/{file}")), &destination);
    }
    job.resume();
    // Connections come before there is anything to steer; the last file comes on one that is kept.
    job.wait_for_bytes((files - 1) * SMALL.size + half);
    until("the mark is on", || connections(&namespace).contains("tos:0x4").then_some(()));
    let told = until("the path is told", || path(&instance, &alice, &job));
    assert!(told.contains("its share of it 20.0 ms"), "{told}");
    // Nobody looks at a connection on which nothing comes any more.
    gate.open();
    job.finish();
    until("all have left", || (!connections(&namespace).contains("tos:0x4")).then_some(()));
}

#[test]
fn what_a_path_has_shown_is_remembered_after_a_restart_and_for_its_owner_only() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    let namespace = Namespace::new();
    let mut instance = Setup::new().under(&namespace.wrapper()).start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let begin = |instance: &Instance, user: &User, name: &str| {
        let gate = Arc::new(Gate::after(FILE.size / 2));
        server.put(&format!("/{name}"), Resource::new(FILE).through(&gate));
        let bus = instance.bus(user);
        let job = Job::create(&bus, name);
        job.add(&server.url(&format!("/{name}")), &instance.directory_of(user).join(name));
        job.resume();
        job.wait_for_bytes(FILE.size / 2);
        until("the path is told", || path(instance, user, &job))
    };
    let (alice, bob) = (User::alice(), User::bob());
    let told = begin(&instance, &alice, "first");
    assert!(!told.contains("Remembered"), "{told}");
    assert_eq!(instance.terminate(), Some(0));
    instance.start_again();
    let told = begin(&instance, &bob, "bobs");
    assert!(!told.contains("Remembered"), "{told}");
    let told = begin(&instance, &alice, "second");
    assert!(told.contains("Remembered: "), "{told}");
}

#[test]
fn where_connections_have_no_timestamps_echoes_show_the_queue_if_they_are_allowed() {
    if !needs_root("network namespaces of its own") {
        return;
    }
    // Which groups may send echoes; the kernel's own default is none.
    for (allowed, told) in [("0 2147483647", "the queue is "), ("1 0", "the queue cannot be seen")]
    {
        let namespace = Namespace::new();
        namespace.set("tcp_timestamps", "0");
        namespace.set("ping_group_range", allowed);
        let instance = Setup::new().under(&namespace.wrapper()).start();
        let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
        let gate = Arc::new(Gate::after(FILE.size / 2));
        server.put("/f", Resource::new(FILE).through(&gate));
        let alice = User::alice();
        let bus = instance.bus(&alice);
        let job = Job::create(&bus, "without timestamps");
        let destination = instance.directory_of(&alice).join("f");
        job.add(&server.url("/f"), &destination);
        job.resume();
        job.wait_for_bytes(FILE.size / 2);
        let seen = || path(&instance, &alice, &job).filter(|line| line.contains(told));
        let line = until("what is seen of the path", seen);
        assert_eq!(line.contains("Seen: echoes (ICMP"), allowed != "1 0", "{line}");
        gate.open();
        job.finish();
        assert_eq!(std::fs::read(&destination).unwrap(), FILE.bytes());
    }
}

#[test]
fn two_users_background_jobs_have_half_of_the_path_each_and_whoever_is_left_has_all() {
    if !needs_root("a network namespace of its own") {
        return;
    }
    let namespace = Namespace::new();
    let instance = Setup::new().under(&namespace.wrapper()).start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let gates = ["/hers", "/his"].map(|path| {
        let gate = Arc::new(Gate::after(FILE.size / 2));
        server.put(path, Resource::new(FILE).through(&gate));
        gate
    });
    let (alice, bob) = (User::alice(), User::bob());
    let buses = [instance.bus(&alice), instance.bus(&bob)];
    let both = [(&alice, &buses[0], "/hers"), (&bob, &buses[1], "/his")];
    let [hers, his] = both.map(|(user, bus, path)| {
        let job = Job::create(bus, "shared");
        job.add(&server.url(path), &instance.directory_of(user).join("f"));
        job.resume();
        job
    });
    let half = "its part of it is 50.0 %";
    for (user, job) in [(&alice, &hers), (&bob, &his)] {
        let told = || path(&instance, user, job).filter(|line| line.contains(half));
        until("each has half of the path", told);
        let mut watch = instance.ebb(user, &["explain", "--watch", "--json", &job.id]);
        let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
        until("the share is told", || lines.next().filter(|line| line.contains("\"share\":0.5")));
        watch.kill().unwrap();
        watch.wait().unwrap();
    }
    his.call("Suspend").unwrap();
    let told = || path(&instance, &alice, &hers).filter(|line| !line.contains("its part of it"));
    until("she has all of it", told);
    his.resume();
    let told = || path(&instance, &alice, &hers).filter(|line| line.contains(half));
    until("each has half of it again", told);
    gates.iter().for_each(|gate| gate.open());
    hers.finish();
    his.finish();
}
