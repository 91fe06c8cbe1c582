//! Remote names that change under a job (`job-model.md` 5.3).

use super::*;

fn elsewhere(at: u32) -> Event {
    Event::SetRemoteNames(vec![(at, "https://mirror/f".into())])
}

#[test]
fn a_running_job_stops_and_goes_on_from_its_last_byte_under_the_new_name() {
    let mut job = transferring();
    let validators = job.files[0].validators.clone();
    let step = job.does(elsewhere(0));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!(step.files_changed, [0]);
    assert_eq!((job.state, job.files[0].durable), (State::Queued, 100));
    assert_eq!(job.files[0].url, "https://mirror/f");
    assert_eq!(job.files[0].validators, validators, "they say what the bytes are part of");
}

#[test]
fn a_file_that_is_whole_is_not_fetched_again() {
    let mut job = transferring().after([says(done(0))]);
    let step = job.does(elsewhere(0));
    assert_eq!((step.effects, step.files_changed), (vec![], vec![0]));
    assert_eq!(job.state.attempt(), Some(FIRST));
    let mut job = job_in("transferred");
    let _ = job.does(elsewhere(0));
    assert_eq!(job.state, State::Transferred);
    assert_eq!(job.unfinished().count(), 0);
}

#[test]
fn a_job_that_rests_stays_where_it_is() {
    for state in ["suspended", "queued", "transient-error", "error"] {
        let mut job = job_in(state);
        let before = job.state;
        assert_eq!(job.does(elsewhere(0)).effects, []);
        assert_eq!(job.state, before, "{state}");
    }
}

#[test]
fn the_same_name_again_changes_nothing() {
    let mut job = transferring();
    let name = job.files[0].url.clone();
    let step = job.does(Event::SetRemoteNames(vec![(0, name)]));
    assert_eq!(step, Step::default());
}

#[test]
fn a_job_that_is_over_or_a_file_that_is_not_there_is_refused() {
    for state in ["completing", "acknowledged", "cancelled"] {
        assert_eq!(job_in(state).decide(elsewhere(0), at(0)), Err(Refusal::InvalidState));
    }
    let mut job = transferring();
    let before = job.clone();
    let two = vec![(0, "https://mirror/f".into()), (1, "https://mirror/g".into())];
    let refused = job.decide(Event::SetRemoteNames(two), at(0));
    assert!(matches!(refused, Err(Refusal::FileNotFound)));
    assert_eq!(job, before, "all or none");
}
