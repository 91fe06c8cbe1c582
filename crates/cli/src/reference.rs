//! Which job is meant.
//!
//! Answers one question: *which jobs does this command line name?* A reference is a UUID, the
//! beginning of one (4 digits or more), an exact name, or one of these said outright (`id:`,
//! `name:`). What fits several jobs fits none: nothing happens, and the candidates are shown.
//! A job that is not over wins over those that are, since names are used again.

use ebb_api::client::Filter;
use ebb_api::properties::JobProperties;
use ebb_api::values::State;
use ebb_api::{Client, names};

use crate::args::Invocation;
use crate::connect;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};

/// What a reference may be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    /// The whole id, or the beginning of one.
    id: Option<String>,
    /// The exact name.
    name: Option<String>,
}

impl Reference {
    fn read(text: &str) -> Reference {
        if let Some(name) = text.strip_prefix("name:") {
            return Reference { id: None, name: Some(name.to_owned()) };
        }
        if let Some(id) = text.strip_prefix("id:") {
            return Reference { id: id_prefix(id), name: None };
        }
        let id = id_prefix(text);
        let name =
            Some(text.to_owned()).filter(|_| id.as_deref().is_none_or(|id| !names::is_uuid(id)));
        Reference { id, name }
    }
}

/// The beginning of a UUID in its canonical form, from 4 digits or more in any form.
fn id_prefix(text: &str) -> Option<String> {
    let braced = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let digits: String = braced.unwrap_or(text).chars().filter(|letter| *letter != '-').collect();
    let fits =
        (4..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| with_dashes(&digits.to_ascii_lowercase()))
}

fn with_dashes(digits: &str) -> String {
    let mut id = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

/// The one job a reference means.
///
/// # Errors
/// Code 5 where there is none, 6 where there are several.
pub(crate) async fn one(
    client: &Client,
    call: &Invocation,
    text: &str,
) -> Result<JobProperties, Failure> {
    let reference = Reference::read(text);
    if let Some(id) = reference.id.as_deref().filter(|id| names::is_uuid(id)) {
        let found = client.job(id).properties().await;
        let what = format!("find the job {}", shown(text));
        return found.map_err(cannot(&what)).map_err(|failure| elsewhere(call, failure));
    }
    let mut fitting = Vec::new();
    for filter in filters(&reference, call.has("all-users")) {
        let found = client.list_jobs(&filter).await.map_err(cannot("look for the job"))?;
        fitting.extend(found);
    }
    pick(text, fitting).map_err(|failure| elsewhere(call, failure))
}

/// A job that is not there may be somebody else's; the service does not say which.
fn elsewhere(call: &Invocation, failure: Failure) -> Failure {
    if failure.exit != Exit::NotFound || connect::is_root() {
        return failure;
    }
    let more = match call.has("all-users") {
        false => "of other users, for administrators: --all-users",
        true => {
            "other users' jobs are for root, the groups that ebb.toml names, and whom polkit says"
        }
    };
    let hint = failure.hint.clone().filter(|hint| !hint.is_empty());
    let hint = hint.map_or_else(|| more.to_owned(), |hint| format!("{hint}; {more}"));
    failure.hint(hint)
}

fn filters(reference: &Reference, all_users: bool) -> Vec<Filter> {
    let base = || Filter { all_users, finished: true, ..Filter::default() };
    let by_id = reference.id.clone().map(|id| Filter { id_prefix: Some(id), ..base() });
    let by_name = reference.name.clone().map(|name| Filter { name: Some(name), ..base() });
    by_id.into_iter().chain(by_name).collect()
}

/// Picks the one that is meant; a job that is not over wins.
fn pick(text: &str, mut fitting: Vec<JobProperties>) -> Result<JobProperties, Failure> {
    fitting.sort_by(|one, other| one.id.cmp(&other.id));
    fitting.dedup_by(|one, other| one.id == other.id);
    if fitting.iter().any(|job| !job.state.is_over()) {
        fitting.retain(|job| !job.state.is_over());
    }
    if fitting.len() > 1 {
        return Err(ambiguous(text, &fitting));
    }
    fitting.pop().ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no job {:?} of yours", shown(text)))
            .hint("a job is named by its id, the first 4 or more digits of it, or its name; see: ebb list")
    })
}

fn ambiguous(text: &str, fitting: &[JobProperties]) -> Failure {
    let candidates: Vec<String> = fitting
        .iter()
        .map(|job| format!("    {}  {}  {}", job.id, job.state, shown(&job.display_name)))
        .collect();
    Failure::new(Exit::Ambiguous, format!("{:?} fits {} jobs", shown(text), fitting.len()))
        .hint(format!("it may be one of\n{}", candidates.join("\n")))
}

