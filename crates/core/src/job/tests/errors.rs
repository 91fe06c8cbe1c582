//! The error a job keeps (`job-model.md` 7.6), and how often it has met one (3.1).

use super::*;

#[test]
fn an_error_can_be_read_until_the_job_transfers_again() {
    let mut job = job_in("error");
    for event in [Event::Suspend, Event::Resume, Event::Start] {
        let _ = job.does(event);
        assert_eq!(job.failure(), Some(no_space().failure), "{}", name(job.state));
    }
    let _ = job.does(Event::Report(AttemptId(2), answered(0, 0)));
    assert_eq!((job.state.name(), job.error), ("transferring", None));
}

#[test]
fn a_job_that_is_over_has_no_error() {
    for state in ["error", "transient-error"] {
        let cancelled = job_in(state).after([Event::Cancel]);
        assert_eq!(cancelled.error, None, "{state}");
        let completed =
            job_in(state).after([Event::Complete, Event::CompleteEnded(CompleteReport::default())]);
        assert_eq!((completed.state, completed.error), (State::Acknowledged, None), "{state}");
    }
}

/// Every stay in TRANSIENT_ERROR, every retry from there that fails, and the error in the end.
#[test]
fn what_an_attempt_runs_into_is_counted_and_never_forgotten() {
    let mut job = failed_often(connecting(), 3);
    assert_eq!(job.error_count, 1, "three tries at once are one stay");
    for (count, seconds) in [(2, 4_000), (3, 8_000)] {
        let _ = job.decide(Event::Due, at(seconds)).unwrap();
        let _ = job.does(Event::Start);
        let _ = job.fails(lost(), at(seconds));
        assert_eq!(job.error_count, count);
    }
    let _ = job.does(Event::Resume);
    let _ = job.does(Event::Start);
    let _ = job.fails(no_space(), at(0));
    assert_eq!((job.state, job.error_count), (State::Error, 4));
    let _ = job.does(Event::Suspend);
    let _ = job.after_restart(Boot::Another);
    assert_eq!(job.error_count, 4);
}

#[test]
fn what_stops_a_job_that_nobody_works_on_is_no_error_of_an_attempt() {
    for state in ["suspended", "queued"] {
        let job = job_in(state).after([
            Event::SetHelperToken(token(HELPER)),
            Event::SetHelperTokenFlags(TokenFlags::NETWORK),
            Event::HelperTokenLost,
        ]);
        assert_eq!((job.state, job.failure()), (State::Error, token_required()), "{state}");
        assert_eq!(job.error_count, 0, "{state}");
    }
}

/// The last failing try is known already; that nobody waits any longer is no further one (Q15).
#[test]
fn when_patience_ends_the_last_error_stays_and_is_not_counted_again() {
    let mut job = job_in("transient-error");
    let (failure, count) = (job.failure(), job.error_count);
    let _ = job.decide(Event::Due, at(15 * 24 * 3600)).unwrap();
    assert_eq!((job.state, job.failure(), job.error_count), (State::Error, failure, count));
}

#[test]
fn without_a_time_out_or_with_a_longer_delay_every_error_is_lasting() {
    for (timeout, delay, lasting) in [(0, 600, true), (599, 600, true), (600, 600, false)] {
        let job = connecting().after([
            Event::Set(Setting::NoProgressTimeout(timeout)),
            Event::Set(Setting::MinimumRetryDelay(delay)),
        ]);
        let job = if lasting { failed_often(job, 1) } else { failed_often(job, 3) };
        assert_eq!(job.state == State::Error, lasting, "{timeout} {delay}");
        assert_eq!(job.failure(), Some(lost().failure));
    }
}

/// Until then the state is `transferred`, and the file that has its name is `Completed`.
#[test]
fn a_complete_that_failed_is_told_as_the_jobs_error_until_it_is_asked_again() {
    let exists = trouble(Failure::Destination(DestinationTrouble::Exists));
    let failed = CompleteReport { trouble: Some(exists.clone()), ..CompleteReport::default() };
    let mut job = job_in("completing").after([Event::CompleteEnded(failed.clone())]);
    assert_eq!((job.state, job.failure()), (State::Transferred, Some(exists.failure)));
    assert_eq!(job.does(Event::Resume), Step::default(), "there is nothing to fetch");
    let _ = job.does(Event::Complete);
    let _ = job.does(Event::CompleteEnded(failed));
    assert_eq!((job.state, job.failure()), (State::Transferred, Some(exists.failure)));
    assert_eq!(job.error_count, 0, "no attempt ran into anything");
}
