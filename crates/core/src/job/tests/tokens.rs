//! Rules R2 to R9 of `helper-tokens.md`, as far as the job decides them. Row 16 of 4.4 is R6 and R7.

use super::*;

const LOCAL: TokenFlags = TokenFlags::LOCAL_FILE;
const NETWORK: TokenFlags = TokenFlags::NETWORK;

/// A job in this state that uses its helper for the network.
fn helped(state: &str) -> Job {
    let mut job = job_in(state);
    job.helper = Some(token(HELPER));
    job.flags = NETWORK;
    job
}

fn uid(job: &Job, resource: Resource) -> Option<u32> {
    job.identity_for(resource).ok().map(|token| token.uid)
}

#[test]
fn r2_a_second_token_replaces_the_first_at_once() {
    let mut job = helped("queued");
    let _ = job.does(Event::SetHelperToken(token(3000)));
    assert_eq!(uid(&job, Resource::Network), Some(3000));
}

#[test]
fn r2_a_token_can_be_set_in_every_state_but_the_last_ones() {
    for state in STATES {
        let open = !matches!(state, "completing" | "acknowledged" | "cancelled");
        for event in [
            Event::SetHelperToken(token(HELPER)),
            Event::SetHelperTokenFlags(LOCAL),
            Event::ClearHelperToken,
        ] {
            assert_eq!(job_in(state).decide(event, at(0)).is_ok(), open, "{state}");
        }
    }
}

#[test]
fn r3_flags_zero_restore_the_owner() {
    let mut job = helped("queued");
    let _ = job.does(Event::SetHelperTokenFlags(TokenFlags::NONE));
    assert_eq!(uid(&job, Resource::Network), Some(OWNER));
    assert!(job.helper.is_some(), "token and flags are independent");
}

#[test]
fn r4_clearing_drops_the_token_and_keeps_the_flags() {
    let mut job = helped("suspended");
    let step = job.does(Event::ClearHelperToken);
    assert_eq!((&job.helper, job.flags), (&None, NETWORK));
    assert!(step.job_changed);
    assert_eq!(job.does(Event::ClearHelperToken), Step::default());
}

#[test]
fn r6_an_unfinished_job_that_needs_its_lost_token_goes_to_error() {
    for state in &STATES[..5] {
        let mut job = helped(state);
        let attempt = job.state.attempt();
        let step = job.does(Event::HelperTokenLost);
        assert_eq!((job.state, job.failure()), (State::Error, token_required()), "{state}");
        let stops: Vec<_> = attempt.map(Effect::StopAttempt).into_iter().collect();
        assert_eq!((job.helper, step.effects), (None, stops), "{state}");
    }
}

#[test]
fn r6_a_job_without_flags_is_untouched_when_its_token_is_lost() {
    for state in &STATES[..7] {
        let mut job = job_in(state);
        job.helper = Some(token(HELPER));
        let step = job.does(Event::HelperTokenLost);
        assert_eq!(name(job.state), *state);
        assert_eq!((&job.helper, step.effects), (&None, vec![]));
        assert!(step.job_changed);
    }
}

#[test]
fn r6_a_job_that_never_had_a_token_hears_nothing_of_a_lost_one() {
    for state in STATES {
        let mut job = job_in(state);
        let before = job.clone();
        assert_eq!(job.does(Event::HelperTokenLost), Step::default());
        assert_eq!(job, before);
    }
}

#[test]
fn r6_a_transferred_job_keeps_its_files_and_completes_only_with_a_fresh_token() {
    let mut job = helped("transferred");
    job.flags = LOCAL;
    let files = job.files.clone();
    let _ = job.does(Event::HelperTokenLost);
    assert_eq!((job.state, &job.files), (State::Transferred, &files));
    let refused = job.decide(Event::Complete, at(0));
    assert_eq!(refused, Err(Refusal::TokenRequired));
    let _ = job.does(Event::SetHelperToken(token(HELPER)));
    let step = job.does(Event::Complete);
    assert_eq!(step.effects, [Effect::Complete]);
}

#[test]
fn r6_complete_needs_no_token_when_the_files_are_the_owners() {
    let mut job = helped("transferred").after([Event::HelperTokenLost]);
    assert_eq!(job.does(Event::Complete).effects, [Effect::Complete]);
}

#[test]
fn r6_a_job_that_completes_by_itself_waits_when_its_token_is_gone() {
    let mut job = helped("transferred").after([Event::HelperTokenLost, Event::Suspend]);
    job.flags = LOCAL;
    job.terms.auto_complete = true;
    let _ = job.all_transferred(at(0));
    assert_eq!(job.state, State::Transferred);
}

