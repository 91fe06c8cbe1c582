//! Promise: what is done to a job is remembered with who did it, is on disk when that is answered, and is
//! there for those alone who may see the job.

use ebb_core::history::{Deed, Entry};
use ebb_core::id::JobId;
use ebb_core::job::Event;
use ebb_core::refusal::Refusal;

use super::stage::{HELPER, OWNER, Stage, asker, open_store, scene};
use crate::command::{Answer, Answered, Command, TokenCall};

async fn ask(stage: &Stage, uid: u32, job: JobId) -> Answered {
    stage.ask(&asker(uid, None), Command::History { job, after: 0, limit: 0 }).await
}

async fn history(stage: &Stage, job: JobId) -> Vec<Entry> {
    match ask(stage, OWNER, job).await {
        Ok(Answer::History(entries)) => entries.into_iter().map(|(_, entry)| entry).collect(),
        other => panic!("{other:?}"),
    }
}

fn deeds(entries: &[Entry]) -> Vec<(Deed, Option<u32>)> {
    entries.iter().map(|entry| (entry.deed, entry.by)).collect()
}

#[test]
fn a_history_says_who_did_what_and_goes_on_in_the_next_life_of_the_service() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let name = stage.capability(job).await;
        stage
            .ask(&asker(OWNER, None), Command::TokenOptions(name, TokenCall::Clear))
            .await
            .unwrap();
        let (owner, helper) = (Some(OWNER), Some(HELPER));
        let mut wanted = vec![
            (Deed::Created, owner),
            (Deed::FilesAdded, owner),
            (Deed::HelperFlags, owner),
            (Deed::HelperSet, helper),
            (Deed::Resume, owner),
            (Deed::Attempt, None),
            (Deed::Answer, None),
            (Deed::HelperCleared, owner),
        ];
        let found = history(&stage, job).await;
        assert_eq!(deeds(&found), wanted, "{found:#?}");
        assert!(found[5].detail.contains(&format!("network as {HELPER}")), "{found:#?}");
        assert!(found[7].detail.contains("token-required"), "{found:#?}");
        // It was on disk when it was answered.
        stage.crash().await;
        let stage = Stage::new(&dir, "this");
        stage.ask(&asker(OWNER, None), Command::Steer(job, Event::Cancel)).await.unwrap();
        wanted.push((Deed::Cancel, owner));
        assert_eq!(deeds(&history(&stage, job).await), wanted);
    });
}

#[test]
fn a_lost_helper_is_remembered_with_the_reason_and_as_nobodys_wish() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        stage.session_ends();
        let found = loop {
            let found = history(&stage, job).await;
            if let Some(entry) = found.into_iter().find(|entry| entry.deed == Deed::HelperLost) {
                break entry;
            }
        };
        assert_eq!(found.by, None);
        assert!(found.detail.contains(&HELPER.to_string()), "{found:?}");
        assert!(found.detail.ends_with("session-ended"), "{found:?}");
    });
}

#[test]
fn only_those_who_may_see_a_job_read_its_history_and_its_helper_may_not() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        assert_eq!(ask(&stage, HELPER, job).await.err(), Some(Refusal::NotFound));
        let nobodys = JobId::from_bytes([9; 16]);
        assert_eq!(ask(&stage, OWNER, nobodys).await.err(), Some(Refusal::NotFound));
        assert!(ask(&stage, 0, job).await.is_ok(), "an administrator sees all");
    });
}

#[test]
fn a_history_that_cannot_be_read_harms_nothing_else() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        stage.crash().await;
        // Closed, the store is one file; somebody with an editor changes a word in it.
        let path = dir.join("jobs.sqlite");
        drop(open_store(&path));
        let mut bytes = std::fs::read(&path).unwrap();
        let word = b"helper-set";
        let at = bytes.windows(word.len()).position(|found| found == word).unwrap();
        bytes[at] = b'H';
        std::fs::write(&path, bytes).unwrap();
        let stage = Stage::new(&dir, "this");
        assert_eq!(ask(&stage, OWNER, job).await.err(), Some(Refusal::HistoryUnavailable));
        stage.ask(&asker(OWNER, None), Command::Steer(job, Event::Suspend)).await.unwrap();
        assert_eq!(stage.state(job).await, "suspended");
    });
}
