//! What our source files may and must contain.
//!
//! `unsafe` is a place (two files named `sys.rs`), root's program is short enough to be read during
//! a coffee, every file says what it is for, and nothing in the tree names a person's address or a
//! path of the machine it was written on.

use std::fs;
use std::path::{Path, PathBuf};

/// The only files that may contain `unsafe`, tests and examples included.
const UNSAFE_PLACES: [&str; 2] = ["crates/gss/src/sys.rs", "crates/launcher/src/sys.rs"];

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// All files below a directory of the tree, by path from the top.
fn files_below(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![top().join(directory)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != ".git" {
                open.push(path);
            } else if path.is_file() {
                found.push(path.strip_prefix(top()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    let all = files_below("crates").into_iter().chain(files_below("tests"));
    all.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_default()
}

/// The lines before the inline tests.
fn without_tests(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

/// Whether a line of code (not of comment) uses the keyword.
fn uses_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"]
        .iter()
        .any(|form| code.contains(form) && !code.contains(&format!("\"{form}")))
}

#[test]
fn unsafe_is_in_its_two_places_and_nowhere_else() {
    let place = |path: &&PathBuf| UNSAFE_PLACES.iter().any(|place| *path == Path::new(place));
    for path in sources().iter().filter(|path| !place(path)) {
        let found = read(path).lines().any(uses_unsafe);
        assert!(!found, "{path:?} contains unsafe code");
    }
    for place in UNSAFE_PLACES {
        assert!(read(Path::new(place)).lines().any(uses_unsafe), "the check sees {place}");
    }
}

#[test]
fn every_crate_forbids_unsafe_code_or_denies_it_outside_its_sys_file() {
    for path in sources() {
        // Every file that is a crate of its own: what cargo builds from, tests and examples too.
        let name = path.file_name().unwrap().to_string_lossy();
        let of_package = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        let of_tests = name == "main.rs" || path.components().any(|c| c.as_os_str() == "examples");
        if !of_package && !of_tests {
            continue;
        }
        let has_sys = UNSAFE_PLACES.iter().any(|place| Path::new(place).parent() == path.parent());
        let wanted = if has_sys { "#![deny(unsafe_code)]" } else { "#![forbid(unsafe_code)]" };
        assert!(read(&path).contains(wanted), "{path:?} lacks {wanted}");
    }
}

#[test]
fn every_unsafe_block_says_why_it_is_sound_and_why_it_is_there() {
    for place in UNSAFE_PLACES {
        let text = read(Path::new(place));
        let lines: Vec<&str> = text.lines().collect();
        let is_block = |line: &str| line.contains("unsafe {") || line.contains("unsafe impl");
        for (number, line) in lines.iter().enumerate().filter(|(_, l)| is_block(l)) {
            let before = lines[number.saturating_sub(12)..number].join("\n");
            for word in ["SAFETY:", "JUSTIFICATION:"] {
                assert!(before.contains(word), "{place}:{} {line:?} lacks {word}", number + 1);
            }
        }
    }
}

#[test]
fn what_runs_as_root_can_be_read_during_a_coffee() {
    let of_launcher = |path: &PathBuf| path.starts_with("crates/launcher/src");
    let files = sources().into_iter().filter(of_launcher);
    let files = files.filter(|path| !path.ends_with("tests.rs"));
    // All of them: what has to be read is also the comments.
    let lines: usize = files.map(|path| without_tests(&read(&path))).sum();
    assert!(lines > 0 && lines < 600, "the launcher has {lines} lines");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for path in sources() {
        let text = read(&path);
        assert!(text.starts_with("//! "), "{path:?} has no header that says what it answers");
    }
}

#[test]
fn no_file_is_longer_than_can_be_kept_in_mind() {
    for path in sources() {
        let lines = without_tests(&read(&path));
        assert!(lines <= 500, "{path:?} has {lines} lines before its tests");
    }
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    for path in sources().into_iter().filter(|path| !path.starts_with("tests/boundaries")) {
        let text = read(&path);
        for mark in ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "#[allow(", "#![allow("] {
            assert!(!text.contains(mark), "{path:?} contains {mark}");
        }
    }
}

#[test]
fn no_test_sleeps_to_wait_for_something() {
    for path in sources() {
        let is_test = path.starts_with("tests") || path.to_string_lossy().contains("/tests");
        let checks = path.starts_with("tests/boundaries");
        let sleeps = read(&path).lines().any(|l| l.contains("sleep(") && !l.contains("//"));
        assert!(!is_test || checks || !sleeps, "{path:?} sleeps");
    }
}

#[test]
fn no_address_of_a_person_and_no_path_of_the_builder_s_machine() {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/.car", "go/reg")];
    let directories = ["crates", "tests", "docs", "dist", "bench", ".ci", "demo", "python"];
    let below = directories.iter().filter(|d| top().join(d).exists()).flat_map(|d| files_below(d));
    let at_top =
        ["README.md", "ARCHITECTURE.md", "THREAT-MODEL.md", "SPECIFICATION.md", "Makefile"];
    for path in below.chain(at_top.map(PathBuf::from)) {
        let text = read(&path);
        for forbidden in paths {
            assert!(!text.contains(forbidden), "{path:?} contains {forbidden}");
        }
        let found = text.split_whitespace().find(|word| is_address(word));
        assert_eq!(found, None, "{path:?} contains an address");
    }
}

/// Whether a word looks like somebody's mail address. URLs with a user in them are not meant.
fn is_address(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let Some((name, host)) = word.split_once('@') else {
        return false;
    };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
    let reserved = host.ends_with(".example") || host.starts_with("example.");
    !name.is_empty() && plain(name) && plain(host) && host.contains('.') && !reserved
}
