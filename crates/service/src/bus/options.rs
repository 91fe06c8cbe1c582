//! What clients may say in their option maps: a closed list; anything else is refused
//! (`attacks.md` 16).
//!
//! Answers one question: *is it well formed?* A key nobody knows, a value of the wrong type, a URL
//! or path that could not work are refused before anybody acts on the rest. What is allowed is
//! decided elsewhere.

use std::collections::HashMap;

use ebb_core::digest::Digest;
use ebb_core::file::{Wanted, is_local, split_path};
use ebb_core::id::JobId;
use ebb_core::job::{PROPERTIES, Property, Setting, State};
use ebb_core::ranges;
use ebb_core::refusal::Refusal;
use zbus::{OwnedVariant, Variant};

use super::terms;
use crate::command::{Filter, NewFile, remote_name};

pub(super) type Options = HashMap<String, OwnedVariant>;

pub(super) const WRONG_TYPE: Refusal =
    Refusal::InvalidArgument("an option has a value of the wrong type");

const NO_DIGEST: Refusal =
    Refusal::InvalidArgument("a digest is sha-256= or sha-512= and its hexadecimal digits");

/// The options of `CreateJob`, in the order of the table, whatever the order of the message.
pub(super) fn settings(options: Options) -> Result<Vec<Setting>, Refusal> {
    let mut settings = Vec::with_capacity(options.len());
    for (key, value) in &options {
        // The name is an argument of its own.
        let row = PROPERTIES.iter().find(|row| row.option == key && key != "name");
        let row = row.ok_or(Refusal::InvalidArgument("there is no such option for a job"))?;
        settings.push(terms::setting(row.property, value)?);
    }
    settings.sort_by_key(Setting::property);
    Ok(settings)
}

/// A property that is being written.
pub(super) fn property(name: &str, value: &Variant<'_>) -> Result<Setting, Refusal> {
    terms::setting(Property::named(name)?, value)
}

/// The filter of `ListJobs`.
pub(super) fn filter(options: Options, after: &str, limit: u32) -> Result<Filter, Refusal> {
    let mut filter = Filter { limit, ..Filter::default() };
    if !after.is_empty() {
        let id = JobId::parse(after);
        filter.after = Some(id.ok_or(Refusal::InvalidArgument("`after` is no job id"))?);
    }
    for (key, value) in &options {
        match key.as_str() {
            "all-users" => filter.all_users = truth(value)?,
            "owner" => filter.owner = Some(number(value)?),
            "state" => {
                let state = text(value)?;
                if !State::NAMES.contains(&state.as_str()) {
                    return Err(Refusal::InvalidArgument("there is no such state"));
                }
                filter.state = Some(state);
            }
            "name" => filter.name = Some(text(value)?),
            "id-prefix" => filter.id_prefix = Some(text(value)?),
            "finished" => filter.finished = truth(value)?,
            _ => return Err(Refusal::InvalidArgument("there is no such filter for jobs")),
        }
    }
    Ok(filter)
}

/// The files of `AddFiles`.
pub(super) fn files(files: Vec<(String, Vec<u8>, Options)>) -> Result<Vec<NewFile>, Refusal> {
    if files.is_empty() {
        return Err(Refusal::InvalidArgument("no file was given"));
    }
    files.into_iter().map(|(url, path, options)| file(url, &path, options)).collect()
}

fn file(url: String, path: &[u8], options: Options) -> Result<NewFile, Refusal> {
    remote_name::check(&url)?;
    let (dir, name) = split_path(path).map_err(Refusal::InvalidArgument)?;
    let (mut replace, mut wanted, mut digest) = (true, Wanted::Whole, None);
    for (key, value) in &options {
        match key.as_str() {
            "no-clobber" => replace = !truth(value)?,
            "digest" => digest = Some(digest_in(&text(value)?)?),
            "ranges" => wanted = Wanted::Given(ranges::given(&pairs(value)?)?),
            _ => {
                return Err(Refusal::InvalidArgument("there is no such option for a file"));
            }
        }
    }
    if is_local(&url) && wanted != Wanted::Whole {
        return Err(Refusal::InvalidArgument("a file of this machine comes whole, without ranges"));
    }
    Ok(NewFile { url, dir, name, replace, wanted, digest })
}

