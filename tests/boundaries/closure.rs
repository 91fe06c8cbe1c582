//! Who links what: the crate graph is the threat model.
//!
//! What runs as root, and what runs with a user's rights to files, links a short list that is
//! written down in `crates/NAME/DEPENDENCIES`; adding a line there is a security review. The
//! negatives are stated for the rest: no HTTP or TLS where no byte of the network is read, no SQL
//! outside the store, nothing at all in the rules. The list compared is what `cargo tree` says.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Whatever speaks HTTP or TLS, or resolves names for it.
const NETWORK: [&str; 9] = [
    "hyper",
    "hyper-util",
    "http",
    "http-body-util",
    "httparse",
    "rustls",
    "tokio-rustls",
    "ring",
    "ebb-http",
];

fn crates() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates")
}

/// All crates a package of ours links, without itself.
fn closure(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges=normal", "--prefix=none", "--package", package])
        .current_dir(crates())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree of {package}: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let names = lines.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != package).map(String::from).collect()
}

/// The names in a `DEPENDENCIES` file: the first word of each line that is no comment.
fn written_down(directory: &str) -> BTreeSet<String> {
    let path = crates().join(directory).join("DEPENDENCIES");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.map(|name| name.trim_end_matches(':').to_owned()).collect()
}

fn assert_free_of(package: &str, unwanted: &[&str]) {
    let closure = closure(package);
    let found: Vec<_> = unwanted.iter().filter(|name| closure.contains(**name)).collect();
    assert!(found.is_empty(), "{package} links {found:?}");
}

#[test]
fn the_launcher_links_what_is_written_down_and_nothing_else() {
    assert_eq!(closure("ebb-launcher"), written_down("launcher"));
}

#[test]
fn the_file_agent_links_what_is_written_down_and_nothing_else() {
    assert_eq!(closure("ebb-files"), written_down("files"));
}

#[test]
fn the_notification_agent_links_what_is_written_down_and_nothing_else() {
    assert_eq!(closure("ebb-notify"), written_down("notify"));
}

#[test]
fn the_signing_agent_links_what_is_written_down_and_nothing_else() {
    assert_eq!(closure("ebb-sign"), written_down("sign"));
}

#[test]
fn no_http_and_no_tls_but_in_the_network_agent() {
    for package in ["ebb-launcher", "ebb-files", "ebb-store", "ebb-core"] {
        assert_free_of(package, &NETWORK);
    }
    // It seals what is entrusted to jobs, with ring alone: no TLS comes with it.
    let all_but_ring: Vec<&str> = NETWORK.into_iter().filter(|name| *name != "ring").collect();
    assert_free_of("ebb-service", &all_but_ring);
    assert!(closure("ebb-net").contains("rustls"), "the check itself sees what it looks for");
}

#[test]
fn tickets_are_the_network_agents_alone() {
    let tickets = ["ebb-gss", "libloading"];
    for package in ["ebb-launcher", "ebb-files", "ebb-service", "ebb-store", "ebb-core", "ebb-cli"]
    {
        assert_free_of(package, &tickets);
    }
    assert_free_of("ebb-http", &tickets);
    assert!(closure("ebb-net").contains("ebb-gss"), "the check sees what it looks for");
}

#[test]
fn no_sql_but_through_the_store() {
    let sql = ["rusqlite", "libsqlite3-sys", "ebb-store"];
    for package in ["ebb-launcher", "ebb-files", "ebb-net", "ebb-core", "ebb-api", "ebb-cli"] {
        assert_free_of(package, &sql);
    }
    let manifest = std::fs::read_to_string(crates().join("service/Cargo.toml")).unwrap();
    assert!(!manifest.contains("rusqlite"), "the service names the SQL library itself");
    assert!(closure("ebb-service").contains("rusqlite"), "the check sees what it looks for");
}

#[test]
fn no_d_bus_and_no_async_in_what_runs_as_root_or_as_the_owner() {
    assert_free_of("ebb-launcher", &["zbus", "tokio", "serde", "thiserror"]);
    assert_free_of("ebb-files", &["zbus", "tokio"]);
}

#[test]
fn the_rules_depend_on_nothing() {
    assert_eq!(closure("ebb-core"), BTreeSet::new());
}
