//! What is told of a step, and what may be forgotten.

use super::*;
use crate::file::{Destination, File};
use crate::id::AttemptId;
use crate::job::Setting;
use crate::time::Moment;
use crate::token::BootId;

const NOW: Now = Now { moment: Moment(1_000_000), wall: WallTime(1_700_000_000), dice: 0 };

fn job() -> Job {
    let owner = Token {
        uid: 1,
        gid: 1,
        groups: vec![],
        session: None,
        label: None,
        boot: BootId("b".into()),
        captured: NOW.wall,
    };
    Job::new(JobId::from_bytes([7; 16]), owner, Terms::named("n").unwrap(), NOW)
}

fn files(count: usize) -> Event {
    let destination = Destination { dir: b"/srv".into(), name: b"f".into(), dev: 1, ino: 2 };
    Event::AddFiles(vec![File::new("http://h/f".into(), destination, true); count])
}

fn tell(job: &mut Job, event: Event) -> Vec<What> {
    let before = Before::of(job, Some(&event));
    let step = job.decide(event, NOW).unwrap();
    before.what_happened(job, &step, NOW)
}

fn names(what: &[What]) -> Vec<&'static str> {
    what.iter().map(What::name).collect()
}

/// One job from nothing to its end, as it is told.
#[test]
fn a_file_is_told_before_the_job_it_is_the_last_of() {
    let attempt = AttemptId(1);
    let done = |file| Report::FileDone { file, length: 1, modified: None };
    let mut job = job();
    let mut told = Vec::new();
    for event in [
        files(2),
        Event::Set(Setting::Description("d".into())),
        Event::Set(Setting::Description("d".into())),
        Event::Resume,
        Event::Start,
        Event::Report(attempt, Report::Measured(0, 9)),
        Event::Report(attempt, done(0)),
        Event::Report(attempt, done(0)),
        Event::Report(attempt, done(1)),
        Event::Report(attempt, Report::Ended(Ok(()))),
        Event::Complete,
    ] {
        told.extend(tell(&mut job, event));
    }
    assert_eq!(
        names(&told),
        [
            "files-added",
            "property",
            "state",
            "state",
            "progress",
            "file-transferred",
            "file-transferred",
            "state",
            "transferred"
        ]
    );
    assert_eq!(told[0], What::FilesAdded { first: 0, count: 2 });
}

#[test]
fn trouble_is_told_with_its_reasons_and_passing_trouble_with_the_next_try() {
    let trouble = Trouble {
        failure: crate::failure::Failure::Network(crate::failure::NetworkTrouble::NameNotResolved),
        file: Some(0),
        detail: "no such host".into(),
        retry_after: None,
    };
    let ended = |attempt| Event::Report(AttemptId(attempt), Report::Ended(Err(trouble.clone())));
    let mut job = job();
    for event in [files(1), Event::Resume, Event::Start, ended(1), ended(2)] {
        tell(&mut job, event);
    }
    let told = tell(&mut job, ended(3));
    let [What::State { .. }, What::TransientError { trouble: kept, next_attempt }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(**kept, trouble);
    assert!(next_attempt.0 >= NOW.wall.0 + 600);
    tell(&mut job, Event::Resume);
    tell(&mut job, Event::Set(Setting::NoProgressTimeout(0)));
    tell(&mut job, Event::Start);
    let told = tell(&mut job, ended(4));
    assert_eq!(told.last(), Some(&What::Error(Box::new(trouble.clone()))));
}

#[test]
fn a_step_that_changes_nothing_tells_nothing() {
    let mut job = job();
    for event in [Event::Suspend, Event::Start, Event::Due, Event::Deleted(3)] {
        assert_eq!(tell(&mut job, event), []);
    }
}

#[test]
fn every_state_has_the_name_it_has_everywhere() {
    for standing in Standing::ALL {
        let states = [
            State::Suspended,
            State::Queued,
            State::Connecting { attempt: AttemptId(1) },
            State::Transferring { attempt: AttemptId(1) },
            State::TransientError { retry_at: Moment(0) },
            State::Error,
            State::Completing,
            State::Acknowledged,
            State::Cancelled,
        ];
        let state = states.into_iter().find(|state| Standing::of(*state) == standing).unwrap();
        assert_eq!(state.name(), standing.name());
    }
}

fn happening(what: What) -> Happening {
    Happening { job: JobId::from_bytes([7; 16]), at: NOW.wall, what, acknowledged: false }
}

#[test]
fn a_newer_look_again_takes_the_place_of_the_older() {
    let mut trail = Trail::default();
    for (number, what) in [(1, What::Progress), (2, What::Property), (5, What::Added)] {
        assert_eq!(trail.add(number, &happening(what)), Gone::default());
    }
    let gone = trail.add(7, &happening(What::Progress));
    assert_eq!(gone, Gone { replaced: Some(1), ..Gone::default() });
    assert_eq!(trail.numbers().collect::<Vec<_>>(), [2, 5, 7]);
}

#[test]
fn too_many_events_lose_the_oldest_and_never_the_one_that_is_owed() {
    let mut trail = Trail::default();
    trail.add(1, &happening(What::Transferred));
    let last = 1 + PER_JOB as u64;
    for number in 2..last {
        assert_eq!(trail.add(number, &happening(What::FileTransferred(0))), Gone::default());
    }
    let gone = trail.add(last, &happening(What::FileTransferred(0)));
    assert_eq!(gone.dropped, Some(2));
    assert_eq!((trail.owed(), trail.numbers().next()), (Some(1), Some(1)));
    assert_eq!(trail.acknowledge(), Some(1));
    assert_eq!(trail.add(last + 1, &happening(What::Added)).dropped, Some(1));
}

#[test]
fn what_is_owed_is_owed_until_the_job_goes_on() {
    let state = |now| What::State { now, before: Standing::Queued };
    let mut trail = Trail::default();
    trail.add(
        1,
        &happening(What::Error(Box::new(Trouble::of(
            crate::failure::ServiceTrouble::TokenRequired,
        )))),
    );
    trail.add(2, &happening(state(Standing::Suspended)));
    assert_eq!(trail.owed(), Some(1));
    assert_eq!(trail.add(3, &happening(state(Standing::Queued))).released, Some(1));
    trail.add(4, &happening(What::Transferred));
    assert_eq!(trail.add(5, &happening(state(Standing::Acknowledged))).released, Some(4));
    assert_eq!(trail.owed(), None);
}