fn digest_in(text: &str) -> Result<Box<Digest>, Refusal> {
    Digest::parse(text).map(Box::new).ok_or(NO_DIGEST)
}

pub(super) fn text(value: &Variant<'_>) -> Result<String, Refusal> {
    String::try_from(value.try_clone().map_err(|_| WRONG_TYPE)?).map_err(|_| WRONG_TYPE)
}

pub(super) fn number(value: &Variant<'_>) -> Result<u32, Refusal> {
    u32::try_from(value).map_err(|_| WRONG_TYPE)
}

fn pairs(value: &Variant<'_>) -> Result<Vec<(u64, u64)>, Refusal> {
    let pairs = value.try_clone().map_err(|_| WRONG_TYPE)?;
    Vec::try_from(pairs).map_err(|_| WRONG_TYPE)
}

pub(super) fn truth(value: &Variant<'_>) -> Result<bool, Refusal> {
    bool::try_from(value).map_err(|_| WRONG_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(key: &str, value: Variant<'_>) -> Options {
        HashMap::from([(key.to_owned(), OwnedVariant::try_from(value).unwrap())])
    }

    #[test]
    fn an_option_nobody_knows_is_refused() {
        assert!(settings(options("notify-command", Variant::from("sh"))).is_err());
        assert!(
            files(vec![("http://h/".into(), b"/a".to_vec(), options("x", true.into()))]).is_err()
        );
        assert!(filter(options("x", true.into()), "", 0).is_err());
    }

    #[test]
    fn ranges_of_a_file_are_checked_when_they_are_given() {
        let add = |ranges: &[(u64, u64)]| {
            let options = options("ranges", Variant::from(ranges.to_vec()));
            files(vec![("http://h/f".into(), b"/a".to_vec(), options)]).map(|_| ())
        };
        assert_eq!(add(&[(100, 5), (0, 100), (200, u64::MAX)]), Ok(()));
        assert_eq!(add(&[(0, 100), (99, 1)]), Err(Refusal::OverlappingRanges));
        assert!(matches!(add(&[(0, 0)]), Err(Refusal::InvalidRange(_))));
        assert!(matches!(add(&[]), Err(Refusal::InvalidArgument(_))));
        let text = options("ranges", Variant::from("0:100"));
        assert!(files(vec![("http://h/f".into(), b"/a".to_vec(), text)]).is_err());
    }

    #[test]
    fn a_digest_of_a_file_is_one_we_can_compute_or_refused() {
        let add = |digest: Variant<'_>| {
            let options = options("digest", digest);
            files(vec![("http://h/f".into(), b"/a".to_vec(), options)]).map(|_| ())
        };
        assert_eq!(add(Variant::from(format!("sha-256={}", "0a".repeat(32)))), Ok(()));
        assert_eq!(add(Variant::from(format!("md5={}", "0a".repeat(16)))), Err(NO_DIGEST));
        assert_eq!(add(Variant::from("sha-256=0a")), Err(NO_DIGEST));
        assert_eq!(add(Variant::from(1_u32)), Err(WRONG_TYPE));
    }

    #[test]
    fn an_option_of_the_wrong_type_is_refused() {
        assert!(settings(options("priority", Variant::from(1_u32))).is_err());
        assert!(settings(options("retry-delay", Variant::from("5"))).is_err());
    }

    #[test]
    fn what_the_service_sets_cannot_be_written() {
        let written = property("State", &Variant::from("queued"));
        assert_eq!(written, Err(Refusal::ReadOnlyProperty));
        let nonsense = property("Nonsense", &Variant::from(1_u32));
        assert_eq!(nonsense, Err(Refusal::UnknownPropertyId));
    }
}
