//! Promise: where both policies allow it, the command of a job runs when the job has ended: as the
//! owner and nobody else, word for word, at least once and not again after it has ended well. Else it
//! is refused.

use std::path::{Path, PathBuf};
use support::bus::{MANAGER, MANAGER_PATH, No, Options};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::scratch::wait_in;
use support::server::{Lie, Resource, Server};
use support::users::{User, needs_root};
use zbus::Variant;

const FILE: Content = Content::new(61, 20_000);

fn allowing() -> Instance {
    let setup = Setup::new().config("allow-notify-command = true");
    setup.policy("allow-notify-command = true").start()
}

fn words(words: &[&str]) -> Variant<'static> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>().into()
}

fn script(text: &str, parameters: &[&str]) -> Variant<'static> {
    words(&[&["/bin/sh", "-c", text, "sh"], parameters].concat())
}

fn name(set: Result<(), No>) -> String {
    set.unwrap_err().name
}

/// Waits until there is such a file, and says what is in it.
fn read(path: &Path) -> String {
    let there = || std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'));
    wait_in(path.parent().unwrap(), &format!("{path:?}"), there)
}

fn told(instance: &Instance, text: &str) {
    wait_in(instance.scratch(), text, || instance.log().contains(text).then_some(()));
}

#[test]
fn a_command_is_refused_unless_both_policies_allow_it() {
    let user = User::ordinary();
    let harmless = || words(&["/bin/true"]);
    {
        let instance = Instance::start();
        let bus = instance.bus(&user);
        let job = Job::create(&bus, "refused");
        let no = job.set("NotifyCommand", harmless()).unwrap_err();
        assert_eq!((no.name.as_str(), no.code), ("NotifyCommandNotAllowed", 0x8007_0005));
        job.set("NotifyCommand", words(&[])).unwrap();
        let with = Options::from([("notify-command", harmless())]);
        let made = bus.call(MANAGER_PATH, MANAGER, "CreateJob", &("refused", "download", with));
        assert_eq!(made.unwrap_err().name, "NotifyCommandNotAllowed");
    }
    // The service alone cannot have anything run: who starts processes looks at its own policy.
    let instance = Setup::new().config("allow-notify-command = true").start();
    let bus = instance.bus(&user);
    let job = Job::create(&bus, "half allowed");
    job.set("NotifyCommand", harmless()).unwrap();
    let server = Server::http();
    job.add(&server.url("/gone"), &instance.directory_of(&user).join("f"));
    job.resume();
    job.wait_for(&["error"]);
    told(&instance, "its command could not be run");
    assert_eq!(instance.processes("ebb-notify").len(), 0);
}

#[test]
fn only_the_owner_says_which_and_never_root() {
    if !needs_root("commands of several users") {
        return;
    }
    let instance = allowing();
    let [alice, root] = [User::alice(), User::root()].map(|user| instance.bus(&user));
    let harmless = || words(&["/bin/true"]);
    let job = Job::create(&alice, "hers");
    job.set("NotifyCommand", harmless()).unwrap();
    let as_root = job.over(&root);
    assert_eq!(name(as_root.set("NotifyCommand", words(&["/bin/false"]))), "AccessDenied");
    assert_eq!(as_root.property::<Vec<Vec<u8>>>("NotifyCommand"), [b"/bin/true".to_vec()]);
    let own = Job::create(&root, "root's own");
    assert_eq!(name(own.set("NotifyCommand", harmless())), "NotSupported");
    // It does not go with the job to somebody else; and an administrator may take it away.
    as_root.call("TakeOwnership").unwrap();
    assert_eq!(as_root.property::<Vec<Vec<u8>>>("NotifyCommand"), [] as [Vec<u8>; 0]);
    let job = Job::create(&alice, "hers too");
    job.set("NotifyCommand", harmless()).unwrap();
    job.over(&root).set("NotifyCommand", words(&[])).unwrap();
}

