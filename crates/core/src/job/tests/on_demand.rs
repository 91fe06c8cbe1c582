//! Ranges that were given, ranges that are asked for, and on-demand mode.

use super::*;
use crate::file::{Piece, Wanted};
use crate::ranges::{self, Part, Range};

fn part(offset: u64, length: u64) -> Part {
    Part { offset, length: Some(length) }
}

fn proof(total: u64) -> Validators {
    Validators { etag: Some(b"\"1\"".into()), total: Some(total), ..Validators::default() }
}

/// The answer of a server that proves its parts.
fn proves(from: u64, total: u64) -> Report {
    Report::Answered {
        file: 0,
        validators: proof(total),
        final_url: "http://localhost/".into(),
        status: 206,
        from,
    }
}

fn filled(start: u64, end: u64) -> Report {
    Report::Filled(0, Range::new(start, end).unwrap())
}

fn ask(offset: u64, length: u64) -> Event {
    Event::RequestRanges(0, vec![part(offset, length)])
}

/// A job in mid-transfer: 1,000 bytes, the first 100 are there.
fn moving() -> Job {
    let created = Report::Created(0, temporary(OWNER));
    connecting().after([says(created), says(proves(0, 1000)), says(checkpoint(0, 100))])
}

/// The same in on-demand mode, at rest.
fn at_rest() -> Job {
    let mut job = moving().after([Event::Suspend]);
    job.terms.on_demand = true;
    job
}

fn next(job: &Job) -> Vec<(u64, u64)> {
    let pieces = job.files[0].next_pieces(job.terms.on_demand).unwrap();
    let pair = |piece: Piece| (piece.source, piece.source + piece.length.unwrap());
    pieces.into_iter().map(pair).collect()
}

/// The newest attempt reports.
fn now_says(job: &mut Job, report: Report) -> Step {
    job.does(Event::Report(AttemptId(job.attempts), report))
}

#[test]
fn a_request_stops_the_attempt_in_hand_and_the_next_one_asks_for_it_first() {
    let mut job = moving();
    let step = job.does(ask(500, 100));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!((job.state, step.files_changed), (State::Queued, vec![0]));
    // The last words of what was stopped: from the beginning, so far.
    let _ = job.does(says(checkpoint(0, 150)));
    let _ = job.does(Event::Start);
    assert_eq!(next(&job), [(500, 600), (150, 500), (600, 1000)]);
    let _ = now_says(&mut job, proves(150, 1000));
    let _ = now_says(&mut job, filled(500, 550));
    assert_eq!(job.files[0].durable, 200);
    assert_eq!(next(&job), [(550, 600), (150, 500), (600, 1000)]);
}

#[test]
fn a_request_for_what_is_there_or_coming_changes_nothing() {
    let mut job = moving().after([ask(500, 100)]);
    let _ = job.does(Event::Start);
    assert_eq!(job.does(ask(500, 100)), Step::stay());
    assert_eq!(job.does(ask(20, 50)), Step::stay());
    // It is next anyway: recorded, but nothing has to stop for it.
    let step = job.does(Event::SetPosition(0, 0));
    assert!(step.effects.is_empty());
}

#[test]
fn the_position_says_where_the_rest_begins() {
    let mut job = moving().after([Event::SetPosition(0, 700)]);
    assert_eq!(next(&job), [(700, 1000), (100, 700)]);
    let _ = job.does(Event::SetPosition(0, 50));
    assert_eq!(next(&job), [(100, 1000)]);
    assert_eq!(
        job.decide(Event::SetPosition(0, 1000), at(0)),
        Err(Refusal::InvalidRange("the range is not in the file"))
    );
}

#[test]
fn what_is_outside_the_file_is_refused_and_the_rest_of_the_list_with_it() {
    let mut job = moving();
    for bad in [part(1000, 1), part(999, 2), part(0, 1001), Part { offset: 1000, length: None }] {
        let before = job.clone();
        let answer = job.decide(Event::RequestRanges(0, vec![part(500, 1), bad]), at(0));
        assert!(matches!(answer, Err(Refusal::InvalidRange(_))), "{bad:?}");
        assert_eq!(job, before);
    }
    let _ = job.does(Event::RequestRanges(0, vec![Part { offset: 900, length: None }]));
    assert_eq!(next(&job)[0], (900, 1000));
}

#[test]
fn before_the_size_is_known_a_request_waits_for_it_and_ends_with_the_file() {
    let mut job = job(1).after([ask(0, 10), ask(990, 500), Event::Resume, Event::Start]);
    assert_eq!(job.files[0].next_pieces(false), None);
    let _ = now_says(&mut job, proves(0, 1000));
    assert_eq!(next(&job), [(0, 10), (990, 1000), (10, 990)]);
}

