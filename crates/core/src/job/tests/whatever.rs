//! Whatever happens, in whatever order: what is always true.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::authorities::Authorities;
use crate::credentials::{AuthPair, AuthScheme};
use crate::file::Wanted;
use crate::headers::Sealed;
use crate::ranges::{Part, Range};

/// An event as chance names it: which attempt it is about depends on where the job stands.
#[derive(Clone, Debug)]
enum Chance {
    Plain(Event),
    /// A report of the attempt so many before the newest.
    Of(u64, Report),
}

fn any_index() -> impl Strategy<Value = u32> {
    0..4u32
}

fn any_part() -> impl Strategy<Value = Part> {
    (0..600u64, option::of(1..300u64)).prop_map(|(offset, length)| Part { offset, length })
}

fn any_failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(lost().failure),
        Just(no_space().failure),
        Just(Failure::Destination(DestinationTrouble::TemporaryLost)),
        Just(Failure::Service(ServiceTrouble::TokenRequired)),
        (100..600u16).prop_map(|status| Failure::Server(ServerTrouble::Status(status))),
    ]
}

fn any_block() -> impl Strategy<Value = Blocked> {
    proptest::sample::select(Blocked::ALL.to_vec())
}

fn any_trouble() -> impl Strategy<Value = Trouble> {
    (any_failure(), option::of(any_index()), option::of(0..9000u32))
        .prop_map(|(failure, file, retry_after)| Trouble { file, retry_after, ..trouble(failure) })
}

fn any_report() -> impl Strategy<Value = Report> {
    let bytes = || prop_oneof![Just(0), 0..500u64];
    prop_oneof![
        (any_index(), any::<u32>()).prop_map(|(at, uid)| Report::Created(at, temporary(uid))),
        (any_index(), any::<u32>()).prop_map(|(at, uid)| Report::Prepared(at, temporary(uid))),
        any_index().prop_map(Report::TookOver),
        any_index().prop_map(Report::SpareDeleted),
        (any_index(), bytes()).prop_map(|(at, from)| answered(at, from)),
        (any_index(), bytes()).prop_map(|(at, durable)| checkpoint(at, durable)),
        (any_index(), 0..450u64, 1..50u64).prop_map(|(at, start, length)| {
            Report::Filled(at, Range::new(start, start + length).unwrap())
        }),
        any_index().prop_map(Report::InOrder),
        // A whole file is at least as long as what was held of it.
        any_index().prop_map(|file| Report::FileDone { file, length: 500, modified: None }),
        any_index().prop_map(|file| {
            let (validators, final_url) = (Validators::default(), "http://localhost/".into());
            let (headers, length) = (Vec::new(), 500);
            let brought =
                Brought { validators, final_url, status: 200, headers, length, modified: None };
            Report::Brought(file, Box::new(brought))
        }),
        any_trouble().prop_map(|trouble| Report::Ended(Err(trouble))),
        Just(Report::Ended(Ok(()))),
    ]
}

fn any_end() -> impl Strategy<Value = CompleteReport> {
    let some = || vec(any_index(), 0..3);
    (some(), some(), some(), option::of(any_trouble())).prop_map(
        |(renamed, dropped, left_over, trouble)| CompleteReport {
            renamed,
            dropped,
            left_over,
            trouble,
        },
    )
}

fn any_setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        (0..300usize).prop_map(|length| Setting::DisplayName("n".repeat(length))),
        (0..2000usize).prop_map(|length| Setting::Description("d".repeat(length))),
        (0..4000u32).prop_map(Setting::MinimumRetryDelay),
        (0..9000u32).prop_map(Setting::NoProgressTimeout),
        (0..9000u32).prop_map(Setting::MaximumDownloadTime),
        any::<bool>().prop_map(Setting::AutoComplete),
        (0..2000u64).prop_map(Setting::MaximumDownloadSize),
        option::of(0..0o1000u32).prop_map(Setting::FileMode),
        option::of(prop_oneof![Just(OWNER), Just(HELPER)]).prop_map(Setting::FileGroup),
        any::<u32>().prop_map(Setting::NotifyFlags),
        any::<bool>().prop_map(|some| {
            Setting::NotifyCommand(some.then(|| b"/bin/true".to_vec()).into_iter().collect())
        }),
        any::<bool>().prop_map(Setting::DynamicContent),
        any::<bool>().prop_map(Setting::OnDemandMode),
        "GET|POST| ".prop_map(Setting::HttpMethod),
    ]
}

fn any_headers() -> impl Strategy<Value = Option<Sealed>> {
    let sealed = vec(any::<u8>(), 0..9).prop_map(|bytes| Sealed { nonce: [0; 12], bytes });
    prop_oneof![Just(None), sealed.prop_map(Some)]
}

