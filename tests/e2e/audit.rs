//! Promise: what happens to tokens, and what administrators do to others' jobs, is in the journal, one
//! record each with a field for every number; and in the log where there is no journal (R14).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Instant;

use support::bus::{Bus, TOKEN_OPTIONS};
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::machine::Machine;
use support::scratch::scratch_directory;
use support::server::PATIENCE;
use support::users::{User, needs_root};

/// `MESSAGE_ID` of a helper token that was set; from `docs/audit.md`.
const HELPER_SET: &str = "4eb8acbeef5341a88043b4f9d5c72d02";

type Record = BTreeMap<String, String>;

/// A journal of the test's own.
struct OwnJournal {
    directory: PathBuf,
    socket: UnixDatagram,
}

impl OwnJournal {
    fn new() -> Self {
        let directory = scratch_directory();
        let socket = UnixDatagram::bind(directory.join("socket")).unwrap();
        std::fs::set_permissions(directory.join("socket"), PermissionsExt::from_mode(0o666))
            .unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { directory, socket }
    }

    fn place(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// What has come since the last time. A record comes before the answer it belongs to.
    fn records(&self) -> Vec<Record> {
        let mut bytes = [0; 8192];
        let received =
            std::iter::from_fn(|| self.socket.recv(&mut bytes).ok().map(|n| bytes[..n].to_vec()));
        let fields = |record: Vec<u8>| {
            let text = String::from_utf8(record).unwrap();
            let fields = text.lines().map(|line| line.split_once('=').unwrap());
            fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        received.map(fields).collect()
    }

    fn only(&self) -> Record {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.into_iter().next().unwrap()
    }
}

impl Drop for OwnJournal {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn assert_has(record: &Record, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        assert_eq!(record.get(*name).map(String::as_str), Some(*value), "{name} in {record:#?}");
    }
}

fn set_token(bus: &Bus, options: &str) -> bool {
    bus.call(options, TOKEN_OPTIONS, "SetHelperToken", &()).is_ok()
}

#[test]
fn each_record_is_in_the_journal_before_the_answer_and_in_the_log_only_without_one() {
    if !needs_root("records in a journal") {
        return;
    }
    let journal = OwnJournal::new();
    let instance = Setup::new().with_journal(&journal.place()).start();
    let (alice, bob, carol) = (User::alice(), User::bob(), User::carol());
    let [a, b, c] = [&alice, &bob, &User::root()].map(|user| instance.bus(user));
    let [alices, bobs, carols] = [&alice, &bob, &carol].map(|user| user.uid.to_string());

    let job = Job::create(&a, "mine");
    assert_has(
        &journal.only(),
        &[("EBB_ACT", "token-owner"), ("EBB_JOB", &job.id), ("EBB_CALLER_UID", &alices)],
    );
    let options = job.open_token_options().unwrap();
    assert_eq!(journal.records(), [], "opening one's own is no record");
    assert!(set_token(&b, &options));
    let set = [
        ("MESSAGE_ID", HELPER_SET),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "ebb"),
        ("EBB_OPENER_UID", alices.as_str()),
        ("EBB_CALLER_UID", bobs.as_str()),
        ("EBB_HELPER_UID", bobs.as_str()),
        ("EBB_OUTCOME", "done"),
    ];
    assert_has(&journal.only(), &set);
    assert!(!set_token(&c, &options), "root may not be lent to her");
    let refused =
        [("PRIORITY", "4"), ("EBB_HELPER_UID", "0"), ("EBB_OUTCOME", "administrator-token")];
    assert_has(&journal.only(), &refused);
    a.call(&options, TOKEN_OPTIONS, "SetHelperTokenFlags", &NETWORK).unwrap();
    assert_has(&journal.only(), &[("EBB_ACT", "token-flags"), ("EBB_FLAGS", "0x2")]);
    job.over(&b).open_token_options().unwrap_err();
    assert_has(&journal.only(), &[("EBB_ACT", "token-open"), ("EBB_OUTCOME", "not-found")]);
    let administrator = instance.bus(&carol);
    job.over(&administrator).call("Suspend").unwrap();
    let acted = [
        ("EBB_ACT", "administrator-job-suspended"),
        ("EBB_CALLER_UID", carols.as_str()),
        ("EBB_OWNER_UID", alices.as_str()),
    ];
    assert_has(&journal.only(), &acted);
    assert!(!instance.log().contains("audit:"), "twice: {}", instance.log());

    // The journal goes away: nothing is lost, and nobody waits.
    std::fs::remove_file(journal.place()).unwrap();
    a.call(&options, TOKEN_OPTIONS, "ClearHelperToken", &()).unwrap();
    let line = format!("audit: token clear job={} opener={alices} old={bobs}:", job.id);
    assert!(instance.log().contains(&line), "{}", instance.log());
}

#[test]
fn with_a_real_journal_everything_about_one_job_is_found_by_its_field() {
    let Some(machine) = Machine::boot("journal") else { return };
    let instance = Setup::new()
        .inside(&machine.shared())
        .under(&machine.wrapper().iter().map(String::as_str).collect::<Vec<_>>())
        .with_journal(Path::new("/run/systemd/journal/socket"))
        .start();
    let (owner, helper) = (instance.bus(&User::alice()), instance.bus(&User::bob()));
    let (job, other) = (Job::create(&owner, "mine"), Job::create(&owner, "another"));
    let options = job.open_token_options().unwrap();
    assert!(set_token(&helper, &options));
    owner.call(&options, TOKEN_OPTIONS, "ClearHelperToken", &()).unwrap();
    let acts = found(&machine, &instance, &format!("EBB_JOB={}", job.id), 3);
    assert_eq!(acts, ["token-owner", "token-set", "token-clear"]);
    let acts = found(&machine, &instance, &format!("EBB_JOB={}", other.id), 1);
    assert_eq!(acts, ["token-owner"]);
    let acts = found(&machine, &instance, &format!("MESSAGE_ID={HELPER_SET}"), 1);
    assert_eq!(acts, ["token-set"]);
}

/// What was done, of the records that the journal finds; it takes them in its own time. The journal
/// itself says that they came from the service.
fn found(machine: &Machine, instance: &Instance, which: &str, count: usize) -> Vec<String> {
    let service = format!("_UID={}", User::named("ebb").uid);
    let end = Instant::now() + PATIENCE;
    loop {
        let read = machine.run(&[
            "journalctl",
            "-q",
            "-o",
            "cat",
            "--output-fields=EBB_ACT",
            which,
            &service,
        ]);
        let text = String::from_utf8(read.stdout).unwrap();
        let acts: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        if acts.len() >= count {
            return acts;
        }
        assert!(Instant::now() < end, "{which}: {acts:?}\n{}", instance.log());
    }
}
