//! What the service drives (`job-model.md` 4.4), and what reports do.

use super::*;

#[test]
fn row_1_a_queued_job_whose_turn_it_is_connects() {
    let mut job = job_in("queued");
    let step = job.does(Event::Start);
    assert_eq!(job.state, State::Connecting { attempt: FIRST });
    assert_eq!(step.effects, [Effect::StartAttempt(FIRST)]);
}

#[test]
fn row_2_an_answer_makes_a_connecting_job_transfer() {
    let mut job = connecting();
    let _ = job.does(says(answered(0, 0)));
    assert_eq!(job.state, State::Transferring { attempt: FIRST });
    assert_eq!(job.files[0].http_status, Some(200));
}

#[test]
fn a_file_that_has_moved_has_another_remote_name_and_keeps_its_bytes() {
    let mut job = transferring();
    let moved = Report::Moved(0, "http://there.example/x".into());
    assert_eq!(job.does(says(moved.clone())).files_changed, [0]);
    assert_eq!((job.files[0].url.as_str(), job.files[0].durable), ("http://there.example/x", 100));
    // Not by the last words of an attempt that was stopped.
    let mut late = transferring().after([Event::Suspend]);
    let _ = late.does(says(moved));
    assert_ne!(late.files[0].url, "http://there.example/x");
}

fn brought(file: u32) -> Report {
    let brought = Brought {
        validators: Validators { etag: Some(b"\"1\"".to_vec()), ..Validators::default() },
        final_url: "http://localhost/there".into(),
        status: 203,
        headers: vec![("Server".into(), "x".into())],
        length: 200,
        modified: Some(7),
    };
    Report::Brought(file, Box::new(brought))
}

#[test]
fn a_file_that_came_at_once_is_what_answer_fields_and_end_make_of_it() {
    let (mut one, mut three) = (connecting(), connecting());
    let Report::Brought(_, it) = brought(0) else { unreachable!() };
    let Brought { validators, final_url, status, headers, length, modified } = *it;
    let _ = three.does(says(Report::Answered { file: 0, validators, final_url, status, from: 0 }));
    let _ = three.does(says(Report::Headers(0, headers)));
    let last = three.does(says(Report::FileDone { file: 0, length, modified }));
    assert_eq!(one.does(says(brought(0))), last);
    assert_eq!(one, three);
    assert_eq!(one.files[0].progress, Progress::Transferred);
}

#[test]
fn what_came_at_once_still_counts_after_a_stop_and_drops_nothing() {
    let mut job = connecting().after([Event::Suspend]);
    let _ = job.does(says(brought(0)));
    let file = &job.files[0];
    assert_eq!((job.state, file.progress), (State::Suspended, Progress::Unfinished));
    // Only together with what it is part of (I12).
    assert_eq!((file.durable, file.validators.etag.as_deref()), (200, Some(&b"\"1\""[..])));
    let mut held = transferring().after([Event::Suspend]);
    let before = held.clone();
    let _ = held.does(says(brought(0)));
    assert_eq!(held.files, before.files);
}

#[test]
fn row_4_a_preempted_job_goes_back_to_the_queue_with_its_bytes() {
    let mut job = transferring();
    let step = job.does(Event::Preempt);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
}

#[test]
fn row_5_a_job_is_transferred_when_every_file_is() {
    let mut job = job(2).after([Event::Resume, Event::Start, says(answered(0, 0))]);
    let _ = job.does(says(done(0)));
    assert_eq!(job.state, State::Transferring { attempt: FIRST });
    let _ = job.does(says(done(1)));
    let _ = job.decide(says(Report::Ended(Ok(()))), at(50)).unwrap();
    assert_eq!(job.state, State::Transferred);
    assert_eq!(job.transferred, Some(at(50).wall));
}

#[test]
fn rows_3_and_6_passing_trouble_makes_a_job_wait() {
    for begun in ["connecting", "transferring"] {
        let job = failed_often(job_in(begun), 3);
        assert!(matches!(job.state, State::TransientError { .. }), "{begun}");
        assert_eq!(job.failure(), Some(lost().failure));
    }
}