fn any_pair() -> impl Strategy<Value = AuthPair> {
    let target = prop_oneof![Just(AuthTarget::Server), Just(AuthTarget::Proxy)];
    (target, 0..AuthScheme::ALL.len())
        .prop_map(|(target, at)| AuthPair { target, scheme: AuthScheme::ALL[at] })
}

fn any_event() -> impl Strategy<Value = Chance> {
    // Ends are rare, so that lives are long.
    let plain = prop_oneof![
        1 => Just(Event::Cancel),
        1 => Just(Event::Complete),
        4 => Just(Event::Suspend),
        9 => Just(Event::Resume),
        9 => Just(Event::Start),
        3 => Just(Event::Preempt),
        5 => Just(Event::Due),
        1 => Just(Event::ClockLeapt),
        3 => any_block().prop_map(Event::Block),
        4 => Just(Event::Allow),
        2 => Just(Event::NetworkCame),
        3 => vec(any::<u8>().prop_map(|n| file(n.into())), 0..3).prop_map(Event::AddFiles),
        2 => (any_index(), 0..9u8)
            .prop_map(|(at, n)| Event::SetRemoteNames(vec![(at, format!("http://new/{n}"))])),
        3 => (any_index(), any_part()).prop_map(|(at, part)| Event::RequestRanges(at, vec![part])),
        1 => (any_index(), 0..600u64).prop_map(|(at, offset)| Event::SetPosition(at, offset)),
        3 => any_setting().prop_map(Event::Set),
        3 => any::<u32>().prop_map(|uid| Event::SetHelperToken(token(uid))),
        2 => (0..8u32)
            .prop_map(|bits| Event::SetHelperTokenFlags(TokenFlags::from_bits(bits).unwrap())),
        1 => any::<u32>().prop_map(|uid| Event::TakeOwnership(token(uid))),
        1 => any_headers().prop_map(Event::SetHeaders),
        1 => Just(Event::MakeHeadersWriteOnly),
        1 => (any_pair(), any_headers())
            .prop_map(|(pair, sealed)| Event::SetCredentials(pair, sealed)),
        1 => any::<bool>().prop_map(Event::SetValidator),
        1 => (0..3_usize, any::<bool>()).prop_map(|(length, alone)| {
            Event::SetAuthorities(Authorities::new(vec![b'x'; length], alone).unwrap_or_default())
        }),
        1 => Just(Event::ClearHelperToken),
        1 => Just(Event::HelperTokenLost),
        4 => any_end().prop_map(Event::CompleteEnded),
        2 => any_index().prop_map(Event::Deleted),
        1 => (any_index(), any::<bool>())
            .prop_map(|(file, valid)| Event::SetValidationState { file, valid }),
        1 => Just(Event::SweepLeftOvers),
    ];
    prop_oneof![
        plain.prop_map(Chance::Plain),
        (prop_oneof![Just(0), Just(0), 0..3u64], any_report())
            .prop_map(|(back, report)| Chance::Of(back, report)),
    ]
}

/// Events, and the seconds that pass before each.
fn any_life() -> impl Strategy<Value = Vec<(Chance, u64)>> {
    vec((any_event(), prop_oneof![Just(0), 0..4000u64]), 0..80)
}

/// What one event did.
struct Seen {
    before: Job,
    event: Event,
    answer: Result<Step, Refusal>,
    after: Job,
}

/// Leads a job through a life.
fn live(
    life: Vec<(Chance, u64)>,
    mut look: impl FnMut(Seen) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut job = job(2);
    let mut time = 0;
    for (chance, seconds) in life {
        time += seconds;
        let event = match chance {
            Chance::Plain(event) => event,
            Chance::Of(back, report) => {
                Event::Report(AttemptId(job.attempts.saturating_sub(back)), report)
            }
        };
        let before = job.clone();
        let answer = job.decide(event.clone(), at(time));
        let after = job.clone();
        look(Seen { before, event, answer, after })?;
    }
    Ok(())
}

/// Whether what happened may make this file hold fewer bytes than before.
fn may_drop(seen: &Seen, at: u32, held: u64) -> bool {
    let event = &seen.event;
    let from_the_start =
        seen.before.attempts < seen.after.attempts && seen.after.terms.starts_over();
    let new = matches!(event, Event::Report(_, Report::Created(file, _)) if *file == at);
    let anew = matches!(
        event,
        Event::Report(_, Report::Answered { file, from, .. }) if *file == at && *from != held
    );
    let lost = matches!(
        event,
        Event::CompleteEnded(CompleteReport { trouble: Some(trouble), .. })
            if trouble.lost_temporary() == Some(at)
    );
    let in_order = matches!(event, Event::Report(_, Report::InOrder(file)) if *file == at);
    let invalid = matches!(event, Event::SetValidationState { file, valid: false } if *file == at);
    from_the_start || new || anew || lost || in_order || invalid
}

