//! The loop with a made-up `ebbd` and made-up agents, for what needs no real processes: the order
//! in which things are stopped, written down and told.

mod events;
mod history;
mod left_overs;
mod registrations;
mod restarts;
mod stage;

use ebb_core::job::{Event, Job, Terms};
use ebb_core::refusal::Refusal;
use ebb_core::time::{Now, WallTime};
use ebb_store::Store;

use crate::clock;
use crate::command::{Answer, Asker, Command, JobView, Message, NoticeKind, TokenCall};
use stage::{HELPER, OWNER, Seen, Stage, UNCONFINED, asker, scene};

#[test]
fn when_a_session_ends_its_tokens_work_stops_before_anybody_is_told() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        stage.session_ends();
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        // The stop is already seen when the notice comes; nothing is waited for.
        assert_eq!(stage.seen.try_recv(), Ok(Seen::Stop));
        let error = stage.ask(&asker(OWNER, None), Command::Error(job)).await;
        let Ok(Answer::Error(error)) = error else { panic!("{error:?}") };
        assert_eq!(error.failure.name(), "token-required");
        assert_eq!(stage.state(job).await, "error");
    });
}

#[test]
fn a_new_token_goes_on_from_the_last_durable_byte() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        stage.session_ends();
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        stage.logged_on(&[("c1", OWNER), ("c2", HELPER)]);
        stage.lend(job).await;
        stage.ask(&asker(OWNER, None), Command::Steer(job, Event::Resume)).await.unwrap();
        assert_eq!(stage.seen.recv().await, Some(Seen::Stop));
        assert_eq!(stage.seen.recv().await, Some(Seen::Fetch { uid: HELPER, offset: 10 }));
    });
}

#[test]
fn another_session_ending_leaves_the_job_alone() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        stage.logged_on(&[("c1", OWNER), ("c2", HELPER)]);
        assert_eq!(stage.state(job).await, "transferring");
    });
}

#[test]
fn clearing_the_token_is_answered_only_when_its_work_has_stopped() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let owner = asker(OWNER, None);
        let name = stage.capability(job).await;
        let clear = Command::TokenOptions(name, TokenCall::Clear);
        stage.ask(&owner, clear).await.unwrap();
        assert_eq!(stage.seen.try_recv(), Ok(Seen::Stop));
        assert_eq!(stage.state(job).await, "error");
    });
}

#[test]
fn a_token_survives_a_restart_in_the_same_boot_and_no_other() {
    for (boot, expected) in [("this", "suspended"), ("another", "error")] {
        scene(|dir| async move {
            let mut stage = Stage::new(&dir, "this");
            let job = stage.lent(&dir).await;
            stage.ask(&asker(OWNER, None), Command::Steer(job, Event::Suspend)).await.unwrap();
            stage.inbox.send(Message::Finish).ok();
            stage.inbox.closed().await;
            let stage = Stage::new(&dir, boot);
            assert_eq!(stage.state(job).await, expected, "{boot}");
        });
    }
}

#[test]
fn a_capability_ends_with_the_connection_that_opened_it() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let owner = asker(OWNER, None);
        let name = stage.capability(job).await;
        stage.inbox.send(Message::Gone(owner.connection)).ok();
        let call = Command::TokenOptions(name, TokenCall::Flags);
        assert_eq!(stage.ask(&owner, call).await.err(), Some(Refusal::NotFound));
    });
}

#[test]
fn a_connection_that_tells_no_process_cannot_lend() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let name = stage.capability(job).await;
        let blind = Asker { process: None, ..asker(HELPER, None) };
        let call = Command::TokenOptions(name, TokenCall::SetToken);
        assert_eq!(stage.ask(&blind, call).await.err(), Some(Refusal::NoProcessDescriptor));
    });
}

#[test]
fn a_private_instance_serves_its_user_and_not_even_root() {
    scene(|dir| async move {
        let stage = Stage::for_one(&dir, "this", Some(OWNER));
        let create = || Command::Create { name: "mine".into(), settings: vec![] };
        assert!(stage.ask(&asker(OWNER, None), create()).await.is_ok());
        for stranger in [0, HELPER] {
            let refused = stage.ask(&asker(stranger, None), create()).await.err();
            assert_eq!(refused, Some(Refusal::PrivateInstance));
        }
    });
}

#[test]
fn an_agent_without_its_sandbox_does_no_work() {
    scene(|dir| async move {
        let (stage, owner) = (Stage::new(&dir, "this"), asker(UNCONFINED, None));
        let create = Command::Create { name: "open".into(), settings: vec![] };
        let Ok(Answer::Job(job)) = stage.ask(&owner, create).await else { panic!("no job") };
        let file = stage::new_file(&dir, "f");
        let refused = stage.ask(&owner, Command::AddFiles(job, vec![file])).await.unwrap_err();
        assert_eq!(refused.name(), "sandbox-failed");
    });
}

