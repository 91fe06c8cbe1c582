//! The law on simulated links, on what a real kernel showed, and on whatever may come.

mod agents;
mod anything;
mod link;
mod traces;

use crate::{Card, Controller, Course, Manners, Sample, Seen};
use link::{HOUSE, Link, Moment, Others, Sight, part, queue_p95, run};
use std::time::Duration;

fn ours(moment: &Moment) -> f64 {
    moment.ours
}

fn theirs(moment: &Moment) -> f64 {
    moment.theirs
}

fn alone(link: Link, manners: Manners, connections: usize) -> Vec<Moment> {
    let mut law = Controller::new(manners, 0);
    run(link, &mut law, Others::Nobody, Sight::Full, None, (connections, 20.0))
}

#[test]
fn alone_it_takes_the_whole_path_and_keeps_the_queue_at_its_target() {
    for (manners, most) in [(Manners::LOW, 0.015), (Manners::NORMAL, 0.027), (Manners::HIGH, 0.075)]
    {
        let moments = alone(HOUSE, manners, 1);
        let (share, queue) =
            (part(HOUSE, &moments, (2.0, 20.0), ours), queue_p95(&moments, 2.0, 20.0));
        assert!(share >= 0.97 && queue <= most, "{manners:?}: {share:.3}, {queue:.4} s");
    }
}

#[test]
fn the_path_is_taken_within_half_a_second() {
    let moments = alone(HOUSE, Manners::LOW, 1);
    assert!(part(HOUSE, &moments, (0.5, 1.0), ours) > 0.9);
}

#[test]
fn four_connections_are_as_polite_as_one() {
    let moments = alone(HOUSE, Manners::LOW, 4);
    let (share, queue) = (part(HOUSE, &moments, (2.0, 20.0), ours), queue_p95(&moments, 2.0, 20.0));
    assert!(share >= 0.97 && queue <= 0.015, "{share:.3}, {queue:.4} s");
}

#[test]
fn long_and_fast_paths_are_filled_too() {
    let long = Link { rtt: 0.080, ..HOUSE };
    let fast = Link { rate: 25_000_000.0, buffer: 0.100, ..HOUSE };
    for link in [long, fast] {
        let moments = alone(link, Manners::LOW, 1);
        let share = part(link, &moments, (3.0, 20.0), ours);
        assert!(share >= 0.95, "{share:.3}");
    }
}

#[test]
fn on_a_path_that_wavers_it_finds_its_target_itself() {
    let radio = Link { jitter: 0.020, ..HOUSE };
    let mut law = Controller::new(Manners::LOW, 0);
    let moments = run(radio, &mut law, Others::Nobody, Sight::Full, None, (1, 30.0));
    let share = part(radio, &moments, (5.0, 30.0), ours);
    assert!(share >= 0.95, "{share:.3} with {:?}", law.signals());
    assert!(law.signals().target <= crate::LARGEST_TARGET);
}

#[test]
fn a_download_of_others_keeps_the_path_and_it_is_given_back_within_two_seconds() {
    for manners in [Manners::LOW, Manners::NORMAL] {
        let mut law = Controller::new(manners, 0);
        let bulk = Others::Bulk { from: 5.0, until: 20.0 };
        let moments = run(HOUSE, &mut law, bulk, Sight::Full, None, (1, 25.0));
        let kept = part(HOUSE, &moments, (8.0, 20.0), theirs);
        assert!(kept >= 0.95, "{manners:?}: {kept:.3}");
        assert!(part(HOUSE, &moments, (8.0, 20.0), ours) < 0.03, "{manners:?}");
        assert!(part(HOUSE, &moments, (22.0, 25.0), ours) > 0.8, "{manners:?}");
    }
}

#[test]
fn it_moves_on_beside_others_however_long_they_stay() {
    let mut law = Controller::new(Manners::LOW, 0);
    let bulk = Others::Bulk { from: 1.0, until: 60.0 };
    let moments = run(HOUSE, &mut law, bulk, Sight::Full, None, (1, 60.0));
    for second in 2..59 {
        let share = part(HOUSE, &moments, (f64::from(second), f64::from(second) + 1.0), ours);
        assert!(share > 0.0005, "nothing in second {second}");
    }
}

