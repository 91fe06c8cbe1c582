//! Fetching and waiting: what comes first, and what the code says.

use rustix::process::Signal;

use crate::fake::{Fake, OnResume};
use crate::program::{kill, seen};

#[tokio::test]
async fn submit_prints_the_id_alone_and_starts_the_job() {
    let fake = Fake::start();
    let seen = fake.ebb(&["submit", "https://h/f.iso", "-d", "/srv"]).await;
    assert_eq!((seen.code, seen.err.as_str()), (0, ""));
    assert_eq!(seen.out, "00000001-0000-4000-8000-0000000000ff\n");
    assert!(fake.calls().contains(&"Resume by 0".to_owned()));
    assert_eq!(fake.ebb(&["show", "-g", "name", "00000001"]).await.out, "f.iso\n");
    assert_eq!(fake.ebb(&["show", "-g", "priority", "00000001"]).await.out, "normal\n");
}

#[tokio::test]
async fn get_waits_until_the_file_is_in_its_place() {
    let fake = Fake::start();
    let seen = fake.ebb(&["get", "https://h/f.iso", "-o", "/srv/x.iso"]).await;
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert_eq!(seen.out, "");
    assert!(seen.err.ends_with("saved /srv/x.iso (1.0 KiB)\n"), "{}", seen.err);
    assert_eq!(fake.ebb(&["show", "-g", "priority", "00000001"]).await.out, "foreground\n");
    assert_eq!(fake.ebb(&["show", "-g", "no_progress_timeout", "00000001"]).await.out, "120\n");
    assert_eq!(fake.ebb(&["get", "-q", "https://h/f", "-d", "/srv"]).await.err, "");
}

#[tokio::test]
async fn get_of_a_job_that_fails_says_why_and_what_to_do() {
    let fake = Fake::start();
    fake.state.lock().unwrap().on_resume = OnResume::Fail;
    let failed = fake.ebb(&["get", "-q", "https://h/f", "-d", "/srv"]).await;
    assert_eq!(failed.code, 7);
    let expected = "ebb: cannot transfer https://h/f: the server has no such file\\u{1b}[2J\n";
    assert!(failed.err.starts_with(expected), "{}", failed.err);
    assert!(failed.err.contains("check the address"), "{}", failed.err);
    fake.state.lock().unwrap().error_name = "token-required";
    assert_eq!(fake.ebb(&["get", "-q", "https://h/f", "-d", "/srv"]).await.code, 13);
}

#[tokio::test]
async fn files_that_are_refused_leave_no_job() {
    let fake = Fake::start();
    fake.state.lock().unwrap().refuse = Some(("AddFiles", "invalid-argument"));
    let seen = fake.ebb(&["submit", "https://h/f", "-d", "/srv"]).await;
    assert_eq!(seen.code, 1);
    assert!(fake.calls().contains(&"Cancel by 0".to_owned()));
}

#[tokio::test]
async fn the_first_interrupt_leaves_the_job_running() {
    let fake = Fake::start();
    fake.state.lock().unwrap().on_resume = OnResume::Hang;
    let child = fake.spawn(&["get", "--detach-on-interrupt", "https://h/f", "-d", "/srv"]);
    fake.called("Resume").await;
    kill(&child, Signal::INT);
    let seen = seen(child).await;
    assert_eq!(seen.code, 130);
    assert!(seen.err.contains("still running as 00000001"), "{}", seen.err);
    assert!(!fake.calls().iter().any(|call| call.starts_with("Cancel")));
}

#[tokio::test]
async fn an_interrupt_cancels_where_that_was_asked() {
    let fake = Fake::start();
    fake.state.lock().unwrap().on_resume = OnResume::Hang;
    let child = fake.spawn(&["get", "--cancel-on-interrupt", "https://h/f", "-d", "/srv"]);
    fake.called("Resume").await;
    kill(&child, Signal::INT);
    assert_eq!(seen(child).await.code, 130);
    assert!(fake.calls().contains(&"Cancel by 0".to_owned()));
}

