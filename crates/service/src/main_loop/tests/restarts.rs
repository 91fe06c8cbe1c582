//! Whatever is asked, and whenever the service ends and begins again: what is always true of loop and
//! store together.

use std::collections::HashMap;
use std::path::Path;

use ebb_core::id::JobId;
use ebb_core::job::{Event, Priority, Setting};

use super::stage::{OWNER, Stage, asker, new_file, scene};
use crate::command::{Answer, Command, FileView, Filter, JobView, Message, NoticeKind};

/// Chance that can be repeated: a linear congruential generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

type Seen = HashMap<JobId, (JobView, Vec<FileView>)>;

async fn look(stage: &Stage) -> Seen {
    let filter = Filter { finished: true, ..Filter::default() };
    let Ok(Answer::Jobs(jobs, None)) = stage.ask(&asker(OWNER, None), Command::List(filter)).await
    else {
        panic!("no list")
    };
    let mut seen = Seen::new();
    for job in jobs {
        seen.insert(job.id, (job.clone(), stage.files(job.id).await));
    }
    seen
}

fn is_active(state: &str) -> bool {
    ["queued", "connecting", "transferring", "transient-error"].contains(&state)
}

/// What may differ between two looks when nobody has asked for anything in between: a job that is
/// under way gets on. Nothing gets lost, and nothing that is at rest moves.
fn only_got_on(before: &Seen, after: &Seen) {
    assert_eq!(before.len(), after.len(), "jobs are neither lost nor made");
    for (id, (was, files)) in before {
        let (is, now) = &after[id];
        assert_eq!((&was.terms, was.created), (&is.terms, is.created));
        assert_eq!((was.owner, was.files_total), (is.owner, is.files_total));
        if !is_active(was.state) {
            let rest = |job: &JobView| {
                (job.state, job.reason, job.error_count, job.bytes_transferred, job.transferred)
            };
            assert_eq!(rest(was), rest(is));
        }
        assert!(is.error_count >= was.error_count && is.attempts >= was.attempts);
        assert!(is.last_event >= was.last_event, "no event is forgotten");
        for (was, is) in files.iter().zip(now) {
            assert_eq!((&was.url, &was.path), (&is.url, &is.path));
            assert!(is.durable >= was.durable, "bytes held shrank: {was:?} {is:?}");
            assert!(!was.transferred || is.transferred, "{was:?} {is:?}");
        }
    }
}

/// The service ends, politely or in the middle of something, and begins again on what it wrote down.
async fn begin_again(stage: Stage, dir: &Path, politely: bool) -> Stage {
    if politely {
        stage.inbox.send(Message::Finish).ok();
        stage.inbox.closed().await;
    } else {
        stage.crash().await;
    }
    Stage::new(dir, "this")
}

fn any_file(dice: &mut Dice, dir: &Path, number: usize) -> crate::command::NewFile {
    let kind = ["small", "small", "slow", "large", "missing", "lost"][dice.below(6)];
    new_file(dir, &format!("{kind}-{number}"))
}

/// Anything an owner may ask, of any job. A refusal is as good an answer as any.
async fn ask_anything(
    stage: &Stage,
    dice: &mut Dice,
    jobs: &mut Vec<JobId>,
    dir: &Path,
    at: usize,
) {
    let owner = asker(OWNER, None);
    if jobs.len() < 3 || dice.below(12) == 0 {
        let priority = Priority::ALL[dice.below(4)];
        let settings = vec![Setting::Priority(priority), Setting::AutoComplete(dice.below(3) == 0)];
        let create = Command::Create { name: format!("job {at}"), settings };
        let Ok(Answer::Job(job)) = stage.ask(&owner, create).await else { panic!("no job") };
        jobs.push(job);
    }
    let job = jobs[dice.below(jobs.len())];
    let command = match dice.below(19) {
        0..5 => Command::AddFiles(job, vec![any_file(dice, dir, at)]),
        5..9 => Command::Steer(job, Event::Resume),
        9..11 => Command::Steer(job, Event::Suspend),
        11 => Command::Steer(job, Event::Set(Setting::Description(format!("at {at}")))),
        12 => Command::Steer(job, Event::Complete),
        13 => Command::Steer(job, Event::SetValidationState { file: 0, valid: dice.below(2) == 0 }),
        14 => Command::Steer(job, Event::SetRemoteNames(vec![(0, format!("http://h/small-{at}"))])),
        15 => Command::Steer(job, Event::Set(Setting::Priority(Priority::ALL[dice.below(4)]))),
        16 => Command::Steer(job, Event::Set(Setting::BandwidthLimit(dice.below(3) as u64))),
        17 => Command::MakeHeadersWriteOnly(job),
        _ => Command::Steer(job, Event::Cancel),
    };
    let _ = stage.ask(&owner, command).await;
}

#[test]
fn whatever_is_asked_and_whenever_the_service_begins_again_nothing_is_lost_or_undone() {
    for seed in 0..6 {
        scene(|dir| async move {
            let (mut stage, mut dice, mut jobs) =
                (Stage::new(&dir, "this"), Dice(seed), Vec::new());
            for at in 0..40 {
                ask_anything(&stage, &mut dice, &mut jobs, &dir, at).await;
                let before = look(&stage).await;
                if dice.below(4) == 0 {
                    stage = begin_again(stage, &dir, dice.below(2) == 0).await;
                }
                only_got_on(&before, &look(&stage).await);
            }
            cancel_all(&stage).await;
            everybody_gets_a_turn(&mut stage, &dir).await;
        });
    }
}

/// No live job refuses it, and no other takes it.
async fn cancel_all(stage: &Stage) {
    for (id, (job, _)) in look(stage).await {
        let answer = stage.ask(&asker(OWNER, None), Command::Steer(id, Event::Cancel)).await;
        let over = ["acknowledged", "cancelled"].contains(&job.state);
        // A job that completes by itself may have been over by then.
        assert!(answer.is_ok() || over || stage.state(id).await == "acknowledged", "{job:?}");
    }
}

/// Whatever went before, nothing of it holds a slot.
async fn everybody_gets_a_turn(stage: &mut Stage, dir: &Path) {
    for number in 0..6 {
        let name = format!("small-last-{number}");
        let job = stage.started(dir, &[&name]).await;
        if stage.state(job).await != "transferred" {
            stage.until(job, |what| matches!(what, NoticeKind::Transferred)).await;
        }
    }
}
