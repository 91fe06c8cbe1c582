//! Promise: every property of a job has the default, the limits, the time and the errors that its
//! row in `docs/properties.md` says, over D-Bus, for its owner; for another user there is no job.
//!
//! The page is written from the table in `core`. With `EBB_REGENERATE` set it is written anew
//! instead of compared. Here stands only what a table of words cannot hold: values.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use ebb_core::job::{PROPERTIES, Property, READ_ONLY, WITHOUT_EFFECT, When};
use support::bus::{No, Options};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::server::{Resource, Server};
use support::users::{User, needs_root};
use zbus::{OwnedVariant, Variant};

const FILE: Content = Content::new(91, 10_000);
const NONE: u32 = u32::MAX;

/// A property's values: at first, at its limit, and one over, with the error that gets.
struct Values {
    name: &'static str,
    first: Variant<'static>,
    fine: Variant<'static>,
    over: Option<(Variant<'static>, &'static str, u32)>,
}

fn values() -> Vec<Values> {
    let text = |length: usize| Variant::from("ü".repeat(length));
    // Hosts of 249 characters, and a blank behind each.
    let hosts = |length: usize| {
        let host = format!("{} ", vec!["h".repeat(49); 5].join("."));
        host.chars().cycle().take(length).collect::<String>()
    };
    let proxies = |list: usize, bypass: usize| {
        Variant::from(("override".to_owned(), hosts(list), hosts(bypass)))
    };
    let invalid = ("InvalidArgument", 0x8007_0057);
    let unsupported = ("NotSupported", 0x8000_4001);
    let long = ("StringTooLong", 0x8020_0021);
    let row = |name, first, fine, over: Option<(Variant<'static>, (&'static str, u32))>| Values {
        name,
        first,
        fine,
        over: over.map(|(value, (name, code))| (value, name, code)),
    };
    let usual = Variant::from(("preconfig".to_owned(), String::new(), String::new()));
    let with = |value, error| Some((value, error));
    vec![
        row("DisplayName", "first".into(), text(256), with(text(257), long)),
        row("Description", "".into(), text(1024), with(text(1025), long)),
        row("Priority", "normal".into(), "low".into(), with("urgent".into(), unsupported)),
        row("MinimumRetryDelay", 600_u32.into(), 5_u32.into(), None),
        row("NoProgressTimeout", 1_209_600_u32.into(), 0_u32.into(), None),
        row("MaximumDownloadTime", 7_776_000_u32.into(), 1_u32.into(), with(0_u32.into(), invalid)),
        row("AutoComplete", false.into(), true.into(), None),
        row("NotifyFlags", 3_u32.into(), 0x3f_u32.into(), with(0x40_u32.into(), unsupported)),
        row(
            "NotifyCommand",
            Variant::from(Vec::<Vec<u8>>::new()),
            vec![b"/bin/true".to_vec(), vec![b'x'; 3999]].into(),
            with(vec![b"true".to_vec()].into(), invalid),
        ),
        row("MinimumNotificationInterval", 500_u32.into(), NONE.into(), None),
        row(
            "ProxySettings",
            usual,
            proxies(4000, 4000),
            with(proxies(4001, 0), ("ProxyListTooLarge", 0x8020_0018)),
        ),
        row("CostFlags", 0_u32.into(), 0x8000_00ff_u32.into(), with(0x100_u32.into(), invalid)),
        row("DynamicContent", false.into(), true.into(), None),
        row("HighPerformance", false.into(), true.into(), None),
        row(
            "MaximumDownloadSize",
            u64::MAX.into(),
            1_u64.into(),
            with(0_u64.into(), ("MaxDownloadSizeInvalidValue", 0x8020_0063)),
        ),
        row("BandwidthLimit", 0_u64.into(), u64::MAX.into(), None),
        row("OnDemandMode", false.into(), true.into(), None),
        row(
            "UseStoredCredentials",
            "".into(),
            "proxy".into(),
            with("server".into(), ("UseStoredCredentialsNotSupported", 0x8020_0066)),
        ),
        row("HttpMethod", "GET".into(), "POST".into(), with("GET /".into(), invalid)),
        row("SecurityFlags", 0_u32.into(), 0x91e_u32.into(), with(0x20_u32.into(), unsupported)),
        row("FileMode", NONE.into(), 0o666_u32.into(), with(0o777_u32.into(), invalid)),
        row(
            "FileGroup",
            NONE.into(),
            User::ordinary().gid.into(),
            with(0x7fff_fff0_u32.into(), invalid),
        ),
    ]
}

