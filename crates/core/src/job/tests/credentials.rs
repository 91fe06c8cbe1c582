//! What a job logs on with, which it holds sealed.

use super::*;
use crate::credentials::{AuthPair, AuthScheme};
use crate::headers::Sealed;
use crate::job::AuthTarget;

const BASIC: AuthPair = AuthPair { target: AuthTarget::Server, scheme: AuthScheme::Basic };
const PROXY: AuthPair = AuthPair { target: AuthTarget::Proxy, scheme: AuthScheme::Basic };

fn sealed(byte: u8) -> Option<Sealed> {
    Some(Sealed { nonce: [byte; 12], bytes: vec![byte; 20] })
}

#[test]
fn other_credentials_stop_the_attempt_and_keep_every_byte() {
    let mut job = transferring();
    let step = job.does(Event::SetCredentials(BASIC, sealed(1)));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert!(step.credentials_changed && step.job_changed);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    let step = job.does(Event::SetCredentials(BASIC, None));
    assert!(step.credentials_changed);
    assert_eq!(job.does(Event::SetCredentials(BASIC, None)), Step::default(), "there were none");
}

#[test]
fn each_pair_has_one_set_and_the_last_one_counts() {
    let mut job = job_in("suspended").after([
        Event::SetCredentials(BASIC, sealed(1)),
        Event::SetCredentials(PROXY, sealed(2)),
        Event::SetCredentials(BASIC, sealed(3)),
    ]);
    let held: Vec<_> = job.credentials.clone().into_iter().collect();
    assert_eq!(held, [(BASIC, sealed(3).unwrap()), (PROXY, sealed(2).unwrap())]);
    let _ = job.does(Event::SetCredentials(BASIC, None));
    assert_eq!(job.credentials.keys().copied().collect::<Vec<_>>(), [PROXY]);
}

#[test]
fn credentials_repair_a_job_in_error_and_it_waits_for_resume() {
    let mut job = job_in("error");
    let _ = job.does(Event::SetCredentials(BASIC, sealed(1)));
    assert_eq!(job.state, State::Error);
    let _ = job.does(Event::Resume);
    assert_eq!(job.state, State::Queued);
}

#[test]
fn credentials_go_with_their_owner_and_with_the_job() {
    for end in [Event::TakeOwnership(token(3000)), Event::Cancel] {
        let mut job = job_in("suspended").after([Event::SetCredentials(BASIC, sealed(1))]);
        let step = job.does(end);
        assert!(step.credentials_changed && step.job_changed);
        assert!(job.credentials.is_empty());
    }
}

#[test]
fn a_job_that_is_over_takes_no_credentials() {
    for state in ["completing", "acknowledged", "cancelled"] {
        let mut job = job_in(state);
        for sealed in [sealed(1), None] {
            let event = Event::SetCredentials(BASIC, sealed);
            assert_eq!(job.decide(event, at(0)), Err(Refusal::InvalidState), "{state}");
        }
    }
}
