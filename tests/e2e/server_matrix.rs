//! Promise: whatever a server does, a file is that of one version, byte by byte, or an error has a
//! name. `docs/server-matrix.md` says what comes of which behaviour; this makes it anew and compares.
//!
//! Each row is tried three times: with nothing there, after an interruption, and after an interruption
//! and a change of the file at the server. curl, wget and aria2c pass the same rows when the table is
//! written (`make matrix`); here only our own columns are compared, since theirs depend on their
//! versions.

mod behaviours;
mod peers;
mod server;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use behaviours::{ROWS, Version};
use peers::{PEERS, Peer};
use server::Server;
use support::bus::{Bus, Options};
use support::instance::Setup;
use support::job::Job;
use support::users::User;

/// The size of every version.
const SIZE: usize = 256 * 1024;

/// How a client comes to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// With nothing there.
    Fresh,
    /// After an interruption.
    Resumed,
    /// The same, and the file is another one now.
    Changed,
}

impl Case {
    const ALL: [Self; 3] = [Self::Fresh, Self::Resumed, Self::Changed];
}

/// A client that is put through a row: what it left behind, or how it gave up.
type Client<'a> = dyn Fn(&str, Case) -> Result<PathBuf, String> + 'a;

/// What came of one cell.
fn outcome(server: &Server, path: &str, case: Case, client: &Client<'_>) -> String {
    let left = match client(path, case) {
        Ok(left) => left,
        Err(error) => return error,
    };
    let bytes = std::fs::read(&left).unwrap_or_default();
    let number = if case == Case::Changed { 2 } else { 1 };
    if bytes != Version::bytes_of(number) {
        return judged_wrong(&bytes, number).to_owned();
    }
    match (case, server.started_over(path)) {
        (Case::Fresh, _) => "whole",
        (Case::Resumed | Case::Changed, true) => "starts over",
        (Case::Resumed | Case::Changed, false) => "continues",
    }
    .to_owned()
}

/// What is wrong with a file that a client holds to be right.
fn judged_wrong(bytes: &[u8], number: usize) -> &'static str {
    let (right, other) = (Version::bytes_of(number), Version::bytes_of(3 - number));
    if bytes == other {
        return "OLD VERSION";
    }
    if bytes.len() < SIZE && (right.starts_with(bytes) || other.starts_with(bytes)) {
        return "CUT SHORT";
    }
    let has = |version: &[u8]| version.chunks(SIZE / 16).any(|piece| contains(bytes, &piece[..64]));
    if has(right) && has(other) { "SPLICED" } else { "WRONG BYTES" }
}

fn contains(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}

/// One job of ours, from its beginning to where it stays.
fn ours(bus: &Bus, server: &Server, directory: &Path, path: &str) -> Result<PathBuf, String> {
    let file = directory.join(path.trim_matches('/').replace('/', "-"));
    let options = Options::from([("priority", "foreground".into())]);
    let job = Job::create_with(bus, path, &options);
    job.add(&server.url(path), &file);
    eprintln!("{path}");
    job.resume();
    let state = job.wait_for(&["transferred", "error", "transient-error"]);
    let ended = match state.as_str() {
        "transferred" => {
            job.call("Complete").unwrap();
            Ok(file)
        }
        "error" => Err(format!("error {}", job.error_name())),
        _ => Err(format!("{}, tried again later", job.error_name())),
    };
    if ended.is_err() {
        job.call("Cancel").unwrap();
        assert_eq!(std::fs::read_dir(directory).unwrap().filter(is_temporary).count(), 0);
    }
    ended
}

fn is_temporary(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|e| e == "ebb"))
}

/// One client of others, called again after the interruption.
fn theirs(
    peer: &Peer,
    server: &Server,
    directory: &Path,
    path: &str,
    case: Case,
) -> Result<PathBuf, String> {
    let file = directory.join(path.trim_matches('/').replace('/', "-"));
    let url = server.url(path);
    if case != Case::Fresh {
        let cut = peer.try_once(&url, &file);
        assert_ne!(cut, 0, "{}: an interrupted file is no success", peer.name);
    }
    match peer.try_once(&url, &file) {
        0 => Ok(file),
        code => Err(format!("error {code}")),
    }
}

