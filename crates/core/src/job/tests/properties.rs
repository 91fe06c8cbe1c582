//! The table of properties, row by row: limits, times, and what excludes what.

use std::collections::BTreeSet;

use super::*;

/// A value at its limit, and values beyond it with their refusals.
type Case = (Setting, Vec<(Setting, Refusal)>);

const INVALID: Refusal = Refusal::InvalidArgument("");
const UNSUPPORTED: Refusal = Refusal::NotSupported("");

fn text(length: usize) -> String {
    "ü".repeat(length)
}

/// Hosts, as many as fit into so many characters.
fn hosts(length: usize) -> String {
    let character = |at: usize| match at {
        _ if at.is_multiple_of(250) => ' ',
        _ if at.is_multiple_of(50) => '.',
        _ => 'h',
    };
    (1..=length).map(character).collect()
}

fn proxy(usage: ProxyUsage, list: usize, bypass: usize) -> Setting {
    Setting::Proxy(ProxySettings { usage, list: hosts(list), bypass: hosts(bypass) })
}

/// One row for each property, in the order of the table.
fn cases() -> Vec<Case> {
    let too_long = Refusal::StringTooLong { what: "", limit: 0 };
    let numbers = |make: fn(u32) -> Setting, fine: u32, bad: &[u32], refusal: &Refusal| -> Case {
        (make(fine), bad.iter().map(|bits| (make(*bits), refusal.clone())).collect())
    };
    vec![
        (
            Setting::DisplayName(text(256)),
            vec![
                (Setting::DisplayName(text(257)), too_long.clone()),
                (Setting::DisplayName(String::new()), INVALID),
            ],
        ),
        (
            Setting::Description(text(1024)),
            vec![(Setting::Description(text(1025)), too_long.clone())],
        ),
        (Setting::Priority(Priority::Low), vec![]),
        (Setting::MinimumRetryDelay(u32::MAX), vec![]),
        (Setting::NoProgressTimeout(0), vec![]),
        numbers(Setting::MaximumDownloadTime, 1, &[0], &INVALID),
        (Setting::AutoComplete(true), vec![]),
        numbers(Setting::NotifyFlags, 0x3f, &[0x40, u32::MAX], &UNSUPPORTED),
        (
            Setting::NotifyCommand(vec![b"/p".to_vec(), vec![b'x'; 3999]]),
            vec![
                (Setting::NotifyCommand(vec![b"/p".to_vec(), vec![b'x'; 4000]]), too_long.clone()),
                (Setting::NotifyCommand(vec![b"p".to_vec()]), INVALID),
            ],
        ),
        (Setting::NotificationInterval(u32::MAX), vec![]),
        (
            proxy(ProxyUsage::Override, 4000, 4000),
            vec![
                (proxy(ProxyUsage::Override, 4001, 0), Refusal::ProxyListTooLarge),
                (proxy(ProxyUsage::Override, 1, 4001), Refusal::ProxyBypassListTooLarge),
                (proxy(ProxyUsage::Override, 0, 1), INVALID),
                (proxy(ProxyUsage::Preconfig, 1, 0), INVALID),
                (proxy(ProxyUsage::None, 0, 1), INVALID),
                (proxy(ProxyUsage::Automatic, 1, 1), INVALID),
                (proxy(ProxyUsage::Automatic, 0, 0), UNSUPPORTED),
                (
                    Setting::Proxy(ProxySettings {
                        usage: ProxyUsage::Override,
                        list: "socks4://p".into(),
                        bypass: String::new(),
                    }),
                    Refusal::InvalidProxyInfo { entry: String::new(), why: "" },
                ),
            ],
        ),
        numbers(Setting::CostFlags, 0x8000_00ff, &[0x4000_0000, 0x100, u32::MAX], &INVALID),
        (Setting::DynamicContent(true), vec![]),
        (Setting::HighPerformance(true), vec![]),
        (
            Setting::MaximumDownloadSize(1),
            vec![(Setting::MaximumDownloadSize(0), Refusal::MaxDownloadSizeInvalidValue)],
        ),
        (Setting::BandwidthLimit(u64::MAX), vec![]),
        (Setting::OnDemandMode(true), vec![]),
        (
            Setting::UseStoredCredentials(Some(AuthTarget::Proxy)),
            vec![(
                Setting::UseStoredCredentials(Some(AuthTarget::Server)),
                Refusal::UseStoredCredentialsNotSupported,
            )],
        ),
        (
            Setting::HttpMethod("A-z0!#$%&'*+-.^_`|~".into()),
            vec![
                (Setting::HttpMethod("M".repeat(33)), too_long),
                (Setting::HttpMethod(String::new()), INVALID),
                (Setting::HttpMethod("CONNECT".into()), INVALID),
                (Setting::HttpMethod("GET /".into()), INVALID),
                (Setting::HttpMethod("GET\r\nX: y".into()), INVALID),
                (Setting::HttpMethod("GÉT".into()), INVALID),
            ],
        ),
        numbers(
            Setting::SecurityFlags,
            0x91e,
            &[0x20, 0x300, 0x400, 0xa00, 0x1000, u32::MAX],
            &UNSUPPORTED,
        ),
        (
            Setting::FileMode(Some(0o666)),
            [0o777, 0o1666, 0o2644, 0o4644, 0o100_644, 1]
                .map(|mode| (Setting::FileMode(Some(mode)), INVALID))
                .into(),
        ),
        (Setting::FileGroup(Some(OWNER)), vec![(Setting::FileGroup(Some(OWNER + 1)), INVALID)]),
    ]
}

