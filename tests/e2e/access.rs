//! Promise: whoever may not, cannot, and learns nothing by trying (R1-R4, F11).

use support::bus::{Bus, JOB, MANAGER, MANAGER_PATH, Options, TOKEN_OPTIONS};
use support::instance::Instance;
use support::job::{Job, LOCAL_FILE, NETWORK};
use support::users::{User, needs_root};

/// The name of the refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, support::bus::No>) -> String {
    result.expect_err("this is to be refused").name
}

fn set_token(bus: &Bus, options: &str) -> Result<(), support::bus::No> {
    bus.call(options, TOKEN_OPTIONS, "SetHelperToken", &()).map(|_| ())
}

fn set_flags(bus: &Bus, options: &str, flags: u32) -> Result<(), support::bus::No> {
    bus.call(options, TOKEN_OPTIONS, "SetHelperTokenFlags", &flags).map(|_| ())
}

#[test]
fn an_ordinary_owner_cannot_lend_an_administrators_token() {
    if !needs_root("administrators' tokens") {
        return;
    }
    let instance = Instance::start();
    let (alice, root, carol) =
        (instance.bus(&User::alice()), instance.bus(&User::root()), instance.bus(&User::carol()));
    let job = Job::create(&alice, "mine");
    let options = job.open_token_options().unwrap();
    assert_eq!(refused(set_token(&root, &options)), "AdministratorToken");
    assert_eq!(refused(set_token(&carol, &options)), "AdministratorToken");
    assert!(!job.property::<bool>("HelperTokenSet"), "refused, and yet set");
    set_token(&instance.bus(&User::bob()), &options).unwrap();
    assert_eq!(job.property::<u32>("HelperTokenUid"), User::bob().uid);
}

#[test]
fn an_ordinary_owner_cannot_set_flags_while_an_administrators_token_is_set() {
    if !needs_root("flags under an administrator's token") {
        return;
    }
    let instance = Instance::start();
    let (alice, root) = (instance.bus(&User::alice()), instance.bus(&User::root()));
    let job = Job::create(&alice, "mine");
    let by_root = job.over(&root).open_token_options().unwrap();
    set_token(&root, &by_root).unwrap();
    let by_alice = job.open_token_options().unwrap();
    assert_eq!(refused(set_flags(&alice, &by_alice, NETWORK)), "AdministratorToken");
    assert_eq!(job.property::<u32>("HelperTokenFlags"), 0);
    // To clear it and to look at it she needs only to be the owner.
    let identity: (bool, u32, String) =
        alice.ask(&by_alice, TOKEN_OPTIONS, "GetHelperTokenIdentity", &()).unwrap();
    assert_eq!(identity, (true, 0, "root".into()));
    alice.call(&by_alice, TOKEN_OPTIONS, "ClearHelperToken", &()).unwrap();
    set_flags(&alice, &by_alice, NETWORK).unwrap();
}

#[test]
fn unknown_flags_are_refused_and_change_nothing() {
    if !needs_root("unknown flags") {
        return;
    }
    let instance = Instance::start();
    let alice = instance.bus(&User::alice());
    let job = Job::create(&alice, "mine");
    let options = job.open_token_options().unwrap();
    set_flags(&alice, &options, LOCAL_FILE).unwrap();
    for flags in [8, NETWORK | 8, u32::MAX] {
        set_flags(&alice, &options, flags).expect_err("unknown bits");
    }
    assert_eq!(job.property::<u32>("HelperTokenFlags"), LOCAL_FILE);
}

#[test]
fn another_users_job_looks_exactly_like_one_that_does_not_exist() {
    if !needs_root("another user's job") {
        return;
    }
    let instance = Instance::start();
    let (alice, bob) = (instance.bus(&User::alice()), instance.bus(&User::bob()));
    let job = Job::create(&alice, "mine");
    let nobodys = "00000000-0000-4000-8000-000000000000";
    let nobodys_path = format!("{MANAGER_PATH}/job/{}", nobodys.replace('-', "_"));
    for method in ["Suspend", "Resume", "Cancel", "Complete", "GetError", "OpenTokenOptions"] {
        let theirs = bob.call(&job.path, JOB, method, &()).unwrap_err();
        let none = bob.call(&nobodys_path, JOB, method, &()).unwrap_err();
        assert_eq!(theirs, none, "{method} tells the two apart");
    }
    let theirs = bob.property::<String>(&job.path, JOB, "State").unwrap_err();
    let none = bob.property::<String>(&nobodys_path, JOB, "State").unwrap_err();
    assert_eq!(theirs, none);
    let theirs = bob.call(MANAGER_PATH, MANAGER, "GetJob", &job.id.as_str()).unwrap_err();
    let none = bob.call(MANAGER_PATH, MANAGER, "GetJob", &nobodys).unwrap_err();
    assert_eq!(theirs, none);
    let page = (Options::new(), "", 100_u32);
    let list = bob.call(MANAGER_PATH, MANAGER, "ListJobs", &page).unwrap();
    assert!(!format!("{:?}", list.body().data()).contains(&job.id), "the list shows it");
    assert_eq!(job.state(), "suspended", "and nothing has happened to it");
}

