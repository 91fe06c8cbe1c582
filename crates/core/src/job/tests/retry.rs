//! When a job tries again, how long it waits, and when it gives up (4.4 rows 8 to 10, Q16, Q46).

use super::*;

fn with(retry_delay: u32, no_progress_timeout: u32) -> Job {
    connecting().after([
        Event::Set(Setting::MinimumRetryDelay(retry_delay)),
        Event::Set(Setting::NoProgressTimeout(no_progress_timeout)),
    ])
}

/// How many seconds after `now` the job is tried again.
fn delay(job: &Job, now: Now) -> u64 {
    let State::TransientError { retry_at } = job.state else {
        panic!("{:?} does not wait", job.state)
    };
    retry_at.since(now.moment).as_secs()
}

/// The wait is over, the job tries once, and that fails too.
fn one_more(job: &mut Job, now: Now) {
    let _ = job.decide(Event::Due, now).unwrap();
    let _ = job.decide(Event::Start, now).unwrap();
    let _ = job.fails(lost(), now);
}

#[test]
fn three_tries_are_made_at_once_before_the_job_waits() {
    let mut job = connecting();
    for number in [2, 3] {
        let step = job.fails(lost(), at(0));
        assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(number))]);
    }
    let step = job.fails(lost(), at(0));
    assert_eq!((delay(&job, at(0)), step.effects), (600, vec![]));
    assert_eq!(job.error_count, 1);
}

#[test]
fn after_the_first_wait_there_is_one_try_each_time_and_the_delay_doubles() {
    let mut job = failed_often(connecting(), 3);
    let mut time = 600;
    for expected in [1200, 2400, 3600, 3600] {
        one_more(&mut job, at(time));
        assert_eq!(delay(&job, at(time)), expected);
        time += expected;
    }
    assert_eq!(job.error_count, 5);
}

#[test]
fn progress_begins_the_count_anew() {
    let mut job = failed_often(connecting(), 3);
    let _ = job.decide(Event::Due, at(600)).unwrap();
    let _ = job.decide(Event::Start, at(600)).unwrap();
    let attempt = job.state.attempt().unwrap();
    let _ = job.does(Event::Report(attempt, answered(0, 0)));
    assert_ne!(job.patience, Patience::default(), "an answer is not yet progress");
    let _ = job.does(Event::Report(attempt, checkpoint(0, 1)));
    assert_eq!(job.patience, Patience::default());
    let job = failed_often(job, 3);
    assert_eq!(delay(&job, at(0)), 600);
}

/// A server that breaks off in mid-file, and of which nothing can be continued, must not be asked for
/// the same bytes without a pause.
#[test]
fn the_same_beginning_again_is_no_progress_but_what_goes_on_from_it_is() {
    let mut job = transferring();
    for number in 1..=3 {
        let attempt = AttemptId(number);
        let _ = job.does(Event::Report(attempt, answered(0, 0)));
        let _ = job.does(Event::Report(attempt, checkpoint(0, 100)));
        let _ = job.fails(lost(), at(0));
    }
    assert_eq!(delay(&job, at(0)), 600);
    let _ = job.decide(Event::Due, at(600)).unwrap();
    let _ = job.decide(Event::Start, at(600)).unwrap();
    let attempt = job.state.attempt().unwrap();
    let _ = job.does(Event::Report(attempt, answered(0, 0)));
    let _ = job.does(Event::Report(attempt, checkpoint(0, 60)));
    let _ = job.fails(lost(), at(600));
    assert_eq!(delay(&job, at(600)), 1200);
    let _ = job.decide(Event::Due, at(1800)).unwrap();
    let _ = job.decide(Event::Start, at(1800)).unwrap();
    let attempt = job.state.attempt().unwrap();
    let _ = job.does(Event::Report(attempt, answered(0, 60)));
    let _ = job.does(Event::Report(attempt, checkpoint(0, 80)));
    assert_eq!(job.patience, Patience::default());
}

