//! Who may move when.

use super::*;

use Priority::{Foreground, High, Low, Normal};

const MONDAY: u8 = 0x1;
const WORKDAYS: u8 = 0x1f;

/// A time of the week: 0 is Monday.
fn on(day: i64, hour: i64, minute: i64) -> LocalTime {
    // 1970-01-05 was a Monday.
    LocalTime::of_wall_clock(((4 + day) * 24 + hour) * 3600 + minute * 60)
}

fn hours(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds * 3600))
}

fn abroad(priority: Priority) -> Wanting {
    Wanting { priority, cost: None, reach: Reach::Network }
}

fn preset(name: &str) -> CostFlags {
    CostFlags::preset(name).unwrap()
}

fn blocked(by: Blocked) -> Verdict {
    Verdict::Blocked { by, still: None }
}

fn judge(rules: &Rules, now: Surroundings, job: Wanting) -> Verdict {
    rules.verdict(now, on(0, 12, 0), job)
}

#[test]
fn without_a_network_only_the_machine_itself_is_reached() {
    let down = Surroundings { network: Network::Down, ..Surroundings::default() };
    for priority in Priority::ALL {
        let far = judge(&Rules::default(), down, abroad(priority));
        assert_eq!(far, blocked(Blocked::NetworkDisconnected));
        let near = Wanting { reach: Reach::Machine, ..abroad(priority) };
        assert_eq!(judge(&Rules::default(), down, near), Verdict::May(None));
    }
}

#[test]
fn a_url_is_here_only_if_nobody_can_doubt_it() {
    for url in [
        "file:///srv/f",
        "http://localhost/f",
        "http://LOCALHOST.:80",
        "https://a.localhost?q",
        "http://127.0.0.1:8080/f",
        "http://127.9.9.9",
        "http://user:pass@[::1]:80/",
    ] {
        assert!(is_here(url), "{url}");
    }
    for url in [
        "http://example.com/localhost",
        "http://localhost.example.com/",
        "http://localhost@example.com/",
        "http://128.0.0.1/",
        "http://0/",
        "http://[::2]/",
        "http://[::1",
        "localhost",
        "",
    ] {
        assert!(!is_here(url), "{url}");
    }
}

/// `job-model.md` 1.3, every preset against every cost.
#[test]
fn presets_exclude_what_bits_says() {
    for (name, excluded) in [
        ("always", 0x00),
        ("not-roaming", 0x80),
        ("no-surcharge", 0x90),
        ("standard", 0x98),
        ("unrestricted", 0xde),
    ] {
        let flags = CostFlags::preset(name).unwrap();
        for cost in CostState::ALL {
            assert_eq!(flags.allows(cost), excluded & cost.bit() == 0, "{name}: {cost:?}");
        }
    }
    assert_eq!(CostFlags::preset("free"), None);
}

#[test]
fn the_jobs_own_mask_beats_the_policy_of_its_priority() {
    let cost = CostDefaults { low: preset("unrestricted"), ..CostDefaults::default() };
    let rules = Rules { cost, ..Rules::default() };
    let metered = Surroundings { cost: CostState::CappedUsageUnknown, ..Surroundings::default() };
    assert_eq!(judge(&rules, metered, abroad(Low)), blocked(Blocked::CostPolicy));
    assert_eq!(judge(&rules, metered, abroad(Normal)), Verdict::May(None));
    let own = Wanting { cost: Some(preset("standard")), ..abroad(Low) };
    assert_eq!(judge(&rules, metered, own), Verdict::May(None));
    let never = Wanting { cost: CostFlags::from_bits(0x80).unwrap(), ..abroad(Foreground) };
    assert_eq!(judge(&rules, Surroundings::default(), never), blocked(Blocked::CostPolicy));
}

#[test]
fn the_power_saver_lets_only_foreground_jobs_proceed_unless_told_otherwise() {
    let saver = Surroundings { power: Power::Saver, ..Surroundings::default() };
    assert_eq!(judge(&Rules::default(), saver, abroad(Foreground)), Verdict::May(None));
    assert_eq!(judge(&Rules::default(), saver, abroad(High)), blocked(Blocked::BatterySaver));
    let all = Rules { power_saver: MayRun::All, ..Rules::default() };
    assert_eq!(judge(&all, saver, abroad(Low)), Verdict::May(None));
}

#[test]
fn a_battery_stops_nobody_unless_the_policy_says_so() {
    let battery = Surroundings { power: Power::Battery, ..Surroundings::default() };
    assert_eq!(judge(&Rules::default(), battery, abroad(Low)), Verdict::May(None));
    let none = Rules { battery: MayRun::Nobody, ..Rules::default() };
    for power in [Power::Battery, Power::Saver] {
        let found = judge(&none, Surroundings { power, ..battery }, abroad(Foreground));
        assert_eq!(found, blocked(Blocked::BatteryPolicy));
    }
    assert_eq!(judge(&none, Surroundings::default(), abroad(Low)), Verdict::May(None));
}

/// Work is from 8 to 17 on workdays, with nothing for low priority and little for others; on
/// Mondays from 23 to 2 is maintenance, without limits but for high priority.
fn office() -> Bandwidth {
    Bandwidth {
        work: Window::new(WORKDAYS, 8 * 60, 17 * 60),
        inside: Limits { high: Some(1000), normal: Some(1), low: Some(0) },
        outside: Limits { high: None, normal: None, low: Some(800) },
        maintenance: Window::new(MONDAY, 23 * 60, 2 * 60)
            .map(|window| (window, Limits { high: Some(0), ..Limits::default() })),
    }
}

