//! Promise: every agent, and every owner's commands, run in a control group of their own below the
//! unit's, where the unit was given one; with a real systemd. Where there is none, all goes on.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::machine::Machine;
use support::processes::Process;
use support::scratch::wait_in;
use support::server::{Gate, Resource, Server};
use support::users::User;
use zbus::Variant;

const FILE: Content = Content::new(67, 600_000);
const HALF: u64 = FILE.size / 2;
/// What stands before the path of a unit's own group.
const UNIT: &str = "ebbd-test.scope";

/// The groups of processes of this name, from the unit's on.
fn groups(processes: &[Process], name: &str, unit: &str) -> Vec<String> {
    let named = processes.iter().filter(|process| process.name == name);
    let mut groups: Vec<String> = named.map(|process| group(process.pid, unit)).collect();
    groups.sort();
    groups
}

fn group(pid: u32, unit: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
    let (_, below) = path.split_once(unit).unwrap_or_else(|| panic!("not in {unit}: {path}"));
    below.trim_start_matches('/').to_owned()
}

/// An instance in a scope that is handed over as the unit does it.
fn in_a_scope(machine: &Machine) -> Instance {
    let delegate = machine.shared().join("ebb-delegate");
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::copy(top.join("dist/ebb-delegate"), &delegate).unwrap();
    let hand_over = format!("{} && exec \"$@\"", delegate.display());
    let mut words = machine.wrapper();
    let scope = ["systemd-run", "--quiet", "--scope", "--unit", UNIT, "-p", "Delegate=yes", "--"];
    words.extend(scope.iter().chain(&["sh", "-c", &hand_over, "sh"]).map(|word| (*word).into()));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let setup = Setup::new().inside(&machine.shared()).under(&words);
    let setup = setup.config("allow-notify-command = true").policy("allow-notify-command = true");
    setup.start()
}

#[test]
fn agents_and_commands_have_control_groups_of_their_own_below_the_units() {
    let Some(machine) = Machine::boot("groups") else { return };
    let mut instance = in_a_scope(&machine);
    let (alice, bob) = (User::alice(), User::bob());
    let (server, gate) = (Server::http(), Arc::new(Gate::after(HALF)));
    server.put("/f", Resource::new(FILE).through(&gate));
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "grouped");
    let directory = instance.directory_of(&alice);
    let (said, command) = (directory.join("said"), "cat /proc/self/cgroup > \"$1\"".to_owned());
    let words = ["/bin/sh", "-c", &command, "sh", said.to_str().unwrap()];
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    job.set("NotifyCommand", Variant::from(words)).unwrap();
    job.lend(&instance, &bob, NETWORK);
    job.add(&server.url("/f"), &directory.join("f"));
    job.resume();
    job.wait_for_bytes(HALF);
    let family = instance.family();
    let seen = |name| groups(&family, name, UNIT);
    assert_eq!(seen("ebbd"), ["main"], "{}", instance.log());
    assert_eq!(seen("ebb-service"), ["main"]);
    assert_eq!(seen("ebb-files"), [format!("files-{}", alice.uid)]);
    assert_eq!(seen("ebb-net"), [format!("network-{}", bob.uid)]);
    gate.open();
    job.wait_for(&["transferred"]);
    let ran = || std::fs::read_to_string(&said).ok().filter(|text| text.ends_with('\n'));
    let ran = wait_in(&directory, "the command", ran);
    let own = format!("{UNIT}/command-{}", alice.uid);
    assert!(ran.lines().any(|line| line.starts_with("0::") && line.ends_with(&own)), "{ran}");
    job.finish();
    instance.terminate();
    as_the_unit_says(&machine, &instance);
}

/// The unit itself, with nothing changed but where its programs are.
fn as_the_unit_says(machine: &Machine, instance: &Instance) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let unit = std::fs::read_to_string(top.join("dist/ebbd.service")).unwrap();
    let (scratch, shared) = (instance.scratch().display(), machine.shared());
    let log = format!("StandardOutput=append:{scratch}/log\nStandardError=append:{scratch}/log");
    let start = format!("{log}\nExecStart={scratch}/libexec/ebbd --policy {scratch}/ebbd.conf");
    let unit = unit.replace("ExecStart=/usr/sbin/ebbd", &start);
    let unit = unit
        .replace("/usr/libexec/ebb/ebb-delegate", &format!("{}/ebb-delegate", shared.display()));
    std::fs::write(shared.join("ebbd.service"), unit).unwrap();
    let link = format!("{}/ebbd.service", shared.display());
    for words in [["link", link.as_str()], ["start", "ebbd.service"]] {
        let done = machine.run(&["systemctl", words[0], words[1]]);
        assert!(done.status.success(), "{done:?}");
    }
    // It listens when it is where it belongs.
    let listens = || UnixStream::connect(instance.socket()).ok();
    let _ = wait_in(instance.socket().parent().unwrap(), "the unit", listens);
    let main = "/sys/fs/cgroup/system.slice/ebbd.service/main";
    let inside = machine.run(&["cat", &format!("{main}/cgroup.procs")]);
    let inside = String::from_utf8_lossy(&inside.stdout).lines().count();
    assert_eq!(inside, 2, "ebbd and its service: {}", instance.log());
    let own = machine.run(&["stat", "-c", "%U", main]);
    assert_eq!(String::from_utf8_lossy(&own.stdout).trim(), "ebb");
    let stopped = machine.run(&["systemctl", "stop", "ebbd.service"]);
    assert!(stopped.status.success(), "{stopped:?}");
}