/// One after the other, with the kind of refusal alone: sentences are for people.
fn set(job: &mut Job, setting: &Setting) -> Result<(), &'static str> {
    let done = job.decide(Event::Set(setting.clone()), at(0));
    done.map(drop).map_err(|refusal| refusal.name())
}

/// What a value that is fine comes to, as long as its effect is not built.
fn if_built(property: Property) -> Result<(), &'static str> {
    if property.has_effect() { Ok(()) } else { Err("not-supported") }
}

#[test]
fn every_property_has_one_row_and_every_row_is_tried_here() {
    let tried: Vec<Property> = cases().iter().map(|(setting, _)| setting.property()).collect();
    let rows: Vec<Property> = PROPERTIES.iter().map(|row| row.property).collect();
    assert_eq!(tried, rows);
    let names: BTreeSet<_> = PROPERTIES.iter().map(|row| row.name).collect();
    let options: BTreeSet<_> = PROPERTIES.iter().map(|row| row.option).collect();
    assert_eq!((names.len(), options.len()), (rows.len(), rows.len()));
    for row in PROPERTIES {
        assert_eq!(row.property.row().name, row.name);
        assert_eq!(Property::named(row.name), Ok(row.property));
        assert!(row.error.is_empty() || crate::describe::error(row.error).is_some(), "{row:?}");
    }
    for row in READ_ONLY {
        assert_eq!(Property::named(row.name), Err(Refusal::ReadOnlyProperty));
    }
    assert_eq!(Property::named("Nonsense"), Err(Refusal::UnknownPropertyId));
}

#[test]
fn a_value_at_its_limit_is_taken_and_one_beyond_is_refused_and_changes_nothing() {
    for (fine, bad) in cases() {
        for (setting, refusal) in bad {
            let mut job = job(0);
            assert_eq!(set(&mut job, &setting), Err(refusal.name()), "{setting:?}");
            assert_eq!(job.terms, Terms::named("test").unwrap(), "{setting:?}");
        }
        assert_eq!(set(&mut job(0), &fine), if_built(fine.property()), "{fine:?}");
    }
}

#[test]
fn the_error_a_row_names_is_one_that_its_values_get() {
    for (setting, bad) in cases() {
        let row = setting.property().row();
        let found = bad.iter().any(|(_, refusal)| refusal.name() == row.error);
        // A word that is none never becomes a setting; two others need company to be wrong.
        let elsewhere = [Property::Priority, Property::DynamicContent, Property::OnDemandMode];
        assert!(found || row.error.is_empty() || elsewhere.contains(&row.property), "{row:?}");
    }
}

#[test]
fn a_property_is_fixed_from_the_time_its_row_says() {
    for (setting, _) in cases() {
        let when = setting.property().row().when;
        let built = if_built(setting.property());
        for state in STATES {
            let mut job = job_in(state);
            let expected = match (state, when) {
                ("completing" | "acknowledged" | "cancelled", _) => Err("invalid-state"),
                (_, When::BeforeFirstFile) => Err("read-only-property-after-addfile"),
                ("suspended", _) | (_, When::Always) => built,
                (_, When::BeforeFirstResume) => Err("read-only-property-after-resume"),
                ("transferred", When::BeforeTransferred) => Err("invalid-state"),
                (_, When::BeforeTransferred) => built,
            };
            assert_eq!(set(&mut job, &setting), expected, "{setting:?} while {state}");
        }
    }
}

