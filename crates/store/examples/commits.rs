//! Prints how many durable commits a second the disk under a directory gives, and how long it takes
//! to load what they left.
//!
//! `cargo run --release -p ebb-store --example commits -- DIRECTORY`

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::{Duration, Instant};

use ebb_core::file::{Destination, File};
use ebb_core::id::JobId;
use ebb_core::job::{Job, Terms};
use ebb_core::time::{Moment, Now, WallTime};
use ebb_core::token::{BootId, Token};
use ebb_store::{Batch, Store};

type Anything = Box<dyn std::error::Error>;

fn main() -> Result<(), Anything> {
    let dir = std::env::args_os().nth(1).ok_or("name a directory")?;
    let path = Path::new(&dir).join("commits.db");
    let mut store = Store::open(&path)?;
    for jobs in [1, 64] {
        let (commits, time) = measure(&mut store, jobs)?;
        let rate = f64::from(commits) / time.as_secs_f64();
        println!("{jobs} new job(s) with one file per commit: {rate:.0} commits/s");
    }
    let begin = Instant::now();
    let jobs = store.load()?.len();
    println!("{jobs} jobs loaded in {:.2} s", begin.elapsed().as_secs_f64());
    drop(store);
    Ok(std::fs::remove_file(path)?)
}

/// Creates jobs for three seconds, so many in each commit.
fn measure(store: &mut Store, jobs: u32) -> Result<(u32, Duration), Anything> {
    let mut commits = 0;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        let mut batch = Batch::new();
        for at in 0..jobs {
            let job = new_job(jobs, commits * jobs + at)?;
            batch.put_job(&job);
            batch.put_file(job.id, 0, &job.files[0]);
        }
        store.commit(batch)?;
        commits += 1;
    }
    Ok((commits, begin.elapsed()))
}

fn new_job(round: u32, number: u32) -> Result<Job, Anything> {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    id[4..8].copy_from_slice(&round.to_be_bytes());
    let owner = Token {
        uid: 1000,
        gid: 1000,
        groups: vec![4, 24, 27, 1000],
        session: None,
        label: None,
        boot: BootId("3c9a0a1e-7a5c-4d0a-9d0a-0a1e7a5c4d0a".into()),
        captured: WallTime(0),
    };
    let now = Now { moment: Moment(0), wall: WallTime(0), dice: 0 };
    let mut job = Job::new(JobId::from_bytes(id), owner, Terms::named("measured")?, now);
    let destination = Destination {
        dir: b"/home/alice/Downloads".to_vec(),
        name: format!("image-{number}.iso").into_bytes(),
        dev: 2049,
        ino: 131_073,
    };
    let url = format!("https://mirror.localhost/pool/main/i/image/image-{number}.iso");
    job.files.push(File::new(url, destination, true));
    Ok(job)
}
