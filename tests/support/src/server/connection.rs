//! One connection of the server: read a request, send the planned answer, note what went out.
//!
//! Raw on purpose: nothing between us and the socket would stop a lie. A connection ends when the
//! client closes, when the plan says so, or when the server stops.

use super::answer::{Asked, Body, Piece, Plan, answer, not_found};
use super::gate::Gate;
use super::log::Record;
use super::{Shared, sockets};
use rustls::{ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How much is sent at once.
const PIECE: u64 = 64 * 1024;
/// No request of ours is larger.
const LONGEST_HEAD: usize = 64 * 1024;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Serves one accepted connection until it ends.
pub(super) fn serve(shared: &Arc<Shared>, socket: TcpStream, number: u64) {
    let uid = sockets::client_uid(&socket);
    let Ok(watch) = socket.try_clone() else {
        return;
    };
    let mut stream: Box<dyn Stream> = match &shared.tls {
        None => Box::new(socket),
        Some(config) => match ServerConnection::new(Arc::clone(&config.lock().expect("whole"))) {
            Ok(tls) => Box::new(StreamOwned::new(tls, socket)),
            Err(_) => return,
        },
    };
    let mut connection = Connection { shared, watch, number, uid };
    // What a client does to a lying server (reset, hang up, protest) is not the test's business.
    while let Ok(true) = connection.exchange(stream.as_mut()) {}
    let _ = stream.flush();
}

struct Connection<'a> {
    shared: &'a Shared,
    watch: TcpStream,
    number: u64,
    uid: Option<u32>,
}

impl Connection<'_> {
    /// One request and its answer; whether another may follow.
    fn exchange(&mut self, stream: &mut dyn Stream) -> io::Result<bool> {
        let Some(head) = read_head(stream)? else {
            return Ok(false);
        };
        let Some(mut record) = parse(&head) else {
            return Ok(false);
        };
        record.connection = self.number;
        record.uid = self.uid;
        let (plan, gate) = self.plan(&record);
        record.status = plan.status;
        if let Body::Piece(piece) = &plan.body {
            record.first = piece.from;
        }
        let path = record.path.clone();
        let entry = self.shared.log.add(record);
        let sent = stream
            .write_all(&plan.head)
            .and_then(|()| self.send(stream, &plan, gate.as_deref(), entry, &path))
            .and_then(|()| stream.flush());
        self.shared.log.change(entry, |r| {
            r.over = true;
            r.finished = sent.is_ok();
        });
        sent.map(|()| !plan.close)
    }

    fn plan(&self, record: &Record) -> (Plan, Option<Arc<Gate>>) {
        let asked = Asked {
            head_only: record.method == "HEAD",
            range: record.field("range"),
            if_range: record.field("if-range"),
        };
        let mut resources = self.shared.resources.lock().expect("no panic under this lock");
        let path = record.path.split('?').next().unwrap_or_default();
        match resources.get_mut(path) {
            None => (not_found(), None),
            Some(resource) => (answer(resource, &asked), resource.gate.clone()),
        }
    }

    fn send(
        &self,
        stream: &mut dyn Stream,
        plan: &Plan,
        gate: Option<&Gate>,
        entry: usize,
        path: &str,
    ) -> io::Result<()> {
        match &plan.body {
            Body::Empty => Ok(()),
            Body::Bytes(bytes) => stream.write_all(bytes),
            Body::EndlessHead => loop {
                stream.write_all(b"X-Again: and again and again and again and again\r\n")?;
            },
            Body::Piece(piece) => self.send_piece(stream, piece, gate, entry, path),
        }
    }

    fn send_piece(
        &self,
        stream: &mut dyn Stream,
        piece: &Piece,
        gate: Option<&Gate>,
        entry: usize,
        path: &str,
    ) -> io::Result<()> {
        let mut content = piece.content;
        let mut at = piece.from;
        let mut buffer = vec![0; usize::try_from(PIECE).expect("fits")];
        let mut swap_at = piece.swap_at;
        while at < piece.to {
            if let Some((_, next)) = swap_at.take_if(|(offset, _)| *offset <= at) {
                content = next.unwrap_or(content);
                self.shared.swap(path);
            }
            if piece.close_at.is_some_and(|offset| offset <= at) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if piece.stall_at.is_some_and(|offset| offset <= at) {
                return self.stall(stream);
            }
            let borders = [Some(piece.to), piece.close_at, piece.stall_at, swap_at.map(|s| s.0)];
            let border = borders.into_iter().flatten().filter(|b| *b > at).min();
            let want = PIECE.min(border.unwrap_or(piece.to) - at);
            let granted = gate.map_or(want, |gate| gate.take(want, || self.alive()));
            if granted == 0 {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let out = &mut buffer[..usize::try_from(granted).expect("at most a piece")];
            content.fill(at, out);
            send_framed(stream, out, piece.chunked)?;
            at += granted;
            self.shared.log.change(entry, |r| r.sent += granted);
        }
        if piece.chunked { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
    }

    /// Keeps the connection without a word until the client gives it up.
    fn stall(&self, stream: &mut dyn Stream) -> io::Result<()> {
        stream.flush()?;
        let closed = Gate::after(0);
        closed.take(1, || self.alive());
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Whether there is still a client and a server.
    fn alive(&self) -> bool {
        !self.shared.stopping.load(Ordering::Relaxed) && !sockets::hung_up(&self.watch)
    }
}

fn send_framed(stream: &mut dyn Stream, bytes: &[u8], chunked: bool) -> io::Result<()> {
    if !chunked {
        return stream.write_all(bytes);
    }
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")
}

/// Reads up to the empty line; `None` at the end of the connection.
fn read_head(stream: &mut dyn Stream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD || stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

fn parse(head: &str) -> Option<Record> {
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (method, path) = (request.next()?.to_owned(), request.next()?.to_owned());
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned())).collect();
    let mut record = Record { method, path, fields, ..Record::default() };
    let asked = Asked { head_only: false, range: record.field("range"), if_range: None };
    record.from = asked.first_and_last().map_or(0, |(first, _)| first);
    Some(record)
}
