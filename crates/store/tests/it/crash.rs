//! The service is killed while it writes: every acknowledged commit is there, whole.
//!
//! The writer is this test program once more, told by an environment variable what it is.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use ebb_core::job::Job;
use ebb_store::{Batch, Store, StoreError};

use crate::jobs::plain_job;
use crate::scratch::{Scratch, put};

const STORE: &str = "EBB_TEST_STORE_TO_WRITE";
const JOBS: u32 = 20;

/// Commits batch after batch, each touching every job, and says so after each.
#[test]
fn the_writer_that_is_to_be_killed() {
    let Some(path) = std::env::var_os(STORE) else {
        return;
    };
    let mut store = Store::open(Path::new(&path)).unwrap();
    let jobs = store.load().unwrap();
    let mut count = jobs.first().map_or(0, |job| job.attempts);
    loop {
        count += 1;
        let mut batch = Batch::new();
        for id in 0..JOBS {
            put(&mut batch, &job_after(id, count));
        }
        store.commit(batch).unwrap();
        println!("\ncommitted {count}");
    }
}

fn job_after(id: u32, count: u64) -> Job {
    let mut job = plain_job(id);
    job.attempts = count;
    job.files[0].durable = count;
    job
}

/// A writer, and what it says.
struct Writer {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(store: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_writer_that_is_to_be_killed", "--nocapture"])
            .env(STORE, store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next commit it says is done; `None` when it is dead and everything is heard.
    fn committed(&mut self) -> Option<u64> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("committed ")?.parse().ok())
    }

    /// Kills it and says the last commit it acknowledged.
    fn kill(mut self, heard: u64) -> u64 {
        self.child.kill().unwrap();
        let last = std::iter::from_fn(|| self.committed()).last();
        self.child.wait().unwrap();
        last.unwrap_or(heard)
    }
}

#[test]
fn every_acknowledged_commit_survives_a_kill_and_no_half_one_does() {
    let scratch = Scratch::new();
    let mut last = 0;
    for commits in [1, 2, 5, 17, 40] {
        let mut writer = Writer::start(&scratch.store());
        for _ in 0..commits {
            last = writer.committed().expect("it writes until it is killed");
        }
        last = writer.kill(last);
        let jobs = Store::open(&scratch.store()).unwrap().load().unwrap();
        let found = jobs[0].attempts;
        assert!(found == last || found == last + 1, "{found} after {last}");
        let expected: Vec<_> = (0..JOBS).map(|id| job_after(id, found)).collect();
        assert_eq!(jobs, expected);
    }
}

#[test]
fn another_process_is_refused_and_a_killed_one_holds_no_lock() {
    let scratch = Scratch::new();
    let mut writer = Writer::start(&scratch.store());
    let heard = writer.committed().expect("it writes until it is killed");
    let refused = Store::open(&scratch.store());
    assert!(matches!(refused, Err(StoreError::InUse)), "{refused:?}");
    writer.kill(heard);
    assert!(Store::open(&scratch.store()).is_ok());
}
