//! What is taken, what is refused and where, and which of several files counts.

use ebb_core::conditions::{Bandwidth, CostDefaults, Limits, MayRun, Rules, Window};
use ebb_core::job::CostFlags;

use super::*;

const GROUPS: &str = "root:x:0:\nsudo:x:27:alice\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    config.take(Path::new("ebb.toml"), text, GROUPS).map(|()| config)
}

/// A directory with an empty `ebb.toml.d` in it, for one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let name = format!("ebb-config-{}-{test}", std::process::id());
        let scratch = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(scratch.0.join("ebb.toml.d")).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_setting_is_taken() {
    let config = parse(
        "admin-groups = ['sudo']\nbus-address = ''\njournal-socket = '/j'\njobs-per-user = 1\n\
         jobs-per-machine = 2\nfiles-per-job = 3\nbackground-slots = 4\nforeground-slots = 5\nconnections-per-file = 8\n\
         stall-timeout = 3600\n\
         ranges-per-file = 6\njob-inactivity-timeout = 999\nmax-download-time = 14\nallow-notify-command = true\n\
         owner-presence = 'logged-on'",
    )
    .unwrap();
    let expected = Policy {
        administrator_groups: vec![27],
        jobs_per_user: 1,
        jobs_per_machine: 2,
        files_per_job: 3,
        ranges_per_file: 6,
        background_slots: 4,
        foreground_slots: 5,
        connections_per_file: 8,
        stall_timeout: 3600,
        job_inactivity_timeout: 999,
        max_download_time: 14,
        allow_notify_command: true,
        owner_presence: OwnerPresence::LoggedOn,
        conditions: ebb_core::conditions::Rules::default(),
    };
    assert_eq!((config.policy, config.bus_address.as_deref()), (expected, Some("")));
    assert_eq!(config.journal_socket.as_deref(), Some(Path::new("/j")));
}

