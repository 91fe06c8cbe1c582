//! Complete, whole and partial; Cancel; and a new life of the service.

use super::*;

/// Three files: the first transferred, the second begun, the third untouched.
fn half_done() -> Job {
    job(3).after([
        Event::Resume,
        Event::Start,
        says(Report::Created(0, temporary(OWNER))),
        says(answered(0, 0)),
        says(done(0)),
        says(Report::Created(1, temporary(OWNER))),
        says(answered(1, 0)),
        says(checkpoint(1, 10)),
    ])
}

fn progress(job: &Job) -> Vec<Progress> {
    job.files.iter().map(|file| file.progress).collect()
}

#[test]
fn complete_of_a_part_keeps_what_is_transferred_and_drops_the_rest() {
    let mut job = half_done();
    let step = job.does(Event::Complete);
    let stop = Effect::StopAttempt(FIRST);
    assert_eq!(step.effects, [stop, Effect::Complete]);
    let step = job.does(Event::CompleteEnded(CompleteReport {
        renamed: vec![0],
        dropped: vec![1, 2],
        ..CompleteReport::default()
    }));
    assert_eq!((job.state, step.effects), (State::Acknowledged, vec![]));
    let dropped = Progress::Dropped;
    assert_eq!(progress(&job), [Progress::Completed, dropped, dropped]);
    assert_eq!(step.files_changed, [0, 1, 2]);
    assert!(job.files.iter().all(|file| file.temporary.is_none()));
}

#[test]
fn complete_of_a_job_without_files_succeeds() {
    let job = job(0).after([Event::Complete, Event::CompleteEnded(CompleteReport::default())]);
    assert_eq!(job.state, State::Acknowledged);
}

#[test]
fn a_rename_that_fails_leaves_the_job_transferred_and_complete_can_be_asked_again() {
    let failed = trouble(Failure::Destination(DestinationTrouble::Exists));
    let mut job = job(2).after([
        Event::Resume,
        Event::Start,
        says(done(0)),
        says(done(1)),
        says(Report::Ended(Ok(()))),
        Event::Complete,
        Event::CompleteEnded(CompleteReport {
            renamed: vec![0],
            trouble: Some(failed.clone()),
            ..CompleteReport::default()
        }),
    ]);
    assert_eq!((job.state, &job.error), (State::Transferred, &Some(failed)));
    assert_eq!(progress(&job), [Progress::Completed, Progress::Transferred]);
    let _ = job.does(Event::Complete);
    let _ = job.does(Event::CompleteEnded(CompleteReport {
        renamed: vec![1],
        ..CompleteReport::default()
    }));
    assert_eq!((job.state, job.error), (State::Acknowledged, None));
}

#[test]
fn what_could_not_be_deleted_is_remembered_and_does_not_hold_the_job() {
    let mut job = half_done().after([Event::Complete]);
    let _ = job.does(Event::CompleteEnded(CompleteReport {
        renamed: vec![0],
        dropped: vec![2],
        left_over: vec![1],
        trouble: None,
    }));
    assert_eq!(job.state, State::Acknowledged);
    assert_eq!(job.files[1].temporary, Some(temporary(OWNER)));
}

#[test]
fn a_file_that_turns_out_lost_at_complete_is_fetched_again_after_resume() {
    let mut lost = trouble(Failure::Destination(DestinationTrouble::TemporaryLost));
    lost.file = Some(0);
    let mut job = job_in("completing");
    let step = job.does(Event::CompleteEnded(CompleteReport {
        trouble: Some(lost),
        ..CompleteReport::default()
    }));
    assert_eq!((job.state, step.files_changed), (State::Transferred, vec![0]));
    let _ = job.does(Event::Resume);
    let step = job.does(Event::Start);
    assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(2))]);
    assert_eq!(job.files[0].durable, 0);
}

#[test]
fn a_complete_that_ends_after_a_cancel_keeps_what_was_renamed() {
    let mut job = job_in("completing").after([Event::Cancel]);
    let _ = job.does(Event::CompleteEnded(CompleteReport {
        renamed: vec![0],
        ..CompleteReport::default()
    }));
    assert_eq!((job.state, progress(&job)), (State::Cancelled, vec![Progress::Completed]));
}

#[test]
fn an_end_of_complete_that_nobody_asked_for_is_ignored() {
    for state in &STATES[..7] {
        let mut job = job_in(state);
        let before = job.clone();
        let report = CompleteReport { renamed: vec![0], ..CompleteReport::default() };
        assert_eq!(job.does(Event::CompleteEnded(report)), Step::default());
        assert_eq!(job, before);
    }
}

