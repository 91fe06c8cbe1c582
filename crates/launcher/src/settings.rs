//! Which instance this is, and so where everything lies.
//!
//! As root everything comes from the policy file, and the file's place is the only argument. As an
//! ordinary user places follow that user's own directories, and arguments may change them: nothing
//! can be gained by it, for the private instance has no right its user lacks.

use crate::Fatal;
use crate::policy::Policy;
use ebb_wire::launcher::Identity;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The two ways to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instance {
    /// As root, for everybody.
    System,
    /// As a user, for that user.
    Private,
}

/// Everything that is settled before the first process is started.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) instance: Instance,
    pub(crate) policy: Policy,
    /// Whom the service runs as; for a private instance, whom everything runs as.
    pub(crate) service: Identity,
    pub(crate) libexec_dir: PathBuf,
    pub(crate) runtime_dir: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) config: PathBuf,
}

const USAGE: &str = "usage: ebbd [--policy FILE]; as an ordinary user also [--libexec-dir DIR] \
                     [--runtime-dir DIR] [--state-dir DIR] [--config FILE]";

impl Settings {
    /// Settles everything from the arguments, the policy file and the user database.
    pub(crate) fn resolve(arguments: impl Iterator<Item = OsString>) -> Result<Self, Fatal> {
        let mut options = options(arguments)?;
        if rustix::process::geteuid().is_root() {
            let file = options
                .remove("--policy")
                .unwrap_or_else(|| "/etc/ebb/ebbd.conf".into());
            return Self::system(Policy::read(&file)?, &options);
        }
        let policy = options
            .remove("--policy")
            .map_or_else(|| Ok(Policy::default()), |file| Policy::read(&file))?;
        Self::private(policy, options)
    }

    fn system(policy: Policy, rest: &BTreeMap<String, PathBuf>) -> Result<Self, Fatal> {
        if let Some(option) = rest.keys().next() {
            return Err(Fatal::Usage(format!(
                "{option} is the policy file's to say; {USAGE}"
            )));
        }
        let or = |path: &Option<PathBuf>, default: &str| {
            path.clone().unwrap_or_else(|| PathBuf::from(default))
        };
        let settings = Self {
            instance: Instance::System,
            service: service_user(&policy.service_user)?,
            libexec_dir: or(&policy.libexec_dir, "/usr/libexec/ebb"),
            runtime_dir: or(&policy.runtime_dir, "/run/ebb"),
            state_dir: or(&policy.state_dir, "/var/lib/ebb"),
            config: or(&policy.config, "/etc/ebb/ebb.toml"),
            policy,
        };
        for dir in [&settings.runtime_dir, &settings.state_dir] {
            check_directory(dir, settings.service.uid)?;
        }
        Ok(settings)
    }

    fn private(policy: Policy, mut options: BTreeMap<String, PathBuf>) -> Result<Self, Fatal> {
        let mut place = |option: &str, file: &Option<PathBuf>, default: Option<PathBuf>| {
            let found = options.remove(option).or_else(|| file.clone()).or(default);
            found.ok_or_else(|| Fatal::Config(format!("HOME is not set; say {option}")))
        };
        let libexec = beside_us().unwrap_or_else(|| "/usr/libexec/ebb".into());
        let settings = Self {
            instance: Instance::Private,
            service: ourselves()?,
            libexec_dir: place("--libexec-dir", &policy.libexec_dir, Some(libexec))?,
            runtime_dir: place(
                "--runtime-dir",
                &policy.runtime_dir,
                below("XDG_RUNTIME_DIR", "ebb", ".cache/ebb/run"),
            )?,
            state_dir: place(
                "--state-dir",
                &policy.state_dir,
                below("XDG_STATE_HOME", "ebb", ".local/state/ebb"),
            )?,
            config: place(
                "--config",
                &policy.config,
                below("XDG_CONFIG_HOME", "ebb/ebb.toml", ".config/ebb/ebb.toml"),
            )?,
            policy,
        };
        for dir in [&settings.runtime_dir, &settings.state_dir] {
            let made = std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir);
            made.map_err(|error| Fatal::Config(format!("{}: {error}", dir.display())))?;
        }
        Ok(settings)
    }
}

