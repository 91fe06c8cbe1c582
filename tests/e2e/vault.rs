//! Promise: the key of the vault is the credential that systemd gave `ebbd`, where there is one: read
//! by root alone, handed on as an open file, and on no disk of ours.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use support::bus::JOB;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::scratch::scratch_directory;
use support::users::{User, needs_root};

#[test]
fn the_credential_of_the_unit_is_the_key_and_nothing_else_opens_what_it_sealed() {
    if !needs_root("a credential that only root may read") {
        return;
    }
    // As systemd makes it: a directory and files for root alone.
    let credentials = scratch_directory();
    let key = credentials.join("ebb-vault-key");
    let write = |bytes: &[u8]| {
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();
    };
    write(&[7; 32]);
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o500)).unwrap();
    let variable = format!("CREDENTIALS_DIRECTORY={}", credentials.display());
    let mut instance = Setup::new().under(&["/usr/bin/env", &variable]).start();
    let user = User::ordinary();
    let line = "X-Key: hunter2".to_owned();
    let (path, id) = {
        let bus = instance.bus(&user);
        let job = Job::create(&bus, "sealed");
        bus.call(&job.path, JOB, "SetCustomHeaders", &(&[line.as_str()][..],)).unwrap();
        (job.path, job.id)
    };
    assert!(!instance.scratch().join("state/vault-key").exists(), "no key of our own is made");
    // Nobody else is told of it, and what is started later does not have it.
    for process in instance.family().iter().filter(|process| process.name != "ebbd") {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap();
        let environment = String::from_utf8_lossy(&environment);
        assert!(!environment.contains("CREDENTIALS"), "{}: {environment}", process.name);
    }
    let read = |instance: &Instance| {
        let bus = instance.bus(&user);
        let job = Job { bus: &bus, path: path.clone(), id: id.clone() };
        bus.ask::<_, Vec<String>>(&job.path, JOB, "GetCustomHeaders", &())
    };
    instance.kill_and_restart();
    assert_eq!(read(&instance).unwrap(), [line]);
    write(&[8; 32]);
    instance.kill_and_restart();
    assert_eq!(read(&instance).unwrap_err().name, "VaultUnavailable");
    // One that is there and cannot be opened is not passed over: nothing is sealed with another key.
    instance.kill();
    std::os::unix::fs::chown(&key, Some(user.uid), None).unwrap();
    let mut ebbd = Command::new(instance.scratch().join("libexec/ebbd"));
    ebbd.arg("--policy").arg(instance.scratch().join("ebbd.conf"));
    let ended = ebbd.env("CREDENTIALS_DIRECTORY", &credentials).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("cannot open the credential ebb-vault-key"), "{said}");
    assert_eq!(ended.status.code(), Some(71), "{said}");
    assert!(!instance.scratch().join("state/vault-key").exists(), "no key of our own is made");
    // Where there is none, the key is our own.
    std::fs::remove_file(&key).unwrap();
    instance.start_again();
    assert_eq!(read(&instance).unwrap_err().name, "VaultUnavailable");
    drop(instance);
    std::fs::remove_dir_all(credentials).unwrap();
}
