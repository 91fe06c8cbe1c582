//! Promise: the store of a newer version is refused with a sentence that says what to do, and is left as
//! it is; the newer version goes on with it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::instance::Instance;
use support::job::Job;
use support::users::User;

/// Where SQLite has the number that our store counts its versions with.
const VERSION: std::ops::Range<usize> = 60..64;

/// What is in the files.
fn contents(directory: &Path) -> Vec<(OsString, Vec<u8>)> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let read = files.map(|file| (file.file_name(), fs::read(file.path()).unwrap()));
    let mut all: Vec<_> = read.collect();
    all.sort();
    all
}

#[test]
fn the_store_of_a_newer_version_is_refused_with_advice_and_left_as_it_is() {
    let (mut instance, user) = (Instance::start(), User::ordinary());
    let id = Job::create(&instance.bus(&user), "older").id;
    assert_eq!(instance.terminate(), Some(0));
    let store = instance.scratch().join("state/jobs.sqlite");
    let set = |version: u32| {
        let mut bytes = fs::read(&store).unwrap();
        let before = u32::from_be_bytes(bytes[VERSION].try_into().unwrap());
        bytes[VERSION].copy_from_slice(&version.to_be_bytes());
        fs::write(&store, bytes).unwrap();
        before
    };
    let ours = set(99);
    let before = contents(store.parent().unwrap());
    let mut ebbd = Command::new(instance.scratch().join("libexec/ebbd"));
    let ended = ebbd.arg("--policy").arg(instance.scratch().join("ebbd.conf")).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(78), "systemd does not try again: {said}");
    assert!(said.contains(&format!("version 99; this one knows {ours}")), "{said}");
    assert!(said.contains("install the newer one again"), "{said}");
    assert!(contents(store.parent().unwrap()) == before, "some byte is another one");
    set(ours);
    instance.start_again();
    assert_eq!(instance.must(&user, &["show", "-g", "id", &id]), id);
}
