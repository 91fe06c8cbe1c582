//! The policy: who may be served, where things are, and so what is started.
//!
//! `key = value`, one a line; `#` begins a comment. What is not understood refuses the whole file,
//! with the number of the line. The file must belong to root (or to a private instance's user) and
//! nobody else may write it. It is read once. The environment names a credential and a socket.

use crate::{CONFIG, Fatal, USAGE, cannot};
use ebb_wire::launcher::{Identity, Role};
use rustix::process::{getegid, geteuid, getgroups};
use std::collections::BTreeMap;
use std::fs::{File, metadata, read_to_string};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// What the file says and, in [`Policy::only`], who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The one identity of a private instance. Root has none: it serves everybody.
    pub(crate) only: Option<Identity>,
    libexec_dir: String,
    /// The service's `runtime-dir`, `state-dir` and `config`.
    places: BTreeMap<String, String>,
    told: Vec<(Role, &'static str, String)>,
    /// What to do where the kernel cannot confine a process: `required` or `warn`.
    sandbox: String,
    pub(crate) max_agents: usize,
    pub(crate) allow_notify_command: bool,
    pub(crate) min_uid: u32,
    pub(crate) deny_uids: Vec<u32>,
}

/// What holds where the file says nothing else.
const DEFAULTS: &str = "
    libexec-dir = /usr/libexec/ebb
    runtime-dir = /run/ebb
    state-dir = /var/lib/ebb
    config = /etc/ebb/ebb.toml
    sandbox = required
    max-agents = 256";

impl Policy {
    /// Settles everything; says too whom the service runs as.
    pub(crate) fn settle(arguments: &[std::ffi::OsString]) -> Result<(Self, Identity), Fatal> {
        let path = match arguments {
            [] => Path::new("/etc/ebb/ebbd.conf"),
            [name, file] if name == "--policy" => Path::new(file),
            _ => return Err(Fatal(USAGE, "usage: ebbd [--policy FILE]".into())),
        };
        let refused = |error| Fatal(CONFIG, format!("{}: {error}", path.display()));
        let mut policy = Self::read(path).map_err(refused)?;
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        if uid != 0 {
            let groups = getgroups().map_err(cannot("read our own groups"))?;
            let groups = groups.iter().map(|group| group.as_raw()).filter(|group| *group != gid);
            policy.only = Some(Identity { uid, gid, groups: groups.collect() });
        }
        let service = policy.only.clone().map_or_else(service, Ok)?;
        // Nobody here has a right to make them and give them to the service.
        let uid = service.uid;
        for dir in ["runtime-dir", "state-dir"].map(|name| &policy.places[name]) {
            if !metadata(dir).is_ok_and(|found| found.is_dir() && found.uid() == uid) {
                let what = format!("{dir} must be a directory of uid {uid}; see systemd-tmpfiles");
                return Err(Fatal(CONFIG, what));
            }
        }
        Ok((policy, service))
    }