/// One whose service takes every property.
fn allowing() -> Instance {
    Setup::new().config("allow-notify-command = true").start()
}

fn kind(no: &No) -> (&str, u32) {
    assert!(!no.sentence.is_empty() && !no.advice.is_empty(), "{no:?}");
    (no.name.as_str(), no.code)
}

fn copy(value: &Variant<'static>) -> Variant<'static> {
    value.try_clone().unwrap()
}

fn shown(job: &Job<'_>, name: &str) -> String {
    written(&job.property::<OwnedVariant>(name))
}

/// A value in words. How its type was known, beforehand or from the message, is left out.
fn written(value: &Variant<'_>) -> String {
    format!("{value:?}").replace("Static {", "Dynamic {")
}

/// What a value that may be comes to, where it has an effect and where it has none.
fn set(job: &Job<'_>, property: Property, name: &str, value: Variant<'_>) {
    let done = job.set(name, value);
    match WITHOUT_EFFECT.contains(&property) {
        false => done.unwrap_or_else(|no| panic!("{name}: {no:?}")),
        true => {
            let no = done.unwrap_err();
            assert_eq!(kind(&no), ("NotSupported", 0x8000_4001), "{name}");
            assert!(no.sentence.contains("ebb login"), "what to do instead: {no:?}");
        }
    }
}

#[test]
fn every_property_has_its_default_and_takes_what_its_limits_allow_and_nothing_else() {
    let instance = allowing();
    let bus = instance.bus(&User::ordinary());
    let names: Vec<_> = PROPERTIES.iter().map(|row| row.name).collect();
    assert_eq!(values().iter().map(|row| row.name).collect::<Vec<_>>(), names);
    for (values, row) in values().into_iter().zip(PROPERTIES) {
        let job = Job::create(&bus, "first");
        let first = written(&values.first);
        assert_eq!(shown(&job, row.name), first, "{}", row.name);
        if let Some((value, name, code)) = values.over {
            let no = job.set(row.name, value).unwrap_err();
            assert_eq!(kind(&no), (name, code), "{}: {no:?}", row.name);
            assert_eq!(shown(&job, row.name), first, "refused, and yet set");
        }
        set(&job, row.property, row.name, copy(&values.fine));
        let works = row.property.has_effect();
        let then = if works { written(&values.fine) } else { first };
        assert_eq!(shown(&job, row.name), then, "{}", row.name);
        let wrong = if row.signature == "s" { Variant::from(1_u32) } else { Variant::from("x") };
        let no = job.set(row.name, wrong).unwrap_err();
        assert_eq!(no.name, "InvalidArgument", "{} of another type", row.name);
        // The same as an option of a new job.
        if works && row.property != Property::DisplayName {
            let options = Options::from([(row.option, copy(&values.fine))]);
            let job = Job::create_with(&bus, "first", &options);
            assert_eq!(shown(&job, row.name), then, "{}", row.option);
            job.call("Cancel").unwrap();
        }
        job.call("Cancel").unwrap();
    }
}

#[test]
fn every_property_is_fixed_from_the_time_its_row_says() {
    let (instance, server) = (allowing(), Server::http());
    server.put("/f", Resource::new(FILE));
    let user = User::ordinary();
    let bus = instance.bus(&user);
    let job = Job::create(&bus, "late");
    job.add(&server.url("/f"), &instance.directory_of(&user).join("f"));
    let too_late = |job: &Job<'_>, when: When, name: &str, code: u32| {
        for (values, row) in values().into_iter().zip(PROPERTIES) {
            if row.when == when {
                let no = job.set(row.name, values.fine).unwrap_err();
                assert_eq!(kind(&no), (name, code), "{}", row.name);
            }
        }
    };
    too_late(&job, When::BeforeFirstFile, "ReadOnlyPropertyAfterAddfile", 0x8020_0061);
    job.resume();
    job.wait_for(&["transferred"]);
    too_late(&job, When::BeforeFirstResume, "ReadOnlyPropertyAfterResume", 0x8020_0062);
    too_late(&job, When::BeforeTransferred, "InvalidState", 0x8020_0002);
    for (values, row) in values().into_iter().zip(PROPERTIES) {
        if row.when == When::Always && row.property != Property::AutoComplete {
            set(&job, row.property, row.name, values.fine);
        }
    }
    job.call("Complete").unwrap();
    for when in
        [When::Always, When::BeforeFirstFile, When::BeforeFirstResume, When::BeforeTransferred]
    {
        too_late(&job, when, "InvalidState", 0x8020_0002);
    }
}

