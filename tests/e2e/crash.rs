//! Promise: 50 transfers with random kills. Every result has the right bytes; no byte before the
//! last checkpoint is asked for again (counted at the server); nothing is left behind by Cancel.
//!
//! What is killed, and after how many bytes, is thrown from a printed seed. A checkpoint is known
//! here by what `GetFiles` said was durable before the kill; the requests after it may ask for
//! nothing before that.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use support::bus::{Bus, Options};
use support::content::Content;
use support::dice::Dice;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Lie, PATIENCE, Record, Resource, Server};
use support::users::User;

const TRANSFERS: u64 = 50;
const AT_ONCE: u64 = 5;
const SIZE: u64 = 3 << 20;
const VICTIMS: [&str; 4] = ["ebbd", "ebb-service", "ebb-files", "ebb-net"];

/// A transfer that outlives the connection it was started over.
struct Transfer {
    name: String,
    content: Content,
    gate: Arc<Gate>,
    path: String,
    id: String,
}

impl Transfer {
    fn job<'a>(&self, bus: &'a Bus) -> Job<'a> {
        Job { bus, path: self.path.clone(), id: self.id.clone() }
    }
}

fn start(bus: &Bus, server: &Server, directory: &Path, number: u64) -> Transfer {
    let name = format!("/t{number}");
    let content = Content::new(5000 + number, SIZE);
    let gate = Arc::new(Gate::after(0));
    server.put(&name, Resource::new(content).through(&gate));
    let mut options = Options::new();
    options.insert("priority", "foreground".into());
    let job = Job::create_with(bus, &name, &options);
    job.add(&server.url(&name), &directory.join(&name[1..]));
    job.resume();
    Transfer { name, content, gate, path: job.path, id: job.id }
}

/// What is durable of it now, having made a checkpoint of what the server has sent if asked to.
fn checkpoint(transfer: &Transfer, bus: &Bus, suspend: bool) -> u64 {
    let job = transfer.job(bus);
    if suspend {
        let _ = job.call("Suspend");
    }
    job.files()[0].durable
}

/// Resumes a job that came to rest or waits for its turn to try again; whether it is transferred.
fn push_on(job: &Job<'_>) -> bool {
    match job.state().as_str() {
        "transferred" => true,
        "error" => panic!("{:?}", job.error()),
        "suspended" | "transient-error" => {
            job.resume();
            false
        }
        _ => false,
    }
}

fn see_through(transfer: &Transfer, instance: &Instance) {
    let bus = instance.bus(&User::ordinary());
    let job = transfer.job(&bus);
    while !push_on(&job) {
        job.wait_for(&["transferred", "transient-error", "suspended", "error"]);
    }
    job.call("Complete").unwrap();
}

#[test]
fn fifty_transfers_survive_the_death_of_anybody_at_any_moment() {
    let mut dice = Dice::announced("fifty transfers");
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let directory = instance.directory_of(&alice);
    let mut judged = 0;
    for batch in 0..TRANSFERS / AT_ONCE {
        let bus = instance.bus(&alice);
        let numbers = (0..AT_ONCE).map(|n| batch * AT_ONCE + n);
        let transfers: Vec<_> = numbers.map(|n| start(&bus, &server, &directory, n)).collect();
        drop(bus);
        let kills = 1 + dice.below(3);
        let kills: Vec<_> =
            (0..kills).map(|_| one_kill(&mut instance, &server, &transfers, &mut dice)).collect();
        for transfer in &transfers {
            transfer.gate.open();
            see_through(transfer, &instance);
            transfer.content.check(&directory.join(&transfer.name[1..]));
        }
        for kill in &kills {
            judged += kill.judge(&server, &transfers);
        }
    }
    assert!(judged >= 50, "only {judged} requests came after a kill");
    // The kills must have met transfers that had something to lose.
    let resumed = server.log().iter().filter(|r| r.from > 0).count();
    assert!(resumed >= 10, "only {resumed} requests went on from a checkpoint");
    let left: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len() as u64, TRANSFERS, "temporary files are left: {left:?}");
}

/// A kill, what was durable before it, and what the server had seen.
struct Kill {
    victim: &'static str,
    durable: Vec<u64>,
    seen: Seen,
}

