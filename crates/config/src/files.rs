//! Which files make up the configuration, and what is in them.
//!
//! Packages and tools put settings of their own into `ebb.toml.d` and leave `ebb.toml` to the
//! administrator. What does not end in `.toml`, or begins with a dot, is somebody's left-over and
//! no setting.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{ConfigError, Mistake};

/// The texts of `path` and of the files beside it, in the order they count.
pub(crate) fn all(path: &Path) -> Result<Vec<(PathBuf, String)>, ConfigError> {
    let mut texts: Vec<_> = text(path)?.map(|text| (path.to_owned(), text)).into_iter().collect();
    for file in beside(path)? {
        let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
        texts.push((file, text));
    }
    Ok(texts)
}

/// The text of a file, if it is there.
pub(crate) fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// The files in the directory that is called like the file, with `.d` after it; by name.
fn beside(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".d");
    let directory = PathBuf::from(name);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&directory, error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: io::Result<Vec<PathBuf>> = paths.collect();
    let mut paths = paths.map_err(|error| unreadable(&directory, error))?;
    paths.retain(|path| is_a_setting(path));
    paths.sort();
    Ok(paths)
}

fn is_a_setting(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    path.extension() == Some(OsStr::new("toml")) && !hidden
}

fn unreadable(path: &Path, error: io::Error) -> ConfigError {
    ConfigError { file: path.to_owned(), line: None, mistake: Mistake::Read(error) }
}
