//! The command that runs when a job ends: when it is owed, how often it is tried, what it may be.

use super::*;

fn command() -> Event {
    Event::Set(Setting::NotifyCommand(vec![b"/bin/true".to_vec()]))
}

fn ended(job: &Job, well: bool) -> Event {
    Event::CommandEnded { attempts: job.attempts, well }
}

fn is_due(job: &Job) -> bool {
    job.command_due().is_some()
}

fn fails() -> Event {
    says(Report::Ended(Err(no_space())))
}

#[test]
fn it_is_owed_once_for_each_end_and_not_before() {
    for (end, way) in [
        ("error", vec![fails()]),
        ("transferred", vec![says(done(0)), says(Report::Ended(Ok(())))]),
    ] {
        let mut job = transferring().after([command()]);
        assert!(!is_due(&job), "nothing has ended");
        job = job.after(way);
        assert_eq!((job.state.name(), is_due(&job)), (end, true));
        let well = ended(&job, true);
        job = job.after([well]);
        assert!(!is_due(&job), "{end}: it ran");
        job = job.after([Event::Set(Setting::Description("changed".into()))]);
        assert!(!is_due(&job), "{end}: nothing else ended");
    }
    let mut again = connecting().after([command(), fails()]);
    let well = ended(&again, true);
    again = again.after([well, Event::Resume, Event::Start]);
    assert!(!is_due(&again));
    let second = AttemptId(again.attempts);
    again = again.after([Event::Report(second, Report::Ended(Err(no_space())))]);
    assert!(is_due(&again), "another end");
}

#[test]
fn whoever_moves_the_job_need_not_be_told() {
    for order in [Event::Resume, Event::Suspend, Event::Cancel, Event::Complete] {
        let job = job_in("error").after([command(), order.clone()]);
        assert!(!is_due(&job), "{order:?}");
    }
    let completed = job_in("transferred").after([command(), Event::Complete]);
    let renamed = CompleteReport { renamed: vec![0], ..CompleteReport::default() };
    assert!(!is_due(&completed.after([Event::CompleteEnded(renamed)])));
}

#[test]
fn a_job_that_completes_itself_tells_when_its_files_are_in_place() {
    let job = transferring().after([command(), Event::Set(Setting::AutoComplete(true))]);
    let job = job.after([says(done(0)), says(Report::Ended(Ok(())))]);
    assert_eq!((job.state, is_due(&job)), (State::Completing, false));
    let renamed = CompleteReport { renamed: vec![0], ..CompleteReport::default() };
    let job = job.after([Event::CompleteEnded(renamed)]);
    assert_eq!((job.state, is_due(&job)), (State::Acknowledged, true));
}

#[test]
fn one_that_is_set_at_the_end_runs_and_one_that_is_taken_back_does_not() {
    let mut job = job_in("transferred");
    assert!(!is_due(&job), "there is none");
    job = job.after([command()]);
    assert!(is_due(&job));
    for (flags, due) in [(0x2, false), (0x5, false), (0x1, true)] {
        job = job.after([Event::Set(Setting::NotifyFlags(flags))]);
        assert_eq!(is_due(&job), due, "{flags:#x}");
    }
    job = job.after([Event::Set(Setting::NotifyCommand(vec![]))]);
    assert!(!is_due(&job));
    assert!(!is_due(&job_in("error").after([command(), Event::TakeOwnership(token(HELPER))])));
}

#[test]
fn one_that_fails_is_tried_again_later_and_ten_times_at_most() {
    let mut job = job_in("error").after([command()]);
    let mut now = at(0);
    let mut waits = Vec::new();
    while let Some(due) = job.command_due() {
        waits.push(due.since(now.moment).as_secs());
        now.moment = now.moment.max(due);
        let badly = ended(&job, false);
        let _ = job.decide(badly, now).unwrap();
        let early = Event::CommandEnded { attempts: job.attempts + 1, well: true };
        let _ = job.decide(early, now).unwrap();
    }
    assert_eq!(waits, [0, 600, 1200, 2400, 3600, 3600, 3600, 3600, 3600, 3600]);
}

#[test]
fn after_another_boot_it_is_tried_at_once() {
    for (boot, wait) in [(Boot::Same, 600), (Boot::Another, 0)] {
        let mut job = job_in("error").after([command()]);
        let badly = ended(&job, false);
        let _ = job.decide(badly, at(0)).unwrap();
        let _ = job.after_restart(boot);
        assert_eq!(job.command_due().unwrap().since(at(0).moment).as_secs(), wait, "{boot:?}");
    }
}

#[test]
fn a_command_is_a_program_by_its_absolute_path_within_its_limits() {
    let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
    let long = |length: usize| [b"/".as_slice(), &vec![b'p'; length - 1]].concat();
    for (fine, given) in [
        (true, words(&[])),
        (true, words(&[b"/bin/sh", b"", b"$(x); \n"])),
        (true, vec![long(4095), vec![b'x'; 3999]]),
        (false, vec![long(4096)]),
        (false, vec![long(9), vec![b'x'; 4000]]),
        (false, words(&[b"sh"])),
        (false, words(&[b""])),
        (false, words(&[b"/bin/"])),
        (false, words(&[b"/bin/sh", b"a\0b"])),
    ] {
        assert_eq!(NotifyCommand::new(given.clone()).is_ok(), fine, "{given:?}");
    }
}
