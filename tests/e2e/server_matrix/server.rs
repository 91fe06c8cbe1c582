//! A server that answers every request with whatever bytes a row of the matrix wants, and closes.
//!
//! A path names one cell of the table: `/row/case/client`. Where a case begins with an interruption,
//! the first answer at its path is honest and ends in mid-file; after that the row has the word. What
//! was sent from where is kept by path, so that going on can be told from starting over.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::behaviours::{Asked, ROWS, Row, Sends, Silent, Version, interrupted};
use super::{Case, SIZE};

/// So many bytes of a server that drips come one at a time, this far apart.
const DROPS: usize = 30;
const DROP_EVERY: Duration = Duration::from_millis(100);

/// What became of a path.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Requests, without the interrupted one.
    answered: usize,
    interrupted: bool,
    /// Where the last body began that was one of the file.
    began: Option<usize>,
}

/// A running server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(HashMap::new()));
        let here = Self { address, seen: Arc::clone(&seen) };
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A client that goes away in mid-answer is no trouble of ours.
                std::thread::spawn(move || drop(serve(&socket, &seen)));
            }
        });
        here
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Whether the file at this path was sent from its beginning after the interruption.
    pub(super) fn started_over(&self, path: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.get(path).and_then(|seen| seen.began) == Some(0)
    }
}

fn serve(socket: &TcpStream, seen: &Mutex<HashMap<String, Seen>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(socket).lines();
    let Some(Ok(request)) = lines.next() else { return Ok(()) };
    let mut fields = HashMap::new();
    while let Some(Ok(line)) = lines.next() {
        let Some((name, value)) = line.split_once(':') else { break };
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut asked = Asked::new(method, path, &fields);
    let Some((row, case)) = cell(&asked.path) else { return Ok(()) };
    let (answer, sends) = {
        let mut seen = seen.lock().unwrap();
        let seen = seen.entry(asked.path.clone()).or_default();
        if case != Case::Fresh && !seen.interrupted {
            seen.interrupted = method == "GET";
            (interrupted(row, &asked), Sends::AtOnce)
        } else {
            asked.before = seen.answered;
            seen.answered += 1;
            let version = if case == Case::Changed { 2 } else { 1 };
            let answer = (row.answer)(&asked, &Version::of(row, version));
            seen.began = began(&answer).or(seen.began);
            (answer, row.sends)
        }
    };
    let told = match sends {
        Sends::SilentOnce(Silent::FromTheBeginning) if asked.before == 0 => &[],
        Sends::SilentOnce(Silent::InMidFile) if asked.before == 0 => {
            &answer[..answer.len().saturating_sub(SIZE / 4)]
        }
        Sends::SilentOnce(_) | Sends::AtOnce | Sends::Drips => &answer[..],
    };
    let drops = if sends == Sends::Drips { DROPS.min(told.len()) } else { 0 };
    let (stream, drops) = told.split_at(told.len() - drops);
    let mut socket = socket;
    socket.write_all(stream)?;
    for drop in drops {
        std::thread::sleep(DROP_EVERY); // What is tried is slowness itself.
        socket.write_all(&[*drop])?;
    }
    if told.len() == answer.len() {
        socket.shutdown(std::net::Shutdown::Write)?;
    }
    // Closing with something unread would take back what was sent.
    while lines.next().is_some_and(|line| line.is_ok()) {}
    Ok(())
}

/// The row and the case of a path.
fn cell(path: &str) -> Option<(&'static Row, Case)> {
    let mut steps = path.split('/').skip(1);
    let row = steps.next()?.parse::<usize>().ok().and_then(|at| ROWS.get(at))?;
    Some((row, Case::ALL[steps.next()?.parse::<usize>().ok()?]))
}

/// Where in the file the body of this answer begins, if it has one of either version.
fn began(answer: &[u8]) -> Option<usize> {
    const ENOUGH: usize = 64;
    [1, 2].iter().find_map(|number| {
        let bytes = Version::bytes_of(*number);
        [0, SIZE / 2].into_iter().find(|from| {
            let begin = &bytes[*from..*from + ENOUGH];
            answer.windows(ENOUGH).any(|window| window == begin)
        })
    })
}
