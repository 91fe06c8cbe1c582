//! Promise: every limit is told by its name and number, one over it and not before; a value that is
//! none of those there are is refused; nothing is cut and nothing is guessed.

use std::os::unix::ffi::OsStrExt;
use support::bus::{Bus, JOB, MANAGER, MANAGER_PATH, No, Options, TOKEN_OPTIONS};
use support::instance::Instance;
use support::job::Job;
use support::users::{User, needs_root};
use zbus::Variant;

fn create(bus: &Bus, name: &str, kind: &str, options: Options<'_>) -> Result<(), No> {
    bus.call(MANAGER_PATH, MANAGER, "CreateJob", &(name, kind, options)).map(|_| ())
}

fn told(answer: Result<(), No>) -> (String, u32) {
    let no = answer.expect_err("this is to be refused");
    assert!(!no.sentence.is_empty() && !no.advice.is_empty(), "{no:?}");
    (no.name, no.code)
}

fn is(name: &str, code: u32) -> (String, u32) {
    (name.to_owned(), code)
}

/// Somebody of whom the machine knows a number only.
fn nobody(number: u32) -> User {
    let uid = 70_000 + number;
    User { name: format!("uid-{uid}"), uid, gid: uid, groups: Vec::new() }
}

#[test]
fn the_sixty_first_job_of_a_user_and_the_three_hundred_and_first_are_refused() {
    if !needs_root("the limits of jobs") {
        return;
    }
    let instance = Instance::start();
    let users: Vec<Bus> = (0..6).map(|number| instance.bus(&nobody(number))).collect();
    let one_more = |bus: &Bus| create(bus, "x", "download", Options::new());
    for bus in &users[..5] {
        (0..60).for_each(|_| one_more(bus).unwrap());
        assert_eq!(told(one_more(bus)), is("TooManyJobsPerUser", 0x8020_0049));
    }
    assert_eq!(told(one_more(&users[5])), is("TooManyJobsPerMachine", 0x8020_0050));
    one_more(&instance.bus(&User::carol())).expect("administrators are exempt");
}

#[test]
fn the_two_hundred_and_first_file_is_refused_and_none_of_its_kind_is_added() {
    if !needs_root("the limit of files") {
        return;
    }
    let (instance, alice) = (Instance::start(), User::alice());
    let bus = instance.bus(&alice);
    let directory = instance.directory_of(&alice);
    let add = |job: &Job<'_>, count: u32| {
        let paths: Vec<_> = (0..count).map(|at| directory.join(format!("f{at}"))).collect();
        let file = |path| ("http://localhost/f", path, Options::new());
        let files: Vec<_> = paths.iter().map(|path| file(path.as_os_str().as_bytes())).collect();
        job.bus.call(&job.path, JOB, "AddFiles", &(files,)).map(|_| ())
    };
    let job = Job::create(&bus, "many files");
    assert_eq!(told(add(&job, 201)), is("TooManyFilesInJob", 0x8020_0051));
    assert_eq!(job.property::<u32>("FilesTotal"), 0, "all or none");
    add(&job, 200).unwrap();
    assert_eq!(told(add(&job, 1)), is("TooManyFilesInJob", 0x8020_0051));
    assert_eq!(told(add(&job, 0)), is("InvalidArgument", 0x8007_0057));
    let administrator = instance.bus(&User::carol());
    add(&job.over(&administrator), 1).expect("administrators are exempt, by caller");
}

#[test]
fn the_five_hundred_and_first_range_of_a_file_is_refused() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "ranges");
    let path = instance.directory_of(&alice).join("f");
    let add = |count: u64| {
        let ranges: Vec<(u64, u64)> = (0..count).map(|at| (at * 10, 1)).collect();
        let options = Options::from([("ranges", Variant::from(ranges))]);
        let files = [("http://localhost/f", path.as_os_str().as_bytes(), options)];
        job.bus.call(&job.path, JOB, "AddFiles", &(files.as_slice(),)).map(|_| ())
    };
    if alice.uid != 0 {
        assert_eq!(told(add(501)), is("TooManyRangesInFile", 0x8020_0052));
    }
    // Whatever is said of five hundred, it is not that there are too many.
    assert!(add(500).err().is_none_or(|no| no.name != "TooManyRangesInFile"));
}