impl Kill {
    /// Looks at everything that was asked for after it; how much that was.
    fn judge(&self, server: &Server, transfers: &[Transfer]) -> usize {
        let mut judged = 0;
        for (transfer, durable) in transfers.iter().zip(&self.durable) {
            for request in self.seen.later(server, &transfer.name) {
                assert!(
                    request.from >= *durable,
                    "{} died: {} asked for, {durable} were durable; {:#?}",
                    self.victim,
                    request.from,
                    server.requests(&transfer.name)
                );
                judged += 1;
            }
        }
        judged
    }
}

/// Lets some bytes pass, sees what is durable, and kills somebody.
fn one_kill(
    instance: &mut Instance,
    server: &Server,
    transfers: &[Transfer],
    dice: &mut Dice,
) -> Kill {
    let bus = instance.bus(&User::ordinary());
    let mut durable = Vec::new();
    for transfer in transfers {
        transfer.gate.release(dice.below(SIZE / 4));
        durable.push(checkpoint(transfer, &bus, dice.below(2) == 0));
    }
    drop(bus);
    let seen = Seen::now(server);
    let victim = *dice.pick(&VICTIMS);
    instance.kill_one(victim);
    let bus = instance.bus(&User::ordinary());
    for transfer in transfers {
        push_on(&transfer.job(&bus));
    }
    Kill { victim, durable, seen }
}

/// What the server had seen at some moment.
struct Seen {
    requests: usize,
    newest: u64,
    connections: HashSet<u64>,
}

impl Seen {
    fn now(server: &Server) -> Self {
        let newest = server.newest_connection();
        let log = server.log();
        let connections = log.iter().map(|r| r.connection).collect();
        Self { requests: log.len(), newest, connections }
    }

    /// The requests for one path since then. A new record on a connection that was there but had
    /// said nothing is not one: somebody asked before, and the server read it late.
    fn later(&self, server: &Server, path: &str) -> Vec<Record> {
        let log = server.log().into_iter().skip(self.requests);
        log.filter(|r| r.path == path)
            .filter(|r| r.connection > self.newest || self.connections.contains(&r.connection))
            .collect()
    }
}

#[test]
fn a_file_large_enough_for_checkpoints_goes_on_from_the_last_one() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let directory = instance.directory_of(&alice);
    let content = Content::new(77, 96 << 20);
    let gate = Arc::new(Gate::after(70 << 20));
    server.put("/large", Resource::new(content).through(&gate));
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "large");
    job.add(&server.url("/large"), &directory.join("large"));
    job.resume();
    server.wait_for_bytes("/large", 70 << 20);
    let durable = wait_for_durable(&job, 32 << 20);
    instance.kill_one("ebbd");
    gate.open();
    let bus = instance.bus(&alice);
    job.over(&bus).finish();
    content.check(&directory.join("large"));
    let requests = server.requests("/large");
    assert!(requests.len() >= 2 && requests[1..].iter().all(|r| r.from >= durable), "{requests:?}");
}

/// Asks until so much is durable; a checkpoint has no signal of its own.
fn wait_for_durable(job: &Job<'_>, wanted: u64) -> u64 {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let durable = job.files()[0].durable;
        if durable >= wanted {
            return durable;
        }
        assert!(std::time::Instant::now() < end, "no checkpoint: {durable}");
        std::thread::yield_now();
    }
}

#[test]
fn after_cancel_nothing_is_left_whoever_died_meanwhile() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let directory = instance.directory_of(&alice);
    for victim in VICTIMS {
        let bus = instance.bus(&alice);
        // A name of its own: what was asked for last time may come to be read only now.
        let path = format!("/of-{victim}");
        server.put(&path, Resource::new(Content::new(1, SIZE)).always(Lie::StallAt(SIZE / 2)));
        let job = Job::create(&bus, victim);
        job.add(&server.url(&path), &directory.join("f"));
        job.resume();
        server.wait_for_bytes(&path, SIZE / 2);
        instance.kill_one(victim);
        let bus = instance.bus(&alice);
        job.over(&bus).call("Cancel").unwrap();
        let left: Vec<_> = std::fs::read_dir(&directory).unwrap().collect();
        assert!(left.is_empty(), "after the death of {victim}: {left:?}");
    }
}
