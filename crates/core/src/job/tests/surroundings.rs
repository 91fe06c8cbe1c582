//! What the network, its cost, the power and the hour do to a job (`job-model.md` 4.4, rows 11 to
//! 14, and 6.4).

use super::*;

const DOWN: Event = Event::Block(Blocked::NetworkDisconnected);

fn by(blocked: Blocked) -> Option<Failure> {
    Some(Failure::Blocked(blocked))
}

#[test]
fn a_running_job_that_may_not_go_on_is_stopped_and_waits_without_a_timer() {
    let mut job = transferring();
    let step = job.does(DOWN);
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!(job.state.name(), "transient-error");
    assert_eq!(job.failure(), by(Blocked::NetworkDisconnected));
    assert_eq!((job.deadline(), job.error_count), (None, 0));
    let step = job.decide(Event::Due, at(900_000)).unwrap();
    assert_eq!(step, Step::default());
}

#[test]
fn it_is_queued_when_the_condition_clears_and_its_error_is_kept_until_it_transfers() {
    let mut job = job_in("queued").after([DOWN, Event::Allow]);
    assert_eq!(job.state, State::Queued);
    assert_eq!(job.failure(), by(Blocked::NetworkDisconnected));
    let _ = job.does(Event::Start);
    let _ = job.does(says(answered(0, 0)));
    assert_eq!(job.failure(), None);
}

#[test]
fn another_condition_takes_the_place_of_the_first_and_nothing_else_changes() {
    let mut job = job_in("blocked");
    let before = job.state;
    let _ = job.does(Event::Block(Blocked::CostPolicy));
    assert_eq!((job.state, job.blocked_by()), (before, Some(Blocked::CostPolicy)));
    let step = job.does(Event::Block(Blocked::CostPolicy));
    assert_eq!(step, Step::default());
}

#[test]
fn what_waits_for_a_retry_keeps_its_error_and_its_timer() {
    let mut job = job_in("transient-error");
    let before = job.clone();
    assert_eq!(job.does(DOWN), Step::default());
    assert_eq!(job, before);
}

#[test]
fn the_time_of_a_condition_is_not_held_against_the_job() {
    let mut job = failed_often(connecting(), 3);
    let began = job.patience.since.unwrap();
    let _ = job.decide(Event::Due, at(700)).unwrap();
    let _ = job.decide(DOWN, at(800)).unwrap();
    let _ = job.decide(Event::Allow, at(100_800)).unwrap();
    assert_eq!(job.patience.since, Some(began.after(core::time::Duration::from_secs(100_000))));
}

#[test]
fn without_a_no_progress_time_out_a_condition_is_lasting_too() {
    let mut job = connecting().after([Event::Set(Setting::NoProgressTimeout(0))]);
    let step = job.does(DOWN);
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!((job.state, job.failure()), (State::Error, by(Blocked::NetworkDisconnected)));
    assert_eq!(job.error_count, 0);
}

#[test]
fn a_network_that_comes_queues_whatever_waits_for_a_retry() {
    for state in STATES {
        let mut job = job_in(state);
        let before = job.state;
        let _ = job.does(Event::NetworkCame);
        let expected = if state == "transient-error" { State::Queued } else { before };
        assert_eq!(job.state, expected, "{state}");
    }
}

#[test]
fn a_new_life_forgets_what_the_surroundings_were_like() {
    let mut job = job_in("blocked");
    assert!(job.after_restart(Boot::Another).job_changed);
    assert_eq!(job.state, State::Queued);
}