#[test]
fn row_7_lasting_trouble_stops_the_job_at_once() {
    for begun in ["connecting", "transferring"] {
        let mut job = job_in(begun);
        let step = job.fails(no_space(), at(0));
        assert_eq!((job.state, step.effects), (State::Error, vec![]), "{begun}");
        assert_eq!((job.failure(), job.error_count), (Some(no_space().failure), 1));
    }
}

#[test]
fn the_error_is_there_until_the_job_transfers_again() {
    let mut job = job_in("error").after([Event::Resume, Event::Start]);
    assert_eq!(job.failure(), Some(no_space().failure));
    let _ = job.does(Event::Report(AttemptId(2), answered(0, 0)));
    assert_eq!((job.error, job.error_count), (None, 1));
}

#[test]
fn files_added_while_the_job_runs_are_fetched_by_another_attempt() {
    let mut job = transferring().after([Event::AddFiles(vec![file(1)]), says(done(0))]);
    let step = job.does(says(Report::Ended(Ok(()))));
    assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(2))]);
    assert_eq!(job.state, State::Connecting { attempt: AttemptId(2) });
}

#[test]
fn an_answer_that_continues_keeps_what_is_held() {
    let mut job = transferring();
    let _ = job.does(says(answered(0, 100)));
    assert_eq!(job.files[0].durable, 100);
}

#[test]
fn an_answer_that_begins_anew_drops_what_is_held_and_keeps_the_temporary_file() {
    let mut job = transferring();
    let step = job.does(says(answered(0, 0)));
    assert_eq!(job.files[0].durable, 0);
    assert_eq!(job.files[0].temporary, Some(temporary(OWNER)));
    assert_eq!(step.files_changed, [0]);
}

#[test]
fn bytes_and_the_representation_they_belong_to_are_written_down_in_one_step() {
    let mut job = transferring();
    let validators = Validators { etag: Some(b"\"2\"".to_vec()), ..Validators::default() };
    let step = job.does(says(Report::Answered {
        file: 0,
        validators: validators.clone(),
        final_url: "http://localhost/moved".into(),
        status: 200,
        from: 0,
    }));
    assert_eq!((job.files[0].durable, &job.files[0].validators), (0, &validators));
    assert!(step.job_changed && step.files_changed == [0]);
}

#[test]
fn a_new_temporary_file_is_empty() {
    let mut job = transferring();
    job.files[0].validators.etag = Some(b"\"1\"".to_vec());
    let _ = job.does(says(Report::Created(0, temporary(HELPER))));
    assert_eq!(job.files[0].durable, 0);
    assert_eq!(job.files[0].validators, Validators::default());
    assert_eq!(job.files[0].temporary, Some(temporary(HELPER)));
}

/// Whichever step a crash comes after, one file counts, with every byte, and the other is known.
#[test]
fn r9_another_identitys_file_takes_over_with_every_byte_and_the_former_is_known_until_deleted() {
    let named = |name: &[u8], uid| Temporary { name: name.to_vec(), ..temporary(uid) };
    let (old, new) = (named(b".f.old.ebb", OWNER), named(b".f.new.ebb", HELPER));
    let mut job = transferring();
    job.files[0].temporary = Some(old.clone());
    let held = (job.files[0].durable, job.files[0].validators.clone());
    let mut look = |report, counts: &Temporary, spare: Option<&Temporary>| {
        let step = job.does(says(report));
        assert_eq!(step.files_changed, [0]);
        let file = &job.files[0];
        assert_eq!((file.temporary.as_ref(), file.spare.as_ref()), (Some(counts), spare));
        assert_eq!((file.durable, &file.validators), (held.0, &held.1));
    };
    look(Report::Prepared(0, new.clone()), &old, Some(&new));
    look(Report::TookOver(0), &new, Some(&old));
    look(Report::SpareDeleted(0), &new, None);
}

#[test]
fn nothing_takes_over_where_nothing_was_prepared() {
    let mut job = transferring();
    let before = job.files.clone();
    let _ = job.does(says(Report::TookOver(0)));
    assert_eq!(job.files, before);
}

