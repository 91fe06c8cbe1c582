//! Many jobs: how fast they are made, listed and taken up again, and what they cost in memory.
//!
//! The service is found where EBB_BUS says. Answers one question, for `bench/jobs`: *how many durable jobs of one file each does one client
//! make in a second?* `serial` waits for each answer; `pipelined` keeps a number of jobs under way on
//! one connection, as a program does that has many jobs to hand in. A job is made (`CreateJob`), gets
//! its file (`AddFiles`) and, if asked, is queued (`Resume`); each answer means it is on disk.
//!
//! ```text
//! jobs make serial|pipelined COUNT DIRECTORY [queued]    prints seconds
//! jobs make CLIENTS COUNT DIRECTORY [queued]             so many clients, each one job after the other
//! jobs list                                              prints milliseconds of one page of 1000
//! ```

use std::error::Error;
use std::time::Instant;

use ebb_api::client::{Client, Filter, JobOptions, NewFile};
use futures_util::{StreamExt, TryStreamExt, stream};

/// How many jobs a pipelined client has under way.
const UNDER_WAY: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let client = Client::connect(&std::env::var("EBB_BUS")?.parse()?).await?;
    let begun = Instant::now();
    match words[..] {
        ["make", how, count, directory, ref rest @ ..] => {
            let (count, queued) = (count.parse()?, rest == ["queued"]);
            match how.parse::<usize>() {
                Ok(clients) => make_by_many(clients, count, directory, queued).await?,
                Err(_) if how == "serial" => make(&client, 1, count, directory, queued).await?,
                Err(_) => make(&client, UNDER_WAY, count, directory, queued).await?,
            }
            println!("{:.3}", begun.elapsed().as_secs_f64());
        }
        ["list"] => {
            let jobs = client.list_jobs(&Filter::default()).await?.len().max(1);
            let pages = jobs.div_ceil(1000);
            println!("{:.1}", begun.elapsed().as_secs_f64() * 1000.0 / pages as f64);
        }
        _ => return Err("what? see the head of bench/jobs.rs".into()),
    }
    Ok(())
}

async fn make(
    client: &Client,
    at_once: usize,
    count: usize,
    directory: &str,
    queued: bool,
) -> Result<(), Box<dyn Error>> {
    let jobs = stream::iter(0..count).map(|at| make_one(client, at, directory, queued));
    jobs.buffer_unordered(at_once).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Each client has a connection of its own, and waits for every answer.
async fn make_by_many(
    clients: usize,
    count: usize,
    directory: &str,
    queued: bool,
) -> Result<(), Box<dyn Error>> {
    let each = (0..clients).map(|_| async {
        let client = Client::connect(&std::env::var("EBB_BUS")?.parse()?).await?;
        make(&client, 1, count / clients, directory, queued).await
    });
    futures_util::future::try_join_all(each).await?;
    Ok(())
}

async fn make_one(
    client: &Client,
    at: usize,
    directory: &str,
    queued: bool,
) -> Result<(), Box<dyn Error>> {
    let id = client.create_job(&format!("job {at}"), &JobOptions::default()).await?;
    let job = client.job(&id);
    let url = format!("http://127.0.0.1:9/some/where/file-{at}");
    job.add_files(&[NewFile::new(url, format!("{directory}/file-{at}"))]).await?;
    if queued {
        job.resume().await?;
    }
    Ok(())
}
