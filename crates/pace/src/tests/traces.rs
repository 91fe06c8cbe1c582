//! What a real kernel showed, once.
//!
//! Recorded on the rig of `bench/netns-bottleneck.sh` (50 Mbit/s, 150 ms of buffer, 20 ms), with the
//! window steered by this law then. Each line is one tick: microseconds, bytes received, the
//! kernel's receive round trip and the lowest one in microseconds, segments out of order, bytes on
//! the card that were not ours. What the law makes of it now is judged, not what it did then.

use crate::{Card, Controller, Manners, Sample, Seen};
use std::time::Duration;

/// From two seconds before an iperf3 begins beside it on the same machine, to two seconds after.
const BESIDE_A_DOWNLOAD: &str = include_str!("traces/beside-a-download.csv");
/// Alone on a path whose delay wavers by up to 10 ms each way.
const WAVERING: &str = include_str!("traces/wavering.csv");

/// The window after each tick, and when it was.
fn replayed(trace: &str, law: &mut Controller) -> Vec<(f64, u64)> {
    let mut windows = Vec::new();
    for line in trace.lines().filter(|line| !line.starts_with('#')) {
        let numbers: Vec<i64> = line.split(',').map(|number| number.parse().unwrap()).collect();
        let [at, bytes, rtt, base, lost, others] = numbers[..] else { panic!("{line}") };
        let positive = |number: i64| u64::try_from(number).unwrap();
        let seen = Seen {
            bytes: positive(bytes),
            rtt: (rtt > 0).then(|| Duration::from_micros(positive(rtt))),
            base: (base > 0).then(|| Duration::from_micros(positive(base))),
            lost: u32::try_from(lost).unwrap(),
        };
        let own = positive(bytes) + 66 * positive(bytes) / 1448;
        let card = Card { all: own + positive(others.max(0)), own, sent: 0 };
        let now = Duration::from_micros(positive(at));
        let sample = Sample { now, connections: &[seen], card: Some(card), limit: None };
        windows.push((now.as_secs_f64(), law.tick(&sample).window));
    }
    windows
}

#[test]
fn what_an_iperf3_did_to_a_real_path_is_given_way_to_within_a_third_of_a_second() {
    let windows = replayed(BESIDE_A_DOWNLOAD, &mut Controller::new(Manners::LOW, 0));
    let start = windows[0].0 + 2.0;
    let before =
        windows.iter().filter(|(at, _)| *at < start).map(|(_, window)| *window).max().unwrap();
    let after: Vec<_> = windows.iter().filter(|(at, _)| *at > start + 0.5).collect();
    assert!(before > 60_000, "{before}");
    assert!(after.len() > 50 && after.iter().all(|(_, window)| *window < before / 4), "{after:?}");
}

#[test]
fn a_wavering_path_of_a_real_kernel_raises_the_target() {
    let mut law = Controller::new(Manners::LOW, 0);
    replayed(WAVERING, &mut law);
    let target = law.signals().target;
    assert!(target >= Duration::from_millis(15) && target <= crate::LARGEST_TARGET, "{target:?}");
    let mut law = Controller::new(Manners::LOW, 0);
    replayed(BESIDE_A_DOWNLOAD, &mut law);
    assert!(law.signals().target <= Duration::from_millis(11), "{:?}", law.signals());
}