    /// Reads a file that only root, or we, can have written. A missing one says nothing.
    fn read(path: &Path) -> io::Result<Self> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = match File::options().read(true).custom_flags(flags).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::parse(""),
            file => file?,
        };
        let found = file.metadata()?;
        let is_trusted = [0, geteuid().as_raw()].contains(&found.uid());
        if !found.is_file() || !is_trusted || found.mode() & 0o022 != 0 {
            return Err(io::Error::other("must be a file of root's that nobody else may write"));
        }
        Self::parse(&io::read_to_string(file)?)
    }

    pub(crate) fn parse(text: &str) -> io::Result<Self> {
        let mut policy = Self::default();
        let lines = DEFAULTS.lines().map(|line| (0, line)).chain((1..).zip(text.lines()));
        for (number, line) in lines {
            let line = line.split('#').next().unwrap_or_default().trim();
            let set = match line.split_once('=') {
                Some((key, value)) => policy.set(key.trim(), value.trim()),
                None if line.is_empty() => Ok(()),
                None => Err("no `=`".into()),
            };
            set.map_err(|what| io::Error::other(format!("line {number}: {what}")))?;
        }
        Ok(policy)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let path = path(value);
        match key {
            "libexec-dir" => self.libexec_dir = path?,
            "runtime-dir" | "state-dir" | "config" => _ = self.places.insert(key.into(), path?),
            "extra-ca-file" => self.told.push((Role::Network, "extra-ca", path?)),
            "pkcs11-module" => self.told.push((Role::Token, "module", path?)),
            "pkcs11-place" => self.told.push((Role::Token, "place", path?)),
            "sandbox" if ["required", "warn"].contains(&value) => self.sandbox = value.into(),
            "sandbox" => return Err(format!("`{value}` is neither `required` nor `warn`")),
            "max-agents" => self.max_agents = parsed(value)?,
            "allow-notify-command" => self.allow_notify_command = parsed(value)?,
            "min-uid" => self.min_uid = parsed(value)?,
            "deny-uids" => {
                self.deny_uids = Result::from_iter(value.split_whitespace().map(parsed))?
            }
            _ => return Err(format!("unknown key `{key}`")),
        }
        Ok(())
    }

    pub(crate) fn service(&self) -> Result<Command, Fatal> {
        let mut command = self.command("ebb-service");
        command.arg(if self.only.is_some() { "--instance=private" } else { "--instance=system" });
        command.args(self.places.iter().map(|(name, place)| format!("--{name}={place}")));
        command.args(std::env::var("NOTIFY_SOCKET").map(|socket| format!("--notify={socket}")));
        // Ours to read, and not the service's: it gets the open file in place of an output.
        let key = std::env::var("CREDENTIALS_DIRECTORY").ok().map(|dir| dir + "/ebb-vault-key");
        let none = |key: &_| matches!(key, Err(e) if io::Error::kind(e) == ErrorKind::NotFound);
        let key = key.map(File::open).filter(|key| !none(key)).transpose();
        key.map_err(cannot("open the credential ebb-vault-key"))?.map(|key| command.stdout(key));
        Ok(command)
    }

    pub(crate) fn agent(&self, role: Role) -> Command {
        let mut command = self.command(match role {
            Role::Files => "ebb-files",
            Role::Notify => "ebb-notify",
            Role::Sign | Role::Token => "ebb-sign",
            Role::Network => "ebb-net",
        });
        let told = self.told.iter().filter(|(whom, ..)| *whom == role);
        command.args(told.map(|(_, name, at)| format!("--{name}={at}"))).stdout(Stdio::null());
        command
    }

    /// What it is told is for everybody to read in the list of processes: nothing of a user's.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(format!("{}/{program}", self.libexec_dir));
        command.arg(format!("--sandbox={}", self.sandbox));
        command
    }
}

fn path(value: &str) -> Result<String, String> {
    let is_path = value.starts_with('/') && !value.contains('\0');
    is_path.then(|| value.into()).ok_or_else(|| format!("`{value}` is no absolute path"))
}

fn parsed<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("`{value}` does not fit"))
}

fn service() -> Result<Identity, Fatal> {
    let passwd = read_to_string("/etc/passwd").map_err(cannot("read the user database"))?;
    let missing = "no user `ebb` who is not root; `systemd-sysusers` makes it";
    account(&passwd, "ebb").ok_or_else(|| Fatal(CONFIG, missing.into()))
}

