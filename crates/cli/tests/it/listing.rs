//! What is shown about jobs, to people and to programs.

use crate::fake::Fake;

#[tokio::test]
async fn a_list_is_a_table_with_a_summary() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "debian-iso", "transferring");
    fake.job("91be0077", "nightly", "error");
    fake.job("c04d55e1", "old", "acknowledged");
    let seen = fake.ebb(&[]).await;
    assert_eq!(seen.code, 0);
    let lines: Vec<&str> = seen.out.lines().collect();
    assert!(lines[0].starts_with("ID        NAME        STATE"), "{}", seen.out);
    assert!(lines[1].starts_with("3f2ac1d0  debian-iso  transferring  0 B/?"));
    assert!(lines[2].ends_with("the server has no such file\\u{1b}[2J"));
    assert_eq!(lines[3], "2 of 2 not finished · 1 needs attention");
}

#[tokio::test]
async fn json_is_one_line_in_a_pipe_and_names_are_stable() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "error");
    let seen = fake.ebb(&["list", "--json"]).await;
    let jobs: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(seen.out.lines().count(), 1);
    assert_eq!(jobs[0]["state"], "error");
    assert_eq!(jobs[0]["error"]["code"], "http-404");
    assert_eq!(jobs[0]["bytes_total"], serde_json::Value::Null);
    assert_eq!(jobs[0]["created"], "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn one_field_comes_bare() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "error");
    assert_eq!(fake.ebb(&["show", "-g", "state", "nightly"]).await.out, "error\n");
    assert_eq!(fake.ebb(&["show", "-g", "error.code", "3f2a"]).await.out, "http-404\n");
    let seen = fake.ebb(&["show", "-g", "stat", "nightly"]).await;
    assert_eq!((seen.code, seen.out.as_str()), (5, ""));
}

#[tokio::test]
async fn show_has_the_files_with_their_bytes() {
    let fake = Fake::start();
    let id = fake.ebb(&["submit", "--suspended", "https://h/f", "-o", "/srv/x\\y"]).await.out;
    let seen = fake.ebb(&["show", "--json", id.trim()]).await;
    let job: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(job["files"][0]["path"], "/srv/x\\\\y");
    assert_eq!(job["files"][0]["http_status"], 200);
    let seen = fake.ebb(&["show", id.trim()]).await;
    assert!(seen.out.contains("in place"), "{}", seen.out);
    assert!(seen.out.contains("        state: suspended"), "{}", seen.out);
}

#[tokio::test]
async fn the_status_shows_the_limits() {
    let fake = Fake::start();
    let seen = fake.ebb(&["status"]).await;
    assert!(seen.out.contains("60 jobs a user, 300 a machine"), "{}", seen.out);
    assert!(seen.out.contains("2 queued"));
    let json = fake.ebb(&["status", "-j"]).await.out;
    let status: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status["limits"]["files_per_job"], 200);
}

#[tokio::test]
async fn a_change_of_a_job_is_a_property() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    let seen =
        fake.ebb(&["set", "nightly", "priority=low", "retry-delay=10m", "name=weekly"]).await;
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert_eq!(fake.ebb(&["show", "-g", "priority", "weekly"]).await.out, "low\n");
    assert_eq!(fake.ebb(&["show", "-g", "retry_delay", "weekly"]).await.out, "600\n");
}
