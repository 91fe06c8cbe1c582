//! The service's configuration: `ebb.toml`, and the files beside it in `ebb.toml.d`.
//!
//! It answers one question: *what does the administrator want?* The service asks at its start,
//! `ebb check-config` asks before, and both get the same answer, because it is this one. Files are
//! read one after the other, `ebb.toml` first, then `ebb.toml.d/*.toml` by name; what a later one
//! says counts. A file that is not there means the defaults (BITS' own, `decisions.md`).
//!
//! An unknown key or a value that makes no sense is an error with file, line and key: a policy with
//! a typing error is not the policy somebody meant. Nothing here asks a name service, and nothing but
//! [`changes`] writes.

#![forbid(unsafe_code)]

pub mod changes;
mod conditions;
mod error;
mod files;
mod written;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ebb_core::policy::Policy;
use ebb_core::presence::OwnerPresence;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use error::{ConfigError, Mistake};

/// Where the system's configuration is, if nobody says otherwise.
pub const SYSTEM_CONFIG: &str = "/etc/ebb/ebb.toml";

/// What the service is told.
#[derive(Debug, Default)]
pub struct Config {
    /// Rules and limits.
    pub policy: Policy,
    /// Where the message bus is, if not at its usual place; `Some("")` for no bus at all.
    pub bus_address: Option<String>,
    /// Where the journal listens, if not at its usual place; the empty one for no journal at all.
    pub journal_socket: Option<PathBuf>,
    hours: conditions::Hours,
    /// What counts for each key that was set, as it would be written, and in which file.
    pub settings: BTreeMap<String, (String, PathBuf)>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// Reads the file and those beside it, as far as they are there.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names what to correct, and where.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        // Administrators' groups are the machine's own, so no name service is asked.
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let mut config = Self::default();
        for (file, text) in files::all(path)? {
            config.take(&file, &text, &groups)?;
            config.files.push(file);
        }
        Ok(config)
    }

    /// Takes over what one file says.
    fn take(&mut self, file: &Path, text: &str, groups: &str) -> Result<(), ConfigError> {
        let at = |span: Option<std::ops::Range<usize>>, mistake| {
            let before = span.and_then(|span| text.get(..span.start));
            let line = before.map(|before| before.matches('\n').count() + 1);
            ConfigError { file: file.to_owned(), line, mistake }
        };
        let table = DeTable::parse(text)
            .map_err(|error| at(error.span(), Mistake::Syntax(error.message().to_owned())))?;
        for (key, value) in table.get_ref() {
            self.apply(key.get_ref(), value.get_ref(), groups)
                .map_err(|mistake| at(Some(key.span()), mistake))?;
            let set = (written::value(value.get_ref()), file.to_owned());
            self.settings.insert(key.get_ref().to_string(), set);
        }
        Ok(())
    }

    fn apply(&mut self, key: &str, value: &DeValue<'_>, groups: &str) -> Result<(), Mistake> {
        let wrong = |expected| Mistake::Value(key.to_owned(), expected);
        let number = || number(value).ok_or_else(|| wrong("a whole number above 0"));
        match key {
            "admin-groups" => {
                let names = strings(value).ok_or_else(|| wrong("a list of group names"))?;
                let known = |name: &&str| group_id(groups, name).ok_or_else(|| unknown_group(name));
                let found = names.iter().map(known).collect::<Result<_, _>>();
                self.policy.administrator_groups = found?;
            }
            "bus-address" => {
                let address = value.as_str().ok_or_else(|| wrong("a D-Bus address, or empty"))?;
                self.bus_address = Some(address.to_owned());
            }
            "journal-socket" => {
                let path = value.as_str().filter(|path| path.is_empty() || path.starts_with('/'));
                let path = path.ok_or_else(|| wrong("an absolute path, or empty"))?;
                self.journal_socket = Some(path.into());
            }
            "allow-notify-command" => {
                let allowed = value.as_bool().ok_or_else(|| wrong("true or false"))?;
                self.policy.allow_notify_command = allowed;
            }
            "jobs-per-user" => self.policy.jobs_per_user = number()?,
            "jobs-per-machine" => self.policy.jobs_per_machine = number()?,
            "files-per-job" => self.policy.files_per_job = number()?,
            "ranges-per-file" => self.policy.ranges_per_file = number()?,
            "background-slots" => self.policy.background_slots = number()?,
            "foreground-slots" => self.policy.foreground_slots = number()?,
            "connections-per-file" => {
                let number = u8::try_from(number()?).ok().filter(|number| *number <= 8);
                self.policy.connections_per_file =
                    number.ok_or_else(|| wrong("a number from 1 to 8"))?;
            }
            "stall-timeout" => {
                let seconds = Some(number()?).filter(|seconds| *seconds <= 3600);
                self.policy.stall_timeout =
                    seconds.ok_or_else(|| wrong("a number of seconds from 1 to 3600"))?;
            }
            "job-inactivity-timeout" => {
                self.policy.job_inactivity_timeout = days(number()?).ok_or_else(|| wrong(DAYS))?;
            }
            "owner-presence" => {
                let choice = value.as_str().and_then(OwnerPresence::parse);
                self.policy.owner_presence = choice.ok_or_else(|| wrong("always or logged-on"))?;
            }
            "max-download-time" => {
                self.policy.max_download_time = days(number()?).ok_or_else(|| wrong(DAYS))?;
            }
            _ if conditions::is_one(key) => {
                conditions::apply(&mut self.policy.conditions, &mut self.hours, key, value)
                    .map_err(wrong)?;
            }
            _ => return Err(Mistake::UnknownKey(key.to_owned())),
        }
        Ok(())
    }
}

const DAYS: &str = "a number of days from 1 to 999";

fn days(days: u32) -> Option<u32> {
    (days <= 999).then_some(days)
}

fn unknown_group(name: &str) -> Mistake {
    Mistake::UnknownGroup(name.to_owned())
}

fn number(value: &DeValue<'_>) -> Option<u32> {
    let number = value.as_integer()?;
    u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| *number > 0)
}

fn strings<'a>(value: &'a DeValue<'_>) -> Option<Vec<&'a str>> {
    value.as_array()?.iter().map(Spanned::get_ref).map(DeValue::as_str).collect()
}

/// Finds a group in the text of `/etc/group`.
fn group_id(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        fields.nth(1)?.parse().ok()
    })
}

#[cfg(test)]
mod tests;
