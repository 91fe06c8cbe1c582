//! Promise: who registers and does not read loses changes first, and nothing that is owed; when no room
//! is left it is told so, and its registrations end.

use ebb_core::id::JobId;
use ebb_core::job::{Event, Setting};
use tokio::sync::mpsc;

use super::stage::{OWNER, Stage, asker, scene};
use crate::command::{Command, NoticeKind, Notification, Told};

fn told(from: &mut mpsc::Receiver<Notification>) -> Vec<&'static str> {
    std::iter::from_fn(|| from.try_recv().ok())
        .map(|told| match told.what {
            Told::Transferred => "transferred",
            Told::Error(_) => "error",
            Told::Modification => "modification",
            Told::FileTransferred(_) => "file",
            Told::Ranges(_) => "ranges",
            Told::Certificate(..) => "certificate",
            Told::Missed => "missed",
        })
        .collect()
}

async fn register(stage: &Stage, job: JobId, to: &mpsc::Sender<Notification>) {
    let owner = asker(OWNER, None);
    stage.ask(&owner, Command::Register(job, to.clone())).await.unwrap();
    // What is owed is told after the answer: the next answer comes after that.
    stage.state(job).await;
}

#[test]
fn a_listener_whose_queue_is_full_is_told_so_and_gets_what_is_owed_when_it_comes_back() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let mut jobs = Vec::new();
        for number in 0..3 {
            let job = stage.started(&dir, &[&format!("small-{number}")]).await;
            stage.until(job, |what| matches!(what, NoticeKind::Transferred)).await;
            jobs.push(job);
        }
        let (to, mut slow) = mpsc::channel(3);
        for job in &jobs {
            register(&stage, *job, &to).await;
        }
        assert_eq!(told(&mut slow), ["transferred", "transferred", "missed"]);
        // All of its registrations are over: another end of a job is not told any more.
        let owner = asker(OWNER, None);
        let invalid = Event::SetValidationState { file: 0, valid: false };
        stage.ask(&owner, Command::Steer(jobs[0], invalid)).await.unwrap();
        assert_eq!(stage.state(jobs[0]).await, "error");
        assert_eq!(told(&mut slow), [] as [&str; 0]);
        let (to, mut back) = mpsc::channel(100);
        for job in &jobs {
            register(&stage, *job, &to).await;
        }
        assert_eq!(told(&mut back), ["error", "transferred", "transferred"]);
    });
}

#[test]
fn changes_are_left_out_before_anything_that_is_owed() {
    scene(|dir| async move {
        let mut stage = Stage::new(&dir, "this");
        let job = stage.started(&dir, &["slow-1"]).await;
        let owner = asker(OWNER, None);
        let (to, mut narrow) = mpsc::channel(8);
        let (other, mut wide) = mpsc::channel(100);
        // What the attempt has to say meanwhile takes nobody's turn.
        for setting in [Setting::NotifyFlags(0xb), Setting::NotificationInterval(0)] {
            stage.ask(&owner, Command::Steer(job, Event::Set(setting))).await.unwrap();
        }
        register(&stage, job, &to).await;
        let elsewhere =
            crate::command::Asker { connection: crate::command::ConnectionId(77), ..owner.clone() };
        stage.ask(&elsewhere, Command::Register(job, other)).await.unwrap();
        let describe = Command::Steer(job, Event::Set(Setting::Description("changed".into())));
        stage.ask(&owner, describe).await.unwrap();
        stage.until(job, |what| matches!(what, NoticeKind::Changed(_))).await;
        stage.state(job).await;
        assert_eq!(told(&mut narrow), [] as [&str; 0], "it has little room");
        assert!(told(&mut wide).contains(&"modification"));
    });
}
