//! The table in the header of `job.rs`, and `job-model.md` 4.2 for downloads.

use super::*;

fn columns() -> [(&'static str, Event); 8] {
    [
        ("suspend", Event::Suspend),
        ("resume", Event::Resume),
        ("complete", Event::Complete),
        ("cancel", Event::Cancel),
        ("start", Event::Start),
        ("retry due", Event::Due),
        ("block", Event::Block(Blocked::NetworkDisconnected)),
        ("allow", Event::Allow),
    ]
}

/// What the table says when the job in this state is asked this.
fn cell(state: &str, event: Event) -> &'static str {
    let mut job = job_in(state);
    let before = job.clone();
    match job.decide(event, at(100_000)) {
        Err(_) => "refused",
        Ok(_) if job.state == before.state => ".",
        Ok(_) => name(job.state),
    }
}

#[test]
fn the_table_in_the_header_is_true() {
    let header = include_str!("../../job.rs");
    let told: Vec<Vec<&str>> = header
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .filter_map(|line| line.split_once('|'))
        .map(|(state, cells)| [state].into_iter().chain(cells.split("  ")).collect())
        .map(|row: Vec<&str>| row.into_iter().map(str::trim).collect())
        .map(|row: Vec<&str>| row.into_iter().filter(|cell| !cell.is_empty()).collect())
        .collect();
    let heads = columns().map(|(head, _)| head).to_vec();
    let rows = STATES.map(|state| {
        let cells = columns().map(|(_, event)| cell(state, event));
        [state].into_iter().chain(cells).collect()
    });
    let built: Vec<Vec<&str>> = [heads].into_iter().chain(rows).collect();
    assert_eq!(told, built);
}

#[test]
fn resume_of_an_empty_job_is_refused_in_every_state_it_can_rest_in() {
    let mut suspended = job(0);
    let mut errored = job(0).after([
        Event::SetHelperToken(token(HELPER)),
        Event::SetHelperTokenFlags(TokenFlags::NETWORK),
        Event::HelperTokenLost,
    ]);
    for job in [&mut suspended, &mut errored] {
        assert_eq!(job.decide(Event::Resume, at(0)), Err(Refusal::Empty));
    }
}

#[test]
fn what_the_table_refuses_is_refused_as_invalid_state() {
    for state in ["completing", "acknowledged", "cancelled"] {
        for event in [Event::Suspend, Event::Resume, Event::Complete] {
            let answer = job_in(state).decide(event.clone(), at(0));
            assert_eq!(answer, Err(Refusal::InvalidState), "{state}: {event:?}");
        }
    }
}

#[test]
fn files_and_settings_are_taken_until_the_job_completes_or_is_over() {
    for state in STATES {
        let open = !matches!(state, "completing" | "acknowledged" | "cancelled");
        for event in [Event::AddFiles(vec![file(1)]), Event::Set(Setting::Priority(Priority::High))]
        {
            let answer = job_in(state).decide(event, at(0));
            assert_eq!(answer.is_ok(), open, "{state}");
        }
    }
}

#[test]
fn adding_files_leaves_the_state_as_it_is() {
    for state in &STATES[..8] {
        let mut job = job_in(state);
        let step = job.does(Event::AddFiles(vec![file(1), file(2)]));
        assert_eq!(name(job.state), *state);
        assert_eq!(step.files_changed, [1, 2]);
        assert_eq!(step.effects, []);
    }
}

#[test]
fn every_name_the_world_is_told_is_one_of_bits() {
    for state in STATES {
        let told = job_in(state).state.name();
        assert!(State::NAMES.contains(&told), "{told}");
        let expected = match state {
            "completing" => "transferred",
            "blocked" => "transient-error",
            state => state,
        };
        assert_eq!(told, expected);
    }
}