/// `--name VALUE` and `--name=VALUE`, each at most once.
fn options(
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<BTreeMap<String, PathBuf>, Fatal> {
    const KNOWN: [&str; 5] = [
        "--policy",
        "--libexec-dir",
        "--runtime-dir",
        "--state-dir",
        "--config",
    ];
    let usage = || Fatal::Usage(USAGE.into());
    let mut options = BTreeMap::new();
    while let Some(argument) = arguments.next() {
        let argument = argument.into_string().map_err(|_| usage())?;
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), PathBuf::from(value)),
            None => (argument, arguments.next().ok_or_else(usage)?.into()),
        };
        let is_new = KNOWN.contains(&&*name) && value.is_absolute();
        if !is_new || options.insert(name, value).is_some() {
            return Err(usage());
        }
    }
    Ok(options)
}

/// The service's user and group from the user database, and no further groups.
fn service_user(name: &str) -> Result<Identity, Fatal> {
    let passwd = std::fs::read_to_string("/etc/passwd")
        .map_err(|error| Fatal::System("read the user database", error))?;
    let (uid, gid) = numbers(&passwd, name).ok_or_else(|| {
        Fatal::Config(format!(
            "there is no user `{name}`; make it with systemd-sysusers"
        ))
    })?;
    if uid == 0 || gid == 0 {
        return Err(Fatal::Config(format!(
            "the service may not run as `{name}`, who is root"
        )));
    }
    Ok(Identity {
        uid,
        gid,
        groups: Vec::new(),
    })
}

fn numbers(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut entries = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.first() == Some(&name))?;
    Some((entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?))
}

/// Who a private instance is: what the kernel says we are.
fn ourselves() -> Result<Identity, Fatal> {
    let gid = rustix::process::getegid().as_raw();
    let groups = rustix::process::getgroups()
        .map_err(|errno| Fatal::System("read our own groups", errno.into()))?;
    let groups = groups
        .iter()
        .map(|group| group.as_raw())
        .filter(|group| *group != gid);
    Ok(Identity {
        uid: rustix::process::geteuid().as_raw(),
        gid,
        groups: groups.collect(),
    })
}

/// The directory we were started from, if the service is there too.
fn beside_us() -> Option<PathBuf> {
    let dir = std::env::current_exe().ok()?.parent()?.to_path_buf();
    dir.join("ebb-service").exists().then_some(dir)
}

/// A place below one of the user's directories.
fn below(variable: &str, with_variable: &str, with_home: &str) -> Option<PathBuf> {
    let dir = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    dir(variable)
        .map(|dir| dir.join(with_variable))
        .or_else(|| dir("HOME").map(|home| home.join(with_home)))
}

/// Says how to make a directory that is not as it has to be: we have no right to do so.
fn check_directory(dir: &Path, owner: u32) -> Result<(), Fatal> {
    let is_fine =
        std::fs::symlink_metadata(dir).is_ok_and(|found| found.is_dir() && found.uid() == owner);
    if is_fine {
        return Ok(());
    }
    Err(Fatal::Config(format!(
        "{} must be a directory that belongs to uid {owner}; `systemd-tmpfiles --create` makes it",
        dir.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<BTreeMap<String, PathBuf>, Fatal> {
        options(arguments.iter().map(OsString::from))
    }

    #[test]
    fn both_ways_to_write_an_option_are_understood() {
        let options = parsed(&["--policy", "/a", "--config=/b"]).unwrap();
        assert_eq!(options["--policy"], Path::new("/a"));
        assert_eq!(options["--config"], Path::new("/b"));
    }

    #[test]
    fn anything_else_is_refused() {
        for arguments in [
            &["--polic", "/a"][..],
            &["--policy"],
            &["--policy", "relative"],
            &["--policy", "/a", "--policy", "/b"],
            &["/a"],
        ] {
            assert!(
                matches!(parsed(arguments), Err(Fatal::Usage(_))),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn a_name_is_found_whole_or_not_at_all() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nebb2:x:7:8::/:\nebb:x:998:997::/:\nbad:x:y\n";
        assert_eq!(numbers(passwd, "ebb"), Some((998, 997)));
        assert_eq!(numbers(passwd, "eb"), None);
        assert_eq!(numbers(passwd, "bad"), None);
    }
}
