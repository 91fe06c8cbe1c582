//! A program of the owner's that judges servers' certificates.

use super::*;
use crate::failure::ValidatorTrouble;

#[test]
fn a_validator_is_set_and_removed_only_while_nothing_moves() {
    for state in ["suspended", "error", "transferred"] {
        let mut job = job_in(state);
        let before = job.state;
        assert!(job.does(Event::SetValidator(true)).job_changed);
        assert_eq!((job.validated, job.state), (true, before), "{state}");
        assert_eq!(job.does(Event::SetValidator(true)), Step::default(), "{state}");
        assert!(job.does(Event::SetValidator(false)).job_changed && !job.validated);
    }
    for (state, no) in [
        ("queued", Refusal::ReadOnlyWhenJobActive),
        ("connecting", Refusal::ReadOnlyWhenJobActive),
        ("transferring", Refusal::ReadOnlyWhenJobActive),
        ("transient-error", Refusal::ReadOnlyWhenJobActive),
        ("blocked", Refusal::ReadOnlyWhenJobActive),
        ("completing", Refusal::InvalidState),
        ("acknowledged", Refusal::InvalidState),
        ("cancelled", Refusal::InvalidState),
    ] {
        let mut job = job_in(state);
        assert_eq!(job.decide(Event::SetValidator(true), at(0)), Err(no), "{state}");
        assert!(!job.validated);
    }
}

#[test]
fn a_rejection_is_tried_again_after_a_while_and_not_at_once_and_an_absent_validator_ends_the_tries()
{
    let rejected = Failure::Validator(ValidatorTrouble::Rejected(7));
    let mut job = connecting();
    let step = job.fails(trouble(rejected), at(0));
    assert_eq!((job.state.name(), step.effects), ("transient-error", vec![]));
    assert_eq!((job.failure(), rejected.code()), (Some(rejected), 7));
    let mut job = connecting();
    let _ = job.fails(trouble(Failure::Validator(ValidatorTrouble::Required)), at(0));
    assert_eq!(job.state, State::Error);
}

#[test]
fn a_new_owner_gets_the_job_with_its_need_for_a_validator() {
    let job = job_in("suspended").after([Event::SetValidator(true)]);
    assert!(job.after([Event::TakeOwnership(token(3000))]).validated);
}
