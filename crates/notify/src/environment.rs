//! What a command finds in its environment: what the service says of the job, and the few things
//! that nearly every program asks for. Nothing of Ebb's own comes along.
//!
//! The owner's name and home are those of the machine's own list of users; a name service is not
//! asked. Where the owner is logged on, their runtime directory leads a command to their desktop.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;

/// All of it; what the service gave cannot replace the usual.
pub(crate) fn of(given: &[Vec<u8>]) -> Vec<(OsString, OsString)> {
    let split = |pair: &Vec<u8>| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at(at);
        let is_ours = name.starts_with(b"EBB_");
        is_ours
            .then(|| (OsString::from_vec(name.to_vec()), OsString::from_vec(value[1..].to_vec())))
    };
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    given.iter().filter_map(split).chain(usual(uid, &users)).collect()
}

fn usual(uid: u32, users: &str) -> impl Iterator<Item = (OsString, OsString)> {
    let plain = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8")];
    let mut found: Vec<(&str, String)> =
        plain.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    if let Some((name, home)) = user(uid, users) {
        found.extend([("USER", name.clone()), ("LOGNAME", name), ("HOME", home)]);
    }
    let runtime = format!("/run/user/{uid}");
    if std::fs::metadata(&runtime).is_ok_and(|at| at.is_dir() && at.uid() == uid) {
        found.push(("XDG_RUNTIME_DIR", runtime));
    }
    found.into_iter().map(|(name, value)| (name.into(), value.into()))
}

fn user(uid: u32, users: &str) -> Option<(String, String)> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_it = fields.get(2)?.parse() == Ok(uid);
        is_it.then(|| Some((fields[0].to_owned(), (*fields.get(5)?).to_owned())))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_as_ours_is_taken_and_nothing_replaces_the_usual() {
        let given =
            ["EBB_STATE=error", "EBB_JOB_NAME=a=b\n", "LD_PRELOAD=/tmp/x", "PATH=/tmp", "X"];
        let given: Vec<Vec<u8>> = given.iter().map(|pair| pair.as_bytes().to_vec()).collect();
        let found = of(&given);
        let value = |name: &str| {
            let all: Vec<_> = found.iter().filter(|(found, _)| found == name).collect();
            assert!(all.len() <= 1, "{name}");
            all.first().map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        assert_eq!(value("EBB_STATE").as_deref(), Some("error"));
        assert_eq!(value("EBB_JOB_NAME").as_deref(), Some("a=b\n"));
        assert_eq!(value("LD_PRELOAD"), None);
        assert_eq!(value("PATH").as_deref(), Some("/usr/local/bin:/usr/bin:/bin"));
    }

    #[test]
    fn name_and_home_are_those_of_the_machines_list() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\nbad\nalice:x:1001:1001:,,:/home/alice:/bin/sh\n";
        assert_eq!(user(1001, users), Some(("alice".into(), "/home/alice".into())));
        assert_eq!(user(1002, users), None);
        assert_eq!(user(5, "short:x:5\n"), None);
    }
}
