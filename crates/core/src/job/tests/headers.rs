//! Header fields of a job's requests, which it holds sealed.

use super::*;
use crate::headers::Sealed;

fn sealed(byte: u8) -> Option<Sealed> {
    Some(Sealed { nonce: [byte; 12], bytes: vec![byte; 20] })
}

#[test]
fn other_headers_stop_the_attempt_and_keep_every_byte() {
    let mut job = transferring();
    let step = job.does(Event::SetHeaders(sealed(1)));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert!(step.headers_changed && step.job_changed);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    assert_eq!(job.headers.sealed, sealed(1));
    let step = job.does(Event::SetHeaders(None));
    assert!(step.headers_changed);
    assert_eq!(job.headers.sealed, None);
    assert_eq!(job.does(Event::SetHeaders(None)), Step::default(), "there were none");
}

#[test]
fn headers_that_are_write_only_stay_so_and_can_still_be_set() {
    let mut job = job_in("suspended").after([Event::SetHeaders(sealed(1))]);
    assert_eq!(job.readable_headers(), Ok(sealed(1).as_ref()));
    let _ = job.does(Event::MakeHeadersWriteOnly);
    assert_eq!(job.readable_headers(), Err(Refusal::AccessDenied));
    assert_eq!(job.does(Event::MakeHeadersWriteOnly), Step::default());
    let _ = job.does(Event::SetHeaders(sealed(2)));
    assert_eq!(job.headers.sealed, sealed(2));
    assert_eq!(job.readable_headers(), Err(Refusal::AccessDenied));
}

#[test]
fn headers_go_with_their_owner_and_with_the_job() {
    for end in [Event::TakeOwnership(token(3000)), Event::Cancel] {
        let mut job = job_in("suspended").after([Event::SetHeaders(sealed(1))]);
        let step = job.does(end);
        assert!(step.headers_changed && step.job_changed);
        assert_eq!(job.headers.sealed, None);
    }
}

#[test]
fn the_headers_of_a_job_that_is_over_are_nobodys() {
    for state in ["completing", "acknowledged", "cancelled"] {
        let mut job = job_in(state);
        for event in [Event::SetHeaders(sealed(1)), Event::MakeHeadersWriteOnly] {
            assert_eq!(job.decide(event, at(0)), Err(Refusal::InvalidState), "{state}");
        }
        assert_eq!(job.readable_headers(), Err(Refusal::InvalidState));
    }
}
