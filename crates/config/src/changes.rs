//! What administrators change while the service runs: the same keys, in a file of the service's own.
//!
//! It counts after all others. Only how much may be done and when can be changed in this way; who may do
//! what, and whom the service itself talks to, is said in files that only root writes, or a permission to
//! change the one would be one to change all. A change is judged by what judges files, written down whole
//! or not at all, and there for good when this returns.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::{Config, ConfigError, Mistake, files, written};

/// The keys that can be changed while the service runs.
pub const KEYS: [&str; 21] = [
    "background-slots",
    "connections-per-file",
    "cost-policy",
    "files-per-job",
    "foreground-slots",
    "job-inactivity-timeout",
    "jobs-per-machine",
    "jobs-per-user",
    "maintenance-days",
    "maintenance-hours",
    "maintenance-limit",
    "max-download-time",
    "on-battery",
    "other-limit",
    "owner-presence",
    "power-saver",
    "ranges-per-file",
    "stall-timeout",
    "work-days",
    "work-hours",
    "work-limit",
];

/// The most bytes a value may have.
pub const LONGEST: usize = 1000;

/// Why something cannot be changed. Nothing was.
#[derive(Debug)]
pub enum ChangeError {
    /// There is no such key, or it is not for changing.
    Key,
    /// The value makes no sense; what it must be.
    Value(&'static str),
    /// The files, or what was changed before, cannot be read.
    Config(ConfigError),
    /// The change cannot be written down.
    Write(io::Error),
}

/// Changes what a key is, from now on; an empty value takes a change back. Returns what then counts. A
/// word that is no value in TOML (`always`, `08:00-17:00`) is taken for a string.
///
/// # Errors
///
/// [`ChangeError`]; then nothing has changed.
pub fn change(
    config: &Path,
    changes: &Path,
    key: &str,
    value: &str,
) -> Result<Config, ChangeError> {
    let key = KEYS.into_iter().find(|known| *known == key).ok_or(ChangeError::Key)?;
    let mut kept = kept(changes).map_err(ChangeError::Config)?;
    match value.trim() {
        "" => drop(kept.remove(key)),
        value => drop(kept.insert(key.to_owned(), understood(key, value)?)),
    }
    let lines = kept.iter().map(|(key, value)| format!("{key} = {value}\n"));
    let text: String = lines.collect();
    let mut changed = Config::read(config).map_err(ChangeError::Config)?;
    changed.take(changes, &text, "").map_err(|error| match error.mistake {
        Mistake::Value(of, expected) if of == key => ChangeError::Value(expected),
        Mistake::Value(..)
        | Mistake::Read(_)
        | Mistake::Syntax(_)
        | Mistake::UnknownKey(_)
        | Mistake::UnknownGroup(_) => ChangeError::Config(error),
    })?;
    write(changes, &text).map_err(ChangeError::Write)?;
    Ok(changed)
}

impl Config {
    /// Reads the files, and then what was changed since they were written.
    ///
    /// # Errors
    ///
    /// As [`Config::read`].
    pub fn read_changed(path: &Path, changes: &Path) -> Result<Self, ConfigError> {
        let mut config = Self::read(path)?;
        let text: String =
            kept(changes)?.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        config.take(changes, &text, "")?;
        Ok(config)
    }
}

/// What was changed before, as it would be written. A key that nobody could have changed is a mistake.
fn kept(changes: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(text) = files::text(changes)? else { return Ok(BTreeMap::new()) };
    let at = |mistake| ConfigError { file: changes.to_owned(), line: None, mistake };
    let table = DeTable::parse(&text);
    let table = table.map_err(|error| at(Mistake::Syntax(error.message().to_owned())))?;
    let pairs = table.get_ref().iter().map(|(key, value)| {
        let key = key.get_ref().as_ref();
        match KEYS.contains(&key) {
            true => Ok((key.to_owned(), written::value(value.get_ref()))),
            false => Err(at(Mistake::UnknownKey(key.to_owned()))),
        }
    });
    pairs.collect()
}

/// The value, as it would be written.
fn understood(key: &str, value: &str) -> Result<String, ChangeError> {
    const WHAT: &str = "a number, a word, or what one would write into ebb.toml";
    if value.len() > LONGEST {
        return Err(ChangeError::Value("at most 1,000 bytes"));
    }
    let parsed = |line: &str| {
        let table = DeTable::parse(line).ok()?;
        let mut pairs = table.get_ref().iter();
        let (found, value) = pairs.next()?;
        let is_alone = pairs.next().is_none() && found.get_ref() == key;
        is_alone.then(|| written::value(value.get_ref()))
    };
    let is_word = !value.contains(['"', '\\']) && !value.contains(char::is_control);
    parsed(&format!("{key} = {value}"))
        .or_else(|| is_word.then(|| parsed(&format!("{key} = \"{value}\"")))?)
        .ok_or(ChangeError::Value(WHAT))
}

/// Puts the whole text in the file's place.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let aside: PathBuf = path.with_extension("new");
    let mut file = File::create(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