#[test]
fn a_cancelled_job_deletes_both_files_and_forgets_them_together() {
    let mut job = transferring();
    let _ = job.does(says(Report::Created(0, temporary(HELPER))));
    assert!(job.files[0].temporary.is_some() && job.files[0].spare.is_some());
    let mut job = job.after([Event::Cancel]);
    assert_eq!(job.after_restart(Boot::Another).effects, [Effect::DeleteTemporaries]);
    let _ = job.does(Event::Deleted(0));
    assert!(!job.files[0].has_temporary());
}

#[test]
fn a_checkpoint_never_takes_back_an_earlier_one() {
    let mut job = transferring();
    let _ = job.does(says(checkpoint(0, 40)));
    assert_eq!(job.files[0].durable, 100);
}

#[test]
fn a_finished_file_hears_no_more_reports() {
    let mut job = transferring().after([Event::AddFiles(vec![file(1)]), says(done(0))]);
    let before = job.files.clone();
    for report in [Report::Created(0, temporary(HELPER)), answered(0, 0), checkpoint(0, 1), done(0)]
    {
        let _ = job.does(says(report));
        assert_eq!(job.files, before);
    }
}

/// What a stopped attempt says may come after the stop was decided.
#[test]
fn a_late_report_from_a_stopped_attempt_changes_no_state() {
    for report in [answered(0, 0), done(0), Report::Ended(Ok(())), Report::Ended(Err(no_space()))] {
        for stop in [Event::Suspend, Event::Preempt, Event::Cancel, Event::Complete] {
            let mut job = transferring().after([stop]);
            let before = job.clone();
            assert_eq!(job.does(says(report.clone())), Step::default());
            assert_eq!(job, before);
        }
    }
}

#[test]
fn what_a_stopped_attempt_has_on_disk_still_counts() {
    let mut job = transferring().after([Event::Suspend]);
    let step = job.does(says(checkpoint(0, 180)));
    assert_eq!((job.state, job.files[0].durable), (State::Suspended, 180));
    assert_eq!(step.files_changed, [0]);
    let _ = job.does(says(checkpoint(0, 20)));
    assert_eq!(job.files[0].durable, 180);
}

#[test]
fn nothing_counts_from_an_attempt_before_the_last() {
    let mut job = transferring().after([Event::Preempt, Event::Start]);
    let before = job.clone();
    for report in [
        Report::Created(0, temporary(HELPER)),
        answered(0, 0),
        checkpoint(0, 180),
        done(0),
        Report::Ended(Ok(())),
    ] {
        assert_eq!(job.does(says(report)), Step::default());
    }
    assert_eq!(job, before);
}

/// Else it would lie in the owner's directory for ever.
#[test]
fn a_temporary_file_made_just_before_a_cancel_is_still_known_and_deleted() {
    let mut job = connecting().after([Event::Cancel]);
    let step = job.does(says(Report::Created(0, temporary(OWNER))));
    assert_eq!(job.state, State::Cancelled);
    assert_eq!((step.files_changed, step.effects), (vec![0], vec![]));
    assert_eq!(job.after_restart(Boot::Another).effects, [Effect::DeleteTemporaries]);
}

#[test]
fn a_report_on_a_file_that_is_not_there_names_no_file() {
    let everything =
        CompleteReport { renamed: vec![9], dropped: vec![9], left_over: vec![9], trouble: None };
    for (state, event) in [
        ("transferring", says(Report::Created(9, temporary(OWNER)))),
        ("transferring", says(answered(9, 0))),
        ("transferring", says(checkpoint(9, 1))),
        ("transferring", says(done(9))),
        ("completing", Event::CompleteEnded(everything)),
        ("cancelled", Event::Deleted(9)),
    ] {
        let step = job_in(state).does(event.clone());
        assert_eq!(step.files_changed, [], "{event:?}");
    }
}

#[test]
fn attempts_are_numbered_and_never_used_twice() {
    let mut job = job_in("queued");
    for number in 1..5 {
        let step = job.does(Event::Start);
        assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(number))]);
        let _ = job.does(Event::Preempt);
    }
}
