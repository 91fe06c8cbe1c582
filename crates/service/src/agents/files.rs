//! A file agent, as the service sees it: questions and answers.
//!
//! What it sends is checked: a descriptor must be a regular file with one link, owned by the
//! agent's uid, opened for reading and writing (`helper-tokens.md` 2.6). An agent that sends
//! anything else, or an answer nobody asked for, is ended.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use ebb_core::failure::{DestinationTrouble, Failure, ServiceTrouble, SourceTrouble};
use ebb_core::file::{Destination, File, Progress, Temporary};
use ebb_wire::Sandbox;
use ebb_wire::files::{FileTrouble, FromFiles, Look, Place, Source, ToFiles};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use tokio::sync::oneshot;

use super::launcher::Process;
use super::outbox::Outbox;
use super::{Channel, Listening};

/// A disk may be slow, a network file system may hang; the service does not wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many questions that do not depend on one another are asked at once: while the agent deals with one
/// datagram of them, the next is on its way.
pub(crate) const AT_ONCE: usize = 2 * ebb_wire::train::MOST;

/// An answer to one question.
enum Answer {
    Inspected { dev: u64, ino: u64 },
    Opened { temporary: Temporary, length: u64, fd: OwnedFd },
    Source(Source),
    Done,
    Failed(FileTrouble),
}

/// One running `ebb-files`.
pub(crate) struct FileAgent {
    outbox: Outbox,
    process: Rc<Process>,
    uid: u32,
    next: Cell<u64>,
    asked: Rc<RefCell<Asked>>,
    listening: Listening,
}

#[derive(Default)]
struct Asked {
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    over: bool,
}

/// A temporary file, open.
pub(crate) struct Opened {
    pub(crate) temporary: Temporary,
    pub(crate) fd: OwnedFd,
}

const LOST: Failure = Failure::Service(ServiceTrouble::AgentLost);

impl FileAgent {
    /// Waits for the first message and begins to serve.
    pub(crate) async fn greet(
        channel: Channel,
        process: Process,
        uid: u32,
    ) -> Result<(Rc<Self>, Sandbox), Failure> {
        let hello = channel.receive::<FromFiles>().await;
        let Ok(Some((FromFiles::Hello { sandbox }, None))) = hello else {
            return Err(LOST);
        };
        let (channel, process) = (Rc::new(channel), Rc::new(process));
        let asked = Rc::new(RefCell::new(Asked::default()));
        let task = listen(Rc::clone(&channel), Rc::clone(&process), Rc::clone(&asked), uid);
        let listening = Listening::begin(task);
        let outbox = Outbox::begin(channel);
        let agent = Self { outbox, process, uid, next: Cell::new(1), asked, listening };
        Ok((Rc::new(agent), sandbox))
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.asked.borrow().over
    }

    /// Looks at a destination that is being added.
    pub(crate) async fn inspect(&self, dir: &[u8], name: &[u8]) -> Result<(u64, u64), Failure> {
        let question = |seq| ToFiles::Inspect { seq, dir: dir.to_vec(), name: name.to_vec() };
        match self.ask(question).await? {
            Answer::Inspected { dev, ino } => Ok((dev, ino)),
            Answer::Failed(trouble) => Err(trouble_of(trouble)),
            Answer::Opened { .. } | Answer::Source(_) | Answer::Done => Err(self.broken().await),
        }
    }

    /// Makes a temporary file.
    pub(crate) async fn create(
        &self,
        destination: &Destination,
        mark: u64,
    ) -> Result<Opened, Failure> {
        let question = |seq| ToFiles::Create {
            seq,
            place: place(destination),
            name: destination.name.clone(),
            mark,
        };
        self.opened(self.ask(question).await?).await
    }

    /// Deletes what `create` with this mark made, if a crash came before it was written down.
    pub(crate) async fn sweep(&self, destination: &Destination, mark: u64) -> Result<(), Failure> {
        let question = |seq| ToFiles::Sweep {
            seq,
            place: place(destination),
            name: destination.name.clone(),
            mark,
        };
        self.done(self.ask(question).await?).await
    }

    /// Opens the temporary file of a file, under the name it has now. It is long enough to hold what
    /// counts, or it does not count as the same file; one that others see grow stays the same, and
    /// whoever opens it finds out what counts.
    pub(crate) async fn reopen(
        &self,
        file: &File,
        temporary: &Temporary,
    ) -> Result<Opened, Failure> {
        let destination = &file.destination;
        let grows = file.in_place && file.progress == Progress::Unfinished;
        let reach = if grows { 0 } else { file.reach() };
        if file.in_place {
            let shown = Temporary { name: destination.name.clone(), ..temporary.clone() };
            match self.reopen_as(destination, &shown, reach).await {
                // A crash may have come just before it got that name.
                Err(Failure::Destination(DestinationTrouble::TemporaryLost)) => {}
                other => {
                    return other.map(|opened| Opened { temporary: temporary.clone(), ..opened });
                }
            }
        }
        self.reopen_as(destination, temporary, reach).await
    }

