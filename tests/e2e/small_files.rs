//! Promise: many small files are one job like any other. They are opened ahead, and written down
//! together; still, whoever dies meanwhile, every file is right, what was told as held is not asked
//! for again, and nothing is left behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use support::bus::{Bus, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, PATIENCE, Resource, Server};
use support::users::User;

const FILES: u64 = 100;
const SIZE: u64 = 3000;
/// As many as are in flight at the same time: when they stand still, all does.
const HELD_UP: std::ops::Range<u64> = 60..68;
/// So many are opened ahead of those in flight, and half as many again.
const AHEAD: usize = 24;

/// A job whose first sixty files are there, and whose next eight are held up at the server.
struct Stage {
    name: String,
    directory: PathBuf,
    gate: Arc<Gate>,
}

impl Stage {
    fn path(&self, file: u64) -> String {
        format!("/{}-{file}", self.name)
    }

    fn content(file: u64) -> Content {
        Content::new(9000 + file, SIZE)
    }

    fn begin<'a>(name: &str, directory: &Path, server: &Server, bus: &'a Bus) -> (Self, Job<'a>) {
        let (directory, gate) = (directory.join(name), Arc::new(Gate::after(0)));
        std::fs::create_dir(&directory).unwrap();
        std::os::unix::fs::chown(&directory, Some(User::ordinary().uid), None).unwrap();
        let stage = Self { name: name.to_owned(), directory, gate };
        let mut options = Options::new();
        options.insert("priority", "foreground".into());
        let job = Job::create_with(bus, name, &options);
        for file in 0..FILES {
            let resource = Resource::new(Self::content(file));
            let held_up = HELD_UP.contains(&file);
            let resource = if held_up { resource.through(&stage.gate) } else { resource };
            server.put(&stage.path(file), resource);
            job.add(&server.url(&stage.path(file)), &stage.directory.join(file.to_string()));
        }
        job.resume();
        // That they are there is told though nothing else happens.
        let end = Instant::now() + PATIENCE;
        while job.files()[..60].iter().any(|file| file.durable < SIZE) {
            assert!(Instant::now() < end, "they are not told as held");
            std::thread::yield_now();
        }
        (stage, job)
    }

    fn found(&self) -> usize {
        std::fs::read_dir(&self.directory).unwrap().count()
    }

    /// Everything is there and right, and of what was held nothing was asked for twice.
    fn check(&self, server: &Server) {
        assert_eq!(self.found() as u64, FILES);
        for file in 0..FILES {
            Self::content(file).check(&self.directory.join(file.to_string()));
        }
        for file in 0..60 {
            // Sizes are asked for beside the transfer; that brings no bytes.
            let mut asked = server.requests(&self.path(file));
            asked.retain(|request| request.method == "GET");
            assert_eq!(asked.len(), 1, "{file} was held: {asked:#?}");
        }
    }
}

fn see_through(job: &Job<'_>) {
    loop {
        match job.state().as_str() {
            "transferred" => break,
            "error" => panic!("{:?}", job.error()),
            "suspended" | "transient-error" => job.resume(),
            _ => {}
        }
        job.wait_for(&["transferred", "transient-error", "suspended", "error"]);
    }
    job.call("Complete").unwrap();
}

#[test]
fn many_small_files_survive_the_death_of_anybody_and_what_is_held_is_not_asked_for_again() {
    let (mut instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let directory = instance.directory_of(&alice);
    for victim in ["ebbd", "ebb-service", "ebb-files", "ebb-net"] {
        let bus = instance.bus(&alice);
        let (stage, job) = Stage::begin(victim, &directory, &server, &bus);
        instance.kill_one(victim);
        stage.gate.open();
        let bus = instance.bus(&alice);
        see_through(&job.over(&bus));
        stage.check(&server);
    }
}

#[test]
fn a_job_stopped_among_small_files_goes_on_with_all_it_holds() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let bus = instance.bus(&alice);
    let (stage, job) = Stage::begin("stopped", &instance.directory_of(&alice), &server, &bus);
    job.call("Suspend").unwrap();
    let opened = stage.found();
    assert!((60..=68 + AHEAD).contains(&opened), "{opened} temporary files");
    stage.gate.open();
    see_through(&job);
    stage.check(&server);
}

#[test]
fn after_cancel_nothing_is_left_of_what_was_opened_ahead() {
    let (instance, server, alice) = (Instance::start(), Server::http(), User::ordinary());
    let bus = instance.bus(&alice);
    let (stage, job) = Stage::begin("cancelled", &instance.directory_of(&alice), &server, &bus);
    assert!(stage.found() > 60);
    job.call("Cancel").unwrap();
    assert_eq!(stage.found(), 0);
}
