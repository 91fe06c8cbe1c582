//! `ebb check-config`: is the configuration what somebody meant?
//!
//! Asks no service: what is checked is what the next start would read.

use std::path::Path;

use ebb_config::{Config, SYSTEM_CONFIG};

use crate::args::Invocation;
use crate::escape::lossless_path;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Reads it as the service would, and says which files make it up, in the order they count.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let path = match call.operands.as_slice() {
        [] => Path::new(SYSTEM_CONFIG),
        [named] => existing(Path::new(named))?,
        _ => return Err(call.misused("one file, please")),
    };
    let config = Config::read(path).map_err(|error| {
        Failure::new(Exit::Failure, error.to_string())
            .hint("the service would not start with this configuration")
    })?;
    if config.files.is_empty() {
        output::remark(call, "there is no configuration: the defaults hold");
    }
    for file in &config.files {
        output::line(&lossless_path(file.as_os_str().as_encoded_bytes()))?;
    }
    Ok(Exit::Success)
}

/// Whoever names a file means one that is there.
fn existing(path: &Path) -> Result<&Path, Failure> {
    if path.exists() {
        return Ok(path);
    }
    let name = lossless_path(path.as_os_str().as_encoded_bytes());
    Err(Failure::new(Exit::NotFound, format!("there is no file {name}")))
}
