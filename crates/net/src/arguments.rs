//! The command line of `ebb-net`, which only `ebbd` writes.
//!
//! Answers one question: *what were we told at the start?* There is no configuration file and no
//! environment variable.

use ebb_sandbox::Demand;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The arguments, understood.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) demand: Demand,
    pub(crate) extra_ca: Option<PathBuf>,
}

/// An argument nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("usage: ebb-net [--sandbox=required|warn] [--extra-ca=PATH]")]
pub(crate) struct UsageError;

impl Arguments {
    pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut read = Self { demand: Demand::Required, extra_ca: None };
        for argument in arguments {
            let bytes = argument.as_bytes();
            if let Some(path) = bytes.strip_prefix(b"--extra-ca=") {
                read.extra_ca = Some(OsString::from_vec(path.to_vec()).into());
                continue;
            }
            read.demand = match bytes {
                b"--sandbox=required" => Demand::Required,
                b"--sandbox=warn" => Demand::Warn,
                _ => return Err(UsageError),
            };
        }
        Ok(read)
    }

    /// What this process must be able to read besides what TLS and name resolution do anyway.
    pub(crate) fn readable(&self) -> Vec<PathBuf> {
        self.extra_ca.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Arguments, UsageError> {
        Arguments::read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_sandbox_is_required_unless_told_otherwise() {
        assert!(matches!(read(&[]).unwrap().demand, Demand::Required));
        assert!(matches!(read(&["--sandbox=warn"]).unwrap().demand, Demand::Warn));
    }

    #[test]
    fn the_extra_authorities_can_be_read_and_unknown_arguments_end_us() {
        let arguments = read(&["--extra-ca=/etc/ebb/ca.pem"]).unwrap();
        assert!(arguments.readable().contains(&PathBuf::from("/etc/ebb/ca.pem")));
        assert!(read(&["--insecure"]).is_err());
        assert!(read(&["--sandbox=off"]).is_err());
    }
}