    async fn reopen_as(
        &self,
        destination: &Destination,
        temporary: &Temporary,
        durable: u64,
    ) -> Result<Opened, Failure> {
        let question =
            |seq| ToFiles::Reopen { seq, place: place(destination), temporary: wire(temporary) };
        let answer = self.ask(question).await?;
        if matches!(answer, Answer::Opened { length, .. } if length < durable) {
            return Err(DestinationTrouble::TemporaryLost.into());
        }
        self.opened(answer).await
    }

    /// Gives a file its final name before anything of it is finished.
    pub(crate) async fn put_in_place(
        &self,
        file: &File,
        temporary: &Temporary,
        look: Look,
    ) -> Result<(), Failure> {
        let question = |seq| ToFiles::PutInPlace {
            seq,
            place: place(&file.destination),
            temporary: wire(temporary),
            name: file.destination.name.clone(),
            replace: file.replace,
            look,
        };
        self.done(self.ask(question).await?).await
    }

    /// Gives a finished file its name.
    pub(crate) async fn rename(
        &self,
        destination: &Destination,
        temporary: &Temporary,
        replace: bool,
        look: Look,
    ) -> Result<(), Failure> {
        let question = |seq| ToFiles::Rename {
            seq,
            place: place(destination),
            temporary: wire(temporary),
            name: destination.name.clone(),
            replace,
            look,
        };
        self.done(self.ask(question).await?).await
    }

    /// Deletes a temporary file; one that is gone is fine.
    pub(crate) async fn delete(
        &self,
        destination: &Destination,
        temporary: &Temporary,
    ) -> Result<(), Failure> {
        let question =
            |seq| ToFiles::Delete { seq, place: place(destination), temporary: wire(temporary) };
        self.done(self.ask(question).await?).await
    }

    /// Copies a part of another identity's temporary file into one of this one, durably.
    pub(crate) async fn fill(
        &self,
        destination: &Destination,
        temporary: &Temporary,
        source: BorrowedFd<'_>,
        part: Range<u64>,
    ) -> Result<(), Failure> {
        let question = |seq| ToFiles::Fill {
            seq,
            place: place(destination),
            temporary: wire(temporary),
            from: part.start,
            until: part.end,
        };
        self.done(self.ask_with(Some(source), question).await?).await
    }

    /// Looks at a file of this machine that is to be copied.
    pub(crate) async fn look_at_source(&self, path: &[u8]) -> Result<Source, Failure> {
        match self.ask(|seq| ToFiles::LookAt { seq, path: path.to_vec() }).await? {
            Answer::Source(source) => Ok(source),
            Answer::Failed(trouble) => Err(trouble_of(trouble)),
            Answer::Inspected { .. } | Answer::Opened { .. } | Answer::Done => {
                Err(self.broken().await)
            }
        }
    }

    /// Copies a part of one into an open temporary file, durably.
    pub(crate) async fn copy(
        &self,
        path: &[u8],
        source: &Source,
        file: &OwnedFd,
        part: Range<u64>,
    ) -> Result<(), Failure> {
        let (path, source) = (path.to_vec(), *source);
        let question = |seq| ToFiles::Copy { seq, path, source, from: part.start, until: part.end };
        self.done(self.ask_with(Some(file.as_fd()), question).await?).await
    }

    async fn ask(&self, question: impl FnOnce(u64) -> ToFiles) -> Result<Answer, Failure> {
        self.ask_with(None, question).await
    }

    async fn ask_with(
        &self,
        fd: Option<BorrowedFd<'_>>,
        question: impl FnOnce(u64) -> ToFiles,
    ) -> Result<Answer, Failure> {
        let fd = fd.map(|fd| fd.try_clone_to_owned()).transpose().map_err(|_| LOST)?;
        let seq = self.next.replace(self.next.get() + 1);
        // Once it is over, nobody clears away who waits.
        if !self.is_alive() || self.outbox.put(&question(seq), fd).is_err() {
            return Err(LOST);
        }
        let (tell, told) = oneshot::channel();
        self.asked.borrow_mut().waiting.insert(seq, tell);
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(answer) => answer.map_err(|_| LOST),
            Err(_) => Err(self.broken().await),
        }
    }

    async fn opened(&self, answer: Answer) -> Result<Opened, Failure> {
        match answer {
            Answer::Opened { temporary, length: _, fd } => Ok(Opened { temporary, fd }),
            Answer::Failed(trouble) => Err(trouble_of(trouble)),
            Answer::Inspected { .. } | Answer::Source(_) | Answer::Done => Err(self.broken().await),
        }
    }

    async fn done(&self, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Done => Ok(()),
            Answer::Failed(trouble) => Err(trouble_of(trouble)),
            Answer::Inspected { .. } | Answer::Opened { .. } | Answer::Source(_) => {
                Err(self.broken().await)
            }
        }
    }

    /// The agent hangs, or answers what was not asked: it is ended, and gone when this returns.
    async fn broken(&self) -> Failure {
        eprintln!("a file agent (uid {}) hangs or broke the protocol; it is ended", self.uid);
        self.asked.borrow_mut().over = true;
        self.process.kill().await;
        self.listening.is_over().await;
        LOST
    }
}

