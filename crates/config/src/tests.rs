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