#[test]
fn a_small_buffer_is_recognised_and_kept_half_empty() {
    let small = Link { buffer: 0.015, ..HOUSE };
    let mut law = Controller::new(Manners::HIGH, 0);
    let moments = run(small, &mut law, Others::Nobody, Sight::Full, None, (1, 30.0));
    assert!(law.signals().target <= std::time::Duration::from_millis(9), "{:?}", law.signals());
    assert!(queue_p95(&moments, 10.0, 30.0) < 0.013);
}

#[test]
fn without_round_trips_the_tether_still_gives_way() {
    let mut law = Controller::new(Manners::LOW, 0);
    let bulk = Others::Bulk { from: 5.0, until: 20.0 };
    let moments = run(HOUSE, &mut law, bulk, Sight::NoRoundTrip, None, (1, 20.0));
    assert!(moments.iter().any(|moment| moment.grant.course == Course::Tethered));
    assert_eq!(law.signals().queue, None);
    let share = part(HOUSE, &moments, (10.0, 20.0), ours);
    assert!(share < 0.5, "{share:.3}");
}

#[test]
fn what_hardly_comes_is_looked_at_seldom_and_all_else_four_times_in_a_round_trip() {
    const MS: Duration = Duration::from_millis(1);
    // How long it waits between looks in the end, where so many bytes come every 4 ms.
    let waits = |bytes: u64| {
        let (mut law, mut now) = (Controller::new(Manners::LOW, 0), Duration::ZERO);
        let rtt = Some(20 * MS);
        let mut wait = Duration::ZERO;
        while now < 3000 * MS {
            let passed = u64::try_from((wait / 4).as_millis()).unwrap();
            let seen = Seen { bytes: bytes * passed, rtt, base: rtt, lost: 0 };
            let grant = law.tick(&Sample { now, connections: &[seen; 8], card: None, limit: None });
            (wait, now) = (grant.next - now, grant.next);
        }
        wait
    };
    assert_eq!(waits(64), 20 * MS, "16 kB a second on each of eight connections");
    assert_eq!(waits(2500), 5 * MS);
}

#[test]
fn between_the_bursts_of_a_slow_server_it_looks_seldom() {
    let (mut law, mut now) = (Controller::new(Manners::LOW, 0), Duration::ZERO);
    let (rtt, end) = (Some(Duration::from_millis(20)), Duration::from_secs(10));
    let (mut looks, mut bursts) = (0, 0);
    while now < end {
        // 16 KiB of each of eight connections at once, every second.
        let due = now.as_secs() >= bursts;
        bursts += u64::from(due);
        let seen = Seen { bytes: if due { 16 << 10 } else { 0 }, rtt, base: rtt, lost: 0 };
        now = law.tick(&Sample { now, connections: &[seen; 8], card: None, limit: None }).next;
        looks += 1;
    }
    // Every 20 ms would be 500, every 5 ms 2,000.
    assert!(looks < 750, "{looks} looks in ten seconds");
}

#[test]
fn others_on_this_machine_are_fled_from_before_they_queue() {
    let call = Others::Steady { from: 5.0, rate: 1_000_000.0 };
    let mut law = Controller::new(Manners::LOW, 0);
    let moments = run(HOUSE, &mut law, call, Sight::Card, None, (1, 15.0));
    let alarm = moments.iter().find(|moment| moment.grant.course == Course::Alarmed).unwrap();
    assert!((5.0..5.2).contains(&alarm.at), "{}", alarm.at);
    assert!(queue_p95(&moments, 7.0, 15.0) < 0.004, "their way is not free of our queue");
    let share = part(HOUSE, &moments, (7.0, 15.0), ours);
    assert!(share > 0.5, "{share:.3}");
    let mut deaf = Controller::new(Manners { alarm: false, ..Manners::LOW }, 0);
    let moments = run(HOUSE, &mut deaf, call, Sight::Card, None, (1, 15.0));
    assert!(moments.iter().all(|moment| moment.grant.course != Course::Alarmed));
}