#[test]
fn it_runs_as_the_owner_word_for_word_and_once() {
    if !needs_root("a command beside a helper") {
        return;
    }
    let (mut instance, server) = (allowing(), Server::http());
    server.put("/f", Resource::new(FILE));
    let (alice, bob) = (User::alice(), User::bob());
    let directory = instance.directory_of(&alice);
    let (out, count) = (directory.join("out"), directory.join("count"));
    let odd = ["$(touch /tmp/ebb-evil); a|b", "*", "", "two\nlines"];
    let text = format!(
        "exec 2>/dev/null; echo run >> {1}; {{ id -u; id -G; grep -e NoNewPrivs -e CapEff \
         /proc/self/status; echo $EBB_STATE $EBB_JOB_ID; printf '<%s>' \"$@\"; echo; }} > {0}.new; \
         mv {0}.new {0}",
        out.display(),
        count.display()
    );
    let (path, id) = {
        let bus = instance.bus(&alice);
        let job = Job::create(&bus, "told");
        job.set("NotifyCommand", script(&text, &odd)).unwrap();
        job.add(&server.url("/f"), &directory.join("f"));
        job.lend(&instance, &bob, 2);
        job.resume();
        job.wait_for(&["transferred"]);
        let said = read(&out);
        let lines: Vec<&str> = said.splitn(6, '\n').collect();
        assert_eq!(lines[0], alice.uid.to_string());
        assert!(!lines[1].split(' ').any(|group| group == bob.gid.to_string()), "{said}");
        let status = said.to_lowercase();
        assert!(status.contains("nonewprivs:\t1"), "{said}");
        assert!(status.contains("capeff:\t0000000000000000"), "{said}");
        assert!(said.contains(&format!("transferred {}\n", job.id)), "{said}");
        assert!(said.ends_with("<$(touch /tmp/ebb-evil); a|b><*><><two\nlines>\n"), "{said}");
        told(&instance, "its command ended with 0");
        // Answered when what the journal was told is on disk.
        assert_eq!(job.state(), "transferred");
        (job.path, job.id)
    };
    // One that has ended well does not run again: not for a new life of the service.
    instance.kill_and_restart();
    let bus = instance.bus(&alice);
    let other = Job::create(&bus, "another");
    other
        .set("NotifyCommand", script("echo run > $1", &[directory.join("b").to_str().unwrap()]))
        .unwrap();
    other.add(&server.url("/gone"), &directory.join("g"));
    other.resume();
    read(&directory.join("b"));
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "run\n");
    Job { bus: &bus, path, id }.finish();
}

#[test]
fn what_was_killed_in_between_runs_again_and_so_does_what_failed() {
    let (mut instance, server, user) = (allowing(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE).always(Lie::Status(404, vec![])));
    let directory = instance.directory_of(&user);
    let count = directory.join("count");
    // The first run never ends, the second fails, the third is fine.
    let text = "echo run >> $1; [ $(wc -l < $1) != 1 ] || exec sleep 3600; [ $(wc -l < $1) = 3 ]";
    let runs = |wanted: usize| {
        let enough = || (read(&count).lines().count() == wanted).then_some(());
        wait_in(&directory, &format!("run {wanted}"), enough);
    };
    {
        let bus = instance.bus(&user);
        let job = Job::create(&bus, "failing");
        job.set("NotifyCommand", script(text, &[count.to_str().unwrap()])).unwrap();
        job.set("MinimumRetryDelay", 5_u32.into()).unwrap();
        job.add(&server.url("/f"), &directory.join("f"));
        job.resume();
        runs(1);
    }
    instance.kill_and_restart();
    runs(2);
    told(&instance, "its command ended with 1");
    runs(3);
    told(&instance, "its command ended with 0");
}

#[test]
fn whoever_is_registered_is_told_and_the_command_waits_until_they_are_gone() {
    let (instance, server, user) = (allowing(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let directory = instance.directory_of(&user);
    let out = directory.join("out");
    let (bus, listener) = (instance.bus(&user), instance.bus(&user));
    let job = Job::create(&bus, "registered");
    job.set("NotifyCommand", script("echo run > $1", &[out.to_str().unwrap()])).unwrap();
    job.add(&server.url("/f"), &directory.join("f"));
    job.over(&listener).call("Register").unwrap();
    job.resume();
    let told = || listener.notifications().into_iter().find(|told| told.kind == "transferred");
    listener.wait_until("the notification", told).unwrap();
    assert_eq!((job.state().as_str(), out.exists()), ("transferred", false));
    drop(listener);
    read(&out);
}

#[test]
fn the_command_line_runs_one_when_the_files_are_in_place() {
    let (instance, server, user) = (allowing(), Server::http(), User::ordinary());
    server.put("/f", Resource::new(FILE));
    let directory = instance.directory_of(&user);
    let (path, copy): (PathBuf, PathBuf) = (directory.join("f"), directory.join("copy"));
    let line = format!("sh -c 'cp \"$EBB_FIRST_FILE\" $0.new && mv $0.new $0' {}", copy.display());
    let words =
        ["get", "-q", &server.url("/f"), "-o", path.to_str().unwrap(), "--on-complete", &line];
    instance.must(&user, &words);
    FILE.check(&path);
    wait_in(&directory, "the copy", || copy.exists().then_some(()));
    FILE.check(&copy);
}