#[test]
fn a_property_nobody_has_and_one_nobody_may_write_are_told_apart() {
    let instance = Instance::start();
    let bus = instance.bus(&User::ordinary());
    let job = Job::create(&bus, "mine");
    for row in READ_ONLY {
        let no = job.set(row.name, Variant::from("x")).unwrap_err();
        assert_eq!(kind(&no), ("ReadOnlyProperty", 0x8020_0058), "{}", row.name);
    }
    let no = job.set("Nonsense", Variant::from("x")).unwrap_err();
    assert_eq!(kind(&no), ("UnknownPropertyId", 0x8020_0057));
    let read = bus.property::<OwnedVariant>(&job.path, support::bus::JOB, "Nonsense").unwrap_err();
    assert_eq!(kind(&read), ("UnknownPropertyId", 0x8020_0057));
    let lists = ("override".to_owned(), "p".to_owned(), "b".repeat(4001));
    let no = job.set("ProxySettings", Variant::from(lists)).unwrap_err();
    assert_eq!(kind(&no), ("ProxyBypassListTooLarge", 0x8020_0019));
    let no = job.set("UseStoredCredentials", Variant::from("nobody")).unwrap_err();
    assert_eq!(kind(&no), ("InvalidAuthTarget", 0x8020_0027));
}

#[test]
fn no_property_of_another_user_can_be_read_or_written_and_an_administrator_may_both() {
    if !needs_root("properties of others") {
        return;
    }
    let instance = allowing();
    let [alice, bob, root] =
        [User::alice(), User::bob(), User::root()].map(|user| instance.bus(&user));
    for (values, row) in values().into_iter().zip(PROPERTIES) {
        // One each: some of them do not stand beside others.
        let job = Job::create(&alice, "first");
        let theirs = job.over(&bob).set(row.name, copy(&values.fine)).unwrap_err();
        assert_eq!(kind(&theirs), ("NotFound", 0x8020_0001), "{}", row.name);
        bob.property::<OwnedVariant>(&job.path, support::bus::JOB, row.name).unwrap_err();
        if row.property == Property::NotifyCommand {
            // It runs as the owner.
            let no = job.over(&root).set(row.name, values.fine).unwrap_err();
            assert_eq!(kind(&no), ("AccessDenied", 0x8007_0005));
            continue;
        }
        set(&job.over(&root), row.property, row.name, values.fine);
    }
}

#[test]
fn a_finished_file_has_the_mode_and_the_group_its_owner_chose() {
    let (instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let user = User::ordinary();
    let group = user.groups.first().copied().unwrap_or(user.gid);
    let bus = instance.bus(&user);
    for (name, mode, wanted) in [("usual", NONE, 0o644), ("private", 0o640, 0o640)] {
        let path = instance.directory_of(&user).join(name);
        let job = Job::create(&bus, name);
        job.set("FileMode", Variant::from(mode)).unwrap();
        job.set("FileGroup", Variant::from(group)).unwrap();
        job.add(&server.url("/f"), &path);
        job.resume();
        job.finish();
        let stat = std::fs::metadata(&path).unwrap();
        assert_eq!((stat.mode() & 0o7777, stat.gid(), stat.uid()), (wanted, group, user.uid));
    }
}

#[test]
fn a_job_fetches_no_more_than_it_may() {
    let (instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let user = User::ordinary();
    let bus = instance.bus(&user);
    let path = instance.directory_of(&user).join("f");
    for (limit, state) in [(FILE.size - 1, "error"), (FILE.size, "transferred")] {
        let options = Options::from([("max-download-size", limit.into())]);
        let job = Job::create_with(&bus, "small", &options);
        job.add(&server.url("/f"), &path);
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), state);
        if state == "error" {
            let error = job.error();
            assert_eq!(error["Name"], "max-download-size-limit-reached");
            assert_eq!(error["Code"], "0x80200064");
            job.call("Cancel").unwrap();
        }
    }
}

