//! The agent as the service sees it, and a server that says what it is told to.

use ebb_wire::channel::{pair, send};
use ebb_wire::net::{FetchId, FetchOptions, FromNet, NetTrouble, ToNet, Validators};
use ebb_wire::train;
use rustix::fs::{Mode, OFlags};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;

const NOBODY: u32 = 65534;

pub(crate) const FETCH: FetchId = FetchId(7);

/// The program, running.
pub(crate) struct Agent {
    pub(crate) channel: Option<OwnedFd>,
    pub(crate) process: Child,
    /// What came and was not heard yet.
    heard: RefCell<VecDeque<FromNet>>,
}

impl Agent {
    /// Starts it and hears its greeting.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let agent = Self::start_unheard(arguments);
        let FromNet::Hello { sandbox } = agent.hear() else { panic!("no greeting") };
        assert!(sandbox.seccomp);
        agent
    }

    pub(crate) fn start_unheard(arguments: &[&str]) -> Self {
        let (ours, theirs) = pair().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ebb-net"));
        command.args(arguments).stdin(theirs).env_clear();
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Self { channel: Some(ours), process: command.spawn().unwrap(), heard: RefCell::default() }
    }

    pub(crate) fn channel(&self) -> &OwnedFd {
        self.channel.as_ref().unwrap()
    }

    pub(crate) fn say(&self, message: &ToNet, file: Option<&Target>) {
        let file = file.map(|file| file.0.as_fd());
        send(self.channel(), message, file).unwrap();
    }

    /// The next message; waits for it.
    pub(crate) fn hear(&self) -> FromNet {
        let mut heard = self.heard.borrow_mut();
        if heard.is_empty() {
            let came = train::receive(self.channel()).unwrap();
            heard.extend(came.into_iter().map(|(message, _)| message));
        }
        heard.pop_front().expect("the agent is there")
    }

    /// The next message that is not about progress.
    pub(crate) fn hear_news(&self) -> FromNet {
        loop {
            let heard = self.hear();
            if !matches!(heard, FromNet::Progress { .. }) {
                return heard;
            }
        }
    }

    /// Closes the channel, and waits for the end.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.channel = None;
        self.process.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The same order, under another name and to another place.
pub(crate) fn again(order: ToNet, name: FetchId, place: &str) -> ToNet {
    match order {
        ToNet::Fetch { offset, validators, pieces, options, bucket, stall_timeout_ms, .. } => {
            let (fetch, url) = (name, place.to_owned());
            ToNet::Fetch {
                fetch,
                url,
                offset,
                validators,
                hashed: None,
                pieces,
                options,
                bucket,
                stall_timeout_ms,
            }
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn fetch(url: &str, offset: u64, etag: &str) -> ToNet {
    let validators =
        Validators { etag: Some(etag.into()), total: Some(9), ..Validators::default() };
    ToNet::Fetch {
        fetch: FETCH,
        url: url.to_owned(),
        offset,
        validators,
        hashed: None,
        pieces: Vec::new(),
        options: FetchOptions::default(),
        bucket: 0,
        stall_timeout_ms: 20_000,
    }
}

#[track_caller]
pub(crate) fn assert_done(heard: &FromNet, wanted: u64) {
    assert!(
        matches!(heard, FromNet::Done { fetch: FETCH, length, .. } if *length == wanted),
        "{heard:?}"
    );
}

#[track_caller]
pub(crate) fn failed(heard: FromNet) -> (NetTrouble, String) {
    match heard {
        FromNet::Failed { fetch: FETCH, trouble, detail, .. } => (trouble, detail),
        other => panic!("{other:?}"),
    }
}

/// A file without a name.
pub(crate) struct Target(pub(crate) OwnedFd);

impl Target {
    pub(crate) fn holding(content: &[u8]) -> Self {
        Self::opened(content, OFlags::empty())
    }

    pub(crate) fn opened(content: &[u8], flags: OFlags) -> Self {
        let flags = flags | OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open("/tmp", flags, Mode::from(0o600)).unwrap();
        assert_eq!(rustix::io::pwrite(&file, content, 0).unwrap(), content.len());
        Self(file)
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        let length = usize::try_from(rustix::fs::fstat(&self.0).unwrap().st_size).unwrap();
        let mut content = vec![0; length];
        assert_eq!(rustix::io::pread(&self.0, &mut content, 0).unwrap(), length);
        content
    }
}

/// Serves each answer on a connection of its own, and tells when the client has closed it.
pub(crate) fn serve(answers: Vec<Vec<u8>>) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/dir/file?sig=SECRET", listener.local_addr().unwrap());
    let (tell, closed) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            read_head(&mut socket);
            drop(socket.write_all(&answer));
            // Ends when the client closes.
            while socket.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
            if tell.send(()).is_err() {
                return;
            }
        }
    });
    (url, closed)
}

fn read_head(socket: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}
