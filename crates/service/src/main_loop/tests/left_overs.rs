//! Promise: what could not be deleted when its job ended is tried again once a day, and given up after a
//! month. The clock is the test's.

use ebb_core::file::{Destination, File, Progress, Temporary};
use ebb_core::job::{Event, Job, Terms};
use ebb_core::time::{Moment, Now, WallTime};
use ebb_store::{Batch, Store};

use super::super::Turn;
use super::stage::{OWNER, Stage, asker, scene};

const HOUR: u64 = 3600;
const BEGIN: i64 = 1_700_000_000;

/// So many hours after the job ended.
fn after(hours: u64) -> Now {
    let seconds = hours * HOUR;
    let wall = WallTime(BEGIN + i64::try_from(seconds).unwrap());
    Now { moment: Moment(1_000_000 + seconds * 1000), wall, dice: 0 }
}

#[test]
fn left_overs_are_tried_once_a_day_and_given_up_after_a_month() {
    scene(|dir| async move {
        let destination =
            Destination { dir: b"/srv".to_vec(), name: b"f".to_vec(), dev: 1, ino: 2 };
        let temporary =
            Temporary { name: b".f.xxxxxxxx.ebb".to_vec(), dev: 1, ino: 3, made_by: OWNER };
        let mut file = File::new("http://h/f".into(), destination, true);
        (file.temporary, file.progress) = (Some(temporary), Progress::Transferred);
        let id = ebb_core::id::JobId::from_bytes([7; 16]);
        let terms = Terms::named("left over").unwrap();
        let mut job = Job::new(id, asker(OWNER, None).token, terms, after(0));
        for event in [Event::AddFiles(vec![file]), Event::Cancel] {
            let _ = job.decide(event, after(0)).unwrap();
        }
        assert!(job.has_left_overs());
        let mut store = Store::open(&dir.join("jobs.sqlite")).unwrap();
        let mut batch = Batch::new();
        batch.put_job(&job);
        batch.put_file(id, 0, &job.files[0]);
        store.commit(batch).unwrap();
        drop(store);

        let (mut main_loop, _stage) = Stage::not_running(&dir, "this", None);
        let mut try_at = |hours: u64| {
            let mut turn = Turn::default();
            let kept = main_loop.tries_left_overs_again(id, &mut turn, after(hours));
            (kept, main_loop.jobs[&id].swept == Some(after(hours).moment))
        };
        for (hours, tried) in [(25, true), (26, false), (48, false), (49, true), (72, false)] {
            assert_eq!(try_at(hours), (true, tried), "after {hours} hours");
        }
        assert_eq!(try_at(29 * 24), (true, true));
        assert_eq!(try_at(31 * 24), (false, false), "named in the journal, and forgotten");
    });
}