/// Hands answers to whoever asked, until the agent is gone. One that breaks the protocol is killed,
/// and whoever waits hears of it when nothing is done under its identity any more (R9).
async fn listen(channel: Rc<Channel>, process: Rc<Process>, asked: Rc<RefCell<Asked>>, uid: u32) {
    hand_out(&channel, &asked, uid).await;
    asked.borrow_mut().over = true;
    process.kill().await;
    channel.is_closed::<FromFiles>().await;
    asked.borrow_mut().waiting.clear();
}

async fn hand_out(channel: &Channel, asked: &RefCell<Asked>, uid: u32) {
    loop {
        let came = channel.receive_train::<FromFiles>().await.unwrap_or_default();
        if came.is_empty() {
            return;
        }
        for (message, fd) in came {
            let Some((seq, answer)) = check(message, fd, uid) else {
                eprintln!("a file agent (uid {uid}) sent a message that does not fit");
                return;
            };
            let Some(tell) = asked.borrow_mut().waiting.remove(&seq) else {
                return;
            };
            // Whoever asked may have been stopped; a descriptor is closed with the answer.
            let _ = tell.send(answer);
        }
    }
}

fn check(message: FromFiles, fd: Option<OwnedFd>, uid: u32) -> Option<(u64, Answer)> {
    match (message, fd) {
        (FromFiles::Inspected { seq, dev, ino }, None) => {
            Some((seq, Answer::Inspected { dev, ino }))
        }
        (FromFiles::Opened { seq, temporary, length }, Some(fd)) => {
            let temporary = Temporary {
                name: temporary.name,
                dev: temporary.dev,
                ino: temporary.ino,
                made_by: uid,
            };
            is_what_it_says(&fd, &temporary)
                .then_some((seq, Answer::Opened { temporary, length, fd }))
        }
        (FromFiles::Source { seq, source }, None) => Some((seq, Answer::Source(source))),
        (FromFiles::Done { seq }, None) => Some((seq, Answer::Done)),
        (FromFiles::Failed { seq, trouble }, None) => Some((seq, Answer::Failed(trouble))),
        (
            FromFiles::Hello { .. }
            | FromFiles::Inspected { .. }
            | FromFiles::Opened { .. }
            | FromFiles::Source { .. }
            | FromFiles::Done { .. }
            | FromFiles::Failed { .. },
            _,
        ) => None,
    }
}

/// A regular file with one link, owned by the agent's uid, the one it names, open both ways.
fn is_what_it_says(fd: &OwnedFd, temporary: &Temporary) -> bool {
    let (Ok(stat), Ok(flags)) = (fstat(fd), fcntl_getfl(fd)) else {
        return false;
    };
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_nlink == 1
        && stat.st_uid == temporary.made_by
        && (stat.st_dev, stat.st_ino) == (temporary.dev, temporary.ino)
        && flags & OFlags::ACCMODE == OFlags::RDWR
        && !flags.contains(OFlags::PATH)
}

fn place(destination: &Destination) -> Place {
    Place { dir: destination.dir.clone(), dev: destination.dev, ino: destination.ino }
}

fn wire(temporary: &Temporary) -> ebb_wire::files::Temporary {
    ebb_wire::files::Temporary {
        name: temporary.name.clone(),
        dev: temporary.dev,
        ino: temporary.ino,
    }
}

fn trouble_of(trouble: FileTrouble) -> Failure {
    let destination = match trouble {
        FileTrouble::SourceGone => return Failure::Source(SourceTrouble::NotFound),
        FileTrouble::SourceDenied => return Failure::Source(SourceTrouble::AccessDenied),
        FileTrouble::SourceNotAFile => return Failure::Source(SourceTrouble::NotAFile),
        FileTrouble::SourceChanged => return Failure::Source(SourceTrouble::Changing),
        FileTrouble::SourceIo(errno) => return Failure::Source(SourceTrouble::Io(errno)),
        FileTrouble::NoSuchDirectory => DestinationTrouble::NoSuchDirectory,
        FileTrouble::NotADirectory => DestinationTrouble::NotADirectory,
        FileTrouble::SymbolicLink => DestinationTrouble::SymbolicLink,
        FileTrouble::AccessDenied => DestinationTrouble::AccessDenied,
        FileTrouble::NotARegularFile => DestinationTrouble::NotARegularFile,
        FileTrouble::SpecialFileSystem => DestinationTrouble::SpecialFileSystem,
        FileTrouble::DirectoryChanged => DestinationTrouble::DestinationChanged,
        FileTrouble::TemporaryGone | FileTrouble::TemporaryChanged => {
            DestinationTrouble::TemporaryLost
        }
        FileTrouble::Exists => DestinationTrouble::Exists,
        FileTrouble::NameTooLong => DestinationTrouble::NameTooLong,
        FileTrouble::NoSpace => DestinationTrouble::NoSpace,
        FileTrouble::ReadOnly => DestinationTrouble::ReadOnly,
        FileTrouble::Io(errno) => DestinationTrouble::Io(errno),
    };
    Failure::Destination(destination)
}
