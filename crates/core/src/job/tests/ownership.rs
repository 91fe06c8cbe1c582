//! Ownership that is taken over (`job-model.md` 3.8).

use super::*;

const TAKER: u32 = 3000;

fn taken() -> Event {
    Event::TakeOwnership(token(TAKER))
}

#[test]
fn a_running_job_stops_and_goes_on_as_its_new_owner() {
    let mut job = transferring();
    let step = job.does(taken());
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    for resource in [Resource::LocalFile, Resource::Network] {
        assert_eq!(job.identity_for(resource).map(|token| token.uid), Ok(TAKER));
    }
}

#[test]
fn what_a_helper_lent_to_the_old_owner_is_not_lent_to_the_new_one() {
    let lent = [
        Event::SetHelperToken(token(HELPER)),
        Event::SetHelperTokenFlags(TokenFlags::NETWORK),
        Event::Start,
    ];
    let mut job = job_in("queued").after(lent);
    let attempt = job.state.attempt().unwrap();
    let step = job.does(taken());
    assert_eq!(step.effects, [Effect::StopAttempt(attempt)]);
    assert_eq!((job.state, job.failure()), (State::Error, token_required()));
    assert_eq!((job.helper, job.flags), (None, TokenFlags::NETWORK));
}

#[test]
fn everything_else_stays() {
    for state in ["suspended", "queued", "transient-error", "error", "transferred"] {
        let mut job = job_in(state);
        let before = job.clone();
        assert_eq!(job.does(taken()).effects, []);
        assert_eq!(job, Job { owner: token(TAKER), ..before }, "{state}");
    }
}

#[test]
fn a_job_that_is_ones_own_already_is_left_alone() {
    let mut job = transferring();
    assert_eq!(job.does(Event::TakeOwnership(token(OWNER))), Step::default());
}

#[test]
fn a_job_that_is_over_has_its_owner_for_ever() {
    for state in ["completing", "acknowledged", "cancelled"] {
        assert_eq!(job_in(state).decide(taken(), at(0)), Err(Refusal::InvalidState), "{state}");
    }
}
