//! Promise: who asks "what changed since N" misses nothing: late, slow, or over a restart.

use ebb_core::id::JobId;
use ebb_core::job::{Event, Setting};

use super::stage::{OWNER, Stage, asker, scene};
use crate::command::{Answer, Command, EventKind, EventsView, Message, NoticeKind};

async fn changes(stage: &Stage, uid: u32, job: Option<JobId>, since: u64) -> EventsView {
    match stage.ask(&asker(uid, None), Command::Changes { job, since, limit: 0 }).await {
        Ok(Answer::Events(view)) => view,
        other => panic!("{other:?}"),
    }
}

fn names(view: &EventsView) -> Vec<&'static str> {
    view.events.iter().map(|event| event.name).collect()
}

fn numbers(view: &EventsView) -> Vec<u64> {
    view.events.iter().map(|event| event.number).collect()
}

async fn restarted(mut stage: Stage, dir: &std::path::Path) -> Stage {
    stage.inbox.send(Message::Finish).ok();
    stage.inbox.closed().await;
    while stage.notices.recv().await.is_ok() {}
    Stage::new(dir, "this")
}

#[test]
fn a_watcher_that_comes_late_or_after_a_restart_misses_nothing() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let first = changes(&stage, OWNER, None, 0).await;
        let told = ["added", "files-added", "property", "state", "state", "state"];
        assert_eq!(names(&first).iter().filter(|n| **n != "progress").count(), told.len());
        assert!(!first.missing);
        let known = first.newest;
        stage.session_ends();
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        let stage = restarted(stage, &dir).await;
        let later = changes(&stage, OWNER, None, known).await;
        let Some(error) = later.events.iter().find(|event| event.name == "error") else {
            panic!("{later:?}")
        };
        let EventKind::Trouble(trouble, 0) = &error.kind else { panic!("{error:?}") };
        assert_eq!((trouble.failure.name(), error.attempts), ("token-required", 1));
        assert!(later.events.iter().all(|event| event.number > known), "{later:?}");
        // What was told before the restart has the numbers it had.
        let again = changes(&stage, OWNER, Some(job), 0).await;
        let both = [numbers(&first), numbers(&later)].concat();
        assert!(numbers(&again).iter().all(|number| both.contains(number)), "{again:?} {both:?}");
        assert!(numbers(&again).is_sorted());
    });
}

#[test]
fn what_must_stop_first_is_not_told_before_it_has_stopped() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let known = changes(&stage, OWNER, None, 0).await.newest;
        // In one turn with the question: the stop is not carried out before the answer is made.
        stage.session_ends();
        let early = changes(&stage, OWNER, None, known).await;
        assert_eq!((names(&early), early.newest), (vec![], known));
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        let told = changes(&stage, OWNER, None, known).await;
        // The attempt's last word, a checkpoint, may come after them.
        assert_eq!(names(&told)[..3], ["property", "state", "error"]);
    });
}

#[test]
fn nobody_is_told_of_jobs_they_may_not_see_and_nothing_is_told_twice() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let newest = changes(&stage, 0, None, 0).await;
        assert!(!newest.events.is_empty(), "an administrator sees all");
        let stranger = changes(&stage, OWNER + 7, None, 0).await;
        assert_eq!((stranger.events.len(), stranger.missing), (0, false));
        let refused = Command::Changes { job: Some(job), since: 0, limit: 0 };
        assert!(stage.ask(&asker(OWNER + 7, None), refused).await.is_err());
        assert_eq!(names(&changes(&stage, OWNER, None, newest.newest).await), Vec::<&str>::new());
    });
}

#[test]
fn who_has_missed_too_much_is_told_so_and_what_is_owed_is_kept() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        let owner = asker(OWNER, None);
        let known = changes(&stage, OWNER, None, 0).await.newest;
        stage.session_ends();
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        for _ in 0..150 {
            // Neither suspending a job in error nor anything before Resume settles the error.
            stage.ask(&owner, Command::Steer(job, Event::Suspend)).await.unwrap();
            let files = Command::AddFiles(job, vec![super::stage::new_file(&dir, "more")]);
            stage.ask(&owner, files).await.err();
            let name = Setting::DisplayName("other".into());
            stage.ask(&owner, Command::Steer(job, Event::Set(name))).await.unwrap();
        }
        let view = changes(&stage, OWNER, Some(job), known).await;
        assert!(!view.missing && names(&view).contains(&"error"), "{view:?}");
        assert_eq!(names(&view).iter().filter(|name| **name == "property").count(), 1);
        let future = changes(&stage, OWNER, None, view.newest + 1).await;
        assert!(future.missing && future.events.is_empty());
    });
}

#[test]
fn what_is_owed_is_told_until_it_is_acknowledged_also_after_a_restart() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.lent(&dir).await;
        stage.session_ends();
        stage.until(job, |what| matches!(what, NoticeKind::Failed(_))).await;
        let mut stage = restarted(stage, &dir).await;
        for _ in 0..2 {
            let owed = unacknowledged(&stage, OWNER).await;
            assert_eq!((names(&owed), owed.events[0].job), (vec!["error"], job));
            // Neither a stranger nor an administrator takes it from its owner.
            for other in [OWNER + 7, 0] {
                assert_eq!(names(&unacknowledged(&stage, other).await), Vec::<&str>::new());
                stage.ask(&asker(other, None), Command::Acknowledge(u64::MAX)).await.unwrap();
            }
            let before = Command::Acknowledge(owed.events[0].number - 1);
            stage.ask(&asker(OWNER, None), before).await.unwrap();
            stage = restarted(stage, &dir).await;
        }
        let all = Command::Acknowledge(u64::MAX);
        stage.ask(&asker(OWNER, None), all).await.unwrap();
        let stage = restarted(stage, &dir).await;
        assert_eq!(names(&unacknowledged(&stage, OWNER).await), Vec::<&str>::new());
        assert!(names(&changes(&stage, OWNER, Some(job), 0).await).contains(&"error"));
    });
}

async fn unacknowledged(stage: &Stage, uid: u32) -> EventsView {
    match stage.ask(&asker(uid, None), Command::Unacknowledged).await {
        Ok(Answer::Events(view)) => view,
        other => panic!("{other:?}"),
    }
}
