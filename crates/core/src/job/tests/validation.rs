//! A file is judged when it is here, and fetched again when it is not what it should be.

use super::*;

fn judge(file: u32, valid: bool) -> Event {
    Event::SetValidationState { file, valid }
}

#[test]
fn a_file_is_judged_only_when_it_is_here() {
    let mut job = connecting();
    assert_eq!(job.decide(judge(0, true), at(1)), Err(Refusal::Pending));
    assert_eq!(job.decide(judge(1, false), at(1)), Err(Refusal::FileNotFound));
    let mut over = job.after([Event::Cancel]);
    assert_eq!(over.decide(judge(0, false), at(1)), Err(Refusal::InvalidState));
}

#[test]
fn a_file_declared_wrong_stops_the_job_from_every_state_and_is_fetched_again() {
    let done = |file| Event::Report(FIRST, Report::FileDone { file, length: 9, modified: None });
    let running = job(2).after([Event::Resume, Event::Start, done(0)]);
    let transferred = running.clone().after([done(1), Event::Report(FIRST, Report::Ended(Ok(())))]);
    assert_eq!(transferred.state, State::Transferred);
    for mut job in [running, transferred.clone(), transferred.after([Event::Suspend])] {
        let attempt = job.state.attempt();
        let step = job.decide(judge(0, false), at(2)).unwrap();
        assert_eq!(step.effects, attempt.map(Effect::StopAttempt).into_iter().collect::<Vec<_>>());
        let error = job.error.as_ref().unwrap();
        assert_eq!(
            (job.state, error.failure.code(), error.file),
            (State::Error, 0x8020_0053, Some(0))
        );
        assert_eq!((job.files[0].durable, job.files[0].progress), (0, Progress::Unfinished));
        let _ = job.decide(Event::Resume, at(3)).unwrap();
        let _ = job.decide(Event::Start, at(3)).unwrap();
        assert!(job.state.attempt().is_some() && job.unfinished().any(|file| file == 0));
    }
}

#[test]
fn complete_says_yes_for_every_file() {
    let done = Event::Report(FIRST, Report::FileDone { file: 0, length: 9, modified: None });
    let ended = Event::Report(FIRST, Report::Ended(Ok(())));
    let renamed = CompleteReport { renamed: vec![0], ..CompleteReport::default() };
    let before = connecting().after([done, ended, judge(0, true)]);
    assert!(before.files[0].valid);
    let job = before.after([judge(0, false), Event::Resume]);
    assert!(!job.files[0].valid);
    let done = Event::Report(AttemptId(2), Report::FileDone { file: 0, length: 9, modified: None });
    let ended = Event::Report(AttemptId(2), Report::Ended(Ok(())));
    let job =
        job.after([Event::Start, done, ended, Event::Complete, Event::CompleteEnded(renamed)]);
    assert!(job.state == State::Acknowledged && job.files[0].valid);
}

#[test]
fn what_is_left_over_of_a_job_that_is_over_is_deleted_later() {
    let made = Event::Report(FIRST, Report::Created(0, temporary(OWNER)));
    let mut over = connecting().after([made, Event::Cancel]);
    assert!(over.has_left_overs());
    let step = over.decide(Event::SweepLeftOvers, at(9)).unwrap();
    assert_eq!((step.effects, step.job_changed), (vec![Effect::DeleteTemporaries], false));
    let over = over.after([Event::Deleted(0)]);
    assert!(!over.has_left_overs());
    let left_over = CompleteReport { left_over: vec![0], ..CompleteReport::default() };
    let made = Event::Report(FIRST, Report::Created(0, temporary(OWNER)));
    let over = connecting().after([made, Event::Complete, Event::CompleteEnded(left_over)]);
    assert!(over.state == State::Acknowledged && over.has_left_overs());
    assert!(!over.after([Event::Deleted(0)]).has_left_overs());
    let mut live = connecting();
    assert_eq!(live.decide(Event::SweepLeftOvers, at(9)).unwrap().effects, []);
}
