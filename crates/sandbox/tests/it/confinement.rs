//! What an agent can and cannot do once it is confined, tried by a real process.
//!
//! The process has what `ebbd` gives an agent: an identity, no capability in any set. These tests
//! need root to give it that.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const EPERM: &str = "1";
const EACCES: &str = "13";
const EXDEV: &str = "18";

/// Where the probe works; gone at the end.
struct Ground(PathBuf);

impl Ground {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ebb-sandbox-{name}-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        for name in ["extra", "old", "spare"] {
            std::fs::write(dir.join(name), "x").unwrap();
        }
        for path in [dir.clone(), dir.join("sub")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self(dir)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs the probe as `uid` and gives back its lines.
fn probe(role: &str, uid: u32, keep_capabilities: bool) -> BTreeMap<String, String> {
    let ground = Ground::new(&format!("{role}-{uid}-{keep_capabilities}"));
    let deps = std::env::current_exe().unwrap();
    let program = deps.ancestors().nth(2).unwrap().join("examples/probe");
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".into()]);
    if !keep_capabilities {
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]);
    }
    let output = command.arg(program).arg(role).arg(&ground.0).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(what, result)| (what.to_owned(), result.to_owned())).collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What neither role may do.
fn check_common(said: &BTreeMap<String, String>) {
    for call in [
        "execve",
        "execveat",
        "start a program",
        "pidfd_getfd",
        "kill",
        "mount",
        "open_tree",
        "unshare",
        "setns",
        "mknodat",
    ] {
        assert_eq!(said[call], EPERM, "{call}");
    }
    assert_eq!(said["dumpable"], "Ok(NotDumpable)");
    assert!(said["sandbox"].contains("seccomp: true"), "{}", said["sandbox"]);
    assert!(!said["sandbox"].contains("landlock_abi: 0"), "{}", said["sandbox"]);
}

fn check_files(uid: u32) {
    let said = probe("files", uid, false);
    check_common(&said);
    assert_eq!(said["listen"], EPERM);
    for kept in ["write", "truncate", "read", "rename", "remove", "read passwd"] {
        assert_eq!(said[kept], "ok", "{kept}");
    }
    assert_eq!(said["mkdir"], EACCES);
    assert_eq!(said["symlink"], EACCES);
    assert_eq!(said["move"], EXDEV);
    for lost in
        ["udp", "tcp listen", "unix listen", "unix pair", "tcp socket", "netlink route", "thread"]
    {
        assert_eq!(said[lost], EPERM, "{lost}");
    }
}

#[test]
fn a_file_agent_keeps_its_files_and_has_no_network() {
    if is_root() {
        check_files(54_321);
    }
}

#[test]
fn a_file_agent_of_root_is_confined_like_any_other() {
    if is_root() {
        check_files(0);
    }
}

#[test]
fn a_signing_agent_reads_files_and_can_do_nothing_else() {
    if !is_root() {
        return;
    }
    for uid in [54_321, 0] {
        let said = probe("sign", uid, false);
        check_common(&said);
        for kept in ["read", "read passwd"] {
            assert_eq!(said[kept], "ok", "{kept}");
        }
        for lost in ["write", "truncate"] {
            assert_eq!(said[lost], EACCES, "{lost}");
        }
        let by_the_filter = ["rename", "move", "remove", "mkdir", "symlink", "chmod", "chown"];
        let network = ["udp", "tcp listen", "unix listen", "unix pair", "tcp socket", "thread"];
        for lost in by_the_filter.iter().chain(&network) {
            assert_eq!(said[*lost], EPERM, "{lost}");
        }
    }
}

fn check_network(uid: u32) {
    let said = probe("network", uid, false);
    check_common(&said);
    assert_eq!(said["listen"], EPERM);
    for lost in ["write", "truncate", "read passwd", "tcp listen"] {
        assert_eq!(said[lost], EACCES, "{lost}");
    }
    // By the filter: Landlock has no right for the last three.
    for lost in ["rename", "move", "remove", "mkdir", "symlink", "chmod", "chown", "setxattr"] {
        assert_eq!(said[lost], EPERM, "{lost}");
    }
    let kept = [
        "read",
        "read certificates",
        "read resolv.conf",
        "write null",
        "udp",
        "unix pair",
        "resolve",
        "tcp socket",
        "netlink route",
        "thread",
    ];
    for kept in kept {
        assert_eq!(said[kept], "ok", "{kept}");
    }
    assert_eq!(said["vsock"], EPERM);
    assert_eq!(said["unix listen"], EACCES);
}

#[test]
fn a_network_agent_keeps_the_network_and_has_no_files() {
    if is_root() {
        check_network(54_321);
    }
}

#[test]
fn a_network_agent_of_root_is_confined_like_any_other() {
    if is_root() {
        check_network(0);
    }
}

#[test]
fn the_service_keeps_its_own_directories_and_has_neither_network_nor_others_files() {
    if !is_root() {
        return;
    }
    let said = probe("service", 54_321, false);
    check_common(&said);
    for lost in ["write", "truncate", "read", "rename", "remove", "mkdir", "unix listen"] {
        assert_eq!(said[lost], EACCES, "{lost}");
    }
    for lost in ["udp", "tcp listen", "tcp socket", "vsock"] {
        assert_eq!(said[lost], EPERM, "{lost}");
    }
    for kept in ["write own", "read own", "own socket", "read passwd", "unix pair", "thread"] {
        assert_eq!(said[kept], "ok", "{kept}");
    }
}

#[test]
fn an_agent_that_was_given_capabilities_refuses_to_run() {
    if is_root() {
        let said = probe("files", 0, true);
        assert_eq!(said["refused"], "the agent holds capabilities");
    }
}
