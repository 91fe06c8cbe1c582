//! Promise: what a shell offers after TAB is what `ebb` understands, and the manual is the program's
//! own. In real shells, with the scripts `ebb` writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::instance::Instance;
use support::job::Job;
use support::scratch::{binary_directory, scratch_directory};
use support::users::{User, left_out, needs_root};

/// A line as typed before TAB, and the words it becomes.
const TYPED: [(&str, &str); 10] = [
    ("ebb sub", "submit"),
    ("ebb get --prio", "get --priority"),
    ("ebb get --priority hi", "get --priority high"),
    ("ebb -q wait --for tr", "-q wait --for transferred"),
    ("ebb helper sh", "helper show"),
    ("ebb set x pri", "set x priority="),
    ("ebb set --timeout 5s x pri", "set --timeout 5s x priority="),
    ("ebb verify x val", "verify x valid"),
    ("ebb check-config /etc/nsswitch.c", "check-config /etc/nsswitch.conf"),
    ("ebb help exit", "help exit-codes"),
];

/// Types a line, presses TAB and Enter; what `ebb` would have been called with.
const BASH: &str = r#"
source "$1"; words=($2); COMP_WORDS=("${words[@]}"); COMP_CWORD=$((${#words[@]} - 1))
compopt() { :; }
_ebb
words[COMP_CWORD]=${COMPREPLY[*]}
echo "${words[@]:1}"
"#;
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=(${1:h} \$fpath); autoload -Uz compinit; compinit -u -D; ebb() { print -r -- \"\$*\" > $3; exit }"
zpty -w shell "$2"$'\t'
while zpty -r shell line; do :; done
cat $3
"#;
const FISH: &str = r#"
source $argv[1]
set before (string split ' ' -- $argv[2])
set offered (complete -C $argv[2] | string split -f1 \t)
echo (string join ' ' -- $before[2..-2] $offered)
"#;

fn ebb() -> PathBuf {
    binary_directory().join("ebb")
}

fn script(shell: &str, directory: &Path) -> PathBuf {
    let written = Command::new(ebb()).args(["completions", shell]).output().unwrap();
    assert!(written.status.success());
    // By this name zsh finds it.
    let path = directory.join("_ebb");
    fs::write(&path, written.stdout).unwrap();
    path
}

/// Whether it is here; says aloud if not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        left_out(&format!("no {program} here: what it makes of our scripts"));
    }
    found
}

fn completes(shell: &str, call: &[&str]) {
    if !has(shell) {
        return;
    }
    let directory = scratch_directory();
    let script = script(shell, &directory);
    for (typed, becomes) in TYPED {
        let out = directory.join("out");
        let mut command = Command::new(shell);
        command.args(call).arg(&script).arg(typed).arg(&out).current_dir(&directory);
        let seen = command.env("HOME", &directory).output().unwrap();
        let line = String::from_utf8_lossy(&seen.stdout);
        let said = String::from_utf8_lossy(&seen.stderr);
        assert_eq!(line.trim_end(), becomes, "{shell}: {typed:?}: {said}");
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn bash_completes_commands_options_values_and_operands() {
    completes("bash", &["--norc", "-c", BASH, "bash"]);
}

#[test]
fn zsh_completes_commands_options_values_and_operands() {
    completes("zsh", &["-f", "-c", ZSH, "zsh"]);
}

#[test]
fn fish_completes_commands_options_values_and_operands() {
    completes("fish", &["--no-config", "-c", FISH]);
}

#[test]
fn a_job_is_completed_by_its_name_and_only_its_owners_shell_knows_it() {
    let instance = Instance::start();
    let user = User::ordinary();
    let bus = instance.bus(&user);
    let _job = Job::create(&bus, "weekly-mirror");
    let directory = scratch_directory();
    let script = script("bash", &directory);
    let programs = instance.scratch().join("libexec");
    let offered = |user: &User| {
        let mut shell = user.command(Path::new("/bin/bash"));
        shell.args(["--norc", "-c", BASH, "bash"]).arg(&script).arg("ebb show weekly-");
        // The script calls `ebb` by its name.
        shell.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        shell.env("EBB_BUS", format!("unix:path={}", instance.socket().display()));
        let seen = shell.current_dir("/").output().unwrap();
        String::from_utf8(seen.stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(offered(&user), "show weekly-mirror");
    if needs_root("another user's shell") {
        assert_eq!(offered(&User::bob()), "show");
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn the_manual_pages_are_read_without_a_warning() {
    if !has("man") {
        return;
    }
    let directory = scratch_directory();
    let written = Command::new(ebb()).arg("manual").output().unwrap();
    fs::write(directory.join("ebb.1"), written.stdout).unwrap();
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/man");
    for page in [directory.join("ebb.1"), dist.join("ebbd.8"), dist.join("ebb.toml.5")] {
        let mut man = Command::new("man");
        let shown =
            man.args(["--warnings", "-l"]).arg(&page).env("MANWIDTH", "200").output().unwrap();
        assert!(shown.status.success() && shown.stderr.is_empty(), "{}: {shown:?}", page.display());
        assert!(shown.stdout.len() > 3_000, "{}", page.display());
    }
    fs::remove_dir_all(directory).unwrap();
}
