//! Promise: `ebb log` tells who did what to a job and what came of it, over restarts, to those who may
//! see the job; and it tells no secret.

use support::content::Content;
use support::instance::Instance;
use support::job::{Job, NETWORK};
use support::server::{Lie, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(61, 200_000);
/// What no history contains.
const SECRET: &str = "s3cret";

/// Deed, who did it (nobody: the service), what is said of it, and where the job stood then.
fn entries(instance: &Instance, user: &User, job: &str) -> Vec<[String; 4]> {
    let [deeds, uids, details, states] = ["deed", "uid", "detail", "state"].map(|field| {
        let output = instance.run(user, &["log", "-g", field, job]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(ToOwned::to_owned).collect::<Vec<String>>()
    });
    let rest = uids.into_iter().zip(details).zip(states);
    deeds
        .into_iter()
        .zip(rest)
        .map(|(deed, ((uid, detail), state))| [deed, uid, detail, state])
        .collect()
}

#[test]
fn the_history_of_a_job_tells_who_did_what_and_what_the_server_said_and_no_secret() {
    if !needs_root("the history of a job") {
        return;
    }
    let mut instance = Instance::start();
    let server = Server::http();
    server.put("/gone", Resource::new(FILE).always(Lie::Status(404, vec![])));
    server.put("/f", Resource::new(FILE));
    let (alice, bob, carol) = (User::alice(), User::bob(), User::carol());
    let path = instance.directory_of(&alice).join("f");
    let id = {
        let bus = instance.bus(&alice);
        let job = Job::create(&bus, SECRET);
        job.add(&server.url(&format!("/gone?{SECRET}")), &path);
        job.set("Description", SECRET.into()).unwrap();
        job.lend(&instance, &bob, NETWORK);
        job.resume();
        assert_eq!(job.wait_for(&["error"]), "error");
        job.id.clone()
    };
    instance.kill_and_restart();
    let [gone, there] = [format!("/gone?{SECRET}"), "/f".to_owned()].map(|it| server.url(&it));
    instance.must(&carol, &["rebase", "--all-users", &id, &gone, &there]);
    instance.must(&carol, &["resume", "--all-users", &id]);
    instance.must(&alice, &["wait", "--for", "transferred", &id]);

    let [a, b, c] = [&alice, &bob, &carol].map(|user| user.uid.to_string());
    let found = entries(&instance, &alice, &id);
    let identities = |number: u32| format!("number {number}, files as {a}, network as {b}");
    let about = |deed: &str, uid: &str, detail: &str, state: &str| {
        assert!(
            found
                .iter()
                .any(|[d, u, said, s]| (d.as_str(), u.as_str(), s.as_str()) == (deed, uid, state)
                    && said.contains(detail)),
            "no {deed} by {uid:?} ({detail}, {state}) in {found:#?}"
        );
    };
    about("created", &a, "", "");
    about("files-added", &a, "1 files", "");
    about("property", &a, "Description", "");
    about("helper-flags", &a, "0x2", "");
    about("helper-set", &b, &format!("uid {b}"), "");
    about("resume", &a, "", "queued");
    about("attempt", "", &identities(1), "connecting");
    about("trouble", "", "http-404, file 0", "error");
    about("remote-names", &c, "1 files", "");
    about("resume", &c, "", "queued");
    about("attempt", "", &identities(2), "connecting");
    about("answer", "", "file 0: 200, from byte 0", "transferring");
    about("file-transferred", "", &format!("file 0: {} bytes", FILE.size), "");
    assert!(!format!("{found:?}").contains(SECRET), "{found:#?}");

    // For people, and one field for a script; an administrator reads the same.
    let table = instance.must(&carol, &["log", "--all-users", &id]);
    assert!(table.lines().next().unwrap().starts_with("TIME"), "{table}");
    assert!(
        table.lines().any(|line| line.contains(&bob.name) && line.contains("helper-set")),
        "{table}"
    );
    let json = instance.must(&alice, &["log", "--json=lines", "-f", "deed,user", &id]);
    let lent = format!("{{\"deed\":\"helper-set\",\"user\":\"{}\"}}", bob.name);
    assert!(json.lines().count() == found.len() && json.lines().any(|line| line == lent), "{json}");
    // The helper has no right to the job.
    let no = instance.run(&bob, &["log", &id]);
    assert_eq!(no.status.code(), Some(5), "{no:?}");
}
