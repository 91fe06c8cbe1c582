//! What each condition is told as.

use super::*;
use crate::conditions::{Bandwidth, CostDefaults, CostState, Limits};
use crate::failure::{Failure, NetworkTrouble, ServiceTrouble};
use crate::file::{Destination, File};
use crate::id::JobId;
use crate::job::{CostFlags, Event, Setting, Terms, Trouble};
use crate::token::{BootId, Token, TokenFlags};

const NOW: Now = Now { moment: Moment(1_000_000), wall: WallTime(1_700_000_000), dice: 0 };

fn job() -> Job {
    let token = Token {
        uid: 1000,
        gid: 1000,
        groups: vec![],
        session: None,
        label: None,
        boot: BootId(String::new()),
        captured: WallTime(0),
    };
    let terms = Terms::named("test").unwrap();
    let mut job = Job::new(JobId::from_bytes([7; 16]), token, terms, NOW);
    let destination = Destination { dir: b"/srv".to_vec(), name: b"f".to_vec(), dev: 1, ino: 2 };
    let files = vec![File::new("http://example.com/f".into(), destination, true)];
    for event in [Event::AddFiles(files), Event::Resume] {
        let _ = job.decide(event, NOW).unwrap();
    }
    job
}

fn told(job: &Job, standing: &Standing<'_>, condition: &str) -> (Bearing, String, Option<i64>) {
    let lines = explain(job, standing);
    let line = lines.iter().find(|line| line.condition == condition);
    let line = line.unwrap_or_else(|| panic!("nothing about {condition}: {lines:?}"));
    (line.bearing, line.sentence.clone(), line.until.map(|at| at.0 - NOW.wall.0))
}

fn standing(rules: &Rules) -> Standing<'_> {
    Standing {
        now: NOW,
        time: LocalTime::of_wall_clock(NOW.wall.0),
        rules,
        surroundings: Surroundings::default(),
        slots: Occupied { all: 3, ..Occupied::default() },
        owner_away: false,
        path: None,
    }
}

#[test]
fn where_nothing_stands_in_the_way_every_line_says_so() {
    let rules = Rules::default();
    let lines = explain(&job(), &standing(&rules));
    let conditions: Vec<_> = lines.iter().map(|line| line.condition).collect();
    assert_eq!(conditions, ["state", "network", "cost", "power", "hours", "slot"]);
    assert!(lines.iter().all(|line| line.bearing == Bearing::Ok), "{lines:?}");
}

#[test]
fn each_condition_that_blocks_is_named_with_what_ends_it() {
    let rules = Rules {
        cost: CostDefaults::all(CostFlags::preset("unrestricted").unwrap()),
        bandwidth: Bandwidth { outside: Limits::all(0), ..Bandwidth::default() },
        ..Rules::default()
    };
    let surroundings = Surroundings {
        network: Network::Down,
        cost: CostState::CappedUsageUnknown,
        power: Power::Saver,
    };
    let standing = Standing { surroundings, ..standing(&rules) };
    for (condition, word) in [
        ("network", "no network"),
        ("cost", "is metered"),
        ("power", "saves power"),
        ("hours", "no bandwidth"),
    ] {
        let (bearing, sentence, until) = told(&job(), &standing, condition);
        assert_eq!((bearing, until), (Bearing::Blocking, None), "{condition}");
        assert!(sentence.contains(word), "{sentence}");
    }
}

#[test]
fn an_owner_who_has_to_be_there_and_is_not_is_told() {
    let rules = Rules::default();
    let standing = Standing { owner_away: true, ..standing(&rules) };
    assert_eq!(told(&job(), &standing, "owner").0, Bearing::Blocking);
}

#[test]
fn a_retry_is_told_with_its_time_and_its_reason() {
    let mut job = job();
    job.state = State::TransientError { retry_at: Moment(NOW.moment.0 + 90_000) };
    job.error = Some(Trouble {
        failure: Failure::Network(NetworkTrouble::ConnectFailed),
        ..Trouble::of(ServiceTrouble::AgentLost)
    });
    let (bearing, sentence, until) = told(&job, &standing(&Rules::default()), "retry");
    assert_eq!((bearing, until), (Bearing::Blocking, Some(90)));
    assert!(sentence.contains("cannot be reached"), "{sentence}");
}