#[test]
fn limits_follow_the_hours_of_the_week() {
    for (priority, time, limit) in [
        (High, on(0, 8, 0), Some(1000)),
        (High, on(0, 7, 59), None),
        (High, on(4, 16, 59), Some(1000)),
        (High, on(4, 17, 0), None),
        (High, on(5, 12, 0), None),
        (Normal, on(2, 12, 0), Some(2)),
        (Low, on(2, 12, 0), Some(0)),
        (Low, on(6, 23, 0), Some(800)),
        (Foreground, on(2, 12, 0), None),
    ] {
        assert_eq!(office().limit(priority, time), limit, "{priority:?} {time:?}");
    }
}

#[test]
fn maintenance_supersedes_and_goes_on_after_midnight() {
    for (time, limit) in [
        (on(0, 22, 59), None),
        (on(0, 23, 0), Some(0)),
        (on(1, 1, 59), Some(0)),
        (on(1, 2, 0), None),
        // Sunday's night is not Monday's.
        (on(0, 1, 0), None),
    ] {
        assert_eq!(office().limit(High, time), limit, "{time:?}");
    }
}

#[test]
fn who_is_stopped_is_told_until_when() {
    let rules = Rules { bandwidth: office(), ..Rules::default() };
    let low = rules.verdict(Surroundings::default(), on(2, 12, 0), abroad(Low));
    let by = Blocked::BandwidthPolicy;
    assert_eq!(low, Verdict::Blocked { by, still: hours(5) });
    let high = rules.verdict(Surroundings::default(), on(0, 23, 0), abroad(High));
    assert_eq!(high, Verdict::Blocked { by, still: hours(3) });
    let shut = Bandwidth { outside: Limits::all(0), ..Bandwidth::default() };
    let rules = Rules { bandwidth: shut, ..Rules::default() };
    let never = rules.verdict(Surroundings::default(), on(2, 12, 0), abroad(Low));
    assert_eq!(never, Verdict::Blocked { by, still: None });
}

#[test]
fn a_limit_is_told_in_bytes_a_second() {
    let rules = Rules { bandwidth: office(), ..Rules::default() };
    let found = rules.verdict(Surroundings::default(), on(2, 12, 0), abroad(High));
    assert_eq!(found, Verdict::May(Some(125_000)));
}

#[test]
fn the_next_change_is_the_next_edge_of_a_window_to_the_second() {
    let time = LocalTime::of_wall_clock(4 * 24 * 3600 + 7 * 3600 + 59 * 60 + 45);
    assert_eq!(office().until_change(time), Some(Duration::from_secs(15)));
    assert_eq!(Bandwidth::default().until_change(time), None);
    let once = Bandwidth { work: Window::new(MONDAY, 0, 1), ..Bandwidth::default() };
    let tomorrow = Some(Duration::from_secs(24 * 3600 - 60));
    assert_eq!(once.until_change(on(0, 0, 1)), tomorrow, "which days it is on is not asked");
}

#[test]
fn what_is_no_window_is_none() {
    for (days, from, to) in [(0, 0, 60), (0x80, 0, 60), (1, 60, 60), (1, 1440, 60), (1, 0, 1441)] {
        assert_eq!(Window::new(days, from, to), None, "{days} {from} {to}");
    }
    assert!(Window::new(0x7f, 0, 1440).is_some());
}

mod whatever {
    use proptest::prelude::*;

    use super::*;

    fn any_limits() -> impl Strategy<Value = Limits> {
        let any_limit = || proptest::option::of(0..4u32);
        (any_limit(), any_limit(), any_limit()).prop_map(|(high, normal, low)| Limits {
            high,
            normal,
            low,
        })
    }

    fn any_window() -> impl Strategy<Value = Window> {
        (1..0x80u8, 0..1440u16, 0..=1440u16)
            .prop_filter_map("a window", |(days, from, to)| Window::new(days, from, to))
    }

    fn any_bandwidth() -> impl Strategy<Value = Bandwidth> {
        let maintenance = proptest::option::of((any_window(), any_limits()));
        (proptest::option::of(any_window()), any_limits(), any_limits(), maintenance).prop_map(
            |(work, inside, outside, maintenance)| Bandwidth { work, inside, outside, maintenance },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever looks again at every change misses nothing.
        #[test]
        fn between_two_changes_no_limit_changes(all in any_bandwidth(), start in 0..604_800i64) {
            let time = LocalTime::of_wall_clock(start);
            let still = all.until_change(time).map_or(604_800, |still| still.as_secs());
            for seconds in (0..i64::try_from(still).unwrap()).step_by(601) {
                let later = LocalTime::of_wall_clock(start + seconds);
                for priority in Priority::ALL {
                    prop_assert_eq!(all.limit(priority, time), all.limit(priority, later));
                }
            }
        }

        #[test]
        fn who_is_stopped_may_move_exactly_when_told(all in any_bandwidth(), start in 0..604_800i64) {
            let limit = |priority, seconds| all.limit(priority, LocalTime::of_wall_clock(seconds));
            for priority in Priority::ALL.into_iter().filter(|p| limit(*p, start) == Some(0)) {
                let still = all.until_open(priority, LocalTime::of_wall_clock(start));
                let wait = still.map_or(604_800, |still| i64::try_from(still.as_secs()).unwrap());
                for seconds in (0..wait).step_by(601) {
                    prop_assert_eq!(limit(priority, start + seconds), Some(0));
                }
                if still.is_some() {
                    prop_assert_ne!(limit(priority, start + wait), Some(0));
                }
            }
        }
    }
}
