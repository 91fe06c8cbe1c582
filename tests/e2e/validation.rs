//! Promise: whoever can tell whether a file is what it should be is heard; and what could not be
//! deleted when a job ended is deleted later.

use std::os::unix::fs::PermissionsExt;
use support::bus::{JOB, MANAGER, MANAGER_PATH};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(73, 300_000);

#[test]
fn a_file_declared_invalid_stops_the_job_and_is_fetched_again() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let path = instance.directory_of(&alice).join("f");
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "judged");
    job.add(&server.url("/f"), &path);
    let judge = |valid: bool| bus.call(&job.path, JOB, "SetValidationState", &(0_u32, valid));
    assert_eq!(judge(true).unwrap_err().name, "Pending");
    job.resume();
    job.wait_for(&["transferred"]);
    judge(false).unwrap();
    assert_eq!((job.state(), job.error_name()), ("error".into(), "validation-failed".into()));
    assert_eq!(job.error()["Code"], "0x80200053");
    assert_eq!(job.files()[0].durable, 0);
    // Nobody has listened so far: it is owed until somebody says that they know.
    let owed = || {
        type Answer = (Vec<std::collections::HashMap<String, zbus::OwnedVariant>>, u64, bool);
        let (events, newest, _): Answer =
            bus.ask(MANAGER_PATH, MANAGER, "Unacknowledged", &()).unwrap();
        (events.len(), newest)
    };
    let (count, newest) = owed();
    assert_eq!(count, 1);
    bus.call(MANAGER_PATH, MANAGER, "Acknowledge", &newest).unwrap();
    assert_eq!(owed().0, 0);
    job.resume();
    job.wait_for(&["transferred"]);
    judge(true).unwrap();
    job.finish();
    FILE.check(&path);
    assert_eq!(server.requests("/f").len(), 2, "it is fetched once more, from its beginning");
    assert!(server.requests("/f").iter().all(|request| request.from == 0));
}

#[test]
fn what_could_not_be_deleted_when_its_job_ended_is_deleted_at_the_next_start() {
    if !needs_root("a directory its owner may not write") {
        return;
    }
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::alice());
    server.put("/f", Resource::new(FILE));
    let directory = instance.directory_of(&alice);
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "left over");
    job.add(&server.url("/f"), &directory.join("f"));
    job.resume();
    job.wait_for(&["transferred"]);
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&directory, mode(0o500)).unwrap();
    let outcome: String = bus.ask(&job.path, JOB, "Cancel", &()).unwrap();
    assert_eq!(outcome, "unable-to-delete-files");
    let left = || std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(left(), 1);
    let (path, id) = (job.path.clone(), job.id.clone());
    drop(bus);
    std::fs::set_permissions(&directory, mode(0o700)).unwrap();
    instance.kill_and_restart();
    let bus = instance.bus(&alice);
    let gone = || (left() == 0).then_some(());
    // Nothing else is told of it: the temporary file's name goes from the job when it is deleted.
    let job = Job { bus: &bus, path, id };
    bus.wait_until("the left-over to go", gone).unwrap();
    assert_eq!(job.state(), "cancelled");
}
