//! What of each step is remembered, in which words, and what never is.

use super::*;
use crate::authorities::Authorities;
use crate::credentials::AuthPair;
use crate::event::Standing;
use crate::headers::Sealed;
use crate::history::{Before, Deed};

/// The entry of what happens.
fn entry(job: &mut Job, event: Event) -> Option<(Deed, String, Option<Standing>)> {
    let before = Before::of(job, Some(&event));
    let step = job.decide(event, at(0)).expect("it is not refused");
    before.entry(job, &step)
}

fn remembered(job: &mut Job, event: Event) -> (Deed, String, Option<Standing>) {
    entry(job, event).expect("it is remembered")
}

fn not_found(file: Option<u32>, detail: String) -> Trouble {
    Trouble {
        failure: Failure::Server(ServerTrouble::Status(404)),
        file,
        detail,
        retry_after: None,
    }
}

fn plain(deed: Deed, state: Standing) -> (Deed, String, Option<Standing>) {
    (deed, String::new(), Some(state))
}

#[test]
fn what_owners_ask_is_remembered_with_where_the_job_stands_then() {
    let mut job = job(1);
    assert_eq!(remembered(&mut job, Event::Resume), plain(Deed::Resume, Standing::Queued));
    assert_eq!(entry(&mut job, Event::Resume), None, "it changes nothing");
    assert_eq!(remembered(&mut job, Event::Suspend), plain(Deed::Suspend, Standing::Suspended));
    let (deed, detail, state) = remembered(&mut job, Event::AddFiles(vec![file(5), file(6)]));
    assert_eq!((deed, detail.as_str(), state), (Deed::FilesAdded, "2 files", None));
    assert_eq!(remembered(&mut job, Event::Cancel), plain(Deed::Cancel, Standing::Cancelled));
}

#[test]
fn a_property_is_remembered_by_its_name_and_what_is_entrusted_only_by_its_kind() {
    const SECRET: &str = "s3cret";
    let mut job = job(1);
    let name = Setting::DisplayName(SECRET.to_owned());
    let (deed, detail, _) = remembered(&mut job, Event::Set(name));
    assert_eq!((deed, detail.as_str()), (Deed::Property, "DisplayName"));
    let authorities = |pem: &str| Authorities::new(pem.into(), false).unwrap();
    let sealed = || Sealed { nonce: [0; 12], bytes: SECRET.as_bytes().to_vec() };
    let pair = AuthPair::parse("server", "basic").unwrap();
    for (event, deed, detail) in [
        (Event::SetHeaders(Some(sealed())), Deed::Headers, "set"),
        (Event::SetHeaders(None), Deed::Headers, "removed"),
        (Event::SetCredentials(pair, Some(sealed())), Deed::Credentials, "set: server basic"),
        (Event::SetCertificate(Some(sealed())), Deed::Certificate, "set"),
        (Event::SetAuthorities(authorities(SECRET)), Deed::Authorities, "set"),
        (
            Event::SetRemoteNames(vec![(0, format!("http://{SECRET}/"))]),
            Deed::RemoteNames,
            "1 files",
        ),
    ] {
        let found = remembered(&mut job, event);
        assert_eq!((found.0, found.1.as_str()), (deed, detail));
    }
}

#[test]
fn an_attempt_is_remembered_with_its_identities_and_with_what_the_server_said() {
    let mut job = job(1);
    job.helper = Some(token(HELPER));
    let _ = job.does(Event::SetHelperTokenFlags(TokenFlags::NETWORK));
    let _ = job.does(Event::Resume);
    let (deed, detail, state) = remembered(&mut job, Event::Start);
    assert_eq!((deed, state), (Deed::Attempt, Some(Standing::Connecting)));
    assert_eq!(detail, format!("number 1, files as {OWNER}, network as {HELPER}"));
    let trouble = not_found(Some(0), "no such page".into());
    let ended = Event::Report(FIRST, Report::Ended(Err(trouble)));
    assert_eq!(entry(&mut job.clone(), Event::Report(AttemptId(9), Report::Ended(Ok(())))), None);
    let (deed, detail, state) = remembered(&mut job, ended);
    assert_eq!((deed, state), (Deed::Trouble, Some(Standing::Error)));
    assert_eq!(detail, "http-404, file 0: no such page");
}

#[test]
fn a_lost_helper_is_remembered_with_what_that_did_to_the_job() {
    let mut job = job(1);
    let helper = Token { session: Some(crate::token::SessionId("4@1".into())), ..token(HELPER) };
    let (deed, detail, _) = remembered(&mut job, Event::SetHelperToken(helper));
    assert_eq!((deed, detail), (Deed::HelperSet, format!("uid {HELPER}, session 4@1")));
    let _ = job.does(Event::SetHelperTokenFlags(TokenFlags::NETWORK));
    let _ = job.does(Event::Resume);
    let (deed, detail, state) = remembered(&mut job, Event::HelperTokenLost);
    assert_eq!((deed, state), (Deed::HelperLost, Some(Standing::Error)));
    assert_eq!(detail, format!("uid {HELPER}, session 4@1; token-required"));
}

#[test]
fn what_a_server_says_at_length_is_cut() {
    let mut job = job(1);
    let _ = job.does(Event::Resume);
    let _ = job.does(Event::Start);
    let trouble = not_found(None, "ä".repeat(10_000));
    let (_, detail, _) = remembered(&mut job, Event::Report(FIRST, Report::Ended(Err(trouble))));
    assert_eq!(detail.chars().filter(|c| *c == 'ä').count(), 300);
}