/// A server that takes connections and sends nothing must not be tried without a pause.
#[test]
fn a_checkpoint_without_new_bytes_is_no_progress() {
    let mut job = transferring();
    for number in 1..=3 {
        let attempt = AttemptId(number);
        for event in [answered(0, 100), checkpoint(0, 100), checkpoint(0, 50), checkpoint(9, 200)] {
            let _ = job.does(Event::Report(attempt, event));
        }
        let _ = job.fails(lost(), at(0));
    }
    assert_eq!(delay(&job, at(0)), 600);
}

#[test]
fn retry_due_before_its_time_changes_nothing() {
    let mut job = failed_often(connecting(), 3);
    let before = job.clone();
    let step = job.decide(Event::Due, at(599)).unwrap();
    assert_eq!((step, &job), (Step::default(), &before));
    let _ = job.decide(Event::Due, at(600)).unwrap();
    assert_eq!(job.state, State::Queued);
}

#[test]
fn without_a_no_progress_time_out_every_error_is_fatal() {
    for retry_delay in [0, 5, 600] {
        let mut job = with(600, 0);
        job.terms.retry_delay = retry_delay;
        let _ = job.fails(lost(), at(0));
        assert_eq!((job.state, job.failure()), (State::Error, Some(lost().failure)));
    }
}

#[test]
fn a_delay_longer_than_the_time_out_means_no_retry() {
    let mut job = with(601, 600);
    let _ = job.fails(lost(), at(0));
    assert_eq!(job.state, State::Error);
    let mut job = with(600, 600);
    let _ = job.fails(lost(), at(0));
    assert!(job.state.attempt().is_some());
}

#[test]
fn a_longer_retry_after_is_waited_for_from_the_first_time_on() {
    let mut busy = trouble(Failure::Server(ServerTrouble::Status(503)));
    busy.retry_after = Some(4000);
    let mut job = connecting();
    let _ = job.fails(busy.clone(), at(0));
    assert_eq!(delay(&job, at(0)), 4000);
    busy.retry_after = Some(1);
    let mut job = connecting();
    let _ = job.fails(busy, at(0));
    assert_eq!(delay(&job, at(0)), 600);
}

#[test]
fn after_a_wait_the_server_asked_for_there_is_one_try_too() {
    let mut busy = trouble(Failure::Server(ServerTrouble::Status(503)));
    busy.retry_after = Some(900);
    let mut job = connecting();
    let _ = job.fails(busy, at(0));
    one_more(&mut job, at(900));
    assert_eq!(delay(&job, at(900)), 1200);
}

#[test]
fn patience_ends_at_the_time_out_and_the_last_error_stays() {
    let mut job = failed_often(with(600, 1000), 3);
    assert_eq!(job.patience_ends(), Some(at(1000).moment));
    one_more(&mut job, at(600));
    assert_eq!(delay(&job, at(600)), 1200, "it would be tried after its patience ends");
    let error = job.error.clone();
    let _ = job.decide(Event::Due, at(1000)).unwrap();
    assert_eq!((job.state, job.error), (State::Error, error));
}

#[test]
fn the_time_out_counts_from_the_first_wait_without_progress() {
    let mut job = failed_often(with(600, 1000), 3);
    one_more(&mut job, at(700));
    assert_eq!(job.patience_ends(), Some(at(1000).moment));
    let _ = job.decide(Event::Resume, at(900)).unwrap();
    assert_eq!(job.patience_ends(), None);
}

#[test]
fn a_try_that_fails_after_patience_has_ended_is_the_last() {
    let mut job = failed_often(with(600, 1000), 3);
    let _ = job.decide(Event::Due, at(600)).unwrap();
    let _ = job.decide(Event::Start, at(600)).unwrap();
    let _ = job.fails(lost(), at(1500));
    assert_eq!(job.state, State::Error);
}

#[test]
fn only_a_waiting_job_hears_that_a_retry_is_due() {
    for state in STATES.into_iter().filter(|state| *state != "transient-error") {
        let mut job = job_in(state);
        let before = job.clone();
        let step = job.decide(Event::Due, at(100_000)).unwrap();
        assert_eq!((step, job), (Step::default(), before), "{state}");
    }
}