/// What somebody sees who looks at the job. That it waits for its turn instead of running is the one
/// thing a restart may show.
fn shown(job: &Job) -> (Job, &'static str, Option<Moment>) {
    let blocked = matches!(job.state, State::Blocked { .. });
    let waits = blocked || job.state.attempt().is_some();
    let state = if waits { "queued" } else { job.state.name() };
    let retry =
        if let State::TransientError { retry_at } = job.state { Some(retry_at) } else { None };
    let hidden = (State::Suspended, Running { since: None, ..job.running });
    (Job { state: hidden.0, running: hidden.1, ..job.clone() }, state, retry)
}

/// The job without its files.
fn bare(job: &Job) -> Job {
    Job { files: Vec::new(), ..job.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn cancel_is_never_refused_on_a_job_that_is_not_over(life in any_life()) {
        live(life, |seen| {
            let mut job = seen.after;
            let over = job.state.is_final();
            prop_assert_eq!(job.decide(Event::Cancel, at(0)).is_err(), over);
            Ok(())
        })?;
    }

    #[test]
    fn a_job_that_is_over_stays_over(life in any_life()) {
        live(life, |seen| {
            if seen.before.state.is_final() {
                prop_assert_eq!(seen.before.state, seen.after.state);
            }
            Ok(())
        })?;
    }

    #[test]
    fn bytes_held_never_shrink_unless_they_are_of_no_use(life in any_life()) {
        live(life, |seen| {
            let files = seen.before.files.iter().zip(&seen.after.files);
            for (at, (before, after)) in (0..).zip(files) {
                let kept = before.durable <= after.durable;
                prop_assert!(kept || may_drop(&seen, at, before.durable), "{:?}", seen.event);
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_filled_is_what_counts_and_shrinks_only_with_it(life in any_life()) {
        live(life, |seen| {
            let files = seen.before.files.iter().zip(&seen.after.files);
            for (at, (before, after)) in (0..).zip(files) {
                prop_assert_eq!(after.filled().bytes(), after.durable);
                let kept = before.filled().iter().all(|range| after.filled().covers(range));
                prop_assert!(kept || may_drop(&seen, at, before.durable), "{:?}", seen.event);
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_asked_for_that_is_there_and_every_request_is_asked_for(life in any_life()) {
        live(life, |seen| {
            for file in &seen.after.files {
                let Wanted::OnDemand(order) = &file.wanted else { continue };
                let mut known = order.filled.clone();
                for range in &order.requested {
                    prop_assert_eq!(known.missing_in(*range).bytes(), range.length());
                    known.insert(*range);
                }
                for piece in file.next_pieces(false).into_iter().flatten() {
                    let range = Range::new(piece.source, piece.source + piece.length.unwrap());
                    prop_assert_eq!(piece.source, piece.at);
                    prop_assert!(order.filled.missing_in(range.unwrap()).bytes() == piece.length.unwrap());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn files_are_never_lost_or_reordered(life in any_life()) {
        live(life, |seen| {
            prop_assert!(seen.before.files.len() <= seen.after.files.len());
            for (before, after) in seen.before.files.iter().zip(&seen.after.files) {
                let renamed = matches!(seen.event, Event::SetRemoteNames(_));
                prop_assert!(renamed || before.url == after.url);
                prop_assert_eq!(&before.destination, &after.destination);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_refusal_changes_nothing(life in any_life()) {
        live(life, |seen| {
            if seen.answer.is_err() {
                prop_assert_eq!(seen.before, seen.after);
            }
            Ok(())
        })?;
    }

    #[test]
    fn only_callers_are_refused(life in any_life()) {
        live(life, |seen| {
            let of_service = matches!(
                seen.event,
                Event::HelperTokenLost | Event::Start | Event::Preempt | Event::Due | Event::ClockLeapt
                    | Event::Block(_) | Event::Allow | Event::NetworkCame
                    | Event::Report(..) | Event::CompleteEnded(_) | Event::Deleted(_)
            );
            prop_assert!(!(of_service && seen.answer.is_err()));
            Ok(())
        })?;
    }

    #[test]
    fn no_attempt_begins_while_flags_ask_for_a_token_that_is_not_there(life in any_life()) {
        let used = [Resource::LocalFile, Resource::Network];
        live(life, |seen| {
            let missing = used.iter().any(|r| seen.after.identity_for(*r).is_err());
            prop_assert!(!missing || seen.after.state.attempt().is_none(), "{:?}", seen.event);
            Ok(())
        })?;
    }

    #[test]
    fn an_attempt_that_is_given_up_is_stopped_and_no_other(life in any_life()) {
        live(life, |seen| {
            let Ok(step) = seen.answer else { return Ok(()) };
            let held = seen.before.state.attempt();
            let ended = matches!(
                &seen.event,
                Event::Report(attempt, Report::Ended(_)) if Some(*attempt) == held
            );
            let given_up = held.filter(|_| seen.after.state.attempt() != held && !ended);
            let stopped: Vec<_> = step.effects.iter().filter_map(|effect| match effect {
                Effect::StopAttempt(attempt) => Some(*attempt),
                Effect::StartAttempt(_) | Effect::Complete | Effect::DeleteTemporaries => None,
            }).collect();
            prop_assert_eq!(stopped, given_up.into_iter().collect::<Vec<_>>());
            Ok(())
        })?;
    }

    #[test]
    fn an_attempt_in_hand_was_started_by_an_effect_and_is_the_newest(life in any_life()) {
        live(life, |seen| {
            let Ok(step) = seen.answer else { return Ok(()) };
            if let Some(attempt) = seen.after.state.attempt() {
                prop_assert_eq!(attempt, AttemptId(seen.after.attempts));
                let begun = seen.before.state.attempt() != Some(attempt);
                let start = Effect::StartAttempt(attempt);
                prop_assert_eq!(begun, step.effects.contains(&start));
            }
            Ok(())
        })?;
    }

    /// This is what makes "record" right: what the step does not name is not written down.
    #[test]
    fn a_step_names_everything_that_differs(life in any_life()) {
        live(life, |seen| {
            let Ok(step) = seen.answer else { return Ok(()) };
            if !step.job_changed {
                prop_assert_eq!(bare(&seen.before), bare(&seen.after), "{:?}", seen.event);
            }
            for (at, file) in (0..).zip(&seen.after.files) {
                if seen.before.files.get(at as usize) != Some(file) {
                    prop_assert!(step.files_changed.contains(&at), "{:?}", seen.event);
                }
            }
            for at in step.files_changed {
                prop_assert!((at as usize) < seen.after.files.len(), "{:?}", seen.event);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_new_life_finds_no_attempt_and_may_begin_at_any_moment(life in any_life()) {
        live(life, |seen| {
            let mut job = seen.after;
            let before = job.clone();
            let step = job.after_restart(Boot::Another);
            prop_assert_eq!(job.state.attempt(), None);
            prop_assert!(step.job_changed || before == job);
            prop_assert_eq!(before.files, job.files);
            Ok(())
        })?;
    }

    #[test]
    fn a_restart_at_any_step_changes_nothing_anybody_can_see(life in any_life()) {
        live(life, |seen| {
            let mut job = seen.after;
            let before = shown(&job);
            let _ = job.after_restart(Boot::Same);
            prop_assert_eq!(before, shown(&job));
            let once = job.clone();
            let _ = job.after_restart(Boot::Same);
            prop_assert_eq!(once, job, "another one right after it changes nothing at all");
            Ok(())
        })?;
    }

    #[test]
    fn a_life_with_restarts_in_it_goes_where_one_without_them_goes(
        life in any_life(),
        restarts in vec(0..80usize, 0..6),
    ) {
        // What is not under way when the service ends is as if it had not ended.
        let (mut plain, mut restarted, mut time) = (job(2), job(2), 0);
        for (number, (chance, seconds)) in life.into_iter().enumerate() {
            time += seconds;
            let Chance::Plain(event) = chance else { continue };
            if event == Event::Start || event == Event::Due {
                continue;
            }
            if restarts.contains(&number) {
                let _ = restarted.after_restart(Boot::Same);
            }
            let answers = [&mut plain, &mut restarted]
                .map(|job| job.decide(event.clone(), at(time)));
            prop_assert_eq!(&answers[0], &answers[1]);
            prop_assert_eq!(&plain, &restarted);
        }
    }

    #[test]
    fn a_cancelled_job_knows_its_temporary_files_until_they_are_deleted(life in any_life()) {
        live(life, |seen| {
            for (before, after) in seen.before.files.iter().zip(&seen.after.files) {
                if seen.after.state == State::Cancelled && before.temporary.is_some() {
                    let told = matches!(seen.event, Event::Deleted(_) | Event::CompleteEnded(_));
                    prop_assert!(told || after.temporary.is_some(), "{:?}", seen.event);
                }
            }
            Ok(())
        })?;
    }
}
