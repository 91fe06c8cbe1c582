//! What is taken, what is refused and where, and which of several files counts.

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
        "admin-groups = ['sudo']\nbus-address = ''\njobs-per-user = 1\n\
         jobs-per-machine = 2\nfiles-per-job = 3\nbackground-slots = 4\nforeground-slots = 5\n\
         ranges-per-file = 6\njob-inactivity-timeout = 999",
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
        job_inactivity_timeout: 999,
        conditions: ebb_core::conditions::Rules::default(),
    };
    assert_eq!((config.policy, config.bus_address.as_deref()), (expected, Some("")));
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