/// The three cells of every row.
fn columns(server: &Server, name: &str, client: &Client<'_>) -> Vec<[String; 3]> {
    let cell = |row: usize, case: usize| {
        let path = format!("/{row}/{case}/{name}");
        outcome(server, &path, Case::ALL[case], client)
    };
    (0..ROWS.len()).map(|row| [0, 1, 2].map(|case| cell(row, case))).collect()
}

const HEAD: &str = "# What comes of which server

Made by `make matrix`; `tests/e2e/server_matrix.rs` compares our columns with every run. Each server is tried three
times: *fresh*, with nothing there; *resumed*, after a connection that was lost in mid-file; *changed*, after the same
and with another file of the same size at the server. Every file is compared byte by byte with both versions.

*whole*: the right file. *continues*: the right file, from where it was. *starts over*: the right file, from its first
byte. *error*: no file, and this name, or the exit status of the other clients. *SPLICED*: a file of two versions that
the client holds to be right; *OLD VERSION*, *CUT SHORT*, *WRONG BYTES*: another one.

Three things nobody can find out without a digest: that a server gives the same strong `ETag` to two versions of the
same size, that it sends other bytes than the head of its answer says, and that the length it says is too small. Who
knows the digest adds the file with it.
";

fn page(ours: &[[String; 3]], others: &[(String, Vec<[String; 3]>)]) -> String {
    let mut text = String::from(HEAD);
    writeln!(text, "\n## Ebb\n\n| server | fresh | resumed | changed |\n|---|---|---|---|")
        .unwrap();
    for (row, [fresh, resumed, changed]) in ROWS.iter().zip(ours) {
        writeln!(text, "| {} | {fresh} | {resumed} | {changed} |", row.name).unwrap();
    }
    for (version, cells) in others {
        writeln!(
            text,
            "\n## {version}\n\n| server | fresh | resumed | changed |\n|---|---|---|---|"
        )
        .unwrap();
        for (row, [fresh, resumed, changed]) in ROWS.iter().zip(cells) {
            writeln!(text, "| {} | {fresh} | {resumed} | {changed} |", row.name).unwrap();
        }
    }
    text
}

#[test]
fn whatever_a_server_does_a_file_is_of_one_version_or_the_error_has_a_name() {
    // Shorter than what drips takes, and that is no silence.
    let instance = Setup::new().config("stall-timeout = 2").start();
    let (server, alice) = (Server::start(), User::ordinary());
    let directory = instance.directory_of(&alice);
    let bus = instance.bus(&alice);
    let cells = columns(&server, "ebb", &|path, _| ours(&bus, &server, &directory, path));
    let wrong: Vec<_> = ROWS
        .iter()
        .zip(&cells)
        .filter(|(_, cells)| cells.concat().contains(|letter: char| letter.is_ascii_uppercase()))
        .map(|(row, cells)| (row.name, cells))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/server-matrix.md");
    if std::env::var_os("EBB_REGENERATE").is_some() {
        let scratch = directory.join("others");
        std::fs::create_dir(&scratch).unwrap();
        let others = PEERS.iter().map(|peer| {
            let client = |path: &str, case: Case| theirs(peer, &server, &scratch, path, case);
            (peer.version(), columns(&server, peer.name, &client))
        });
        let others: Vec<_> = others.collect();
        std::fs::write(&checked_in, page(&cells, &others)).unwrap();
        return;
    }
    let written = std::fs::read_to_string(checked_in).unwrap_or_default();
    let wanted = page(&cells, &[]);
    let differ: Vec<_> =
        wanted.lines().zip(written.lines()).filter(|(now, then)| now != then).collect();
    assert!(differ.is_empty(), "`make matrix` writes the page anew: {differ:#?}");
    assert!(written.starts_with(&wanted));
}
