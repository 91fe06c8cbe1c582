//! The policy file: who may be served, and where things are.
//!
//! `key = value`, one a line; `#` begins a comment. An unknown key or a bad value refuses the whole
//! file, with the number of the line: a policy that is half understood is none. The file must
//! belong to root (or, for a private instance, to its user) and nobody else may write it. It is
//! read once; there is no reloading.

use crate::Fatal;
use ebb_wire::launcher::Identity;
use rustix::fs::{FileType, Mode, OFlags};
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than any sensible policy.
const LONGEST: u64 = 64 * 1024;

/// What the policy file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) service_user: String,
    pub(crate) libexec_dir: Option<PathBuf>,
    pub(crate) runtime_dir: Option<PathBuf>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) sandbox: Sandbox,
    pub(crate) extra_ca_file: Option<PathBuf>,
    pub(crate) max_agents: usize,
    min_uid: u32,
    deny_uids: Vec<u32>,
}

/// What agents do where the kernel cannot confine them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandbox {
    Required,
    Warn,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            service_user: "ebb".into(),
            libexec_dir: None,
            runtime_dir: None,
            state_dir: None,
            config: None,
            sandbox: Sandbox::Required,
            extra_ca_file: None,
            max_agents: 256,
            min_uid: 0,
            deny_uids: Vec::new(),
        }
    }
}

impl Policy {
    /// Reads the file; a missing one says nothing, and the defaults hold.
    pub(crate) fn read(path: &Path) -> Result<Self, Fatal> {
        let config = |what: String| Fatal::Config(format!("{}: {what}", path.display()));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(Self::default()),
            Err(errno) => return Err(config(errno.to_string())),
        };
        let stat = rustix::fs::fstat(&file).map_err(|errno| config(errno.to_string()))?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let is_trusted = stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw();
        if !is_file || !is_trusted || stat.st_mode & 0o022 != 0 {
            return Err(config(
                "must be a file of root's that nobody else may write".into(),
            ));
        }
        let mut text = String::new();
        let mut limited = std::fs::File::from(file).take(LONGEST);
        limited
            .read_to_string(&mut text)
            .map_err(|error| config(error.to_string()))?;
        Self::parse(&text).map_err(config)
    }

    /// Understands all of `text`, or nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut policy = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| format!("line {number}: no `=`"))?;
            policy
                .set(key.trim(), value.trim())
                .map_err(|what| format!("line {number}: {what}"))?;
        }
        Ok(policy)
    }

    /// Whether agents may run as this identity at all.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        identity.uid >= self.min_uid && !self.deny_uids.contains(&identity.uid)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "service-user" => self.service_user = name(value)?,
            "libexec-dir" => self.libexec_dir = Some(path(value)?),
            "runtime-dir" => self.runtime_dir = Some(path(value)?),
            "state-dir" => self.state_dir = Some(path(value)?),
            "config" => self.config = Some(path(value)?),
            "extra-ca-file" => self.extra_ca_file = Some(path(value)?),
            "sandbox" => self.sandbox = sandbox(value)?,
            "max-agents" => self.max_agents = number(value)?,
            "min-uid" => self.min_uid = number(value)?,
            "deny-uids" => {
                self.deny_uids = value
                    .split_whitespace()
                    .map(number)
                    .collect::<Result<_, _>>()?;
            }
            _ => return Err(format!("unknown key `{key}`")),
        }
        Ok(())
    }
}

fn name(value: &str) -> Result<String, String> {
    let is_name = !value.is_empty() && !value.contains([':', ' ', '\t']);
    if is_name {
        Ok(value.into())
    } else {
        Err(format!("`{value}` is no user name"))
    }
}

fn path(value: &str) -> Result<PathBuf, String> {
    let is_path = value.starts_with('/') && !value.contains('\0');
    if is_path {
        Ok(value.into())
    } else {
        Err(format!("`{value}` is no absolute path"))
    }
}

fn sandbox(value: &str) -> Result<Sandbox, String> {
    match value {
        "required" => Ok(Sandbox::Required),
        "warn" => Ok(Sandbox::Warn),
        _ => Err(format!("`{value}` is neither `required` nor `warn`")),
    }
}

fn number<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|_| format!("`{value}` is no number, or too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_policy_is_the_default() {
        assert_eq!(
            Policy::parse("# nothing\n\n   # here\n"),
            Ok(Policy::default())
        );
    }

    #[test]
    fn every_key_is_understood() {
        let text = "service-user = ebb2\nlibexec-dir=/l # here\nruntime-dir = /r\nstate-dir = /s\n\
                    config = /c\nsandbox = warn\nextra-ca-file = /ca\nmax-agents = 3\nmin-uid = 5\n\
                    deny-uids = 7 8";
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.service_user, "ebb2");
        assert_eq!(policy.libexec_dir, Some("/l".into()));
        assert_eq!(policy.state_dir, Some("/s".into()));
        assert_eq!((policy.sandbox, policy.max_agents), (Sandbox::Warn, 3));
        assert_eq!((policy.min_uid, policy.deny_uids), (5, vec![7, 8]));
    }

    #[test]
    fn what_is_not_understood_refuses_the_file_and_names_the_line() {
        for (line, said) in [
            ("colour = red", "unknown key `colour`"),
            ("min-uid", "no `=`"),
            ("min-uid = -1", "`-1` is no number, or too large"),
            ("sandbox = off", "`off` is neither `required` nor `warn`"),
            ("state-dir = here", "`here` is no absolute path"),
            ("service-user = a:b", "`a:b` is no user name"),
        ] {
            let refused = Policy::parse(&format!("# one\n{line}\n")).unwrap_err();
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
            assert_eq!(Policy::read(&path).is_ok(), accepted, "{mode:o}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Policy::read(&path).unwrap(), Policy::default());
    }
}
