//! Tests of the rules: what each file is about is in its name.
//!
//! Here: jobs brought into every state by nothing but events, and the small words the tests are
//! written in.

mod authorities;
mod certificate;
mod clock;
mod credentials;
mod endings;
mod errors;
mod headers;
mod history;
mod notify_command;
mod on_demand;
mod owner;
mod ownership;
mod properties;
mod remote;
mod retry;
mod straight;
mod surroundings;
mod table;
mod tokens;
mod transfer;
mod validation;
mod validator;
mod whatever;

use super::*;

use crate::failure::{Blocked, DestinationTrouble, NetworkTrouble, ServerTrouble};
use crate::file::{Destination, Temporary, Validators};
use crate::token::BootId;

const FIRST: AttemptId = AttemptId(1);
const OWNER: u32 = 1000;
const HELPER: u32 = 2000;

/// So many seconds after the test began.
fn at(seconds: u64) -> Now {
    Now {
        moment: Moment(1_000_000 + seconds * 1000),
        wall: WallTime(1_700_000_000 + i64::try_from(seconds).unwrap()),
        dice: 0,
    }
}

fn token(uid: u32) -> Token {
    Token {
        uid,
        gid: uid,
        groups: vec![],
        session: None,
        label: None,
        boot: BootId("boot".into()),
        captured: WallTime(0),
    }
}

fn file(number: u64) -> File {
    let destination = Destination {
        dir: b"/srv".to_vec(),
        name: format!("f{number}").into_bytes(),
        dev: 1,
        ino: 2,
    };
    File::new(format!("http://localhost/{number}"), destination, true)
}

fn temporary(uid: u32) -> Temporary {
    Temporary { name: b".f.xxxxxxxx.ebb".to_vec(), dev: 1, ino: 3, made_by: uid }
}

/// A suspended job with so many files.
fn job(files: u64) -> Job {
    let terms = Terms::named("test").unwrap();
    let mut job = Job::new(JobId::from_bytes([7; 16]), token(OWNER), terms, at(0));
    if files > 0 {
        let _ = job.does(Event::AddFiles((0..files).map(file).collect()));
    }
    job
}

/// A job with one file whose attempt has just begun.
fn connecting() -> Job {
    job(1).after([Event::Resume, Event::Start])
}

/// A job with one file that has 100 durable bytes.
fn transferring() -> Job {
    let created = Report::Created(0, temporary(OWNER));
    connecting().after([says(created), says(answered(0, 0)), says(checkpoint(0, 100))])
}

/// A job with one file, in the state of this name.
fn job_in(state: &str) -> Job {
    match state {
        "suspended" => job(1),
        "queued" => job(1).after([Event::Resume]),
        "connecting" => connecting(),
        "transferring" => transferring(),
        "transient-error" => failed_often(connecting(), 3),
        "blocked" => connecting().after([Event::Block(Blocked::NetworkDisconnected)]),
        "error" => connecting().after([says(Report::Ended(Err(no_space())))]),
        "transferred" => transferring().after([says(done(0)), says(Report::Ended(Ok(())))]),
        "completing" => job_in("transferred").after([Event::Complete]),
        "acknowledged" => job_in("completing").after([Event::CompleteEnded(CompleteReport {
            renamed: vec![0],
            ..CompleteReport::default()
        })]),
        "cancelled" => job_in("transferred").after([Event::Cancel]),
        _ => panic!("{state} is no state"),
    }
}

/// Every state a job can be in, by the names the table uses.
const STATES: [&str; 11] = [
    "suspended",
    "queued",
    "connecting",
    "transferring",
    "transient-error",
    "blocked",
    "error",
    "transferred",
    "completing",
    "acknowledged",
    "cancelled",
];

/// `Completing` and `Blocked` have names of their own here.
fn name(state: State) -> &'static str {
    let told = if matches!(state, State::Blocked { .. }) { "blocked" } else { state.name() };
    if state == State::Completing { "completing" } else { told }
}

/// A report of the first attempt.
fn says(report: Report) -> Event {
    Event::Report(FIRST, report)
}

fn answered(file: u32, from: u64) -> Report {
    Report::Answered {
        file,
        validators: Validators::default(),
        final_url: "http://localhost/".into(),
        status: 200,
        from,
    }
}

fn checkpoint(file: u32, durable: u64) -> Report {
    Report::Checkpoint { file, durable }
}

fn done(file: u32) -> Report {
    Report::FileDone { file, length: 200, modified: None }
}

fn trouble(failure: Failure) -> Trouble {
    Trouble { failure, ..Trouble::of(ServiceTrouble::AgentLost) }
}

/// Passing trouble.
fn lost() -> Trouble {
    trouble(Failure::Network(NetworkTrouble::ConnectionLost))
}

/// Lasting trouble.
fn no_space() -> Trouble {
    trouble(Failure::Destination(DestinationTrouble::NoSpace))
}

fn token_required() -> Option<Failure> {
    Some(Failure::Service(ServiceTrouble::TokenRequired))
}

/// Lets the attempts in hand fail with passing trouble, one after the other.
fn failed_often(mut job: Job, times: u32) -> Job {
    for _ in 0..times {
        let _ = job.fails(lost(), at(0));
    }
    job
}

impl Job {
    /// Decides at the beginning of the test.
    fn does(&mut self, event: Event) -> Step {
        self.decide(event, at(0)).unwrap()
    }

    fn after(mut self, events: impl IntoIterator<Item = Event>) -> Self {
        for event in events {
            let _ = self.does(event);
        }
        self
    }

    /// The attempt in hand fails.
    fn fails(&mut self, trouble: Trouble, now: Now) -> Step {
        let attempt = self.state.attempt().expect("an attempt is in hand");
        self.decide(Event::Report(attempt, Report::Ended(Err(trouble))), now).unwrap()
    }

    fn failure(&self) -> Option<Failure> {
        self.error.as_ref().map(|trouble| trouble.failure)
    }
}
