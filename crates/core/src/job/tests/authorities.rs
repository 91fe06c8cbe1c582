//! The authorities of a job's own.

use super::*;
use crate::authorities::Authorities;

fn some(pem: &str) -> Option<Authorities> {
    Authorities::new(pem.into(), true).unwrap()
}

#[test]
fn other_authorities_stop_the_attempt_and_keep_every_byte() {
    let mut job = transferring();
    let step = job.does(Event::SetAuthorities(some("a")));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert!(step.authorities_changed && step.job_changed);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    assert_eq!(job.does(Event::SetAuthorities(some("a"))), Step::default(), "the same");
    assert!(job.does(Event::SetAuthorities(None)).authorities_changed);
    assert_eq!(job.does(Event::SetAuthorities(None)), Step::default(), "there were none");
}

#[test]
fn authorities_go_with_the_job_and_stay_with_another_owner() {
    let given = || job_in("suspended").after([Event::SetAuthorities(some("a"))]);
    let mut job = given();
    let step = job.does(Event::TakeOwnership(token(3000)));
    assert!(!step.authorities_changed);
    assert_eq!(job.authorities, some("a"), "without them it would trust more people");
    let mut job = given();
    let step = job.does(Event::Cancel);
    assert!(step.authorities_changed && step.job_changed);
    assert_eq!(job.authorities, None);
}

#[test]
fn a_job_that_is_over_takes_no_authorities() {
    for state in ["completing", "acknowledged", "cancelled"] {
        let event = Event::SetAuthorities(some("a"));
        assert_eq!(job_in(state).decide(event, at(0)), Err(Refusal::InvalidState), "{state}");
    }
}