/// A user with the group that is in the user database and no further ones; never root.
fn account(passwd: &str, name: &str) -> Option<Identity> {
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.first() == Some(&name))?;
    let (uid, gid) = (entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?);
    (uid != 0 && gid != 0).then(|| Identity { uid, gid, groups: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(runtime_dir: &str, state_dir: &str, config: &str) -> BTreeMap<String, String> {
        let places = [("runtime-dir", runtime_dir), ("state-dir", state_dir), ("config", config)];
        places.map(|(name, place)| (name.into(), place.into())).into()
    }

    #[test]
    fn an_empty_policy_is_the_default() {
        let expected = Policy {
            only: None,
            libexec_dir: "/usr/libexec/ebb".into(),
            places: places("/run/ebb", "/var/lib/ebb", "/etc/ebb/ebb.toml"),
            told: vec![],
            sandbox: "required".into(),
            max_agents: 256,
            allow_notify_command: false,
            min_uid: 0,
            deny_uids: vec![],
        };
        assert_eq!(Policy::parse("# nothing\n\n   # here\n").unwrap(), expected);
    }

    #[test]
    fn every_key_is_understood() {
        let text = "libexec-dir=/l # here\nruntime-dir = /r\nstate-dir = /s\n\
                    config = /c\nsandbox = warn\nextra-ca-file = /ca\n\
                    pkcs11-module = /a.so\npkcs11-module = /b.so\npkcs11-place = /c\nmax-agents = 3\nmin-uid = 5\n\
                    deny-uids = 7 8\nallow-notify-command = true";
        let expected = Policy {
            libexec_dir: "/l".into(),
            places: places("/r", "/s", "/c"),
            sandbox: "warn".into(),
            told: vec![
                (Role::Network, "extra-ca", "/ca".into()),
                (Role::Token, "module", "/a.so".into()),
                (Role::Token, "module", "/b.so".into()),
                (Role::Token, "place", "/c".into()),
            ],
            max_agents: 3,
            allow_notify_command: true,
            min_uid: 5,
            deny_uids: vec![7, 8],
            only: None,
        };
        assert_eq!(Policy::parse(text).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_refuses_the_file_and_names_the_line() {
        for (line, said) in [
            ("colour = red", "unknown key `colour`"),
            ("min-uid", "no `=`"),
            ("min-uid = -1", "`-1` does not fit"),
            ("sandbox = off", "`off` is neither `required` nor `warn`"),
            ("state-dir = here", "`here` is no absolute path"),
        ] {
            let refused = Policy::parse(&format!("# one\n{line}\n")).unwrap_err();
            assert_eq!(refused.to_string(), format!("line 2: {said}"));
        }
    }

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("ebbd-policy-{}", std::process::id()));
        std::fs::write(&path, "min-uid = 1").unwrap();
        for (mode, accepted) in [(0o644, true), (0o664, false), (0o646, false), (0o600, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Policy::read(&path).is_ok(), accepted, "{mode:o}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Policy::read(&path).unwrap(), Policy::parse("").unwrap());
    }

    #[test]
    fn any_argument_but_the_place_of_the_file_is_refused() {
        for arguments in [
            &["--polic", "/a"][..],
            &["--policy"],
            &["--policy", "/none", "--policy", "/none"],
            &["--config", "/a"],
            &["--policy", "/none", "--config", "/a"],
            &["--policy=/a"],
            &["/a"],
        ] {
            let arguments: Vec<_> = arguments.iter().map(std::ffi::OsString::from).collect();
            let Err(Fatal(code, _)) = Policy::settle(&arguments) else {
                panic!("{arguments:?}");
            };
            assert_eq!(code, USAGE, "{arguments:?}");
        }
    }

    #[test]
    fn a_user_is_found_whole_or_not_at_all_and_is_never_root() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nebb2:x:7:8::/:\nebb:x:998:997::/:\nbad:x:y\n\
                      toor:x:0:5::/:\nwheel:x:5:0::/:\n";
        let ebb = Identity { uid: 998, gid: 997, groups: vec![] };
        assert_eq!(account(passwd, "ebb"), Some(ebb));
        for other in ["eb", "bad", "root", "toor", "wheel"] {
            assert_eq!(account(passwd, other), None, "{other}");
        }
    }
}
