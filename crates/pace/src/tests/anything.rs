//! Whatever a path shows, the window stays inside its bounds.

use crate::{Card, Controller, Manners, Part, Sample, Seen, Share, shares};
use proptest::prelude::*;
use std::time::Duration;

fn manners() -> impl Strategy<Value = Manners> {
    prop_oneof![Just(Manners::LOW), Just(Manners::NORMAL), Just(Manners::HIGH)]
}

fn seen() -> impl Strategy<Value = Seen> {
    let rtt = prop_oneof![
        1 => Just(None),
        1 => any::<u64>().prop_map(Some),
        8 => (1_000_u64..400_000).prop_map(Some),
    ];
    let bytes = prop_oneof![1 => any::<u64>(), 8 => 0_u64..200_000];
    (bytes, rtt, 1_u64..100_000, prop_oneof![9 => Just(0_u32), 1 => any::<u32>()]).prop_map(
        |(bytes, rtt, base, lost)| Seen {
            bytes,
            rtt: rtt.map(Duration::from_micros),
            base: rtt.map(|rtt| Duration::from_micros(base.min(rtt))),
            lost,
        },
    )
}

type Step = (u64, Vec<Seen>, Option<Card>, Option<u64>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let card = proptest::option::of((any::<u64>(), any::<u64>()).prop_map(|(all, own)| Card {
        all: all >> 20,
        own: own >> 20,
        sent: all ^ own,
    }));
    let step = (
        0_u64..40_000,
        proptest::collection::vec(seen(), 0..4),
        card,
        proptest::option::of(any::<u64>()),
    );
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn the_window_stays_between_its_floor_and_its_bounds(manners in manners(), steps in steps()) {
        let mut law = Controller::new(manners, 0);
        let mut now = Duration::from_secs(1000);
        for (passed, connections, card, limit) in steps {
            now += Duration::from_micros(passed);
            let grant = law.tick(&Sample { now, connections: &connections, card, limit });
            prop_assert!((2 * 1448..=1_000_000_000).contains(&grant.window), "{grant:?}");
            let patience = grant.next - now;
            prop_assert!(patience >= Duration::from_millis(4) && patience <= Duration::from_millis(20));
        }
    }

    #[test]
    fn it_never_grows_while_the_queue_is_above_the_target(manners in manners(), steps in steps()) {
        let mut law = Controller::new(manners, 0);
        let (mut now, mut before) = (Duration::from_secs(1000), 10 * 1448);
        for (passed, connections, card, limit) in steps {
            now += Duration::from_micros(passed);
            let looking = law.is_looking();
            let grant = law.tick(&Sample { now, connections: &connections, card, limit });
            let above = law.signals().queue.is_some_and(|queue| queue > law.signals().target);
            // Whoever has looked goes back to half of what was; that is no growth of the law's.
            prop_assert!(!above || looking || grant.window <= before.max(2 * 1448), "{grant:?}");
            before = grant.window;
        }
    }

    #[test]
    fn what_is_shared_out_is_never_more_than_there_is(
        seconds in 0_u64..100, window in 0_u64..10_000_000, connections in 0_usize..40
    ) {
        let out = shares(Duration::from_secs(seconds), window, 1448, connections, &Part::WHOLE);
        let moving: Vec<_> = out
            .iter()
            .filter_map(|share| match share {
                Share::Move(bytes) => Some(*bytes),
                Share::Wait => None,
            })
            .collect();
        prop_assert_eq!(out.len(), connections);
        prop_assert!(moving.iter().sum::<u64>() <= window);
        prop_assert!(connections == 0 || !moving.is_empty());
        prop_assert!(moving.len() == 1 || moving.iter().all(|bytes| *bytes >= 4 * 1448));
    }

    #[test]
    fn everybody_who_waits_gets_a_turn(connections in 1_usize..40) {
        let mut moved = vec![false; connections];
        for second in 0..connections {
            let at = Duration::from_secs(second as u64);
            let out = shares(at, 2 * 1448, 1448, connections, &Part::WHOLE);
            for (moved, share) in moved.iter_mut().zip(out) {
                *moved |= matches!(share, Share::Move(_));
            }
        }
        prop_assert!(moved.into_iter().all(|moved| moved));
    }

    #[test]
    fn agents_that_have_less_than_the_floor_take_turns_with_it(
        of in 1_u32..8, window in 0_u64..2 * 1448, connections in 1_usize..9
    ) {
        let mut moved = vec![0; of as usize];
        for second in 0..u64::from(of) {
            let now = Duration::from_millis(1000 * second + 500);
            let mut all = 0;
            for (place, moved) in (0..of).zip(&mut moved) {
                let part = Part { weight: 1.0 / f64::from(of), place, of, ..Part::WHOLE };
                for share in shares(now, window, 1448, connections, &part) {
                    if let Share::Move(bytes) = share {
                        *moved += bytes;
                        all += bytes;
                    }
                }
            }
            prop_assert!(all <= 2 * 1448, "{all} bytes");
        }
        prop_assert!(of == 1 || moved.into_iter().all(|bytes| bytes > 0));
    }
}