#[test]
fn a_typing_error_is_named_with_its_line_and_nothing_is_guessed() {
    for (text, named) in [
        ("job-per-user = 1", "job-per-user"),
        ("jobs-per-user = 0", "jobs-per-user"),
        ("jobs-per-user = -1", "jobs-per-user"),
        ("jobs-per-user = 4294967296", "jobs-per-user"),
        ("jobs-per-user = 'many'", "jobs-per-user"),
        ("job-inactivity-timeout = 1000", "1 to 999"),
        ("connections-per-file = 9", "1 to 8"),
        ("stall-timeout = 3601", "1 to 3600"),
        ("max-download-time = 1000", "1 to 999"),
        ("cost-policy = 'free'", "standard"),
        ("cost-policy = { urgent = 'always' }", "by priority"),
        ("on-battery = 'some'", "foreground"),
        ("work-hours = '8-17'", "08:00-17:00"),
        ("work-hours = '08:00-08:00'", "different"),
        ("work-hours = '08:00-24:01'", "08:00-17:00"),
        ("work-days = ['monday']", "mon"),
        ("work-days = []", "mon"),
        ("work-limit = -1", "kbit/s"),
        ("other-limit = { foreground = 1 }", "high, normal, low"),
        ("admin-groups = 'sudo'", "admin-groups"),
        ("admin-groups = ['wheel']", "wheel"),
        ("[jobs]\nper-user = 1", "jobs"),
        ("jobs-per-user = ", ""),
    ] {
        let error = parse(&format!("# how we do it here\n{text}\n")).unwrap_err().to_string();
        assert!(error.starts_with("ebb.toml, line 2: ") && error.contains(named), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_means_the_defaults() {
    let config = Config::read(Path::new("/nonexistent/ebb.toml")).unwrap();
    assert_eq!((config.policy, config.files), (Policy::default(), vec![]));
}

#[test]
fn what_a_later_file_says_counts_and_left_overs_are_no_files() {
    let scratch = Scratch::new("order");
    let (main, beside) = (scratch.0.join("ebb.toml"), scratch.0.join("ebb.toml.d"));
    fs::write(&main, "jobs-per-user = 1\nfiles-per-job = 1\n").unwrap();
    fs::write(beside.join("20-late.toml"), "jobs-per-user = 3\n").unwrap();
    fs::write(beside.join("10-early.toml"), "jobs-per-user = 2\nbackground-slots = 2\n").unwrap();
    for left_over in ["30-old.toml.bak", ".40-swap.toml", "README"] {
        fs::write(beside.join(left_over), "nonsense").unwrap();
    }
    let config = Config::read(&main).unwrap();
    let policy = config.policy;
    let found = (policy.jobs_per_user, policy.files_per_job, policy.background_slots);
    assert_eq!(found, (3, 1, 2));
    let expected = [main, beside.join("10-early.toml"), beside.join("20-late.toml")];
    assert_eq!(config.files, expected);
}

#[test]
fn a_mistake_beside_the_file_is_told_with_its_own_name() {
    let scratch = Scratch::new("mistake");
    let beside = scratch.0.join("ebb.toml.d");
    fs::write(beside.join("10-x.toml"), "\n\nslots = 3\n").unwrap();
    let error = Config::read(&scratch.0.join("ebb.toml")).unwrap_err();
    assert_eq!((error.file, error.line), (beside.join("10-x.toml"), Some(3)));
}

#[test]
fn hours_costs_and_power_are_taken_whole() {
    let config = parse(
        "cost-policy = { low = 'unrestricted' }\npower-saver = 'all'\non-battery = 'foreground'\n\
         work-days = ['mon', 'sun']\nwork-hours = '22:00-06:30'\n\
         work-limit = { high = 1000, low = 0 }\nother-limit = 64\n\
         maintenance-days = ['sat']\nmaintenance-limit = 0",
    )
    .unwrap();
    let unrestricted = CostFlags::preset("unrestricted").unwrap();
    let expected = Rules {
        cost: CostDefaults { low: unrestricted, ..CostDefaults::default() },
        bandwidth: Bandwidth {
            work: Window::new(0x41, 22 * 60, 6 * 60 + 30),
            inside: Limits { high: Some(1000), normal: None, low: Some(0) },
            outside: Limits::all(64),
            maintenance: Window::new(0x20, 0, 24 * 60).map(|w| (w, Limits::all(0))),
        },
        power_saver: MayRun::All,
        battery: MayRun::Foreground,
    };
    assert_eq!(config.policy.conditions, expected);
}

#[test]
fn work_is_from_eight_to_five_on_workdays_unless_told_otherwise() {
    let bandwidth = parse("work-limit = 1000").unwrap().policy.conditions.bandwidth;
    assert_eq!(bandwidth.work, Window::new(0x1f, 8 * 60, 17 * 60));
    let nothing = parse("work-hours = '09:00-10:00'").unwrap().policy.conditions.bandwidth;
    assert_eq!(nothing, Bandwidth::default(), "hours without a limit limit nothing");
}

#[test]
fn the_manual_explains_every_key_and_no_other() {
    let manual = include_str!("../../../dist/man/ebb.toml.5").replace('\\', "");
    let tagged = manual.lines().zip(manual.lines().skip(1)).filter(|(tag, _)| *tag == ".TP");
    let explained: Vec<&str> =
        tagged.filter_map(|(_, next)| next.strip_prefix(".B ")).map(str::trim).collect();
    // What is read, as the code has it: an arm begins with its key.
    let code = [include_str!("lib.rs"), include_str!("conditions.rs")].concat();
    let arms = code.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\" =>"));
    let is_value = |key: &str| ["foreground", "high", "normal", "low"].contains(&key);
    let read: Vec<&str> = arms.map(|(key, _)| key).filter(|key| !is_value(key)).collect();
    assert!(read.len() > 20, "{read:?}");
    for key in &read {
        assert!(explained.contains(key), "ebb.toml(5) says nothing of {key}");
    }
    for key in explained {
        assert!(read.contains(&key), "ebb.toml(5) explains {key}, which is not read");
    }
}

/// An `ebb.toml` and a place for changes.
fn places(scratch: &Scratch, text: &str) -> [PathBuf; 2] {
    let [config, changes] = ["ebb.toml", "policy.toml"].map(|name| scratch.0.join(name));
    fs::write(&config, text).unwrap();
    [config, changes]
}

#[test]
fn a_change_counts_after_all_files_until_it_is_taken_back() {
    let scratch = Scratch::new("changes");
    let [config, changes] = places(&scratch, "background-slots = 7\njobs-per-user = 9");
    let limits = |config: Config| (config.policy.background_slots, config.policy.jobs_per_user);
    let change = |key, value| limits(changes::change(&config, &changes, key, value).unwrap());
    assert_eq!(change("background-slots", "2"), (2, 9));
    assert_eq!(change("jobs-per-user", " 1 "), (2, 1));
    let read = Config::read_changed(&config, &changes).unwrap();
    assert_eq!(read.settings["jobs-per-user"], ("1".to_owned(), changes.clone()));
    assert_eq!(limits(read), (2, 1));
    assert_eq!(limits(Config::read(&config).unwrap()), (7, 9), "the files are as they were");
    assert_eq!(change("background-slots", ""), (7, 1));
    let read = Config::read_changed(&config, &changes).unwrap();
    assert_eq!(read.settings["background-slots"], ("7".to_owned(), config.clone()));
    assert_eq!(change("jobs-per-user", ""), (7, 9));
    assert_eq!(change("stall-timeout", ""), (7, 9), "what nobody has changed");
}

#[test]
fn every_key_that_can_be_changed_takes_a_value_as_in_a_file_and_words_without_quotes() {
    let scratch = Scratch::new("change-all");
    let [config, changes] = places(&scratch, "");
    for key in changes::KEYS {
        let value = match key {
            "cost-policy" => "standard",
            "maintenance-days" | "work-days" => "['sat', \"sun\"]",
            "maintenance-hours" | "work-hours" => "08:00-17:30",
            "work-limit" | "other-limit" | "maintenance-limit" => "{ high = 800, low = 0 }",
            "on-battery" | "power-saver" => "foreground",
            "owner-presence" => "logged-on",
            _ => "5",
        };
        changes::change(&config, &changes, key, value).unwrap_or_else(|no| panic!("{key}: {no:?}"));
    }
    let read = Config::read_changed(&config, &changes).unwrap();
    assert_eq!(read.settings.len(), changes::KEYS.len());
    assert_eq!(read.settings["work-days"].0, "[\"sat\", \"sun\"]");
    assert_eq!(read.policy.owner_presence, OwnerPresence::LoggedOn);
    assert_eq!(read.policy.conditions.bandwidth.inside.high, Some(800));
}

#[test]
fn what_cannot_be_changed_is_refused_and_leaves_everything_as_it_was() {
    use changes::ChangeError;
    let scratch = Scratch::new("change-refused");
    let [config, changes] = places(&scratch, "");
    changes::change(&config, &changes, "background-slots", "2").unwrap();
    let before = fs::read_to_string(&changes).unwrap();
    for key in ["admin-groups", "bus-address", "journal-socket", "allow-notify-command", "x", ""] {
        let refused = changes::change(&config, &changes, key, "5").unwrap_err();
        assert!(matches!(refused, ChangeError::Key), "{key}: {refused:?}");
    }
    let long = "5".repeat(changes::LONGEST + 1);
    let several = "5\nadmin-groups = ['sudo']";
    for value in ["0", "many", "1 2", "\"", "[", several, &long, "5\u{7}"] {
        let refused = changes::change(&config, &changes, "background-slots", value).unwrap_err();
        assert!(matches!(refused, ChangeError::Value(_)), "{value}: {refused:?}");
    }
    assert_eq!(fs::read_to_string(&changes).unwrap(), before);
    // Somebody has written to it who may, but not what a change could be.
    fs::write(&changes, "admin-groups = ['root']").unwrap();
    let refused = Config::read_changed(&config, &changes).unwrap_err();
    assert!(refused.to_string().contains("policy.toml"), "{refused}");
    let refused = changes::change(&config, &changes, "background-slots", "2").unwrap_err();
    assert!(matches!(refused, ChangeError::Config(_)), "{refused:?}");
}
