//! How long a job may run, all in all (`job-model.md` 10.2, Q36, Q40), and how long nothing has
//! happened to it (10.1).

use super::*;

/// A job that may run for 100 seconds, and is connecting since the test began.
fn limited() -> Job {
    connecting().after([Event::Set(Setting::MaximumDownloadTime(100))])
}

fn out_of_time() -> Option<Failure> {
    Some(Failure::Service(ServiceTrouble::MaxDownloadTime))
}

#[test]
fn a_job_that_has_run_as_long_as_it_may_is_stopped_with_an_error() {
    let mut job = limited();
    assert_eq!(job.deadline(), Some(at(100).moment));
    let step = job.decide(Event::Due, at(99)).unwrap();
    assert_eq!(step, Step::default());
    let step = job.decide(Event::Due, at(100)).unwrap();
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!((job.state, job.failure()), (State::Error, out_of_time()));
    assert_eq!(job.deadline(), None);
}

#[test]
fn progress_does_not_buy_time() {
    let mut job = limited();
    let _ = job.decide(says(answered(0, 0)), at(10)).unwrap();
    let _ = job.decide(says(checkpoint(0, 100)), at(60)).unwrap();
    assert_eq!(job.running.used, 60_000, "it is written down with every checkpoint");
    assert_eq!(job.deadline(), Some(at(100).moment));
}

#[test]
fn waiting_for_a_turn_or_for_a_retry_uses_up_nothing() {
    let mut job = limited();
    let _ = job.decide(Event::Preempt, at(30)).unwrap();
    assert_eq!(job.deadline(), None);
    let _ = job.decide(Event::Start, at(1000)).unwrap();
    assert_eq!(job.deadline(), Some(at(1070).moment));
    for _ in 0..3 {
        let _ = job.fails(lost(), at(1010));
    }
    assert_eq!(job.running.used, 40_000);
    let _ = job.decide(Event::Due, at(2000)).unwrap();
    let _ = job.decide(Event::Start, at(2000)).unwrap();
    assert_eq!(job.deadline(), Some(at(2060).moment));
}

#[test]
fn resume_gives_the_whole_time_again_even_to_a_job_that_runs() {
    let mut job = limited();
    let _ = job.decide(Event::Resume, at(90)).unwrap();
    assert_eq!(job.deadline(), Some(at(190).moment));
    let _ = job.decide(Event::Suspend, at(150)).unwrap();
    assert_eq!(job.running.used, 60_000, "suspending does not give it back");
    let _ = job.decide(Event::Resume, at(150)).unwrap();
    assert_eq!(job.running, Running::default());
}

#[test]
fn a_new_limit_counts_at_once() {
    let mut job = limited();
    let _ = job.decide(Event::Set(Setting::MaximumDownloadTime(20)), at(50)).unwrap();
    assert!(job.deadline().is_some_and(|end| end <= at(50).moment));
    let _ = job.decide(Event::Due, at(50)).unwrap();
    assert_eq!(job.failure(), out_of_time());
}

#[test]
fn what_was_used_up_survives_a_restart_and_the_pause_between_does_not_count() {
    let mut job = limited();
    let _ = job.decide(says(answered(0, 0)), at(70)).unwrap();
    let _ = job.after_restart(Boot::Another);
    // The clock began anew with the machine.
    let boot = Now { moment: Moment(5000), ..at(0) };
    let _ = job.decide(Event::Start, boot).unwrap();
    assert_eq!(job.deadline(), Some(Moment(35_000)));
}

#[test]
fn no_time_at_all_is_refused() {
    let mut job = job(1);
    let refused = job.decide(Event::Set(Setting::MaximumDownloadTime(0)), at(0));
    assert!(matches!(refused, Err(Refusal::InvalidArgument(_))));
    assert_eq!(job.terms.maximum_download_time, 7_776_000);
}

const DAY: u64 = 24 * 3600;

#[test]
fn orders_and_progress_are_activity_and_trying_again_is_not() {
    let mut job = job(1);
    let idle = |job: &Job, day| job.inactive_days(at(day * DAY).wall);
    assert_eq!(idle(&job, 1), Some(1));
    let _ = job.decide(Event::Resume, at(2 * DAY)).unwrap();
    assert_eq!(idle(&job, 2), Some(0));
    let _ = job.decide(Event::Start, at(3 * DAY)).unwrap();
    for _ in 0..3 {
        let _ = job.fails(lost(), at(4 * DAY));
    }
    let _ = job.decide(Event::Due, at(5 * DAY)).unwrap();
    assert_eq!(idle(&job, 5), Some(3), "nobody asked for that, and nothing came of it");
    let _ = job.decide(Event::Set(Setting::Description("x".into())), at(6 * DAY)).unwrap();
    assert_eq!(idle(&job, 6), Some(0));
    let _ = job.decide(Event::Start, at(7 * DAY)).unwrap();
    let attempt = job.state.attempt().unwrap();
    let hears = |report| Event::Report(attempt, report);
    let _ = job.decide(hears(answered(0, 0)), at(8 * DAY)).unwrap();
    assert_eq!(idle(&job, 8), Some(2));
    let _ = job.decide(hears(checkpoint(0, 1)), at(9 * DAY)).unwrap();
    assert_eq!(idle(&job, 9), Some(0));
}

#[test]
fn a_job_that_is_over_is_not_waited_for() {
    for state in ["completing", "acknowledged", "cancelled"] {
        assert_eq!(job_in(state).inactive_days(at(900 * DAY).wall), None, "{state}");
    }
}

#[test]
fn after_a_leap_of_the_clock_everybody_has_the_whole_time_again() {
    let mut job = job(1);
    let _ = job.decide(Event::ClockLeapt, at(5000 * DAY)).unwrap();
    assert_eq!(job.inactive_days(at(5001 * DAY).wall), Some(1));
}
