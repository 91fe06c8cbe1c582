//! The policy: who may be served, and where things are.
//!
//! As root all of it comes from the policy file, and the file's place is the only argument. As an
//! ordinary user places follow that user's own directories, and arguments may say what the file
//! says: nothing can be gained by it, for the private instance has no right its user lacks.
//!
//! `key = value`, one a line; `#` begins a comment. An unknown key or a bad value refuses the whole
//! file, with the number of the line: a policy that is half understood is none. The file must
//! belong to root (or, for a private instance, to its user) and nobody else may write it. It is
//! read once; there is no reloading.

use crate::{CONFIG, Fatal, USAGE, cannot};
use ebb_wire::launcher::Identity;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What holds from the start to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// As a user, for that user; not as root, for everybody.
    pub(crate) private: bool,
    /// Whom the service runs as; for a private instance, whom everything runs as.
    pub(crate) service: Identity,
    pub(crate) libexec_dir: PathBuf,
    pub(crate) runtime_dir: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) extra_ca_file: Option<PathBuf>,
    /// What agents do where the kernel cannot confine them: `required` or `warn`.
    pub(crate) sandbox: String,
    pub(crate) max_agents: usize,
    service_user: String,
    min_uid: u32,
    deny_uids: Vec<u32>,
}

/// That of root.
impl Default for Policy {
    fn default() -> Self {
        Self {
            private: false,
            service: Identity { uid: u32::MAX, gid: u32::MAX, groups: Vec::new() },
            libexec_dir: "/usr/libexec/ebb".into(),
            runtime_dir: "/run/ebb".into(),
            state_dir: "/var/lib/ebb".into(),
            config: "/etc/ebb/ebb.toml".into(),
            extra_ca_file: None,
            sandbox: "required".into(),
            max_agents: 256,
            service_user: "ebb".into(),
            min_uid: 0,
            deny_uids: Vec::new(),
        }
    }
}

impl Policy {
    /// Settles everything from the arguments, the policy file and the user database.
    pub(crate) fn settle(arguments: impl Iterator<Item = OsString>) -> Result<Self, Fatal> {
        let is_root = rustix::process::geteuid().is_root();
        let mut policy = if is_root { Self::default() } else { Self::of_user()? };
        let has_file = policy.take(arguments)?;
        if is_root && !has_file {
            policy.read(Path::new("/etc/ebb/ebbd.conf"))?;
        }
        policy.check_places()
    }

    /// Takes arguments in their order, `--policy FILE` or `--KEY VALUE`; says whether there was a
    /// file among them.
    fn take(&mut self, mut arguments: impl Iterator<Item = OsString>) -> Result<bool, Fatal> {
        let usage = |what: &str| Fatal(USAGE, format!("{what}; {HELP}"));
        let mut has_file = false;
        while let Some(argument) = arguments.next() {
            let key = argument.to_str().and_then(|text| text.strip_prefix("--"));
            match (key, arguments.next().as_deref().and_then(OsStr::to_str)) {
                (Some("policy"), Some(value)) if !has_file => {
                    has_file = true;
                    self.read(&path(value).map_err(|what| usage(&what))?)?;
                }
                (Some(key), Some(value)) if self.private => {
                    self.set(key, value).map_err(|what| usage(&what))?;
                }
                _ => return Err(usage(&argument.to_string_lossy())),
            }
        }
        Ok(has_file)
    }

    /// What holds for the user we are, if no file and no argument says otherwise.
    fn of_user() -> Result<Self, Fatal> {
        let gid = rustix::process::getegid().as_raw();
        let groups = rustix::process::getgroups().map_err(cannot("read our own groups"))?;
        let groups = groups.iter().map(|group| group.as_raw()).filter(|group| *group != gid);
        let uid = rustix::process::geteuid().as_raw();
        let mut policy = Self {
            private: true,
            service: Identity { uid, gid, groups: groups.collect() },
            runtime_dir: place("XDG_RUNTIME_DIR", "ebb", ".cache/ebb/run"),
            state_dir: place("XDG_STATE_HOME", "ebb", ".local/state/ebb"),
            config: place("XDG_CONFIG_HOME", "ebb/ebb.toml", ".config/ebb/ebb.toml"),
            ..Self::default()
        };
        let us = std::env::current_exe().unwrap_or_default();
        let beside = us.parent().filter(|dir| dir.join("ebb-service").exists());
        policy.libexec_dir = beside.map_or(policy.libexec_dir, Path::to_path_buf);
        Ok(policy)
    }

