//! Where the configuration is, what was changed of it while we ran, and what of both is in force.
//!
//! The rules of it are `ebb_config`'s. Reading and writing here holds everybody else up for as long as a
//! few small files take: administrators do it, and seldom.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use ebb_config::changes::{self, ChangeError};
use ebb_config::{Config, ConfigError};
use ebb_core::policy::Policy;
use ebb_core::refusal::Refusal;

/// What administrators have changed, in the service's own directory.
const CHANGES: &str = "policy.toml";

/// The configuration's places.
#[derive(Debug)]
pub(crate) struct Settings {
    config: PathBuf,
    changes: PathBuf,
    /// Key, value, file.
    in_force: RefCell<Vec<(String, String, PathBuf)>>,
}

impl Settings {
    /// Those of a service with this configuration and this directory.
    pub(crate) fn new(config: &Path, state_dir: &Path) -> Self {
        let changes = state_dir.join(CHANGES);
        Self { config: config.to_owned(), changes, in_force: RefCell::default() }
    }

    /// Reads all of it. With a mistake in it, what was in force stays.
    ///
    /// # Errors
    ///
    /// As [`Config::read`].
    pub(crate) fn read(&self) -> Result<Config, ConfigError> {
        let config = Config::read_changed(&self.config, &self.changes)?;
        self.note(&config);
        Ok(config)
    }

    /// Changes a policy, or takes a change back with an empty value; says what then holds.
    ///
    /// # Errors
    ///
    /// A refusal; then nothing has changed.
    pub(crate) fn change(&self, key: &str, value: &str) -> Result<Policy, Refusal> {
        let kept = |why: &dyn std::fmt::Display| {
            eprintln!("the policy stays as it is: {why}");
            Refusal::PolicyNotKept
        };
        let changed = changes::change(&self.config, &self.changes, key, value);
        let config = changed.map_err(|error| match error {
            ChangeError::Key => Refusal::UnknownPolicy,
            ChangeError::Value(expected) => Refusal::InvalidPolicyValue(expected),
            ChangeError::Config(error) => kept(&error),
            ChangeError::Write(error) => kept(&error),
        })?;
        self.note(&config);
        Ok(config.policy)
    }

    /// What was set: key, value as in a file, and in which file; in none by a call.
    pub(crate) fn in_force(&self) -> Vec<(String, String, String)> {
        let named = |file: &Path| match file == self.changes {
            true => String::new(),
            false => file.display().to_string(),
        };
        let in_force = self.in_force.borrow();
        in_force.iter().map(|(key, value, at)| (key.clone(), value.clone(), named(at))).collect()
    }

    /// The keys that calls have changed.
    pub(crate) fn changed(&self) -> Vec<String> {
        let in_force = self.in_force().into_iter();
        in_force.filter(|(_, _, file)| file.is_empty()).map(|(key, ..)| key).collect()
    }

    fn note(&self, config: &Config) {
        let set = config.settings.iter();
        let set = set.map(|(key, (value, file))| (key.clone(), value.clone(), file.clone()));
        *self.in_force.borrow_mut() = set.collect();
    }
}
