//! Whoever says what, and in whichever order: nobody has more than all, and nobody nothing.

use super::*;

const MS: fn(u64) -> Moment = Moment;

fn report(connections: u32, rate: u64) -> Report {
    Report { connections, window: 10 * rate, rate }
}

fn part(weight: u16, place: u16, of: u16, rate: u64) -> Part {
    Part { weight, place, of, window: 10 * rate, rate }
}

#[test]
fn two_agents_are_told_half_each_and_what_the_other_does() {
    let mut sharing = Sharing::default();
    sharing.hear(7, 'n', report(1, 100), MS(0));
    assert_eq!(sharing.news(MS(0)), [], "alone, nobody needs to be told");
    sharing.hear(9, 'n', report(50, 300), MS(10));
    assert_eq!(
        sharing.news(MS(10)),
        [(7, 'n', part(500, 0, 2, 300)), (9, 'n', part(500, 1, 2, 100))],
        "fifty connections are no more than one"
    );
    sharing.hear(9, 'n', report(0, 0), MS(20));
    assert_eq!(sharing.news(MS(20)), [(7, 'n', Part::ALL)]);
    sharing.hear(9, 'n', report(1, 0), MS(30));
    sharing.hear(7, 'n', report(0, 0), MS(30));
    assert_eq!(sharing.news(MS(30)), [(9, 'n', Part::ALL)], "what it was told last is told anew");
}

#[test]
fn who_is_gone_or_silent_has_no_part_any_more() {
    let mut sharing = Sharing::default();
    for agent in [1, 2, 3] {
        sharing.hear(agent, 'n', report(1, 1), MS(0));
    }
    assert_eq!(sharing.news(MS(0)).len(), 3);
    sharing.gone(2);
    let told = sharing.news(MS(1));
    assert_eq!(told, [(1, 'n', part(500, 0, 2, 1)), (3, 'n', part(500, 1, 2, 1))]);
    sharing.hear(3, 'n', report(1, 1), MS(2999));
    let told = sharing.news(MS(2999));
    assert_eq!(told.iter().map(|told| told.2.of).collect::<Vec<_>>(), [2, 2], "told again");
    assert_eq!(sharing.news(MS(3000)), [(3, 'n', Part::ALL)]);
}

#[test]
fn other_manners_have_a_path_of_their_own_and_the_same_card() {
    let mut sharing = Sharing::default();
    sharing.hear(1, 'n', report(1, 100), MS(0));
    sharing.hear(1, 'l', report(1, 50), MS(0));
    sharing.hear(2, 'l', report(1, 30), MS(0));
    let told = sharing.news(MS(0));
    let low = |place, window, rate| Part { weight: 500, place, of: 2, window, rate };
    let alone = Part { weight: 1000, place: 0, of: 1, window: 0, rate: 30 };
    assert_eq!(told, [(1, 'l', low(0, 300, 30)), (2, 'l', low(1, 500, 150)), (1, 'n', alone)]);
}

#[test]
fn numbers_are_told_when_they_are_others_but_not_all_the_time() {
    let mut sharing = Sharing::default();
    sharing.hear(1, 'n', report(1, 1000), MS(0));
    let mut say = |rate, at| {
        sharing.hear(2, 'n', report(1, rate), MS(at));
        sharing.hear(1, 'n', report(1, 1000), MS(at));
        let told = sharing.news(MS(at));
        told.iter().filter(|told| told.0 == 1).map(|told| told.2.rate).collect::<Vec<_>>()
    };
    assert_eq!(say(1000, 1), [1000]);
    assert_eq!(say(2000, 100), [], "it was told just now");
    assert_eq!(say(2000, 200), [2000]);
    assert_eq!(say(2100, 600), [], "nearly the same");
    assert_eq!(say(2100, 1200), [2100], "before it is too old");
}

/// Chance for the next test: it has to be the same each time, and there is no library here.
fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn whatever_agents_say_and_whoever_dies_the_parts_are_never_more_than_all_and_never_nothing() {
    let mut seed = 1;
    for _ in 0..50 {
        let mut sharing = Sharing::default();
        let mut told: BTreeMap<(char, u64), Part> = BTreeMap::new();
        let mut now = 0;
        for _ in 0..200 {
            now += dice(&mut seed) % 700;
            let class = match dice(&mut seed) % 3 {
                0 => 'h',
                1 => 'n',
                _ => 'l',
            };
            let agent = dice(&mut seed) % 8;
            match dice(&mut seed) % 8 {
                0 => {
                    sharing.gone(agent);
                    told.retain(|(_, other), _| *other != agent);
                }
                number => {
                    let connections = u32::try_from(number - 1).unwrap();
                    let report = Report { connections, window: u64::MAX, rate: dice(&mut seed) };
                    sharing.hear(agent, class, report, MS(now));
                }
            }
            for (agent, class, part) in sharing.news(MS(now)) {
                told.insert((class, agent), part);
            }
            for class in ['h', 'n', 'l'] {
                // What was told last counts, of those that have connections.
                let there = sharing.reports.keys().filter(|(other, _)| *other == class);
                let parts: Vec<Part> =
                    there.map(|key| told.get(key).copied().unwrap_or(Part::ALL)).collect();
                assert!(parts.iter().map(|part| part.weight).sum::<u16>() <= WHOLE, "{parts:?}");
                assert!(parts.iter().all(|part| part.weight >= WHOLE / 8));
                let mut places: Vec<u16> = parts.iter().map(|part| part.place).collect();
                places.sort_unstable();
                assert!(places.into_iter().eq(0..u16::try_from(parts.len()).unwrap()));
            }
        }
    }
}