#[test]
fn only_files_that_can_come_in_parts_take_requests() {
    let why = |job: &Job| match job.clone().decide(ask(0, 1), at(0)) {
        Err(Refusal::RandomAccessNotSupported(why)) => why,
        other => panic!("{other:?}"),
    };
    let mut given = job(1);
    given.files[0].wanted = Wanted::Given(vec![part(0, 10)]);
    assert!(why(&given).contains("added with ranges"));
    let mut weak = moving();
    weak.files[0].validators.etag = Some(b"W/\"1\"".into());
    assert!(why(&weak).contains("prove"));
    let mut job = moving().after([ask(500, 1), Event::Start]);
    let _ = now_says(&mut job, Report::InOrder(0));
    assert!(why(&job).contains("no parts"));
    assert_eq!((job.files[0].durable, job.files[0].next_pieces(false)), (0, None));
    let mut dynamic = job.clone();
    dynamic.terms.dynamic_content = true;
    assert!(why(&dynamic).contains("never continued"));
    assert!(job.filled_ranges(0).unwrap().is_empty() && given.filled_ranges(0).is_err());
}

#[test]
fn in_on_demand_mode_a_job_rests_when_everything_requested_is_there() {
    let mut job = at_rest().after([ask(500, 100), Event::Resume, Event::Start]);
    assert_eq!(next(&job), [(500, 600)]);
    let _ = now_says(&mut job, proves(100, 1000));
    let _ = now_says(&mut job, filled(500, 600));
    let step = now_says(&mut job, Report::Ended(Ok(())));
    assert_eq!((job.state, step.effects), (State::Suspended, vec![]));
    // More is requested: nothing happens until Resume.
    let _ = job.does(ask(0, 1000));
    assert_eq!(job.state, State::Suspended);
    let mut job = job.after([Event::Resume, Event::Start]);
    assert_eq!(next(&job), [(100, 500), (600, 1000)]);
    let _ = now_says(&mut job, filled(100, 500));
    let _ = now_says(&mut job, filled(600, 1000));
    let whole = Report::FileDone { file: 0, length: 1000, modified: None };
    let _ = now_says(&mut job, whole);
    let _ = now_says(&mut job, Report::Ended(Ok(())));
    assert_eq!(job.state, State::Transferred);
}

#[test]
fn a_job_in_on_demand_mode_of_which_nothing_is_requested_begins_no_attempt() {
    let mut job = at_rest();
    let _ = job.does(Event::Resume);
    let step = job.does(Event::Start);
    assert_eq!((job.state, step.effects), (State::Suspended, vec![]));
}

#[test]
fn requests_that_came_while_the_last_one_arrived_go_on_in_a_new_attempt() {
    let mut job = at_rest().after([ask(500, 100), Event::Resume, Event::Start]);
    let _ = now_says(&mut job, filled(500, 600));
    let first = AttemptId(job.attempts);
    let step = job.does(ask(700, 10));
    assert_eq!(step.effects, [Effect::StopAttempt(first)]);
    let _ = job.does(Event::Report(first, Report::Ended(Ok(()))));
    assert_eq!(job.state, State::Queued);
}

#[test]
fn on_demand_mode_acts_at_once_on_a_running_job() {
    let mut job = moving();
    let step = job.does(Event::Set(Setting::OnDemandMode(true)));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    let _ = job.does(Event::Start);
    assert_eq!(job.state, State::Suspended);
}

#[test]
fn another_version_at_the_server_drops_what_is_filled_and_requests_it_again() {
    let mut job = at_rest().after([ask(500, 100), Event::Resume, Event::Start]);
    let _ = now_says(&mut job, filled(500, 550));
    let _ = now_says(&mut job, proves(0, 900));
    assert_eq!(job.files[0].durable, 0);
    assert_eq!(next(&job), [(550, 600), (0, 100), (500, 550)]);
}

#[test]
fn ranges_and_content_made_on_the_way_exclude_each_other() {
    let mut dynamic = job(0);
    dynamic.terms.dynamic_content = true;
    let mut given = file(1);
    given.wanted = Wanted::Given(ranges::given(&[(0, 10)]).unwrap());
    let answer = dynamic.decide(Event::AddFiles(vec![file(0), given.clone()]), at(0));
    assert_eq!(answer, Err(Refusal::UnsupportedJobConfiguration));
    assert!(dynamic.files.is_empty());
    let mut job = job(0).after([Event::AddFiles(vec![given])]);
    let answer = job.decide(Event::Set(Setting::DynamicContent(true)), at(0));
    assert_eq!(answer, Err(Refusal::UnsupportedJobConfiguration));
}

#[test]
fn a_file_of_many_scraps_takes_no_more() {
    let mut job = moving();
    let scraps = |from: u64| (from..from + 400).map(|n| part(100 + n * 2, 1)).collect();
    job.files[0].validators = proof(u64::MAX);
    for from in 0..10 {
        let _ = job.does(Event::RequestRanges(0, scraps(from * 400)));
    }
    let answer = job.decide(Event::RequestRanges(0, scraps(4000)), at(0));
    assert_eq!(answer, Err(Refusal::TooManyRangesInFile(4096)));
}
