//! Promise: an administrator can take a job over, and gets nothing with it that was not theirs: no
//! helper's identity, no file they could not open themselves.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use support::bus::{JOB, TOKEN_OPTIONS};
use support::content::Content;
use support::instance::Instance;
use support::job::{Job, NETWORK};
use support::scratch::wait_in;
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(73, 300_000);

#[test]
fn a_job_taken_over_runs_as_its_new_owner_and_is_gone_for_the_old_one() {
    if !needs_root("taking a job over") {
        return;
    }
    let (instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let everybodys = instance.scratch().join("everybodys");
    std::fs::create_dir(&everybodys).unwrap();
    std::fs::set_permissions(&everybodys, std::fs::Permissions::from_mode(0o777)).unwrap();
    let [alice, bob, root] =
        [User::alice(), User::bob(), User::root()].map(|user| instance.bus(&user));
    let job = Job::create(&alice, "departed");
    job.add(&server.url("/f"), &everybodys.join("f"));
    assert_eq!(job.call("TakeOwnership").unwrap_err().name, "AccessDenied");
    assert_eq!(job.over(&bob).call("TakeOwnership").unwrap_err().name, "NotFound");
    instance.must(&User::root(), &["take", "--all-users", &job.id]);
    assert_eq!(job.call("Resume").unwrap_err().name, "NotFound", "it is not hers any more");
    let job = job.over(&root);
    assert_eq!(job.property::<u32>("OwnerUid"), 0);
    job.resume();
    job.finish();
    FILE.check(&everybodys.join("f"));
    assert_eq!(std::fs::metadata(everybodys.join("f")).unwrap().uid(), 0);
    assert!(server.log().iter().all(|request| request.uid == Some(0)));
    assert_eq!(job.call("TakeOwnership").unwrap_err().name, "InvalidState");
    let (id, log) = (&job.id, instance.log());
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("token take")).collect();
    let [owner, stranger, done, over] = lines.as_slice() else { panic!("{lines:#?}") };
    let asked = [(owner, "access-denied"), (stranger, "not-found"), (over, "invalid-state")];
    for (line, outcome) in asked.into_iter().chain([(done, "done right=root")]) {
        assert!(line.contains(id.as_str()) && line.ends_with(outcome), "{line}");
    }
}

#[test]
fn a_job_whose_files_the_new_owner_cannot_reach_is_left_as_it_is() {
    if !needs_root("taking a job with files over") {
        return;
    }
    let (instance, server) = (Instance::start(), Server::http());
    let gate = Gate::after(FILE.size / 2);
    let gate = std::sync::Arc::new(gate);
    server.put("/f", Resource::new(FILE).through(&gate));
    let [alice, root] = [User::alice(), User::root()].map(|user| instance.bus(&user));
    let path = instance.directory_of(&User::alice()).join("f");
    let job = Job::create(&alice, "hers");
    job.add(&server.url("/f"), &path);
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    let no = job.over(&root).call("TakeOwnership").unwrap_err();
    assert_eq!(no.name, "NewOwnerNoFileAccess");
    assert!(!no.advice.is_empty());
    assert_eq!(job.state(), "transferring", "it was not even stopped");
    gate.open();
    job.finish();
    FILE.check(&path);
    assert_eq!(server.log().len(), 1);
}

/// A directory where everybody may make files, and only who made them deletes them.
fn shared(instance: &Instance) -> PathBuf {
    let path = instance.scratch().join("shared");
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o1777)).unwrap();
    path
}

fn names(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_running_job_goes_on_from_its_last_byte_as_its_new_owner() {
    if !needs_root("taking a running job over") {
        return;
    }
    let (instance, server) = (Instance::start(), Server::http());
    let gate = std::sync::Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let shared = shared(&instance);
    let [alice, root] = [User::alice(), User::root()].map(|user| instance.bus(&user));
    let job = Job::create(&alice, "under way");
    job.add(&server.url("/f"), &shared.join("f"));
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    let job = job.over(&root);
    job.call("TakeOwnership").unwrap();
    gate.open();
    job.finish();
    FILE.check(&shared.join("f"));
    assert_eq!(std::fs::metadata(shared.join("f")).unwrap().uid(), 0);
    let asked = server.requests("/f");
    let uids: Vec<_> = asked.iter().map(|request| request.uid).collect();
    assert_eq!(uids, [Some(User::alice().uid), Some(0)]);
    assert_eq!(asked[1].first, FILE.size / 2, "no byte was lost");
}

#[test]
fn what_is_whole_is_whole_for_the_new_owner_and_nothing_is_left_of_the_old_one() {
    if !needs_root("taking a transferred job over") {
        return;
    }
    let (mut instance, server) = (Instance::start(), Server::http());
    for name in ["/a", "/b"] {
        server.put(name, Resource::new(FILE));
    }
    let shared = shared(&instance);
    let (path, id, asked) = {
        let [alice, root] = [User::alice(), User::root()].map(|user| instance.bus(&user));
        let job = Job::create(&alice, "whole");
        for name in ["a", "b"] {
            job.add(&server.url(&format!("/{name}")), &shared.join(name));
        }
        job.resume();
        job.wait_for(&["transferred"]);
        let asked = server.log().len();
        job.over(&root).call("TakeOwnership").unwrap();
        let owned = || {
            let mut entries = std::fs::read_dir(&shared).unwrap();
            let all_roots = entries.all(|entry| entry.unwrap().metadata().unwrap().uid() == 0);
            all_roots.then_some(())
        };
        wait_in(&shared, "the old owner's files to go", owned);
        assert_eq!(names(&shared).len(), 2);
        (job.path, job.id, asked)
    };
    // It is on disk: another life of the service knows whose files are whose.
    instance.kill_and_restart();
    let root = instance.bus(&User::root());
    let job = Job { bus: &root, path, id };
    assert_eq!(job.state(), "transferred");
    job.finish();
    assert_eq!(names(&shared), ["a", "b"]);
    for name in ["a", "b"] {
        FILE.check(&shared.join(name));
        assert_eq!(std::fs::metadata(shared.join(name)).unwrap().uid(), 0);
    }
    assert_eq!(server.log().len(), asked, "nothing was asked for again");
}

#[test]
fn the_helper_and_every_open_capability_go_with_the_old_owner() {
    if !needs_root("taking a lent job over") {
        return;
    }
    let instance = Instance::start();
    let [alice, bob, root] =
        [User::alice(), User::bob(), User::root()].map(|user| instance.bus(&user));
    let job = Job::create(&alice, "lent");
    job.lend(&instance, &User::bob(), NETWORK);
    let options = job.open_token_options().unwrap();
    job.over(&root).call("TakeOwnership").unwrap();
    let late = bob.call(&options, TOKEN_OPTIONS, "SetHelperToken", &()).unwrap_err();
    assert!(late.name.ends_with("UnknownObject"), "{late:?}");
    let job = job.over(&root);
    assert!(!job.property::<bool>("HelperTokenSet"));
    assert_eq!(job.property::<u32>("HelperTokenFlags"), NETWORK, "the flags stay");
    assert_eq!(job.error_name(), "token-required");
    let log = instance.log();
    let discarded = format!("discard job={} opener=service old={}:", job.id, User::bob().uid);
    assert!(log.contains(&discarded), "{log}");
    alice.call(&job.path, JOB, "GetError", &()).expect_err("not hers any more");
}