#[test]
fn a_missing_helper_is_told_in_every_state_that_can_need_it() {
    let mut job = job();
    job.flags = TokenFlags::NETWORK;
    for state in [State::Suspended, State::Queued, State::Error, State::Transferred] {
        job.state = state;
        let (bearing, ..) = told(&job, &standing(&Rules::default()), "helper");
        assert_eq!(bearing, Bearing::Blocking);
    }
    job.state = State::Cancelled;
    let rules = Rules::default();
    assert!(explain(&job, &standing(&rules)).iter().all(|line| line.condition != "helper"));
}

#[test]
fn who_holds_the_slots_is_told_without_telling_who() {
    let rules = Rules::default();
    for (by_owner, by_others, words) in [
        (3, 0, "by other jobs of the same owner;"),
        (0, 3, "by jobs of other users;"),
        (1, 2, "by other jobs of the same owner, and jobs of other users;"),
    ] {
        let slice_ends = Some(Moment(NOW.moment.0 + 60_000));
        let slots = Occupied { all: 3, by_owner, by_others, slice_ends, ..Occupied::default() };
        let standing = Standing { slots, ..standing(&rules) };
        let (bearing, sentence, until) = told(&job(), &standing, "slot");
        assert_eq!((bearing, until), (Bearing::Blocking, Some(60)));
        assert!(sentence.contains(words), "{sentence}");
    }
    let outranked = Occupied { outranked: true, ..Occupied::default() };
    let standing = Standing { slots: outranked, ..standing(&rules) };
    assert!(told(&job(), &standing, "slot").1.contains("More urgent"));
}

#[test]
fn a_job_that_waits_for_somebody_is_told_so_and_nothing_about_the_weather() {
    let rules = Rules::default();
    for state in [State::Suspended, State::Error, State::Transferred] {
        let job = Job { state, ..job() };
        let lines = explain(&job, &standing(&rules));
        let bearing: Vec<_> = lines.iter().map(|line| (line.condition, line.bearing)).collect();
        assert_eq!(bearing, [("state", Bearing::Blocking)]);
    }
}

#[test]
fn what_slows_a_running_job_down_is_told_with_its_end() {
    let rules = Rules::default();
    let mut running = job();
    for event in [Event::Start, Event::Set(Setting::BandwidthLimit(2048))] {
        let _ = running.decide(event, NOW).unwrap();
    }
    let mut standing = standing(&rules);
    standing.slots.since = Some(NOW.moment);
    let (bearing, sentence, _) = told(&running, &standing, "limit");
    assert_eq!((bearing, sentence.contains("2048")), (Bearing::Limiting, true));
    let has_slice = |job: &Job, standing: &Standing<'_>| {
        explain(job, standing).iter().any(|line| line.condition == "slice")
    };
    assert!(!has_slice(&running, &standing), "nobody waits");
    standing.slots.others_wait = true;
    assert_eq!(told(&running, &standing, "slice").2, Some(300));
    let _ = running.decide(Event::Set(Setting::Priority(Priority::Foreground)), NOW).unwrap();
    assert!(!has_slice(&running, &standing));
}

#[test]
fn a_job_that_rests_is_not_told_to_be_paused() {
    let rules = Rules::default();
    let mut on_demand = job();
    let [set, suspend] = [Event::Set(Setting::OnDemandMode(true)), Event::Suspend];
    for event in [set, suspend] {
        let _ = on_demand.decide(event, NOW).unwrap();
    }
    assert!(on_demand.rests());
    let (bearing, sentence, _) = told(&on_demand, &standing(&rules), "state");
    assert_eq!(bearing, Bearing::Blocking);
    assert!(sentence.starts_with("All that was asked for is here"), "{sentence}");
}
