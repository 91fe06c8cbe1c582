//! The lying server as a program, for the demonstration and for use from a shell.
//!
//! Serves one made-up file on loopback and says, one line per request, who asked: the uid is what
//! the kernel's table has for the client's socket. It runs until its standard input ends.
//!
//! ```text
//! ebb-test-server [--tls CA-FILE] [--size BYTES] [--seed N] [--rate BYTES-PER-SECOND]
//! ebb-test-server --content [--size BYTES] [--seed N]      the file itself, to standard output
//! ```
//!
//! Output: `url URL` at first, then for each request `begin METHOD PATH from=N uid=N` and, when
//! nothing more will be sent, `end ... sent=N`. With `--tls` the authority's certificate is written
//! to CA-FILE. The rate holds until the first line on standard input, which lifts it.

#![forbid(unsafe_code)]

use std::io::{BufRead, Write};
use std::sync::Arc;
use support::content::Content;
use support::server::{Authority, Gate, Record, Resource, Server};

#[derive(Default)]
struct Options {
    authority: Option<String>,
    size: u64,
    seed: u64,
    rate: Option<u64>,
    content: bool,
}

fn main() -> std::io::Result<()> {
    let options = parse(std::env::args().skip(1)).expect("options as in the header of this file");
    let content = Content::new(options.seed, options.size);
    if options.content {
        return print(content);
    }
    let gate = Arc::new(Gate::rate(options.rate.unwrap_or(u64::MAX)));
    let server = start(&options)?;
    server.put("/file", Resource::new(content).through(&gate));
    say(&format!("url {}", server.url("/file")))?;
    std::thread::spawn(move || report(&server));
    for line in std::io::stdin().lock().lines() {
        line?;
        gate.open();
    }
    Ok(())
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--tls" => options.authority = Some(words.next()?),
            "--size" => options.size = words.next()?.parse().ok()?,
            "--seed" => options.seed = words.next()?.parse().ok()?,
            "--rate" => options.rate = Some(words.next()?.parse().ok()?),
            "--content" => options.content = true,
            _ => return None,
        }
    }
    Some(options)
}

fn start(options: &Options) -> std::io::Result<Server> {
    let Some(path) = &options.authority else {
        return Ok(Server::http());
    };
    let authority = Authority::new();
    std::fs::write(path, &authority.pem)?;
    Ok(Server::https(&authority))
}

fn print(content: Content) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; 1 << 18];
    let mut at = 0;
    while at < content.size {
        let n = usize::try_from(content.size - at).unwrap_or(usize::MAX).min(buffer.len());
        content.fill(at, &mut buffer[..n]);
        out.write_all(&buffer[..n])?;
        at += n as u64;
    }
    out.flush()
}

/// Says each thing once, in the order it happened.
fn report(server: &Server) {
    let (mut begun, mut ended) = (0, Vec::new());
    loop {
        let log = server.wait_without_end(|log| {
            let over = log.iter().filter(|r| r.over).count();
            (log.len() > begun || over > ended.len()).then(|| log.to_vec())
        });
        for record in &log[begun..] {
            let _ = say(&format!("begin {}", shown(record)));
        }
        begun = log.len();
        for (number, record) in log.iter().enumerate() {
            if record.over && !ended.contains(&number) {
                ended.push(number);
                let _ = say(&format!("end {} sent={}", shown(record), record.sent));
            }
        }
    }
}

fn shown(record: &Record) -> String {
    let uid = record.uid.map_or_else(|| "unknown".into(), |uid| uid.to_string());
    let Record { method, path, first, status, .. } = record;
    format!("{method} {path} from={first} status={status} uid={uid}")
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