#[test]
fn strings_may_be_as_long_as_their_limit_and_not_one_longer() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    // Counted in characters, not in bytes.
    let long = |length: usize| "ä".repeat(length);
    create(&bus, &long(256), "download", Options::new()).unwrap();
    for name in [String::new(), long(257)] {
        let refused = told(create(&bus, &name, "download", Options::new()));
        assert_eq!(refused, is("InvalidArgument", 0x8007_0057));
    }
    let too_long = Options::from([("description", long(1025).into())]);
    assert_eq!(told(create(&bus, "x", "download", too_long)), is("StringTooLong", 0x8020_0021));
    let job = Job::create(&bus, "x");
    for (property, limit) in [("DisplayName", 256), ("Description", 1024)] {
        job.set(property, Variant::from(long(limit))).unwrap();
        let over = told(job.set(property, Variant::from(long(limit + 1))));
        assert_eq!(over, is("StringTooLong", 0x8020_0021), "{property}");
        assert_eq!(job.property::<String>(property), long(limit), "what was there stays");
    }
    let url = |length: usize| format!("http://localhost/{}", "u".repeat(length - 17));
    let path = instance.directory_of(&alice).join("f");
    job.add(&url(8000), &path);
    let over = job.try_add(&url(8001), &path).map(|_| ());
    assert_eq!(told(over).1, 0x8020_0021);
    let renamed = bus.call(&job.path, JOB, "SetRemoteName", &(0_u32, url(8001).as_str()));
    assert_eq!(told(renamed.map(|_| ())).1, 0x8020_0021);
}

#[test]
fn values_that_are_none_of_those_there_are_are_refused_by_name() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "x");
    let unknown = is("NotSupported", 0x8000_4001);
    assert_eq!(told(create(&bus, "x", "upload", Options::new())), unknown);
    let urgent = Options::from([("priority", "urgent".into())]);
    assert_eq!(told(create(&bus, "x", "download", urgent)), unknown);
    assert_eq!(told(job.set("Priority", Variant::from("4"))), unknown);
    let list =
        |filter: Options<'_>| bus.call(MANAGER_PATH, MANAGER, "ListJobs", &(filter, "", 1_u32));
    let state = list(Options::from([("state", "paused".into())])).map(|_| ());
    assert_eq!(told(state), is("InvalidArgument", 0x8007_0057));
    let moon = told(job.set("UseStoredCredentials", Variant::from("moon")));
    assert_eq!(moon, is("InvalidAuthTarget", 0x8020_0027));
    let options = job.open_token_options().unwrap();
    let flags = bus.call(&options, TOKEN_OPTIONS, "SetHelperTokenFlags", &8_u32).map(|_| ());
    assert_eq!(told(flags), is("InvalidArgument", 0x8007_0057));
    for (method, name) in [("DescribeError", "no-such-error"), ("DescribeErrorContext", "moon")] {
        let described = bus.call(MANAGER_PATH, MANAGER, method, &name).map(|_| ());
        assert_eq!(told(described), is("InvalidArgument", 0x8007_0057), "{method}");
    }
    assert_eq!(
        told(job.set("State", Variant::from("queued"))),
        is("ReadOnlyProperty", 0x8020_0058)
    );
}

#[test]
fn a_connection_opens_so_many_token_options_and_no_more() {
    let (instance, alice) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&alice);
    let job = Job::create(&bus, "x");
    let opened: Vec<String> = (0..64).map(|_| job.open_token_options().unwrap()).collect();
    assert_eq!(told(job.open_token_options().map(|_| ())), is("TooManyRequests", 0));
    bus.call(&opened[0], TOKEN_OPTIONS, "Close", &()).unwrap();
    job.open_token_options().expect("one is closed");
}