#[test]
fn a_job_that_completes_by_itself_completes_as_soon_as_it_is_transferred() {
    let mut job = transferring().after([Event::Set(Setting::AutoComplete(true)), says(done(0))]);
    let step = job.does(says(Report::Ended(Ok(()))));
    assert_eq!((job.state, step.effects), (State::Completing, vec![Effect::Complete]));
}

#[test]
fn cancel_deletes_every_temporary_file_and_nothing_else_undoes_it() {
    let mut job = half_done();
    let step = job.does(Event::Cancel);
    let stop = Effect::StopAttempt(FIRST);
    assert_eq!(step.effects, [stop, Effect::DeleteTemporaries]);
    assert_eq!(job.after_restart(Boot::Another).effects, [Effect::DeleteTemporaries]);
    for file in [0, 1] {
        let step = job.does(Event::Deleted(file));
        assert_eq!(step.files_changed, [file]);
    }
    assert!(job.files.iter().all(|file| file.temporary.is_none()));
    assert_eq!(job.after_restart(Boot::Another), Step::default());
}

#[test]
fn nothing_is_deleted_for_a_job_that_is_not_cancelled() {
    for state in STATES.into_iter().filter(|state| *state != "cancelled") {
        let mut job = job_in(state);
        let before = job.clone();
        assert_eq!(job.does(Event::Deleted(0)), Step::default(), "{state}");
        assert_eq!(job, before);
    }
}

#[test]
fn the_helper_of_a_cancelled_job_is_kept_until_its_files_are_deleted() {
    let mut job = transferring().after([Event::SetHelperToken(token(HELPER)), Event::Cancel]);
    assert!(job.helper.is_some());
    let step = job.does(Event::Deleted(0));
    assert!(step.job_changed);
    assert_eq!(job.helper, None);
}

#[test]
fn a_new_life_puts_running_and_waiting_jobs_into_the_queue() {
    for state in ["connecting", "transferring", "transient-error"] {
        let mut job = job_in(state);
        let step = job.after_restart(Boot::Another);
        assert_eq!((job.state, step.effects), (State::Queued, vec![]), "{state}");
        assert!(step.job_changed);
    }
}

/// The clock that patience counts on may have started anew.
#[test]
fn a_new_life_counts_patience_anew() {
    let waiting = job_in("transient-error");
    let queued = waiting.clone().after([Event::Preempt, Event::Resume]);
    let tried = failed_often(connecting(), 3);
    let mut tried_again = tried.clone();
    let _ = tried_again.decide(Event::Due, at(600)).unwrap();
    let retried = tried_again.clone().after([Event::Start]);
    for mut job in [waiting, queued, tried, tried_again, retried] {
        let before = job.clone();
        let step = job.after_restart(Boot::Another);
        assert_eq!((job.state, job.patience_ends()), (State::Queued, None));
        assert_eq!(step.job_changed, before != job);
    }
}

/// Within one boot the clock goes on, and so does everything that is counted by it.
#[test]
fn a_new_life_within_one_boot_lets_a_waiting_job_wait_on() {
    let mut waiting = job_in("transient-error");
    let before = waiting.clone();
    assert_eq!(waiting.after_restart(Boot::Same), Step::default());
    assert_eq!(waiting, before);
    let mut tried_again = failed_often(connecting(), 3);
    let _ = tried_again.decide(Event::Due, at(600)).unwrap();
    let mut running = tried_again.clone().after([Event::Start]);
    let ends = running.patience_ends();
    let _ = running.after_restart(Boot::Same);
    assert_eq!((running.state, running.patience_ends()), (State::Queued, ends));
}

#[test]
fn a_new_life_does_the_effects_of_the_last_one_again() {
    for (state, effect) in
        [("completing", Effect::Complete), ("cancelled", Effect::DeleteTemporaries)]
    {
        let mut job = job_in(state);
        let before = job.clone();
        assert_eq!(job.after_restart(Boot::Another).effects, [effect]);
        assert_eq!(job, before);
    }
}

#[test]
fn a_new_life_leaves_all_other_jobs_as_they_are() {
    for state in ["suspended", "queued", "error", "transferred", "acknowledged"] {
        let mut job = job_in(state);
        let before = job.clone();
        assert_eq!(job.after_restart(Boot::Another), Step::default(), "{state}");
        assert_eq!(job, before);
    }
}

#[test]
fn bytes_and_attempt_numbers_survive_a_new_life() {
    let mut job = transferring();
    let _ = job.after_restart(Boot::Another);
    assert_eq!(job.files[0].durable, 100);
    let step = job.does(Event::Start);
    assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(2))]);
}
