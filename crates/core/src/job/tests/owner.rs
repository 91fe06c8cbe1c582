//! What an owner asks for, beyond the table: effects, repetition, settings.

use super::*;

#[test]
fn asking_twice_is_as_good_as_asking_once() {
    for (state, event) in [
        ("suspended", Event::Suspend),
        ("queued", Event::Resume),
        ("connecting", Event::Resume),
        ("transferring", Event::Resume),
        ("transferred", Event::Resume),
    ] {
        let mut job = job_in(state);
        let before = job.clone();
        assert_eq!(job.does(event), Step::default(), "{state}");
        assert_eq!(job, before, "{state}");
    }
}

#[test]
fn suspend_cancel_and_complete_stop_the_attempt_in_hand_first() {
    for state in ["connecting", "transferring"] {
        let stop = Effect::StopAttempt(FIRST);
        for (event, then) in [
            (Event::Suspend, vec![stop]),
            (Event::Cancel, vec![stop, Effect::DeleteTemporaries]),
            (Event::Complete, vec![stop, Effect::Complete]),
        ] {
            assert_eq!(job_in(state).does(event).effects, then, "{state}");
        }
    }
}

#[test]
fn resume_skips_the_retry_delay_and_forgets_what_was_suffered() {
    let mut job = job_in("transient-error");
    assert_ne!(job.patience, Patience::default());
    let _ = job.does(Event::Resume);
    assert_eq!((job.state, job.patience), (State::Queued, Patience::default()));
}

#[test]
fn a_transferred_job_with_a_new_file_is_resumed_by_resume_only() {
    let mut job = job_in("transferred").after([Event::AddFiles(vec![file(1)])]);
    assert_eq!(job.state, State::Transferred);
    let _ = job.does(Event::Resume);
    assert_eq!(job.state, State::Queued);
    let step = job.does(Event::Start);
    assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(2))]);
    assert_eq!(job.transferred, None, "not everything is transferred any more");
    assert_eq!(job.unfinished().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_transferred_job_that_was_suspended_is_transferred_again_without_an_attempt() {
    let mut job = job_in("transferred").after([Event::Suspend, Event::Resume]);
    let step = job.does(Event::Start);
    assert_eq!((job.state, step.effects), (State::Transferred, vec![]));
}

#[test]
fn a_minimum_retry_delay_below_five_seconds_is_raised_silently() {
    let mut job = job(1);
    let _ = job.does(Event::Set(Setting::MinimumRetryDelay(1)));
    assert_eq!(job.terms.retry_delay, 5);
}

#[test]
fn names_and_descriptions_have_limits_in_characters_not_bytes() {
    let set = |setting| job(1).decide(Event::Set(setting), at(0));
    assert!(set(Setting::DisplayName("ä".repeat(256))).is_ok());
    assert!(set(Setting::Description("ä".repeat(1024))).is_ok());
    assert_eq!(
        set(Setting::DisplayName("a".repeat(257))),
        Err(Refusal::StringTooLong { what: "name", limit: 256 })
    );
    assert_eq!(
        set(Setting::Description("a".repeat(1025))),
        Err(Refusal::StringTooLong { what: "description", limit: 1024 })
    );
    assert!(matches!(set(Setting::DisplayName(String::new())), Err(Refusal::InvalidArgument(_))));
    assert!(matches!(Terms::named(&"a".repeat(257)), Err(Refusal::InvalidArgument(_))));
}

#[test]
fn a_change_is_dated_and_what_changes_nothing_is_not() {
    let mut job = job_in("queued");
    let _ = job.decide(Event::Resume, at(10)).unwrap();
    assert_eq!(job.modified, at(0).wall);
    let _ = job.decide(Event::Suspend, at(20)).unwrap();
    assert_eq!(job.modified, at(20).wall);
}

#[test]
fn bytes_that_arrive_date_the_job() {
    let mut job = transferring();
    let _ = job.decide(says(checkpoint(0, 150)), at(30)).unwrap();
    assert_eq!(job.modified, at(30).wall);
}

#[test]
fn a_priority_is_read_by_the_name_it_is_told_by() {
    for priority in Priority::ALL {
        assert_eq!(Priority::parse(priority.name()), Ok(priority));
    }
    assert!(matches!(Priority::parse("4"), Err(Refusal::NotSupported(_))));
}
