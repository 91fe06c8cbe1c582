//! The table in the header, sentence by sentence, and the promise under any answer at all.

use super::*;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

const DATE: &str = "Sun, 22 Nov 2026 10:00:00 GMT";

fn held(offset: u64) -> Held {
    let validators = Validators {
        etag: Some(b"\"v1\"".to_vec()),
        last_modified: Some(DATE.as_bytes().to_vec()),
        last_modified_strong: true,
        total: Some(9),
        digest: None,
    };
    Held { offset, validators }
}

fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let line = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    lines.iter().copied().map(line).collect()
}

fn judged(held: &Held, status: u16, lines: &[(&'static str, &'static str)]) -> Decision {
    attempt(held, status, lines).unwrap().decision
}

fn attempt(
    held: &Held,
    status: u16,
    lines: &[(&'static str, &'static str)],
) -> Result<Judged, AnswerError> {
    let status = StatusCode::from_u16(status).unwrap();
    judge(&crate::request::ask(held), status, &fields(lines), SystemTime::UNIX_EPOCH)
}

#[test]
fn a_proved_part_is_a_continuation() {
    let lines = [("content-range", "bytes 5-8/9"), ("etag", "\"v1\""), ("content-length", "4")];
    assert_eq!(judged(&held(5), 206, &lines), Decision::Continue { from: 5, until: 9 });
}

#[test]
fn a_part_that_is_not_proved_starts_over() {
    let range = ("content-range", "bytes 5-8/9");
    let tag = ("etag", "\"v1\"");
    let cases: &[&[(&str, &str)]] = &[
        &[range],
        &[range, ("etag", "\"v2\"")],
        &[range, ("etag", "W/\"v1\"")],
        &[range, tag, ("etag", "\"v2\"")],
        &[range, tag, ("last-modified", "Sun, 22 Nov 2026 10:00:01 GMT")],
        &[range, tag, ("content-length", "5")],
        &[range, tag, ("content-type", "Multipart/ByteRanges; boundary=x")],
        &[range, ("last-modified", DATE)],
        &[tag],
        &[tag, range, ("content-range", "bytes 5-8/10")],
        &[tag, ("content-range", "bytes 5-8/*")],
        &[tag, ("content-range", "bytes 5-8/10")],
        &[tag, ("content-range", "bytes 4-8/9")],
        &[tag, ("content-range", "bytes 6-8/9")],
        &[tag, ("content-range", "bytes 5-9/9")],
    ];
    for lines in cases {
        assert_eq!(judged(&held(5), 206, &leak(lines)), Decision::AskWhole, "{lines:?}");
    }
}

/// The cases above are all literals; the borrow checker cannot see it through the slices.
fn leak(lines: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    lines.to_vec()
}

#[test]
fn a_strong_date_proves_a_continuation_where_there_is_no_strong_tag() {
    let mut dated = held(5);
    dated.validators.etag = Some(b"W/\"v1\"".to_vec());
    let range = ("content-range", "bytes 5-8/9");
    let proved = [range, ("last-modified", DATE)];
    assert_eq!(judged(&dated, 206, &proved), Decision::Continue { from: 5, until: 9 });
    let contradicted = [range, ("last-modified", DATE), ("etag", "W/\"v2\"")];
    assert_eq!(judged(&dated, 206, &contradicted), Decision::AskWhole);
}

#[test]
fn a_200_to_a_request_for_the_rest_is_the_whole() {
    assert_eq!(judged(&held(5), 200, &[("etag", "\"v1\"")]), Decision::Whole);
}

#[test]
fn a_file_held_to_its_end_is_complete_by_416_or_by_a_200_that_proves_it() {
    assert_eq!(judged(&held(9), 416, &[("content-range", "bytes */9")]), Decision::Complete);
    assert_eq!(judged(&held(9), 416, &[]), Decision::Complete);
    assert_eq!(judged(&held(9), 416, &[("content-range", "bytes */10")]), Decision::AskWhole);
    assert_eq!(judged(&held(9), 416, &[("etag", "\"v2\"")]), Decision::AskWhole);
    assert_eq!(judged(&held(5), 416, &[("content-range", "bytes */9")]), Decision::AskWhole);
    let same = [("etag", "\"v1\""), ("content-length", "9")];
    assert_eq!(judged(&held(9), 200, &same), Decision::Complete);
    let longer = [("etag", "\"v1\""), ("content-length", "10")];
    assert_eq!(judged(&held(9), 200, &longer), Decision::Whole);
}

#[test]
fn a_part_nobody_asked_for_is_malformed() {
    let answer = attempt(&Held::nothing(), 206, &[("content-range", "bytes 0-8/9")]);
    assert!(matches!(answer, Err(AnswerError::Malformed(_))));
}

#[test]
fn a_failed_precondition_is_answered_by_asking_for_the_whole_once() {
    assert_eq!(judged(&held(5), 412, &[]), Decision::AskWhole);
    let again = attempt(&Held::nothing(), 412, &[]);
    assert!(matches!(
        again,
        Err(AnswerError::Status { status: StatusCode::PRECONDITION_FAILED, .. })
    ));
}