/// All jobs a command line names: by reference, or by `--all`, `--match` and `--state`.
///
/// # Errors
/// As [`one`]; a usage failure where nothing is named.
pub(crate) async fn several(
    client: &Client,
    call: &Invocation,
) -> Result<Vec<JobProperties>, Failure> {
    let words = call.words()?;
    let by_option = call.has("all") || call.has("match") || call.has("state");
    match (words.is_empty(), by_option) {
        (true, false) => Err(call.misused("which job?")),
        (false, true) => Err(call.misused("either name jobs, or use --all, --match or --state")),
        (true, true) => matching(client, call, Over::Left).await,
        (false, false) => {
            let mut jobs: Vec<JobProperties> = Vec::new();
            for word in words {
                let job = one(client, call, word).await?;
                if !jobs.iter().any(|known| known.id == job.id) {
                    jobs.push(job);
                }
            }
            Ok(jobs)
        }
    }
}

/// Whether jobs that are over and still remembered are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// They are.
    Wanted,
    /// They are not.
    Left,
}

/// All jobs that fit `--match` and `--state`.
///
/// # Errors
/// A usage failure where the state is unknown.
pub(crate) async fn matching(
    client: &Client,
    call: &Invocation,
    over: Over,
) -> Result<Vec<JobProperties>, Failure> {
    let state = call.text("state")?.map(read_state).transpose()?;
    let filter = Filter {
        all_users: call.has("all-users"),
        state,
        finished: over == Over::Wanted || state.is_some_and(State::is_over),
        ..Filter::default()
    };
    let mut jobs = client.list_jobs(&filter).await.map_err(cannot("list the jobs"))?;
    if let Some(pattern) = call.text("match")? {
        jobs.retain(|job| fits(pattern, &job.display_name));
    }
    Ok(jobs)
}

fn read_state(word: &str) -> Result<State, Failure> {
    word.parse().map_err(|_| {
        let words = State::ALL.map(State::as_str);
        Failure::usage(format!("unknown state {word:?}"))
            .hint(format!("states: {}", words.join(" ")))
    })
}

/// Whether a name fits a pattern with `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    // The last star seen, and how much of the name it swallows: all there ever is to go back to.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[place] => {
                (at, place) = (at + 1, place + 1);
            }
            _ => {
                let Some((star_at, swallowed)) = star else {
                    return false;
                };
                star = Some((star_at, swallowed + 1));
                (at, place) = (star_at + 1, swallowed + 1);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;

    fn job(id: &str, name: &str, state: State) -> JobProperties {
        let id = with_dashes(&format!("{id:0<32}"));
        let mut job = example();
        (job.id, job.display_name, job.state) = (id, name.into(), state);
        job
    }

    #[test]
    fn an_id_is_read_in_any_form() {
        let id = "3f2ac1d0-0000-4000-8000-00000000002a";
        for text in
            [id, "{3F2AC1D0-0000-4000-8000-00000000002A}", "3f2ac1d000004000800000000000002a"]
        {
            assert_eq!(Reference::read(text), Reference { id: Some(id.into()), name: None });
        }
        assert_eq!(id_prefix("3f2ac1d00").as_deref(), Some("3f2ac1d0-0"));
        assert_eq!(id_prefix("3f2"), None);
    }

    #[test]
    fn a_word_may_be_the_beginning_of_an_id_and_a_name() {
        let both = Reference { id: Some("beef".into()), name: Some("beef".into()) };
        assert_eq!(Reference::read("beef"), both);
        assert_eq!(Reference::read("name:beef"), Reference { id: None, name: Some("beef".into()) });
        assert_eq!(Reference::read("id:beef"), Reference { id: Some("beef".into()), name: None });
        assert_eq!(Reference::read("nightly").id, None);
    }

    #[test]
    fn what_fits_several_jobs_fits_none() {
        let two = vec![job("beef1", "a", State::Queued), job("beef2", "b", State::Queued)];
        let failure = pick("beef", two).unwrap_err();
        assert_eq!(failure.exit, Exit::Ambiguous);
        assert!(failure.hint.unwrap().contains("beef2"));
    }

    #[test]
    fn a_job_that_is_not_over_wins() {
        let two =
            vec![job("1", "nightly", State::Acknowledged), job("2", "nightly", State::Queued)];
        assert_eq!(pick("nightly", two).unwrap().state, State::Queued);
    }

    #[test]
    fn the_same_job_found_twice_is_one() {
        let twice = vec![job("beef", "beef", State::Queued), job("beef", "beef", State::Queued)];
        assert!(pick("beef", twice).is_ok());
        assert_eq!(pick("beef", vec![]).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn patterns_know_stars_and_question_marks() {
        let table = [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a?c", "abc", true),
            ("a*b*c", "aXbYbZc", true),
            ("a?", "a", false),
            ("b*", "abc", false),
            ("", "a", false),
        ];
        for (pattern, name, fit) in table {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
