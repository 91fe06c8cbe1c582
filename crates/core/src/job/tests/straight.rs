//! High performance: files that grow where they belong, and of whose progress nobody keeps a record.

use super::*;

/// A job of that kind with so many files.
fn straight(files: u64) -> Job {
    let mut job = job(0).after([Event::Set(Setting::HighPerformance(true))]);
    let _ = job.does(Event::AddFiles((0..files).map(file).collect()));
    job
}

/// One with two files: the first is whole, of the second 100 bytes are there.
fn half_done() -> Job {
    let begun = |at| {
        let created = Report::Created(at, temporary(OWNER));
        [says(created), says(answered(at, 0))]
    };
    straight(2)
        .after([Event::Resume, Event::Start])
        .after(begun(0))
        .after([says(done(0))])
        .after(begun(1))
        .after([says(checkpoint(1, 100))])
}

#[test]
fn a_file_is_put_in_place_in_the_step_that_records_the_answer_and_in_no_other_job() {
    let created = Report::Created(0, temporary(OWNER));
    let job = straight(1).after([Event::Resume, Event::Start, says(created)]);
    assert!(!job.files[0].in_place, "as long as there is nothing, what was there stays");
    assert!(job.after([says(answered(0, 0))]).files[0].in_place);
    assert!(!transferring().files[0].in_place);
}

#[test]
fn another_temporary_file_is_not_in_place_before_the_next_answer() {
    let made = half_done().after([says(Report::Created(1, temporary(HELPER)))]);
    assert!(!made.files[1].in_place && made.files[1].durable == 0);
    let copied = half_done()
        .after([says(Report::Prepared(1, temporary(HELPER))), says(Report::TookOver(1))]);
    assert!(!copied.files[1].in_place && copied.files[1].durable == 100);
    assert!(copied.after([says(answered(1, 100))]).files[1].in_place);
}

#[test]
fn a_new_life_of_the_service_starts_over_what_is_not_whole_and_keeps_what_is() {
    for boot in [Boot::Same, Boot::Another] {
        for mut job in [half_done(), half_done().after([Event::Suspend])] {
            let step = job.after_restart(boot);
            assert_eq!((step.files_changed, step.job_changed), (vec![1], true));
            assert_eq!(job.files[1].durable, 0);
            assert_eq!(job.files[0].progress, Progress::Transferred);
            assert_eq!(job.files[0].durable, half_done().files[0].durable);
            assert_eq!(job.files[1].validators, Validators::default());
            assert!(job.files[1].in_place, "it goes on in the same file");
        }
        let mut ordinary = transferring();
        let _ = ordinary.after_restart(boot);
        assert_eq!(ordinary.files[0].durable, 100, "of others every synced byte counts");
    }
}

#[test]
fn a_new_life_changes_nothing_of_a_job_that_is_over_or_being_completed() {
    for last in [Event::Cancel, Event::Complete] {
        let mut job = half_done().after([last]);
        let before = job.files.clone();
        let _ = job.after_restart(Boot::Another);
        assert_eq!(job.files, before);
    }
}

#[test]
fn what_was_held_when_the_attempt_was_stopped_is_gone_on_with_in_the_same_life() {
    let stopped = half_done().after([Event::Suspend, says(checkpoint(1, 150))]);
    let again = stopped.after([Event::Resume, Event::Start]);
    assert_eq!(again.files[1].durable, 150);
}

#[test]
fn a_file_somebody_else_may_have_written_to_starts_over() {
    let doubted = half_done().after([says(Report::Doubted(1))]);
    assert_eq!(doubted.files[1].durable, 0);
    assert_eq!(doubted.files[1].validators, Validators::default());
    assert_eq!(doubted.files[0], half_done().files[0]);
}

#[test]
fn two_files_cannot_grow_in_the_same_place_whether_added_together_or_not() {
    let refused = Err(Refusal::UnsupportedJobConfiguration);
    let add = |job: &mut Job, files: &[u64]| {
        let files = files.iter().map(|number| file(*number)).collect();
        job.decide(Event::AddFiles(files), at(0)).map(drop)
    };
    let mut job = straight(1);
    assert_eq!(add(&mut job, &[0]), refused);
    assert_eq!(add(&mut job, &[1, 2, 1]), refused);
    assert_eq!(job.files.len(), 1, "all or none");
    assert_eq!(add(&mut job, &[1, 2]), Ok(()));
    assert_eq!(add(&mut super::job(1), &[0]), Ok(()), "elsewhere the last one wins");
}