#[test]
fn r7_flags_without_a_token_are_an_error_at_once_and_no_attempt_begins() {
    for flags in [LOCAL, NETWORK] {
        let mut job = job_in("queued").after([Event::SetHelperTokenFlags(flags)]);
        let step = job.does(Event::Start);
        assert_eq!((job.state, step.effects), (State::Error, vec![]));
        assert_eq!(job.failure(), token_required());
    }
}

#[test]
fn r7_a_missing_token_is_not_retried() {
    let mut job = job_in("queued").after([Event::SetHelperTokenFlags(NETWORK), Event::Start]);
    let _ = job.decide(Event::Due, at(1_000_000)).unwrap();
    assert_eq!(job.state, State::Error);
}

#[test]
fn r7_there_is_no_identity_rather_than_the_owners() {
    let mut job = helped("queued");
    job.helper = None;
    assert_eq!(job.identity_for(Resource::Network), Err(TokenRequired));
    assert_eq!(uid(&job, Resource::LocalFile), Some(OWNER));
}

#[test]
fn r8_a_new_token_and_resume_lead_out_and_bytes_are_kept() {
    let mut job = helped("transferring")
        .after([Event::HelperTokenLost, Event::SetHelperToken(token(HELPER))]);
    assert_eq!(job.state, State::Error, "a token alone is not enough");
    let _ = job.does(Event::Resume);
    let step = job.does(Event::Start);
    assert_eq!(step.effects, [Effect::StartAttempt(AttemptId(2))]);
    assert_eq!(job.files[0].durable, 100);
}

#[test]
fn r8_flags_zero_and_resume_lead_out_and_bytes_are_kept() {
    let mut job = helped("transferring").after([
        Event::HelperTokenLost,
        Event::SetHelperTokenFlags(TokenFlags::NONE),
        Event::Resume,
        Event::Start,
    ]);
    assert_eq!(job.state, State::Connecting { attempt: AttemptId(2) });
    assert_eq!(uid(&job, Resource::Network), Some(OWNER));
    assert_eq!(job.files.remove(0).durable, 100);
}

#[test]
fn r8_resume_alone_leads_back_into_the_error() {
    let job = helped("transferring").after([Event::HelperTokenLost, Event::Resume, Event::Start]);
    assert_eq!((job.state, job.failure()), (State::Error, token_required()));
}

#[test]
fn r9_a_change_of_token_or_flags_stops_the_transfer_in_hand() {
    for change in [
        Event::SetHelperToken(token(3000)),
        Event::SetHelperTokenFlags(TokenFlags::NONE),
        Event::SetHelperTokenFlags(LOCAL),
    ] {
        let mut job = helped("transferring");
        let step = job.does(change);
        assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
        assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    }
}

#[test]
fn r9_clearing_the_token_of_a_running_job_stops_it_in_error() {
    let mut job = helped("transferring");
    let step = job.does(Event::ClearHelperToken);
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!((job.state, job.failure()), (State::Error, token_required()));
}

#[test]
fn r9_what_changes_no_identity_disturbs_no_transfer() {
    let mut unused = job_in("transferring");
    let step = unused.does(Event::SetHelperToken(token(HELPER)));
    assert_eq!(step.effects, []);
    assert_eq!(unused.does(Event::ClearHelperToken).effects, []);
    let step = helped("transferring").does(Event::SetHelperTokenFlags(NETWORK));
    assert_eq!(step, Step::default());
}

/// A rename in hand cannot be taken back, so "not after the method has returned" means: not now.
#[test]
fn r9_no_identity_is_changed_while_files_are_renamed_under_it() {
    let mut job = helped("completing");
    let before = job.clone();
    for change in [
        Event::SetHelperToken(token(3000)),
        Event::SetHelperTokenFlags(LOCAL),
        Event::ClearHelperToken,
    ] {
        assert_eq!(job.decide(change, at(0)), Err(Refusal::InvalidState));
        assert_eq!(job, before);
    }
}

#[test]
fn a_job_that_is_over_holds_no_token() {
    let mut job = job_in("completing");
    job.helper = Some(token(HELPER));
    let _ = job.does(Event::CompleteEnded(CompleteReport {
        renamed: vec![0],
        ..CompleteReport::default()
    }));
    assert_eq!((job.state, job.helper), (State::Acknowledged, None));
}
