//! Fetches one URL into one file with the engine, without any agent around it:
//! `fetch URL FILE [EXTRA_CA]`. For measuring, and as the smallest use of the library.

#![forbid(unsafe_code)]

use ebb_http::{Client, Ended, Head, Held, Options, Order, Reports, Trust, control, fetch};
use std::error::Error;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

/// Nobody to tell.
struct Silent;

impl Reports for Silent {
    fn head(&mut self, _head: Head) {}
    fn progress(&mut self, _durable: u64, _received: u64) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, path, extra @ ..] = arguments.as_slice() else {
        return Err("usage: fetch URL FILE [EXTRA_CA]".into());
    };
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let trust = Trust::load(extra.first().map(Path::new))?;
    let order = Order {
        url: url.parse()?,
        held: Held::nothing(),
        hashed: None,
        pieces: Vec::new(),
        options: Options { connections: 4, ..Options::default() },
        bucket: None,
        stall_timeout: Duration::from_secs(60),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (_steering, control) = control();
    let ended = runtime.block_on(async {
        fetch(&Client::new(trust), order, file.into(), control, &mut Silent).await
    });
    match ended {
        Ended::Done { length, .. } => println!("{length} bytes"),
        Ended::Failed { error, .. } => return Err(error.into()),
        Ended::Stopped { .. } => return Err("stopped".into()),
    }
    Ok(())
}
