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

#[test]
fn a_copy_takes_the_place_of_a_whole_file_and_of_no_other() {
    let copy = Temporary { ino: 4, made_by: TAKER, ..temporary(OWNER) };
    let [made, took, gone] = [Spare::Made, Spare::TookOver, Spare::Gone]
        .map(|spare| Event::Spare(0, spare(copy.clone())));
    for state in STATES {
        let mut job = job_in(state);
        let before = job.clone();
        let fine = ["transferred"].contains(&state);
        let done = job.decide(made.clone(), at(0)).map(drop);
        assert_eq!(done.is_ok(), fine, "{state}");
        if !fine {
            assert_eq!(job, before, "{state}: nothing has changed");
            assert!(job.decide(took.clone(), at(0)).is_err());
        }
    }
    let mut job = job_in("transferred").after([made.clone()]);
    assert!(job.decide(made, at(0)).is_err(), "one at a time");
    job = job.after([took, taken()]);
    assert_eq!(job.files[0].temporary.as_ref(), Some(&copy));
    assert_eq!(job.files[0].spare, Some(temporary(OWNER)));
    // Said of the copy when it is in use, it means nothing.
    let same = job.clone();
    assert_eq!(job.does(gone).files_changed, []);
    assert_eq!(job, same);
    job = job.after([Event::Spare(0, Spare::Gone(temporary(OWNER)))]);
    assert_eq!(job.files[0].spare, None);
    assert_eq!(job.state, State::Transferred);
}
