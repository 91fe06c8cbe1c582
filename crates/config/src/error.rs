//! What is wrong with a configuration: in which file, in which line, with which key.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The configuration cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    /// Which file.
    pub file: PathBuf,
    /// Which line, if it is about one.
    pub line: Option<usize>,
    /// What is wrong there.
    pub mistake: Mistake,
}

/// What is wrong.
#[derive(Debug)]
pub enum Mistake {
    /// The file cannot be read.
    Read(io::Error),
    /// The file is not TOML.
    Syntax(String),
    /// A key that means nothing.
    UnknownKey(String),
    /// A value of the wrong kind or out of range, and what it must be.
    Value(String, &'static str),
    /// A group that this machine does not know.
    UnknownGroup(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.mistake)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Syntax(message) => f.write_str(message),
            Self::UnknownKey(key) => write!(f, "there is no setting `{key}`"),
            Self::Value(key, expected) => write!(f, "`{key}` must be {expected}"),
            Self::UnknownGroup(name) => {
                write!(f, "`admin-groups`: there is no group `{name}` on this machine")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.mistake {
            Mistake::Read(error) => Some(error),
            Mistake::Syntax(_)
            | Mistake::UnknownKey(_)
            | Mistake::Value(..)
            | Mistake::UnknownGroup(_) => None,
        }
    }
}