#[test]
fn other_statuses_are_reported_with_their_retry_after() {
    for status in [101, 201, 204, 299, 300, 304, 305, 400, 404, 416, 429, 500, 503, 599, 999] {
        match attempt(&Held::nothing(), status, &[("retry-after", "7")]) {
            Err(AnswerError::Status { status: told, retry_after: Some(7) }) => {
                assert_eq!(told.as_u16(), status);
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[test]
fn coded_answers_and_answers_with_two_framings_are_refused() {
    let refused = |lines: &[(&'static str, &'static str)]| attempt(&Held::nothing(), 200, lines);
    let coded = refused(&[("content-encoding", "gzip")]);
    assert!(matches!(coded, Err(AnswerError::Encoded(_))));
    let squeezed = refused(&[("transfer-encoding", "gzip, chunked")]);
    assert!(matches!(squeezed, Err(AnswerError::Encoded(_))));
    let both = refused(&[("transfer-encoding", "chunked"), ("content-length", "9")]);
    assert!(matches!(both, Err(AnswerError::Malformed(_))));
    let lying = refused(&[("content-length", "9"), ("content-length", "8")]);
    assert!(matches!(lying, Err(AnswerError::Malformed(_))));
    assert!(refused(&[("content-encoding", "identity"), ("content-length", "9")]).is_ok());
}

#[test]
fn the_size_of_a_whole_is_its_length_and_of_a_continuation_the_known_one() {
    let whole = attempt(&Held::nothing(), 200, &[("content-length", "9")]).unwrap();
    assert_eq!(whole.validators.total, Some(9));
    let lines = [("content-range", "bytes 5-7/9"), ("etag", "\"v1\"")];
    let part = attempt(&held(5), 206, &lines).unwrap();
    assert_eq!(part.decision, Decision::Continue { from: 5, until: 8 });
    assert_eq!(part.validators, held(5).validators);
}

/// Fields as a hostile, a broken or an honest server might send them.
fn any_field() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let name = prop::sample::select(vec![
        "content-range",
        "etag",
        "last-modified",
        "date",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "location",
        "retry-after",
    ]);
    let likely = prop::sample::select(vec![
        "bytes 5-8/9",
        "bytes 5-7/9",
        "bytes 4-8/9",
        "bytes 5-8/10",
        "bytes 5-8/*",
        "bytes */9",
        "\"v1\"",
        "\"v2\"",
        "W/\"v1\"",
        DATE,
        "Sun, 22 Nov 2026 11:00:00 GMT",
        "4",
        "5",
        "9",
        "identity",
        "gzip",
        "chunked",
        "multipart/byteranges",
        "/elsewhere",
    ]);
    let value = prop_oneof![
        3 => likely.prop_map(|value| value.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    (name, value).prop_filter_map("not a field value", |(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?))
    })
}

fn any_held() -> impl Strategy<Value = Held> {
    let etag = prop::option::of(prop::sample::select(vec!["\"v1\"", "W/\"v1\"", "\"v2\"", "v1"]));
    let date = prop::option::of(Just(DATE));
    (0u64..11, etag, date, any::<bool>(), prop::option::of(Just(9))).prop_map(
        |(offset, etag, date, last_modified_strong, total)| Held {
            offset,
            validators: Validators {
                etag: etag.map(|tag| tag.as_bytes().to_vec()),
                last_modified: date.map(|date| date.as_bytes().to_vec()),
                last_modified_strong,
                total,
                digest: None,
            },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16 * ProptestConfig::default().cases))]

    #[test]
    fn whatever_is_answered_only_proved_bytes_continue_a_file(
        held in any_held(),
        status in prop_oneof![4 => Just(206u16), 1 => 100u16..600],
        lines in prop::collection::vec(any_field(), 0..8),
    ) {
        let fields: HeaderMap = {
            let mut fields = HeaderMap::new();
            for (name, value) in lines { fields.append(name, value); }
            fields
        };
        let status = StatusCode::from_u16(status).unwrap();
        let answer = judge(&crate::request::ask(&held), status, &fields, SystemTime::UNIX_EPOCH);
        if let Ok(Judged { decision: Decision::Continue { from, until }, .. }) = answer {
            // Written against the raw fields, not with the helpers under test.
            let all = |name: &str| -> Vec<&[u8]> {
                fields.get_all(name).iter().map(HeaderValue::as_bytes).collect()
            };
            let range = format!("bytes {from}-{}/{}", until - 1, held.validators.total.unwrap());
            prop_assert_eq!(status, StatusCode::PARTIAL_CONTENT);
            prop_assert_eq!(from, held.offset);
            prop_assert!(from > 0 && from < until);
            prop_assert!(all("content-range").iter().all(|line| *line == range.as_bytes()));
            prop_assert!(!all("content-range").is_empty());
            let etag = held.validators.etag.as_deref();
            let tagged = etag.is_some_and(|tag| tag.starts_with(b"\""));
            let (name, proof) = if tagged {
                ("etag", etag)
            } else {
                prop_assert!(held.validators.last_modified_strong);
                ("last-modified", held.validators.last_modified.as_deref())
            };
            prop_assert!(!all(name).is_empty());
            prop_assert!(all(name).iter().all(|line| Some(*line) == proof));
        }
    }

    #[test]
    fn whatever_is_answered_a_file_is_complete_only_if_all_of_it_is_held(
        held in any_held(),
        status in prop::sample::select(vec![200u16, 206, 416]),
        lines in prop::collection::vec(any_field(), 0..8),
    ) {
        let fields: HeaderMap = lines.into_iter().collect();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = judge(&crate::request::ask(&held), status, &fields, SystemTime::UNIX_EPOCH);
        if let Ok(Judged { decision: Decision::Complete, .. }) = answer {
            prop_assert_eq!(Some(held.offset), held.validators.total);
        }
    }
}