#[test]
fn the_command_line_sets_and_shows_what_the_owner_chooses_and_says_what_is_refused() {
    let (instance, server) = (Instance::start(), Server::http());
    server.put("/f", Resource::new(FILE));
    let user = User::ordinary();
    let path = instance.directory_of(&user).join("f");
    let (url, place) = (server.url("/f"), path.to_str().unwrap());
    let terms = ["--file-mode", "600", "--max-download-size", "1M"];
    let words = [&["submit", &url, "-o", place, "--suspended"][..], &terms].concat();
    let id = instance.must(&user, &words);
    instance.must(&user, &["set", &id, "file-mode=640"]);
    assert_eq!(instance.must(&user, &["show", "-g", "file_mode", &id]), "0640");
    assert_eq!(instance.must(&user, &["show", "-g", "max_download_size", &id]), "1048576");
    let refused = instance.run(&user, &["set", &id, "file-mode=755"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("0666"), "{said}");
    instance.must(&user, &["resume", &id]);
    instance.must(&user, &["wait", &id]);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
}

const HEAD: &str = "\
# Properties

Generated from the table in `crates/core/src/job/property.rs` (`make tables`) and compared by
`tests/e2e/properties.rs`, which also tries every row over D-Bus.

A property is a property of the job on D-Bus, an option of `CreateJob`, a key of `ebb set`, and an option of
`ebb get` and `ebb submit` where that makes sense. The owner of the job and administrators read and set it
(`NotifyCommand` is the owner's alone to set: `access-denied`);
for everybody else there is no such job (`not-found`). Once the job is over, all are fixed (`invalid-state`).
A value of another type is an `invalid-argument`.

## To be set

| property | type | option | at first | may be | until | otherwise |
|---|---|---|---|---|---|---|
";

fn page() -> String {
    let mut page = String::from(HEAD);
    for row in PROPERTIES {
        let until = match row.when {
            When::Always => "",
            When::BeforeFirstResume => {
                "the first `Resume` (`read-only-property-after-resume`, `0x80200062`)"
            }
            When::BeforeFirstFile => {
                "the first file (`read-only-property-after-addfile`, `0x80200061`)"
            }
            When::BeforeTransferred => "it is transferred (`invalid-state`, `0x80200002`)",
        };
        let error = match ebb_core::describe::error(row.error) {
            Some(error) => format!("`{}`, `{:#010x}`", row.error, error.code),
            None => String::new(),
        };
        let (name, kind, option) = (row.name, row.signature, row.option);
        writeln!(
            page,
            "| `{name}` | `{kind}` | {option} | {} | {} | {until} | {error} |",
            row.default, row.limits
        )
        .unwrap();
    }
    let open: Vec<String> =
        WITHOUT_EFFECT.iter().map(|property| format!("`{}`", property.row().name)).collect();
    if !open.is_empty() {
        writeln!(
            page,
            "\nWithout effect on Linux ([why](differences-from-bits.md#properties)), so that only the \
             value\nthey have at first is taken (else `not-supported`, `0x80004001`): {}.",
            open.join(",\n")
        )
        .unwrap();
    }
    page.push_str(
        "\n## To be read\n\nTo set one is refused: `read-only-property`, `0x80200058`. A property \
         that is none is `unknown-property-id`,\n`0x80200057`.\n\n| property | type | of a new job \
         |\n|---|---|---|\n",
    );
    for row in READ_ONLY {
        writeln!(page, "| `{}` | `{}` | {} |", row.name, row.signature, row.at_first).unwrap();
    }
    page
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

#[test]
fn the_page_of_properties_is_what_the_table_says() {
    let (page, path) = (page(), top().join("docs/properties.md"));
    if std::env::var_os("EBB_REGENERATE").is_some() {
        return std::fs::write(path, page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page, "`make tables` writes the page anew");
}

#[test]
fn the_table_has_every_property_of_the_contract_with_its_type() {
    let xml = top().join("crates/api/interfaces/org.ebb.Transfer1.Job.xml");
    let xml = std::fs::read_to_string(xml).unwrap();
    let lines = xml.lines().map(str::trim).filter(|line| line.starts_with("<property "));
    let line = |name: &str, kind: &str, access: &str| {
        format!("<property name=\"{name}\" type=\"{kind}\" access=\"{access}\"/>")
    };
    let written = PROPERTIES.iter().map(|row| line(row.name, row.signature, "readwrite"));
    let read = READ_ONLY.iter().map(|row| line(row.name, row.signature, "read"));
    let table: BTreeSet<String> = written.chain(read).collect();
    assert_eq!(lines.map(str::to_owned).collect::<BTreeSet<_>>(), table);
}
