//! Helpers: whoever is to be one has to be the one who calls.
//!
//! What counts here is the user id the service sees on its socket, so some of these need root.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::fake::Fake;
use crate::program::seen;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn the_caller_becomes_the_helper_of_his_own_job() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    let seen = fake.ebb(&["helper", "set", "nightly", "--for", "local,network"]).await;
    assert_eq!(seen.code, 0, "{}", seen.err);
    let shown = fake.ebb(&["helper", "show", "-j", "nightly"]).await.out;
    let helper: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(helper["uid"], rustix::process::geteuid().as_raw());
    assert_eq!(helper["flags"], serde_json::json!(["local", "network"]));
    assert_eq!(helper["state"], "present");
    // The flags come first: the token must not be used for what was set before.
    let calls = fake.calls().join("\n");
    assert!(calls.find("SetHelperTokenFlags") < calls.find("SetHelperToken by"), "{calls}");
}

#[tokio::test]
async fn root_lends_the_identity_of_a_user_to_a_job() {
    if !is_root() {
        return;
    }
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    let seen = fake.ebb(&["helper", "set", "nightly", "--user", "nobody"]).await;
    assert_eq!(seen.code, 0, "{}", seen.err);
    let calls = fake.calls();
    assert!(calls.contains(&"SetHelperToken by 65534".to_owned()), "{calls:?}");
    assert!(calls.contains(&"OpenTokenOptions by 0".to_owned()), "{calls:?}");
    assert_eq!(fake.ebb(&["helper", "set", "nightly", "--user", "no such"]).await.code, 5);
}

#[tokio::test]
async fn what_the_child_of_root_was_refused_is_told() {
    if !is_root() {
        return;
    }
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    fake.state.lock().unwrap().refuse = Some(("SetHelperToken", "administrator-token"));
    let seen = fake.ebb(&["helper", "set", "nightly", "--user", "nobody"]).await;
    assert_eq!(seen.code, 4);
    assert!(seen.err.contains("the fake says administrator-token"), "{}", seen.err);
}

#[tokio::test]
async fn an_invitation_is_taken_by_whoever_holds_it() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    let mut owner = fake.spawn(&["helper", "invite", "nightly", "--for", "network"]);
    let out = owner.stdout.take().unwrap().into_owned_fd().unwrap();
    let invitation = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(std::fs::File::from(out)).read_line(&mut line).unwrap();
        line
    })
    .await
    .unwrap();
    assert_eq!(invitation.trim(), "3f2ac1d0000040008000000000000001");

    let mut helper = fake.command(&["helper", "set", "-"]);
    let mut helper = helper.stdin(Stdio::piped()).spawn().unwrap();
    let input = helper.stdin.take().unwrap().into_owned_fd().unwrap();
    std::fs::File::from(input).write_all(invitation.as_bytes()).unwrap();
    assert_eq!(seen(helper).await.code, 0);
    let owner = seen(owner).await;
    assert_eq!(owner.code, 0, "{}", owner.err);
    assert!(owner.err.contains("helper: somebody"), "{}", owner.err);
}

#[tokio::test]
async fn clearing_keeps_the_flags_and_none_keeps_the_token() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    fake.ebb(&["helper", "set", "nightly", "--for", "network"]).await;
    assert_eq!(fake.ebb(&["helper", "flags", "nightly", "none"]).await.code, 0);
    assert!(fake.ebb(&["helper", "show", "nightly"]).await.out.contains("not used"));
    fake.ebb(&["helper", "flags", "nightly", "both"]).await;
    assert_eq!(fake.ebb(&["helper", "clear", "nightly"]).await.code, 0);
    let shown = fake.ebb(&["helper", "show", "nightly"]).await.out;
    assert_eq!(shown, "missing, wanted for local, network\n");
}

#[tokio::test]
async fn an_invitation_nobody_gave_is_no_invitation() {
    let fake = Fake::start();
    let seen = fake.ebb(&["helper", "set", "00112233445566778899aabbccddeeff"]).await;
    assert_eq!(seen.code, 5);
    assert!(seen.err.contains("good only while the owner"), "{}", seen.err);
}
