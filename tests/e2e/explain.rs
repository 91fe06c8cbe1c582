//! Promise: `ebb explain` says of a job that stands still what stands in its way: a network that costs,
//! no network, the hour, no slot, a retry that is due later, a helper who is missing.

use std::net::SocketAddr;
use std::sync::Arc;

use support::content::Content;
use support::desktop::{Desktop, Known};
use support::instance::{Instance, Setup};
use support::job::Job;
use support::namespace::Namespace;
use support::server::{Gate, Lie, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(37, 400_000);
const METERED: Known = Known { metered: 1, on_battery: false, profile: "balanced" };

/// The line about this condition, as a person reads it; then the same field for a program.
fn line(instance: &Instance, job: &Job<'_>, condition: &str) -> String {
    let told = instance.must(&User::alice(), &["explain", &job.id]);
    let mut lines = told.lines().map(str::trim_start);
    let found = lines.find(|line| line.starts_with(condition)).map(str::to_owned);
    let found = found.unwrap_or_else(|| panic!("nothing about {condition}:\n{told}"));
    let json = instance.must(&User::alice(), &["explain", "--json=short", &job.id]);
    assert!(json.contains(&format!("\"condition\":\"{condition}\"")), "{json}");
    found
}

#[test]
fn of_each_of_six_jobs_the_condition_that_stops_it_is_named() {
    if !needs_root("a network namespace and a message bus of its own") {
        return;
    }
    let (desktop, namespace) = (Desktop::start(METERED), Namespace::new());
    let instance = Setup::new()
        .under(&namespace.wrapper())
        .on_bus(&desktop.address())
        .config("background-slots = 1")
        .config("cost-policy = { low = 'unrestricted' }")
        .config("other-limit = { high = 0 }")
        .start();
    let server = Server::http_at(SocketAddr::new(namespace.machine(), 0));
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    server.put("/busy", Resource::new(FILE).always(Lie::Status(503, vec![])));
    let (alice, directory) = (User::alice(), instance.directory_of(&User::alice()));
    let bus = instance.bus(&alice);
    let begin = |name: &str, priority: &str, resource: &str| {
        let job = Job::create(&bus, name);
        job.set("Priority", priority.into()).unwrap();
        job.add(&server.url(resource), &directory.join(name));
        job
    };
    let running = begin("running", "normal", "/f");
    running.resume();
    running.wait_for_bytes(FILE.size / 2);

    let metered = begin("metered", "low", "/f");
    let closed = begin("closed", "high", "/f");
    let busy = begin("busy", "foreground", "/busy");
    for job in [&metered, &closed, &busy] {
        job.resume();
        job.wait_for(&["transient-error"]);
    }
    let queued = begin("queued", "normal", "/f");
    queued.resume();
    queued.wait_for(&["queued"]);
    let lent = begin("lent", "foreground", "/f");
    let options = lent.open_token_options().unwrap();
    lent.set_flags(&options, 2);
    lent.resume();
    lent.wait_for(&["error"]);

    for (job, condition, sentence) in [
        (&metered, "cost", "which the policy for its priority does not allow"),
        (&closed, "hours", "no bandwidth at this hour"),
        (&busy, "retry", "is tried again. (until "),
        (&queued, "slot", "Every background slot is taken, by other jobs of the same owner"),
        (&lent, "helper", "nobody lends it one"),
        // And of the one that runs, what will end its turn.
        (&running, "slice", "Others wait: it makes room after its slice"),
    ] {
        let told = line(&instance, job, condition);
        assert!(told.contains(sentence), "{condition}: {told}");
    }
    namespace.pull();
    running.wait_for(&["transient-error"]);
    let told = line(&instance, &running, "network");
    assert!(told.contains("There is no network."), "{told}");
    gate.open();
}