#[test]
fn who_visits_again_and_again_is_expected_however_short_the_queue_of_a_visit_is() {
    const MS: Duration = Duration::from_millis(1);
    let mut law = Controller::new(Manners::LOW, 0);
    let (mut now, mut window) = (Duration::ZERO, 14_480);
    // How much the window grows in each second, of which the first tenth is somebody's.
    let mut grown = Vec::new();
    let mut least = 0;
    while now < 8000 * MS {
        let visited = now >= 1000 * MS && now.subsec_millis() < 100;
        let rtt = if visited { 34 * MS } else { 20 * MS };
        let seen =
            Seen { bytes: window.min(125_000) / 4, rtt: Some(rtt), base: Some(20 * MS), lost: 0 };
        let grant = law.tick(&Sample { now, connections: &[seen], card: None, limit: None });
        if grant.next.as_secs() > now.as_secs() {
            grown.push(grant.window - least);
        }
        (now, window) = (grant.next, grant.window);
        if visited {
            least = window;
        }
    }
    // From the third visit on, half as much.
    assert!((grown[2] * 4 / 10..grown[2] * 6 / 10).contains(&grown[7]), "{grown:?}");
}

#[test]
fn one_packet_of_somebody_at_the_beginning_is_no_alarm() {
    const MS: Duration = Duration::from_millis(1);
    for (stray, alarmed) in [(400, false), (1514, false), (3028, true)] {
        let (mut law, mut now) = (Controller::new(Manners::LOW, 0), Duration::ZERO);
        let (rtt, mut courses) = (Some(100 * MS), Vec::new());
        while now < 400 * MS {
            let theirs = if (100 * MS..120 * MS).contains(&now) { stray } else { 0 };
            let seen = Seen { bytes: 2_000, rtt, base: rtt, lost: 0 };
            let card = Some(Card { all: 2_000 + theirs, own: 2_000, sent: 0 });
            let grant = law.tick(&Sample { now, connections: &[seen], card, limit: None });
            now = grant.next;
            courses.push(grant.course);
        }
        assert_eq!(courses.contains(&Course::Alarmed), alarmed, "{stray}: {courses:?}");
    }
}

#[test]
fn beside_an_upload_of_this_machine_the_way_down_is_used() {
    let upload = Others::Upload { from: 5.0 };
    for (sight, least, most) in [(Sight::Card, 0.5, 1.1), (Sight::Full, 0.0, 0.05)] {
        let mut law = Controller::new(Manners::LOW, 0);
        let moments = run(HOUSE, &mut law, upload, sight, None, (1, 60.0));
        let share = part(HOUSE, &moments, (8.0, 60.0), ours);
        assert!((least..most).contains(&share), "{share:.3}");
        assert!(queue_p95(&moments, 8.0, 30.0) < 0.100, "our own queue is bounded");
    }
}

#[test]
fn beside_an_upload_too_another_machines_download_is_given_way_to() {
    let both = Others::UploadAndBulk { from: 15.0, until: 45.0 };
    let mut law = Controller::new(Manners::LOW, 0);
    let moments = run(HOUSE, &mut law, both, Sight::Card, None, (1, 60.0));
    let kept = part(HOUSE, &moments, (20.0, 45.0), theirs);
    assert!(kept >= 0.8, "{kept:.3}");
    let share = part(HOUSE, &moments, (50.0, 60.0), ours);
    assert!(share >= 0.5, "{share:.3}");
}

#[test]
fn a_limit_is_kept_by_the_window() {
    let mut law = Controller::new(Manners::NORMAL, 0);
    let moments = run(HOUSE, &mut law, Others::Nobody, Sight::Full, Some(1_000_000), (1, 20.0));
    let share = part(HOUSE, &moments, (2.0, 20.0), ours) * HOUSE.rate;
    assert!((900_000.0..=1_050_000.0).contains(&share), "{share:.0}");
}