#[test]
fn a_guessed_token_options_path_is_an_unknown_object() {
    if !needs_root("guessed token options") {
        return;
    }
    let instance = Instance::start();
    let (alice, bob) = (instance.bus(&User::alice()), instance.bus(&User::bob()));
    let job = Job::create(&alice, "mine");
    let real = job.open_token_options().unwrap();
    let mut guesses = vec![format!("{MANAGER_PATH}/token_options/{}", "0".repeat(32))];
    // One digit beside the truth is as far away as any other guess.
    let (rest, last) = real.split_at(real.len() - 1);
    guesses.push(format!("{rest}{}", if last == "0" { "1" } else { "0" }));
    for guess in guesses {
        let no = set_token(&bob, &guess).unwrap_err();
        assert_eq!(no.name, "org.freedesktop.DBus.Error.UnknownObject");
    }
    set_token(&bob, &real).expect("whoever holds the name may call");
}

#[test]
fn token_options_end_with_close_with_their_opener_and_with_the_job() {
    if !needs_root("the end of token options") {
        return;
    }
    let instance = Instance::start();
    let (alice, bob) = (instance.bus(&User::alice()), instance.bus(&User::bob()));
    let job = Job::create(&alice, "mine");
    let unknown = "org.freedesktop.DBus.Error.UnknownObject";

    let closed = job.open_token_options().unwrap();
    alice.call(&closed, TOKEN_OPTIONS, "Close", &()).unwrap();
    assert_eq!(refused(set_token(&bob, &closed)), unknown);

    let opener = instance.bus(&User::alice());
    let orphaned = job.over(&opener).open_token_options().unwrap();
    drop(opener);
    // The service learns of the end of a connection in its own time; asking until then is safe.
    let end = std::time::Instant::now() + support::server::PATIENCE;
    while set_token(&bob, &orphaned).is_ok() {
        assert!(std::time::Instant::now() < end, "they outlive their opener");
        std::thread::yield_now();
    }
    assert_eq!(refused(set_token(&bob, &orphaned)), unknown);

    let of_job = job.open_token_options().unwrap();
    job.call("Cancel").unwrap();
    assert_eq!(refused(set_token(&bob, &of_job)), unknown);
}

#[test]
fn every_change_and_every_refusal_of_a_token_is_one_line_in_the_log() {
    if !needs_root("the audit log") {
        return;
    }
    let instance = Instance::start();
    let [alice, bob, root] =
        [User::alice(), User::bob(), User::root()].map(|user| instance.bus(&user));
    let job = Job::create(&alice, "mine");
    let options = job.open_token_options().unwrap();
    set_token(&bob, &options).unwrap();
    set_flags(&alice, &options, NETWORK).unwrap();
    set_token(&root, &options).expect_err("an administrator's");
    alice.call(&options, TOKEN_OPTIONS, "ClearHelperToken", &()).unwrap();
    let log = instance.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&job.id)).collect();
    let bobs = format!("{}:{}", User::bob().uid, User::bob().gid);
    let opener = format!("opener={}", User::alice().uid);
    assert!(lines.iter().all(|line| line.contains(&opener)), "{lines:#?}");
    let [owner, set, flags, refused, clear] = lines.as_slice() else {
        panic!("one line for the owner's token and for each call: {lines:#?}")
    };
    assert!(owner.contains("token owner"), "{owner}");
    assert!(set.contains("token set") && set.contains(&bobs), "{set}");
    assert!(flags.contains("flags=0x2"), "{flags}");
    assert!(refused.contains("administrator-token"), "{refused}");
    assert!(clear.contains("token clear") && clear.contains(&bobs), "{clear}");
}