#[test]
fn whoever_asks_while_the_service_ends_is_told_so() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        stage.lent(&dir).await;
        // The attempt under way has to stop first; until then messages are heard.
        stage.inbox.send(Message::Finish).ok();
        let create = Command::Create { name: "late".into(), settings: vec![] };
        let late = stage.ask(&asker(OWNER, None), create).await;
        assert_eq!(late.err(), Some(Refusal::ShuttingDown));
    });
}

#[test]
fn complete_is_refused_without_its_token_and_every_byte_is_kept() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let owner = asker(OWNER, None);
        let name = stage.capability(job).await;
        let call = |call| Command::TokenOptions(name.clone(), call);
        stage.ask(&owner, call(TokenCall::SetFlags(1))).await.unwrap();
        stage.ask(&owner, call(TokenCall::Clear)).await.unwrap();
        let completed = stage.ask(&owner, Command::Steer(job, Event::Complete)).await;
        assert_eq!(completed.err(), Some(Refusal::TokenRequired));
        let files = stage.ask(&owner, Command::Files { job, first: 0, limit: 1 }).await;
        let Ok(Answer::Files(files, 1)) = files else { panic!("{files:?}") };
        assert!(!files[0].temporary.is_empty());
    });
}

#[test]
fn small_files_share_the_way_and_nothing_is_started_beside_a_large_one() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let names = ["small-1", "small-2", "slow-1", "slow-2", "large", "small-3"];
        let job = stage.started(&dir, &names).await;
        // In the order added; each small one that has come makes room for one more.
        stage.sees(&["small-1", "small-2", "slow-1", "slow-2"]).await;
        stage.sees(&["large"]).await;
        let everything = |view: &JobView| view.bytes_transferred == 230;
        stage
            .until(job, |what| matches!(what, NoticeKind::Changed(view) if everything(view)))
            .await;
        stage.ask(&asker(OWNER, None), Command::Steer(job, Event::Suspend)).await.unwrap();
        // By the answer all three have stopped, and the last file was never asked for.
        assert_eq!(stage.seen.try_recv(), Ok(Seen::Stop));
        assert_eq!(stage.seen.try_recv(), Ok(Seen::Stop));
        assert_eq!(stage.seen.try_recv(), Ok(Seen::Stop));
        assert!(stage.seen.try_recv().is_err());
        let durable: Vec<u64> = stage.files(job).await.iter().map(|file| file.durable).collect();
        assert_eq!(durable, [100, 100, 10, 10, 10, 0]);
    });
}

#[test]
fn an_error_of_one_file_stops_the_others_and_they_keep_what_they_have() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let names = ["small-1", "slow", "missing", "small-2"];
        let job = stage.started(&dir, &names).await;
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        stage.sees(&["small-1", "slow", "missing"]).await;
        // The other one had stopped before anybody was told.
        assert_eq!(stage.seen.try_recv(), Ok(Seen::Stop));
        assert!(stage.seen.try_recv().is_err());
        let error = stage.ask(&asker(OWNER, None), Command::Error(job)).await;
        let Ok(Answer::Error(error)) = error else { panic!("{error:?}") };
        assert_eq!(error.file.map(|(at, ..)| at), Some(2));
        let durable: Vec<u64> = stage.files(job).await.iter().map(|file| file.durable).collect();
        assert_eq!(durable, [100, 10, 0, 0]);
    });
}

#[test]
fn many_small_files_come_to_one_transferred_job() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let names: Vec<String> = (0..200).map(|at| format!("small-{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let job = stage.started(&dir, &names).await;
        stage.until(job, |what| matches!(what, NoticeKind::Transferred)).await;
        stage.sees(&names).await;
        assert_eq!(stage.state(job).await, "transferred");
        assert!(stage.files(job).await.iter().all(|file| file.transferred && file.durable == 100));
    });
}

#[test]
fn a_job_to_which_nothing_has_happened_for_ninety_days_is_cancelled() {
    scene(|dir| async move {
        let untouched_for = |days: i64| {
            let wall = WallTime(clock::now().wall.0 - days * 24 * 3600);
            let now = Now { wall, ..clock::now() };
            Job::new(clock::job_id(), asker(OWNER, None).token, Terms::named("x").unwrap(), now)
        };
        let (old, young) = (untouched_for(90), untouched_for(89));
        let mut batch = ebb_store::Batch::new();
        [&old, &young].into_iter().for_each(|job| batch.put_job(job));
        Store::open(&dir.join("jobs.sqlite")).unwrap().commit(batch).unwrap();
        let stage = Stage::new(&dir, "this");
        assert_eq!(stage.state(young.id).await, "suspended");
        assert_eq!(stage.state(old.id).await, "cancelled");
    });
}
