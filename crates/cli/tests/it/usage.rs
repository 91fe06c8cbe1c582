//! What a wrong command line, or no service, looks like.

use crate::fake::Fake;
use crate::program::alone;

#[tokio::test]
async fn an_unknown_command_is_one_line_and_the_closest_match() {
    let seen = alone(&["sumbit", "https://h/f"]).await;
    assert_eq!(seen.code, 2);
    assert_eq!(seen.out, "");
    assert_eq!(seen.err, "ebb: unknown command \"sumbit\"\n  hint: did you mean submit?\n");
}

#[tokio::test]
async fn help_needs_no_service() {
    let seen = alone(&["help"]).await;
    assert_eq!(seen.code, 0);
    assert!(seen.out.contains("fetch in the background"));
    assert!(alone(&["get", "--help"]).await.out.contains("--no-clobber"));
    assert!(alone(&["help", "exit-codes"]).await.out.contains("  13  the helper"));
    assert_eq!(alone(&["version"]).await.out, format!("ebb {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn without_a_service_it_says_so_in_one_line() {
    for words in [["list"], ["status"]] {
        let mut command = crate::program::command(&words);
        command.env("EBB_BUS", "unix:path=/nonexistent/bus");
        let seen: crate::program::Seen = command.output().await.unwrap().into();
        assert_eq!(seen.code, 9);
        assert!(
            seen.err.starts_with("ebb: the transfer service is not running here\n"),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_get_that_gives_way_has_the_priority_of_submit_and_no_other_beside_it() {
    let fake = Fake::start();
    assert_eq!(fake.ebb(&["get", "--polite", "https://h/f", "-d", "/srv"]).await.code, 0);
    assert_eq!(fake.ebb(&["show", "-g", "priority", "00000001"]).await.out, "normal\n");
    assert_eq!(fake.ebb(&["get", "https://h/f", "-d", "/srv"]).await.code, 0);
    assert_eq!(fake.ebb(&["show", "-g", "priority", "00000002"]).await.out, "foreground\n");
    let seen = fake.ebb(&["get", "https://h/f", "--polite", "--priority=low"]).await;
    assert_eq!(seen.code, 2);
    assert!(seen.err.contains("leave out --polite or --priority"), "{}", seen.err);
}

#[tokio::test]
async fn a_rebase_that_changes_nothing_is_no_success() {
    let fake = Fake::start();
    let id = fake.ebb(&["create", "mirrored"]).await.out.trim().to_owned();
    fake.ebb(&["add", &id, "https://old/a", "https://old/b", "-d", "/tmp"]).await;
    let seen = fake.ebb(&["rebase", &id, "https://old/", "https://new/"]).await;
    assert_eq!((seen.code, seen.err.as_str()), (0, "2 addresses changed\n"));
    let seen = fake.ebb(&["rebase", &id, "https://old/", "https://new/"]).await;
    assert_eq!(seen.code, 5, "{}", seen.err);
    assert_eq!(fake.ebb(&["rebase", &id, "https://old/"]).await.code, 2);
}

#[tokio::test]
async fn a_configuration_is_checked_without_a_service() {
    let directory = std::env::temp_dir().join(format!("ebb-check-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("ebb.toml");
    let name = file.to_str().unwrap();
    assert_eq!(alone(&["check-config", name]).await.code, 5);
    std::fs::write(&file, "jobs-per-user = 10\n").unwrap();
    let seen = alone(&["check-config", name]).await;
    assert_eq!((seen.code, seen.out), (0, format!("{name}\n")));
    std::fs::write(&file, "jobs-per-user = 10\njobs = 1\n").unwrap();
    let seen = alone(&["check-config", name]).await;
    assert_eq!(seen.code, 1);
    assert!(seen.err.starts_with(&format!("ebb: {name}, line 2: there is no setting `jobs`\n")));
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_refusal_says_what_and_why_and_what_helps() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "nightly", "queued");
    fake.state.lock().unwrap().refuse = Some(("Suspend", "access-denied"));
    let seen = fake.ebb(&["pause", "nightly"]).await;
    assert_eq!(seen.code, 4);
    let expected = "ebb: cannot pause nightly: the fake says access-denied\n  hint: ask another\n";
    assert_eq!(seen.err, expected);
}

#[tokio::test]
async fn a_job_that_is_not_there_is_code_5_in_every_form() {
    let fake = Fake::start();
    for reference in ["3f2a", "nightly", "3f2ac1d0-0000-4000-8000-000000000001"] {
        let seen = fake.ebb(&["show", reference]).await;
        assert_eq!(seen.code, 5, "{seen:?}");
    }
}

#[tokio::test]
async fn a_reference_that_fits_two_jobs_changes_neither() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "a", "queued");
    fake.job("3f2ac1d1", "b", "queued");
    let seen = fake.ebb(&["cancel", "3f2a"]).await;
    assert_eq!(seen.code, 6);
    assert!(seen.err.contains("3f2ac1d1-0000-4000-8000-000000000001"));
    assert!(!fake.calls().iter().any(|call| call.starts_with("Cancel")));
}

#[tokio::test]
async fn several_jobs_are_cancelled_only_when_that_is_meant() {
    let fake = Fake::start();
    fake.job("3f2ac1d0", "a", "queued");
    fake.job("3f2ac1d1", "b", "queued");
    assert_eq!(fake.ebb(&["cancel", "--all"]).await.code, 2);
    assert!(!fake.calls().iter().any(|call| call.starts_with("Cancel")));
    assert_eq!(fake.ebb(&["cancel", "--all", "--yes"]).await.code, 0);
    assert_eq!(fake.calls().iter().filter(|call| call.starts_with("Cancel")).count(), 2);
}
