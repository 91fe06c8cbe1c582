//! The client certificate of a job, which it holds sealed.

use super::*;
use crate::headers::Sealed;

fn sealed(byte: u8) -> Option<Sealed> {
    Some(Sealed { nonce: [byte; 12], bytes: vec![byte; 20] })
}

#[test]
fn another_certificate_stops_the_attempt_and_keeps_every_byte() {
    let mut job = transferring();
    let step = job.does(Event::SetCertificate(sealed(1)));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert!(step.certificate_changed && step.job_changed);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    assert_eq!(job.readable_certificate(), Ok(&sealed(1).unwrap()));
    assert!(job.does(Event::SetCertificate(None)).certificate_changed);
    assert_eq!(job.does(Event::SetCertificate(None)), Step::default(), "there was none");
    assert_eq!(job.readable_certificate(), Err(Refusal::NoClientCertificate));
}

#[test]
fn a_certificate_goes_with_its_owner_and_with_the_job() {
    for end in [Event::TakeOwnership(token(3000)), Event::Cancel] {
        let mut job = job_in("suspended").after([Event::SetCertificate(sealed(1))]);
        let step = job.does(end);
        assert!(step.certificate_changed && step.job_changed);
        assert_eq!(job.certificate, None);
    }
}

#[test]
fn a_job_that_is_over_takes_no_certificate() {
    for state in ["completing", "acknowledged", "cancelled"] {
        let mut job = job_in(state);
        for sealed in [sealed(1), None] {
            let event = Event::SetCertificate(sealed);
            assert_eq!(job.decide(event, at(0)), Err(Refusal::InvalidState), "{state}");
        }
    }
}

#[test]
fn a_certificate_of_the_helper_needs_the_helper_and_no_certificate_needs_nobody() {
    let flags = Event::SetHelperTokenFlags(TokenFlags::CLIENT_CERTIFICATE);
    let mut without = job_in("queued").after([flags.clone(), Event::Start]);
    assert!(without.state.attempt().is_some());
    // What was lent is needed as soon as there is something to use it for.
    let _ = without.does(Event::SetCertificate(sealed(1)));
    let _ = without.does(Event::Start);
    assert_eq!((without.state, without.failure()), (State::Error, token_required()));
    let lent = [Event::SetHelperToken(token(HELPER)), Event::Resume, Event::Start];
    assert!(without.after(lent).state.attempt().is_some());
}