#[test]
fn to_set_the_method_that_is_set_anyway_is_no_change_at_any_time() {
    let mut job = transferring();
    let step = job.decide(Event::Set(Setting::HttpMethod("GET".into())), at(0)).unwrap();
    assert_eq!(step, Step::stay());
}

#[test]
fn properties_that_exclude_each_other_are_refused_together() {
    let clashes = [
        ("dynamic", "on-demand", "unsupported-job-configuration"),
        ("method", "dynamic", "not-supported-with-custom-http-method"),
        ("method", "on-demand", "not-supported-with-custom-http-method"),
        ("method", "priority", "not-supported-with-custom-http-method"),
    ];
    // Straight into the terms: that a part of them is not built yet is another matter.
    let apply = |terms: &mut Terms, what: &str| match what {
        "dynamic" => terms.dynamic_content = true,
        "on-demand" => terms.on_demand = true,
        "priority" => terms.priority = Priority::Normal,
        _ => {
            terms.http_method = "POST".into();
            terms.priority = Priority::Foreground;
        }
    };
    let setting = |what: &str| match what {
        "dynamic" => Setting::DynamicContent(true),
        "on-demand" => Setting::OnDemandMode(true),
        "priority" => Setting::Priority(Priority::Normal),
        _ => Setting::HttpMethod("POST".into()),
    };
    for (one, other, refusal) in clashes {
        for (first, second) in [(one, other), (other, one)] {
            let mut job = job(0);
            apply(&mut job.terms, first);
            // The method makes the priority what it needs.
            let expected = if second == "method" && first == "priority" {
                if_built(Property::HttpMethod)
            } else {
                Err(refusal)
            };
            assert_eq!(set(&mut job, &setting(second)), expected, "{first}, then {second}");
        }
    }
}

#[test]
fn with_a_method_of_its_own_every_error_is_fatal_and_every_try_begins_at_the_first_byte() {
    let mut job = transferring();
    job.terms.http_method = "POST".into();
    let _ = job.does(says(Report::Ended(Err(lost()))));
    assert_eq!(job.state, State::Error);
    assert_eq!(job.files[0].durable, 100);
    let _ = job.does(Event::Resume);
    let step = job.does(Event::Start);
    assert_eq!((job.files[0].durable, step.files_changed), (0, vec![0]));
}

#[test]
fn a_job_that_would_fetch_more_than_it_may_stops_with_an_error() {
    let sized = |size| connecting_with(Setting::MaximumDownloadSize(size));
    let total = |job: Job, total| {
        let Report::Answered { file, final_url, status, from, .. } = answered(0, 0) else {
            panic!("an answer is an answer");
        };
        let validators = Validators { total: Some(total), ..Validators::default() };
        job.after([says(Report::Answered { file, validators, final_url, status, from })])
    };
    assert!(matches!(total(sized(100), 100).state, State::Transferring { .. }));
    let stopped = total(sized(100), 101);
    let error = stopped.error.as_ref().map(|trouble| trouble.failure.code());
    assert_eq!((stopped.state, error), (State::Error, Some(0x8020_0064)));
    // A server that tells no size is stopped when more has come.
    let told_none = sized(100).after([says(answered(0, 0)), says(checkpoint(0, 100))]);
    assert!(matches!(told_none.state, State::Transferring { .. }));
    let mut told_none = told_none;
    let step = told_none.does(says(checkpoint(0, 101)));
    assert_eq!(step.effects, [Effect::StopAttempt(FIRST)]);
    assert_eq!((told_none.state, step.files_changed), (State::Error, vec![0]));
}

fn connecting_with(setting: Setting) -> Job {
    job(1).after([Event::Set(setting), Event::Resume, Event::Start])
}

#[test]
fn a_change_of_what_goes_into_requests_begins_the_attempt_in_hand_anew() {
    for row in PROPERTIES.iter().filter(|row| row.property.is_in_requests()) {
        let Some((setting, _)) =
            cases().into_iter().find(|(setting, _)| setting.property() == row.property)
        else {
            panic!("every row is tried here");
        };
        let mut job = transferring();
        if !row.property.has_effect() {
            continue;
        }
        let step = job.does(Event::Set(setting.clone()));
        assert_eq!(step.effects, [Effect::StopAttempt(FIRST)], "{}", row.name);
        assert_eq!(job.state, State::Queued);
        assert_eq!(job.does(Event::Set(setting)).effects, [], "the same again changes nothing");
    }
}
