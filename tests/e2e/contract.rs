//! Promise: the introspection XML of the running service is the contract in `crates/api`.
//!
//! Compared is what matters to a caller: interfaces, members, argument types and directions,
//! properties and their access. Comments, white space and argument order of attributes are not.

use std::collections::BTreeSet;
use std::path::PathBuf;
use support::bus::{Bus, MANAGER_PATH};
use support::instance::Instance;
use support::job::Job;
use support::users::{User, needs_root};

/// Every element inside the interface, as `parent/tag attributes-in-order`.
fn members(xml: &str, interface: &str) -> BTreeSet<String> {
    let begin = xml.find(&format!("<interface name=\"{interface}\">"));
    let begin = begin.unwrap_or_else(|| panic!("no {interface} in {xml}"));
    let end = begin + xml[begin..].find("</interface>").expect("a closed interface");
    let mut open: Vec<String> = Vec::new();
    let mut found = BTreeSet::new();
    let mut counts = 0;
    for tag in without_comments(&xml[begin..end]).split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            assert!(open.last().is_some_and(|o| o.starts_with(name)), "unbalanced {tag}");
            open.pop();
            continue;
        }
        let (empty, tag) = (tag.ends_with('/'), tag.trim_end_matches('/').trim());
        let mut words: Vec<&str> = tag.split_whitespace().collect();
        words[1..].sort_unstable();
        let element = words.join(" ");
        // Arguments are numbered: their order is part of the contract.
        let number = if element.starts_with("arg") {
            counts += 1;
            counts
        } else {
            counts = 0;
            0
        };
        found.insert(format!("{}/{element}#{number}", open.join("/")));
        if !empty {
            open.push(element);
        }
    }
    found
}

fn without_comments(xml: &str) -> String {
    let mut pieces = xml.split("<!--");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once("-->").map_or("", |(_, after)| after));
    }
    text
}

fn introspected(bus: &Bus, path: &str) -> String {
    bus.ask(path, "org.freedesktop.DBus.Introspectable", "Introspect", &()).unwrap()
}

fn contract(interface: &str) -> String {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let path = top.join(format!("crates/api/interfaces/org.ebb.Transfer1.{interface}.xml"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))
}

fn assert_same(bus: &Bus, path: &str, interface: &str) {
    let name = format!("org.ebb.Transfer1.{interface}");
    let (said, written) =
        (members(&introspected(bus, path), &name), members(&contract(interface), &name));
    assert!(!written.is_empty());
    assert_eq!(said, written, "{interface}");
}

#[test]
fn the_running_service_says_of_itself_what_the_contract_says() {
    let instance = Instance::start();
    let alice = instance.bus(&User::ordinary());
    assert_same(&alice, MANAGER_PATH, "Manager");
    let job = Job::create(&alice, "mine");
    assert_same(&alice, &job.path, "Job");
    assert_same(&alice, &job.open_token_options().unwrap(), "TokenOptions");
}

#[test]
fn introspection_shows_nobody_elses_jobs() {
    if !needs_root("introspection of others' jobs") {
        return;
    }
    let instance = Instance::start();
    let alice = instance.bus(&User::alice());
    let job = Job::create(&alice, "mine");
    let bob = instance.bus(&User::bob());
    for path in ["/", "/org", "/org/ebb", MANAGER_PATH, "/org/ebb/Transfer1/job"] {
        let asked =
            bob.ask::<_, String>(path, "org.freedesktop.DBus.Introspectable", "Introspect", &());
        let shown = asked.unwrap_or_default();
        assert!(!shown.contains(&job.id.replace('-', "_")), "{path} shows it: {shown}");
    }
}
