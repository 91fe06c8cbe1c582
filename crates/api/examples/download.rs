//! Fetches one file as a job, tells how it goes, and waits for its end.
//!
//! ```text
//! cargo run --example download -- https://example.org/data.bin /tmp/data.bin
//! ```

#![forbid(unsafe_code)]

use std::error::Error;

use ebb_api::client::{Client, JobOptions, Location, NewFile, Notice};
use ebb_api::values::{Outcome, State};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, path] = words.as_slice() else {
        return Err("say what to fetch, and the absolute path it goes to".into());
    };
    download(&Location::Any, url, path).await
}

/// Fetches `url` into `path`, which is absolute.
///
/// # Errors
/// What the service said, or what the job ran into.
pub(crate) async fn download(
    location: &Location,
    url: &str,
    path: &str,
) -> Result<(), Box<dyn Error>> {
    let client = Client::connect(location).await?;
    // Listen first, then begin: what happens in between is heard.
    let mut notices = client.subscribe().await?;
    let id = client.create_job("example", &JobOptions::default()).await?;
    let job = client.job(&id);
    job.add_files(&[NewFile::new(url, path)]).await?;
    job.resume().await?;

    loop {
        let now = job.properties().await?;
        println!("{}: {} bytes", now.state, now.bytes_transferred);
        match now.state {
            State::Transferred => break,
            State::Error => {
                let error = job.error().await?;
                job.cancel().await?;
                return Err(format!("{} ({}): {}", error.message, error.name, error.advice).into());
            }
            State::Cancelled | State::Acknowledged => return Err("somebody else ended it".into()),
            State::Queued
            | State::Connecting
            | State::Transferring
            | State::Suspended
            | State::TransientError => {}
        }
        // Whatever is said of this job is a reason to look again, and so is having missed something.
        loop {
            let notice = notices.next().await?;
            if notice.job() == id || matches!(notice, Notice::Missed) {
                break;
            }
        }
    }
    match job.complete().await? {
        Outcome::Done => Ok(()),
        less @ (Outcome::PartialComplete | Outcome::UnableToDeleteFiles) => {
            Err(format!("it was completed, but: {}", less.as_str()).into())
        }
    }
}
