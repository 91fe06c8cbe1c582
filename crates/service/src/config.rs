//! The service's configuration: `ebb.toml`, read once at start.
//!
//! A file that is not there means the defaults (BITS' own, `decisions.md`). An unknown key or a
//! value that makes no sense stops the start with the line it stands in: a policy with a typing
//! error is not the policy somebody meant.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ebb_core::policy::Policy;
use toml::{Table, Value};

/// What the service is told.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Rules and limits.
    pub(crate) policy: Policy,
    /// Where the message bus is, if not at its usual place; `Some("")` for no bus at all.
    pub(crate) bus_address: Option<String>,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, io::Error),
    /// The file is not TOML; the text names line and column.
    #[error("{0}: {1}")]
    Syntax(PathBuf, toml::de::Error),
    /// A key that means nothing.
    #[error("{0}: there is no setting `{1}`")]
    UnknownKey(PathBuf, String),
    /// A value of the wrong kind or out of range.
    #[error("{0}: `{1}` must be {2}")]
    Value(PathBuf, String, &'static str),
    /// A group that this machine does not know.
    #[error("{0}: there is no group `{1}` on this machine")]
    UnknownGroup(PathBuf, String),
}

impl Config {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names what to correct.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(ConfigError::Read(path.into(), error)),
        };
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        Self::parse(path, &text, &groups)
    }

    fn parse(path: &Path, text: &str, groups: &str) -> Result<Self, ConfigError> {
        let table: Table = text.parse().map_err(|error| ConfigError::Syntax(path.into(), error))?;
        let mut config = Self::default();
        for (key, value) in &table {
            config.apply(path, key, value, groups)?;
        }
        Ok(config)
    }

    fn apply(
        &mut self,
        path: &Path,
        key: &str,
        value: &Value,
        groups: &str,
    ) -> Result<(), ConfigError> {
        let wrong = |expected| ConfigError::Value(path.into(), key.into(), expected);
        let number = || {
            let number = value.as_integer().and_then(|n| u32::try_from(n).ok());
            number.filter(|n| *n > 0).ok_or_else(|| wrong("a whole number above 0"))
        };
        match key {
            "admin-groups" => {
                let names = value.as_array().ok_or_else(|| wrong("a list of group names"))?;
                for name in names {
                    let name = name.as_str().ok_or_else(|| wrong("a list of group names"))?;
                    let gid = group_id(groups, name)
                        .ok_or_else(|| ConfigError::UnknownGroup(path.into(), name.into()))?;
                    self.policy.administrator_groups.push(gid);
                }
            }
            "bus-address" => {
                let address = value.as_str().ok_or_else(|| wrong("a D-Bus address, or empty"))?;
                self.bus_address = Some(address.to_owned());
            }
            "jobs-per-user" => self.policy.jobs_per_user = number()?,
            "jobs-per-machine" => self.policy.jobs_per_machine = number()?,
            "files-per-job" => self.policy.files_per_job = number()?,
            "background-slots" => self.policy.background_slots = number()?,
            "foreground-slots" => self.policy.foreground_slots = number()?,
            "job-inactivity-timeout" => {
                let days = number()?;
                if days > 999 {
                    return Err(wrong("a number of days from 1 to 999"));
                }
                self.policy.job_inactivity_timeout = days;
            }
            _ => return Err(ConfigError::UnknownKey(path.into(), key.into())),
        }
        Ok(())
    }
}

/// Finds a group in the text of `/etc/group`. Administrators' groups are the machine's own, so no
/// name service is asked.
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
mod tests {
    use super::*;

    const GROUPS: &str = "root:x:0:\nsudo:x:27:alice\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("ebb.toml"), text, GROUPS)
    }

    #[test]
    fn every_setting_is_taken() {
        let config = parse(
            "admin-groups = ['sudo']\nbus-address = ''\njobs-per-user = 1\n\
             jobs-per-machine = 2\nfiles-per-job = 3\nbackground-slots = 4\nforeground-slots = 5\n\
             job-inactivity-timeout = 999",
        )
        .unwrap();
        let expected = Policy {
            administrator_groups: vec![27],
            jobs_per_user: 1,
            jobs_per_machine: 2,
            files_per_job: 3,
            background_slots: 4,
            foreground_slots: 5,
            job_inactivity_timeout: 999,
        };
        assert_eq!((config.policy, config.bus_address.as_deref()), (expected, Some("")));
    }

    #[test]
    fn a_typing_error_is_named_and_nothing_is_guessed() {
        for (text, named) in [
            ("job-per-user = 1", "job-per-user"),
            ("jobs-per-user = 0", "jobs-per-user"),
            ("job-inactivity-timeout = 1000", "1 to 999"),
            ("jobs-per-user = 'many'", "jobs-per-user"),
            ("admin-groups = ['wheel']", "wheel"),
            ("jobs-per-user = ", "line 1"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_means_the_defaults() {
        let config = Config::read(Path::new("/nonexistent/ebb.toml")).unwrap();
        assert_eq!(config.policy, Policy::default());
    }
}
