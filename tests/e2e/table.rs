//! Promise: who may call what. Every method of the bus, tried by the owner, another user, an
//! administrator and the helper, compared with one table.
//!
//! The table is the documentation; a method of the contract that is not in it fails the test.

use std::collections::BTreeSet;
use support::bus::{Bus, JOB, MANAGER, MANAGER_PATH, No, Options, TOKEN_OPTIONS};
use support::instance::Instance;
use support::job::Job;
use support::users::{User, needs_root};
use zbus::Variant;

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// An answer, or a no that has nothing to do with who asks.
    Answer,
    /// "Not even an administrator", or only one.
    Denied,
    /// "There is no such thing."
    Nothing,
}
use Gets::{Answer, Denied, Nothing};

/// Method: owner, other, administrator (root), helper.
const TABLE: &[(&str, &str, [Gets; 4])] = &[
    ("Manager", "CreateJob", [Answer, Answer, Answer, Answer]),
    ("Manager", "GetJob", [Answer, Nothing, Answer, Nothing]),
    ("Manager", "ListJobs", [Answer, Answer, Answer, Answer]),
    ("Manager", "DescribeError", [Answer, Answer, Answer, Answer]),
    ("Manager", "DescribeErrorContext", [Answer, Answer, Answer, Answer]),
    ("Manager", "ChangesSince", [Answer, Answer, Answer, Answer]),
    ("Manager", "Unacknowledged", [Answer, Answer, Answer, Answer]),
    ("Manager", "Acknowledge", [Answer, Answer, Answer, Answer]),
    ("Manager", "GetStatus", [Answer, Answer, Answer, Answer]),
    ("Manager", "GetPolicy", [Answer, Answer, Answer, Answer]),
    ("Manager", "SetPolicy", [Denied, Denied, Answer, Denied]),
    ("Manager", "Subscribe", [Answer, Answer, Answer, Answer]),
    ("Manager", "Unsubscribe", [Answer, Answer, Answer, Answer]),
    ("Job", "AddFiles", [Answer, Nothing, Answer, Nothing]),
    ("Job", "SetRemoteName", [Answer, Nothing, Answer, Nothing]),
    ("Job", "ReplaceRemotePrefix", [Answer, Nothing, Answer, Nothing]),
    ("Job", "RequestFileRanges", [Answer, Nothing, Answer, Nothing]),
    ("Job", "UpdateDownloadPosition", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetFileHeaders", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetFilledFileRanges", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Suspend", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Resume", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Complete", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetFiles", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetErrorFile", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetErrorProtocol", [Answer, Nothing, Answer, Nothing]),
    ("Job", "ChangesSince", [Answer, Nothing, Answer, Nothing]),
    ("Job", "SetValidationState", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetError", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Register", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Unregister", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Explain", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetPath", [Answer, Nothing, Answer, Nothing]),
    ("Job", "GetHistory", [Answer, Nothing, Answer, Nothing]),
    ("Job", "SetCustomHeaders", [Answer, Nothing, Denied, Nothing]),
    ("Job", "GetCustomHeaders", [Answer, Nothing, Denied, Nothing]),
    ("Job", "MakeCustomHeadersWriteOnly", [Answer, Nothing, Denied, Nothing]),
    ("Job", "SetCredentials", [Answer, Nothing, Denied, Nothing]),
    ("Job", "RemoveCredentials", [Answer, Nothing, Denied, Nothing]),
    ("Job", "SetClientCertificate", [Answer, Nothing, Denied, Nothing]),
    ("Job", "RemoveClientCertificate", [Answer, Nothing, Denied, Nothing]),
    ("Job", "GetClientCertificate", [Answer, Nothing, Denied, Nothing]),
    ("Job", "SetAuthorities", [Answer, Nothing, Denied, Nothing]),
    ("Job", "GetAuthorities", [Answer, Nothing, Answer, Nothing]),
    ("Job", "SetServerCertificateValidation", [Answer, Nothing, Denied, Nothing]),
    ("Job", "RemoveServerCertificateValidation", [Answer, Nothing, Denied, Nothing]),
    ("Job", "JudgeServerCertificate", [Answer, Nothing, Denied, Nothing]),
    ("Job", "TakeOwnership", [Answer, Nothing, Answer, Nothing]),
    ("Job", "OpenTokenOptions", [Answer, Nothing, Answer, Nothing]),
    ("Job", "Cancel", [Answer, Nothing, Answer, Nothing]),
    // The token options are a capability: whoever holds the name may call.
    ("TokenOptions", "SetHelperToken", [Answer, Answer, Answer, Answer]),
    ("TokenOptions", "SetHelperTokenFlags", [Answer, Answer, Answer, Answer]),
    ("TokenOptions", "GetHelperTokenFlags", [Answer, Answer, Answer, Answer]),
    ("TokenOptions", "GetHelperTokenIdentity", [Answer, Answer, Answer, Answer]),
    ("TokenOptions", "ClearHelperToken", [Answer, Answer, Answer, Answer]),
    ("TokenOptions", "Close", [Answer, Answer, Answer, Answer]),
];

/// Calls one method on a fresh job of alice's, whose helper is bob, as `caller`.
fn outcome(
    owner: &Bus,
    helper: &Bus,
    caller: &Bus,
    interface: &str,
    method: &str,
) -> Result<(), No> {
    let job = Job::create(owner, "table");
    let options = job.open_token_options().unwrap();
    helper.call(&options, TOKEN_OPTIONS, "SetHelperToken", &()).unwrap();
    let file = [("http://localhost/f", b"/nonexistent/f".as_slice(), Options::new())];
    let empty = Options::new();
    let call = match (interface, method) {
        ("Manager", "CreateJob") => {
            caller.call(MANAGER_PATH, MANAGER, method, &("x", "download", empty))
        }
        ("Manager", "GetJob") => caller.call(MANAGER_PATH, MANAGER, method, &job.id.as_str()),
        ("Manager", "ListJobs") => caller.call(MANAGER_PATH, MANAGER, method, &(empty, "", 10_u32)),
        ("Manager", "DescribeError") => {
            caller.call(MANAGER_PATH, MANAGER, method, &"token-required")
        }
        ("Manager", "DescribeErrorContext") => {
            caller.call(MANAGER_PATH, MANAGER, method, &"local-file")
        }
        ("Manager", "ChangesSince") => caller.call(MANAGER_PATH, MANAGER, method, &(0_u64, 10_u32)),
        ("Manager", "SetPolicy") => {
            caller.call(MANAGER_PATH, MANAGER, method, &("background-slots", "3"))
        }
        ("Manager", "Acknowledge") => caller.call(MANAGER_PATH, MANAGER, method, &0_u64),
        ("Manager", _) => caller.call(MANAGER_PATH, MANAGER, method, &()),
        ("Job", "AddFiles") => caller.call(&job.path, JOB, method, &(file.as_slice(),)),
        ("Job", "GetFiles") => caller.call(&job.path, JOB, method, &(0_u32, 10_u32)),
        ("Job", "ChangesSince" | "GetHistory") => {
            caller.call(&job.path, JOB, method, &(0_u64, 10_u32))
        }
        ("Job", "SetValidationState") => caller.call(&job.path, JOB, method, &(0_u32, true)),
        ("Job", "SetRemoteName") => {
            caller.call(&job.path, JOB, method, &(0_u32, "http://localhost/f"))
        }
        ("Job", "RequestFileRanges") => {
            caller.call(&job.path, JOB, method, &(0_u32, [(0_u64, 1_u64)].as_slice()))
        }
        ("Job", "UpdateDownloadPosition") => caller.call(&job.path, JOB, method, &(0_u32, 0_u64)),
        ("Job", "GetFileHeaders" | "GetFilledFileRanges") => {
            caller.call(&job.path, JOB, method, &0_u32)
        }
        ("Job", "SetCustomHeaders") => caller.call(&job.path, JOB, method, &(["A: b"].as_slice(),)),
        ("Job", "RemoveCredentials") => caller.call(&job.path, JOB, method, &("server", "basic")),
        ("Job", "SetCredentials") => {
            let set = support::credentials::implicit("server", "ntlm");
            caller.call(&job.path, JOB, method, &set)
        }
        ("Job", "SetClientCertificate") => {
            let none: [zbus::OwnedFd; 0] = [];
            let set = ("pem", b"/c".as_slice(), b"".as_slice(), none.as_slice());
            caller.call(&job.path, JOB, method, &set)
        }
        ("Job", "SetAuthorities") => {
            caller.call(&job.path, JOB, method, &(b"-----".as_slice(), true))
        }
        ("Job", "JudgeServerCertificate") => caller.call(&job.path, JOB, method, &(1_u64, 0_u32)),
        ("Job", "ReplaceRemotePrefix") => caller.call(&job.path, JOB, method, &("a", "b")),
        ("Job", _) => caller.call(&job.path, JOB, method, &()),
        (_, "SetHelperTokenFlags") => caller.call(&options, TOKEN_OPTIONS, method, &0_u32),
        (_, _) => caller.call(&options, TOKEN_OPTIONS, method, &()),
    };
    let outcome = call.map(|_| ());
    let _ = job.call("Cancel");
    outcome
}

/// What is its owner's alone, and what is an administrator's.
const ENTRUSTED: [&str; 6] = [
    "CustomHeaders",
    "Credentials",
    "ClientCertificate",
    "Authorities",
    "ServerCertificate",
    "SetPolicy",
];

/// Which of them it was.
fn kind(method: &str, outcome: &Result<(), No>) -> Gets {
    match outcome {
        Ok(()) => Answer,
        Err(no)
            if ["NotFound", "org.freedesktop.DBus.Error.UnknownObject"]
                .contains(&no.name.as_str()) =>
        {
            Nothing
        }
        Err(no)
            if no.name == "AccessDenied"
                && ENTRUSTED.iter().any(|entrusted| method.contains(entrusted)) =>
        {
            Denied
        }
        Err(no) => {
            assert!(!no.is_disconnected(), "{no:?}");
            assert!(!no.name.starts_with("org.freedesktop.DBus.Error.Unknown"), "{no:?}");
            Answer
        }
    }
}

#[test]
fn every_method_answers_those_it_should_and_knows_nothing_for_the_others() {
    if !needs_root("the table of methods and callers") {
        return;
    }
    let instance = Instance::start();
    // Dave is a stranger with no part in the job; root administrates.
    let [owner, helper] = [User::alice(), User::bob()].map(|user| instance.bus(&user));
    let stranger = User { name: "ebb".into(), ..User::named("ebb") };
    let [other, root] = [stranger, User::root()].map(|user| instance.bus(&user));
    let mut wrong = Vec::new();
    for (interface, method, row) in TABLE {
        let callers =
            [("owner", &owner), ("other", &other), ("administrator", &root), ("helper", &helper)];
        for ((who, caller), wanted) in callers.into_iter().zip(row) {
            // An administrator's token on an ordinary opener's options is the one exception (R2).
            let outcome = outcome(&owner, &helper, caller, interface, method);
            let refused_token = *method == "SetHelperToken" && who == "administrator";
            if refused_token {
                assert_eq!(outcome.unwrap_err().name, "AdministratorToken");
            } else if kind(method, &outcome) != *wanted {
                wrong.push(format!("{interface}.{method} by {who}: {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_every_method_of_the_contract() {
    let top = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    for interface in ["Manager", "Job", "TokenOptions"] {
        let path = top.join(format!("crates/api/interfaces/org.ebb.Transfer1.{interface}.xml"));
        let xml = std::fs::read_to_string(path).unwrap();
        let names = xml.split("<method name=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let rows = TABLE.iter().filter(|(of, _, _)| *of == interface).map(|(_, name, _)| *name);
        assert_eq!(names.collect::<BTreeSet<_>>(), rows.collect::<BTreeSet<_>>(), "{interface}");
    }
}

#[test]
fn properties_are_read_and_written_by_the_owner_and_administrators_only() {
    if !needs_root("properties by caller") {
        return;
    }
    let instance = Instance::start();
    let owner = instance.bus(&User::alice());
    let job = Job::create(&owner, "mine");
    let [other, root] = [User::bob(), User::root()].map(|user| instance.bus(&user));
    for name in ["State", "DisplayName", "OwnerUid", "HelperTokenUid"] {
        other.property::<zbus::OwnedVariant>(&job.path, JOB, name).expect_err(name);
        root.property::<zbus::OwnedVariant>(&job.path, JOB, name).expect(name);
    }
    job.over(&other).set("DisplayName", Variant::from("theirs")).expect_err("another user's");
    assert_eq!(job.property::<String>("DisplayName"), "mine");
    job.over(&root).set("DisplayName", Variant::from("steered")).unwrap();
    assert_eq!(job.property::<String>("DisplayName"), "steered");
    job.set("OwnerUid", Variant::from(0_u32)).expect_err("a read-only property");
}
