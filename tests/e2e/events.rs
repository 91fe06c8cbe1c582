//! Promise: whoever watches misses nothing, though the service starts anew meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use support::content::Content;
use support::instance::Instance;
use support::server::{Gate, Resource, Server};
use support::users::User;

const FILE: Content = Content::new(72, 500_000);

/// What `ebb watch --json` has said up to where `last` says so.
fn until(lines: &mut impl Iterator<Item = String>, last: impl Fn(&str) -> bool) -> Vec<String> {
    let mut seen = Vec::new();
    for line in lines {
        let found = last(&line);
        seen.push(line);
        if found {
            return seen;
        }
    }
    panic!("the watch ended: {seen:#?}");
}

/// The value of a text or number in a line of JSON that we have written ourselves.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap_or(("", ""));
    rest.trim_start_matches('"').split(['"', ',', '}']).next().unwrap_or_default()
}

fn numbers(lines: &[String]) -> Vec<u64> {
    lines.iter().filter_map(|line| field(line, "number").parse().ok()).collect()
}

struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_watch_goes_on_where_it_was_after_the_service_has_started_anew() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let gate = Arc::new(Gate::after(1000));
    server.put("/f", Resource::new(FILE).through(&gate));
    let directory = instance.directory_of(&alice);
    let words = ["submit", "--suspended", &server.url("/f"), "-d", directory.to_str().unwrap()];
    let id = instance.must(&alice, &words);
    let mut watch = instance.ebb(&alice, &["watch", "--json", &id]);
    let mut watch = Watching(watch.stdout(Stdio::piped()).spawn().unwrap());
    let out = BufReader::new(watch.0.stdout.take().unwrap());
    let mut lines = out.lines().map_while(Result::ok);
    let begin = until(&mut lines, |line| field(line, "state") == "suspended");
    instance.must(&alice, &["resume", &id]);
    let before = until(&mut lines, |line| field(line, "state") == "transferring");
    instance.kill_and_restart();
    gate.open();
    instance.must(&alice, &["wait", &id, "--for", "done", "--timeout", "60s"]);
    let after = until(&mut lines, |line| field(line, "state") == "acknowledged");
    assert!(watch.0.wait().unwrap().success());
    let all = [begin, before, after].concat();
    assert!(numbers(&all).is_sorted(), "{all:#?}");
    let files = all.iter().filter(|line| field(line, "event") == "file").count();
    assert_eq!(files, 1, "{all:#?}");
    // Whoever comes now, and says what they have seen, hears the rest and nothing else.
    let from = numbers(&all)[1].to_string();
    let rest = instance.must(&alice, &["watch", "--json", "--since", &from, &id]);
    let rest: Vec<String> = rest.lines().map(str::to_owned).collect();
    assert!(numbers(&rest).iter().all(|number| *number > from.parse().unwrap()), "{rest:#?}");
    assert_eq!(rest.iter().filter(|line| field(line, "event") == "file").count(), 1);
    assert_eq!(rest.last().map(|line| field(line, "state")), Some("acknowledged"));
}