    /// Reads the file; a missing one says nothing.
    fn read(&mut self, path: &Path) -> Result<(), Fatal> {
        let text = match text_of(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            text => text.map_err(|error| error.to_string()),
        };
        text.and_then(|text| self.parse(&text))
            .map_err(|what| Fatal(CONFIG, format!("{}: {what}", path.display())))
    }

    pub(crate) fn parse(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let set = match line.split_once('=') {
                Some((key, value)) => self.set(key.trim(), value.trim()),
                None if line.is_empty() => Ok(()),
                None => Err("no `=`".into()),
            };
            set.map_err(|what| format!("line {number}: {what}"))?;
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "service-user" => self.service_user = value.into(),
            "libexec-dir" => self.libexec_dir = path(value)?,
            "runtime-dir" => self.runtime_dir = path(value)?,
            "state-dir" => self.state_dir = path(value)?,
            "config" => self.config = path(value)?,
            "extra-ca-file" => self.extra_ca_file = Some(path(value)?),
            "sandbox" if ["required", "warn"].contains(&value) => self.sandbox = value.into(),
            "sandbox" => return Err(format!("`{value}` is neither `required` nor `warn`")),
            "max-agents" => self.max_agents = number(value)?,
            "min-uid" => self.min_uid = number(value)?,
            "deny-uids" => {
                self.deny_uids = value.split_whitespace().map(number).collect::<Result<_, _>>()?;
            }
            _ => return Err(format!("unknown key `{key}`")),
        }
        Ok(())
    }

    /// Finds the service's user and has its directories be there: a private instance makes them,
    /// root says how to, for it will have no right to give them to the service.
    fn check_places(mut self) -> Result<Self, Fatal> {
        if !self.private {
            self.service = service_user(&self.service_user)?;
        }
        if [&self.runtime_dir, &self.state_dir, &self.config].iter().any(|at| !at.is_absolute()) {
            return Err(Fatal(CONFIG, "HOME is not set".into()));
        }
        let owner = self.service.uid;
        for dir in [&self.runtime_dir, &self.state_dir] {
            if self.private {
                let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
                made.map_err(|error| Fatal(CONFIG, format!("{}: {error}", dir.display())))?;
            }
            let found = std::fs::metadata(dir);
            if !found.is_ok_and(|found| found.is_dir() && found.uid() == owner) {
                let (dir, how) = (dir.display(), "`systemd-tmpfiles --create` makes it");
                let what = format!("{dir} must be a directory that belongs to uid {owner}; {how}");
                return Err(Fatal(CONFIG, what));
            }
        }
        Ok(self)
    }

    /// Whether agents may run as this identity at all.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        identity.uid >= self.min_uid && !self.deny_uids.contains(&identity.uid)
    }
}

const HELP: &str = "usage: ebbd [--policy FILE]; as an ordinary user also --KEY VALUE of that file";

/// All of a file that only root, or we, can have written.
fn text_of(path: &Path) -> io::Result<String> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    let is_trusted = [0, rustix::process::geteuid().as_raw()].contains(&found.uid());
    if !found.is_file() || !is_trusted || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("must be a file of root's that nobody else may write"));
    }
    io::read_to_string(file)
}

/// A place below one of the user's directories; an empty path where none is known.
fn place(variable: &str, with_variable: &str, with_home: &str) -> PathBuf {
    let below = |name, rest| {
        let dir = PathBuf::from(std::env::var_os(name)?);
        dir.is_absolute().then(|| dir.join(rest))
    };
    below(variable, with_variable).or_else(|| below("HOME", with_home)).unwrap_or_default()
}

