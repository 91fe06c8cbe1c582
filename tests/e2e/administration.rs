//! Promise: administrators steer every job, and each act on another's is one line in the journal,
//! which tells who did what to whose job and nothing a user wrote.

use support::bus::JOB;
use support::instance::Instance;
use support::job::Job;
use support::users::{User, needs_root};
use zbus::Variant;

/// What no line may contain.
const SECRET: &str = "s3cret";

#[test]
fn every_act_of_an_administrator_on_anothers_job_is_one_line_and_tells_no_secret() {
    if !needs_root("acts of administrators") {
        return;
    }
    let (instance, alice, carol) = (Instance::start(), User::alice(), User::carol());
    let (owner, administrator) = (instance.bus(&alice), instance.bus(&carol));
    let hers = Job::create(&owner, "hers");
    let job = hers.over(&administrator);
    let url = format!("http://localhost/{SECRET}");
    let directory = instance.directory_of(&alice);
    job.set("DisplayName", Variant::from(SECRET)).unwrap();
    job.set("Description", Variant::from(SECRET)).unwrap();
    job.set("MaximumDownloadTime", Variant::from(0_u32)).unwrap_err();
    job.try_add(&url, &directory.join(SECRET)).unwrap();
    job.bus.call(&job.path, JOB, "SetRemoteName", &(0_u32, url.as_str())).unwrap();
    job.bus.call(&job.path, JOB, "ReplaceRemotePrefix", &("http://", "https://")).unwrap();
    job.open_token_options().unwrap();
    for method in ["Suspend", "Complete", "Cancel"] {
        let _ = job.call(method);
    }
    let wanted = [
        "job-property-change property=DisplayName outcome=done",
        "job-property-change property=Description outcome=done",
        "job-property-change property=MaximumDownloadTime outcome=invalid-argument",
        "files-added outcome=done",
        "remote-names-changed outcome=done",
        "remote-names-changed outcome=done",
        "token-options-opened outcome=done",
        "job-suspended outcome=done",
        "job-completed outcome=done",
        "job-cancelled outcome=invalid-state",
    ];
    let log = instance.log();
    let who = format!(" job={} by={} owner={}", job.id, carol.uid, alice.uid);
    let lines = log.lines().filter_map(|line| line.strip_prefix("audit: administrator "));
    let lines = lines.inspect(|line| assert!(line.contains(" right=group "), "{line}"));
    let lines = lines.map(|line| line.replace(&who, "").replace(" right=group", ""));
    let found: Vec<String> = lines.collect();
    assert_eq!(found, wanted);
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn what_owners_and_strangers_do_is_no_act_of_an_administrator() {
    if !needs_root("acts of administrators") {
        return;
    }
    let instance = Instance::start();
    let [owner, stranger] = [User::carol(), User::bob()].map(|user| instance.bus(&user));
    let job = Job::create(&owner, "her own");
    job.set("DisplayName", Variant::from("still hers")).unwrap();
    job.over(&stranger).call("Cancel").unwrap_err();
    job.call("Cancel").unwrap();
    assert!(!instance.log().contains("audit: administrator"), "{}", instance.log());
}
