//! What things are called: bus name, paths, interfaces, sockets.
//!
//! Answers one question: *under which name does one find it?* Both the service and its clients
//! take every name from here, so a name is spelled once. Nothing here talks to anybody or reads
//! a file; where a name depends on the environment, the environment is a parameter.
//!
//! | object                                   | interface         |
//! |------------------------------------------|-------------------|
//! | [`MANAGER_PATH`]                         | [`MANAGER`]       |
//! | [`MANAGER_PATH`]`/job/ID`                | [`JOB`]           |
//! | [`MANAGER_PATH`]`/token_options/RANDOM`  | [`TOKEN_OPTIONS`] |
//!
//! ID is the job's UUID with `_` for `-`, because an object path has no room for a dash.

use std::path::{Path, PathBuf};

/// The well-known name on the system bus.
pub const BUS_NAME: &str = "org.ebb.Transfer1";
/// The path of the one object with the [`MANAGER`] interface; all others live below it.
pub const MANAGER_PATH: &str = "/org/ebb/Transfer1";
/// What the paths of jobs start with.
pub const JOB_PREFIX: &str = "/org/ebb/Transfer1/job/";
/// What the paths of token options start with.
pub const TOKEN_OPTIONS_PREFIX: &str = "/org/ebb/Transfer1/token_options/";

/// The interface of the manager.
pub const MANAGER: &str = "org.ebb.Transfer1.Manager";
/// The interface of a job.
pub const JOB: &str = "org.ebb.Transfer1.Job";
/// The interface of opened token options.
pub const TOKEN_OPTIONS: &str = "org.ebb.Transfer1.TokenOptions";

/// The contract of [`MANAGER`], as introspection XML.
pub const MANAGER_XML: &str = include_str!("../interfaces/org.ebb.Transfer1.Manager.xml");
/// The contract of [`JOB`], as introspection XML.
pub const JOB_XML: &str = include_str!("../interfaces/org.ebb.Transfer1.Job.xml");
/// The contract of [`TOKEN_OPTIONS`], as introspection XML.
pub const TOKEN_OPTIONS_XML: &str =
    include_str!("../interfaces/org.ebb.Transfer1.TokenOptions.xml");

/// Where the system service listens without a bus.
pub const SYSTEM_SOCKET: &str = "/run/ebb/bus";

/// The object path of the job with this id.
///
/// ```
/// let path = ebb_api::names::job_path("3f2ac1d0-0000-4000-8000-00000000002a");
/// assert_eq!(path, "/org/ebb/Transfer1/job/3f2ac1d0_0000_4000_8000_00000000002a");
/// ```
#[must_use]
pub fn job_path(id: &str) -> String {
    format!("{JOB_PREFIX}{}", id.replace('-', "_"))
}

/// The id of the job at this object path; nothing where the path is not a job's.
#[must_use]
pub fn job_id(path: &str) -> Option<String> {
    let id = path.strip_prefix(JOB_PREFIX)?;
    // A dash must not pass: two paths for one job would be one too many.
    let id = (!id.contains('-')).then(|| id.replace('_', "-"))?;
    is_uuid(&id).then_some(id)
}

/// The object path of token options; `random` is 32 hexadecimal digits.
#[must_use]
pub fn token_options_path(random: &str) -> String {
    format!("{TOKEN_OPTIONS_PREFIX}{random}")
}

/// The random part of such a path; nothing where the path is of another kind.
#[must_use]
pub fn token_options_random(path: &str) -> Option<&str> {
    let random = path.strip_prefix(TOKEN_OPTIONS_PREFIX)?;
    (random.len() == 32 && random.bytes().all(is_lower_hex)).then_some(random)
}

/// Whether this is a UUID in its canonical form: lower case, four dashes, no braces.
#[must_use]
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_lower_hex(byte),
        })
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// The directory of a private instance's socket: `$XDG_RUNTIME_DIR/ebb`, or `~/.cache/ebb/run`
/// where there is no such variable. Nothing when the home directory is unknown too.
///
/// `variable` looks up the environment; a relative value counts as absent, as the XDG
/// specification wants it.
pub fn private_run_dir(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    // A runtime directory that is named but not there is what one finds after `su` or in a
    // container: no login made it.
    let runtime = absolute("XDG_RUNTIME_DIR").filter(|path| path.is_dir());
    runtime.map(|path| path.join("ebb")).or_else(|| Some(absolute("HOME")?.join(".cache/ebb/run")))
}

/// The directory of a private instance's store and log: `$XDG_STATE_HOME/ebb`, or
/// `~/.local/state/ebb`. Nothing when the home directory is unknown too.
pub fn private_state_dir(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .map(|path| path.join("ebb"))
}

/// The configuration of a private instance: `$XDG_CONFIG_HOME/ebb/ebb.toml`, or
/// `~/.config/ebb/ebb.toml`. Nothing when the home directory is unknown too.
pub fn private_config(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".config")))
        .map(|path| path.join("ebb/ebb.toml"))
}

/// The socket in such a directory.
#[must_use]
pub fn socket_in(run_dir: &Path) -> PathBuf {
    run_dir.join("bus")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2ac1d0-0000-4000-8000-00000000002a";

    #[test]
    fn a_job_path_leads_back_to_its_id() {
        assert_eq!(job_id(&job_path(ID)).as_deref(), Some(ID));
    }

    #[test]
    fn a_path_that_is_no_job_has_no_id() {
        for path in ["/", MANAGER_PATH, JOB_PREFIX, &format!("{JOB_PREFIX}{ID}"), "/x/job/1"] {
            assert_eq!(job_id(path), None, "{path}");
        }
        assert_eq!(job_id(&job_path(&ID.to_uppercase())), None);
    }

    #[test]
    fn token_options_are_32_hexadecimal_digits() {
        let random = "00112233445566778899aabbccddeeff";
        assert_eq!(token_options_random(&token_options_path(random)), Some(random));
        assert_eq!(token_options_random(&token_options_path("00")), None);
        assert_eq!(token_options_random(&job_path(ID)), None);
    }

    #[test]
    fn the_socket_of_a_private_instance_is_found_without_a_login_session() {
        let home_only = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/alice"));
        assert_eq!(private_run_dir(home_only), Some("/home/alice/.cache/ebb/run".into()));
        assert_eq!(private_state_dir(home_only), Some("/home/alice/.local/state/ebb".into()));
        assert_eq!(private_config(home_only), Some("/home/alice/.config/ebb/ebb.toml".into()));
        assert_eq!(private_run_dir(|_| None), None);
        let relative = |_: &str| Some(PathBuf::from("somewhere"));
        assert_eq!(private_state_dir(relative), None);
    }

    #[test]
    fn a_runtime_directory_that_does_not_exist_is_not_used() {
        let gone = |name: &str| match name {
            "XDG_RUNTIME_DIR" => Some(PathBuf::from("/nonexistent/1000")),
            "HOME" => Some(PathBuf::from("/home/alice")),
            _ => None,
        };
        assert_eq!(private_run_dir(gone), Some("/home/alice/.cache/ebb/run".into()));
    }

    #[test]
    fn the_contracts_name_their_interfaces() {
        let contracts =
            [(MANAGER, MANAGER_XML), (JOB, JOB_XML), (TOKEN_OPTIONS, TOKEN_OPTIONS_XML)];
        for (name, xml) in contracts {
            assert!(xml.contains(&format!("<interface name=\"{name}\">")), "{name}");
        }
    }
}