/// The service's user and group from the user database, and no further groups.
fn service_user(name: &str) -> Result<Identity, Fatal> {
    let passwd =
        std::fs::read_to_string("/etc/passwd").map_err(cannot("read the user database"))?;
    match numbers(&passwd, name) {
        Some((uid, gid)) if uid != 0 && gid != 0 => Ok(Identity { uid, gid, groups: Vec::new() }),
        Some(_) => Err(Fatal(CONFIG, format!("the service may not run as `{name}`, who is root"))),
        None => Err(Fatal(CONFIG, format!("no user `{name}`; `systemd-sysusers` makes it"))),
    }
}

fn numbers(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.first() == Some(&name))?;
    Some((entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?))
}

fn path(value: &str) -> Result<PathBuf, String> {
    let is_path = value.starts_with('/') && !value.contains('\0');
    is_path.then(|| value.into()).ok_or_else(|| format!("`{value}` is no absolute path"))
}

fn number<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("`{value}` is no number, or too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Policy, String> {
        let mut policy = Policy::default();
        policy.parse(text).map(|()| policy)
    }

    #[test]
    fn an_empty_policy_is_the_default() {
        assert_eq!(parsed("# nothing\n\n   # here\n"), Ok(Policy::default()));
    }

    #[test]
    fn every_key_is_understood() {
        let text = "service-user = ebb2\nlibexec-dir=/l # here\nruntime-dir = /r\nstate-dir = /s\n\
                    config = /c\nsandbox = warn\nextra-ca-file = /ca\nmax-agents = 3\nmin-uid = 5\n\
                    deny-uids = 7 8";
        let expected = Policy {
            service_user: "ebb2".into(),
            libexec_dir: "/l".into(),
            runtime_dir: "/r".into(),
            state_dir: "/s".into(),
            config: "/c".into(),
            sandbox: "warn".into(),
            extra_ca_file: Some("/ca".into()),
            max_agents: 3,
            min_uid: 5,
            deny_uids: vec![7, 8],
            ..Policy::default()
        };
        assert_eq!(parsed(text), Ok(expected));
    }

    #[test]
    fn what_is_not_understood_refuses_the_file_and_names_the_line() {
        for (line, said) in [
            ("colour = red", "unknown key `colour`"),
            ("min-uid", "no `=`"),
            ("min-uid = -1", "`-1` is no number, or too large"),
            ("sandbox = off", "`off` is neither `required` nor `warn`"),
            ("state-dir = here", "`here` is no absolute path"),
        ] {
            let refused = parsed(&format!("# one\n{line}\n")).unwrap_err();
            assert_eq!(refused, format!("line 2: {said}"));
        }
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("ebbd-policy-{}", std::process::id()));
        std::fs::write(&path, "min-uid = 1").unwrap();
        for (mode, accepted) in [(0o644, true), (0o664, false), (0o646, false), (0o600, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Policy::default().read(&path).is_ok(), accepted, "{mode:o}");
        }
        std::fs::remove_file(&path).unwrap();
        let mut policy = Policy::default();
        policy.read(&path).unwrap();
        assert_eq!(policy, Policy::default());
    }

    fn taken(private: bool, arguments: &[&str]) -> Result<(bool, PathBuf), Fatal> {
        let mut policy = Policy { private, ..Policy::default() };
        let has_file = policy.take(arguments.iter().map(OsString::from))?;
        Ok((has_file, policy.config))
    }

    #[test]
    fn only_a_private_instance_is_told_by_arguments_what_the_file_says() {
        let (file, config) = (["--policy", "/none"], ["--policy", "/none", "--config", "/b"]);
        assert_eq!(taken(true, &config), Ok((true, "/b".into())));
        assert_eq!(taken(true, &[]), Ok((false, Policy::default().config)));
        assert_eq!(taken(false, &file), Ok((true, Policy::default().config)));
        assert_eq!(taken(false, &config).unwrap_err().0, USAGE);
    }

    #[test]
    fn anything_else_is_refused() {
        for arguments in [
            &["--polic", "/a"][..],
            &["--policy"],
            &["--policy", "relative"],
            &["--policy", "/none", "--policy", "/none"],
            &["--config=/a"],
            &["/a"],
        ] {
            assert_eq!(taken(true, arguments).unwrap_err().0, USAGE, "{arguments:?}");
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