#[tokio::test]
async fn a_hangup_detaches() {
    let fake = Fake::start();
    fake.state.lock().unwrap().on_resume = OnResume::Hang;
    let child = fake.spawn(&["get", "--cancel-on-interrupt", "https://h/f", "-d", "/srv"]);
    fake.called("Resume").await;
    kill(&child, Signal::HUP);
    assert_eq!(seen(child).await.code, 143);
    assert!(!fake.calls().iter().any(|call| call.starts_with("Cancel")));
}

#[tokio::test]
async fn wait_hears_the_end_without_asking_again() {
    let fake = Fake::start();
    let id = fake.job("3f2ac1d0", "nightly", "transferring");
    let child = fake.spawn(&["wait", &id]);
    fake.called("Subscribe").await;
    fake.change(&id, "transferred").await;
    fake.change(&id, "acknowledged").await;
    assert_eq!(seen(child).await.code, 0);
    // Once to find the job, once after subscribing.
    assert!(fake.calls().iter().filter(|call| call.starts_with("GetAll")).count() <= 2);
}

#[tokio::test]
async fn the_code_of_wait_is_the_outcome() {
    let fake = Fake::start();
    let table = [
        ("acknowledged", 0),
        ("cancelled", 10),
        ("error", 7),
        ("transferring", 8),
        ("transferred", 8),
    ];
    for (at, (state, code)) in table.into_iter().enumerate() {
        let id = fake.job(&format!("{at:08x}"), state, state);
        assert_eq!(fake.ebb(&["wait", "--timeout", "0", &id]).await.code, code, "{state}");
    }
    let transferred = ["wait", "--for", "transferred", "--timeout", "0", "transferred"];
    assert_eq!(fake.ebb(&transferred).await.code, 0);
    assert_eq!(fake.ebb(&["wait", "--timeout", "1", "transferring"]).await.code, 3);
    assert_eq!(fake.ebb(&["wait", "acknowledged", "cancelled", "error"]).await.code, 10);
    assert_eq!(fake.ebb(&["wait", "--any", "transferring", "acknowledged"]).await.code, 0);
}

#[tokio::test]
async fn watch_starts_with_how_things_stand() {
    let fake = Fake::start();
    let id = fake.job("3f2ac1d0", "nightly", "transferring");
    let child = fake.spawn(&["watch", "--json", &id]);
    fake.called("Subscribe").await;
    fake.change(&id, "acknowledged").await;
    let seen = seen(child).await;
    assert_eq!(seen.code, 0, "{}", seen.err);
    let events: Vec<serde_json::Value> =
        seen.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "state");
    assert_eq!(events.last().unwrap()["state"], "acknowledged");
}

/// What was shown of events with numbers: the state, and the number.
fn numbered(out: &str) -> Vec<(String, u64)> {
    let events =
        out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object"));
    let shown = events.filter(|event| !event["detail"].is_null());
    shown
        .map(|event| {
            (
                event["state"].as_str().expect("a state").to_owned(),
                event["number"].as_u64().expect("a number"),
            )
        })
        .collect()
}

#[tokio::test]
async fn watch_goes_on_after_the_event_it_is_told() {
    let fake = Fake::start();
    let id = fake.job("3f2ac1d0", "nightly", "queued");
    for state in ["connecting", "transferring", "transferred", "acknowledged"] {
        fake.change(&id, state).await;
    }
    let seen = fake.ebb(&["watch", "--json", "--since", "2", &id]).await;
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert_eq!(numbered(&seen.out), [("transferred".into(), 3), ("acknowledged".into(), 4)]);
    let seen = fake.ebb(&["watch", "--since", "two", &id]).await;
    assert_eq!(seen.code, 2);
    // A number that was never given: how things stand, and a remark.
    let seen = fake.ebb(&["watch", "--json", "--since", "99", &id]).await;
    assert!(seen.err.contains("not kept any more"), "{}", seen.err);
    assert_eq!((seen.code, seen.out.lines().count()), (0, 1));
}
