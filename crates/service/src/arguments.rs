//! What `ebbd` tells us at start: `--name=value`, no more. We are started by nobody else.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::agents::SandboxDemand;
use crate::bus::Instance;

/// The command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) instance: Instance,
    pub(crate) runtime_dir: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) sandbox: SandboxDemand,
    /// Where the service manager listens, if there is one.
    pub(crate) notify: Option<OsString>,
}

/// The command line is not what `ebbd` gives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    /// Something that is no argument of ours.
    #[error("`{0}` is no argument; ebb-service is started by ebbd")]
    Unknown(String),
    /// Something is missing.
    #[error("--{0} is missing; ebb-service is started by ebbd")]
    Missing(&'static str),
}

impl Arguments {
    /// Reads the command line.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`]: `ebbd` and we are not of one version.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, ArgumentError> {
        let (mut instance, mut runtime_dir, mut state_dir, mut config, mut sandbox) =
            (None, None, None, None, SandboxDemand::Required);
        let mut notify = None;
        for word in words {
            let unknown = || ArgumentError::Unknown(word.to_string_lossy().into_owned());
            let bytes = word.as_bytes();
            let equals = bytes.iter().position(|c| *c == b'=').ok_or_else(unknown)?;
            let value = std::ffi::OsStr::from_bytes(&bytes[equals + 1..]);
            match (&bytes[..equals], value.as_bytes()) {
                (b"--instance", b"system") => instance = Some(Instance::System),
                (b"--instance", b"private") => instance = Some(Instance::Private),
                (b"--runtime-dir", _) => runtime_dir = Some(PathBuf::from(value)),
                (b"--state-dir", _) => state_dir = Some(PathBuf::from(value)),
                (b"--config", _) => config = Some(PathBuf::from(value)),
                (b"--notify", _) => notify = Some(value.to_owned()),
                (b"--sandbox", b"required") => sandbox = SandboxDemand::Required,
                (b"--sandbox", b"warn") => sandbox = SandboxDemand::Warn,
                _ => return Err(unknown()),
            }
        }
        Ok(Self {
            instance: instance.ok_or(ArgumentError::Missing("instance"))?,
            runtime_dir: runtime_dir.ok_or(ArgumentError::Missing("runtime-dir"))?,
            state_dir: state_dir.ok_or(ArgumentError::Missing("state-dir"))?,
            config: config.ok_or(ArgumentError::Missing("config"))?,
            sandbox,
            notify,
        })
    }
}
