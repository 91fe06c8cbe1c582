//! A whole Ebb in a scratch directory: started, stopped, killed, looked at.
//!
//! ```text
//!   SCRATCH/           root, 0755, made fresh, removed at the end
//!     libexec/         the programs, where every uid can reach them
//!     run/  state/     the service's (ebb, or the user of a private instance)
//!     ebbd.conf        the launcher's policy      ebb.toml   the service's configuration
//!     log              what the processes wrote
//!     NAME/            a directory only NAME may enter
//! ```
//!
//! Nothing of an instance survives its [`Drop`], and no test shares one with another unless it
//! says so. The programs come from `EBB_BIN_DIR`, else from beside the test's own executable.

use crate::bus::Bus;
use crate::processes::Process;
use crate::scratch::{
    PROGRAMS, binary_directory, copy_program, make_directory, scratch_directory_in, wait_for_event,
    watch,
};
use crate::server::{Authority, PATIENCE};
use crate::users::{ADMIN_GROUP, User};
use rustix::process::Signal;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// The system user of the service.
const SERVICE_USER: &str = "ebb";

/// How an instance is to be set up.
#[derive(Debug, Default)]
pub struct Setup {
    config: String,
    policy: String,
    authority: Option<String>,
    private: Option<User>,
    bus_address: Option<String>,
    journal: Option<PathBuf>,
    wrapper: Vec<String>,
    place: Option<PathBuf>,
}

/// A running instance.
#[derive(Debug)]
pub struct Instance {
    scratch: PathBuf,
    setup: Setup,
    launcher: Option<Child>,
}

impl Setup {
    /// A system instance with the tests' usual configuration; without root a private one.
    #[must_use]
    pub fn new() -> Self {
        let private = (!rustix::process::getuid().is_root()).then(User::me);
        Self { private, ..Self::default() }
    }

    /// Trusts this authority.
    #[must_use]
    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.authority = Some(authority.pem.clone());
        self
    }

    /// With a line more in the service's configuration.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.config.push_str(line);
        self.config.push('\n');
        self
    }

    /// With a line more in the launcher's policy.
    #[must_use]
    pub fn policy(mut self, line: &str) -> Self {
        self.policy.push_str(line);
        self.policy.push('\n');
        self
    }

    /// A private instance, started by this user.
    #[must_use]
    pub fn private(mut self, user: &User) -> Self {
        self.private = Some(user.clone());
        self
    }

    /// Also on the message bus at this address; without it on none.
    #[must_use]
    pub fn on_bus(mut self, address: &str) -> Self {
        self.bus_address = Some(address.to_owned());
        self
    }

    /// With the journal at this place; without it, records go to its log.
    #[must_use]
    pub fn with_journal(mut self, socket: &Path) -> Self {
        self.journal = Some(socket.to_owned());
        self
    }

    /// With its scratch directory in this one.
    #[must_use]
    pub fn inside(mut self, place: &Path) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// Started under this program, a tracer for instance.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Starts it and waits until it can be talked to.
    ///
    /// # Panics
    ///
    /// When it cannot be, with what it wrote.
    #[must_use]
    pub fn start(self) -> Instance {
        let place = self.place.clone().unwrap_or_else(std::env::temp_dir);
        let scratch = scratch_directory_in(&place);
        let mut instance = Instance { scratch, setup: self, launcher: None };
        instance.furnish();
        instance.launch();
        instance
    }
}

impl Instance {
    /// An instance with the usual configuration.
    #[must_use]
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// Its scratch directory.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.scratch.join("run/bus")
    }

    /// What its processes wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.scratch.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A directory that only this user may enter; made at the first call.
    #[must_use]
    pub fn directory_of(&self, user: &User) -> PathBuf {
        let path = self.scratch.join(&user.name);
        make_directory(&path, 0o700, user);
        path
    }

    /// A connection as this user.
    ///
    /// # Panics
    ///
    /// When the service is not there.
    #[must_use]
    pub fn bus(&self, user: &User) -> Bus {
        Bus::connect(&self.socket(), user)
            .unwrap_or_else(|e| panic!("no service: {e}\n{}", self.log()))
    }

    /// The command line `ebb` with these words, as this user, on this instance.
    #[must_use]
    pub fn ebb(&self, user: &User, words: &[&str]) -> Command {
        let mut command = user.command(&self.scratch.join("libexec/ebb"));
        command.env("EBB_BUS", format!("unix:path={}", self.socket().display()));
        command.env("HOME", self.directory_of(user));
        command.args(words).current_dir("/");
        command
    }

    /// Runs `ebb` and says what came out.
    ///
    /// # Panics
    ///
    /// When it cannot be run at all.
    #[must_use]
    pub fn run(&self, user: &User, words: &[&str]) -> Output {
        self.ebb(user, words).output().expect("the program can be run")
    }

    /// Runs `ebb`, which has to succeed, and gives its standard output without the line's end.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn must(&self, user: &User, words: &[&str]) -> String {
        let output = self.run(user, words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ebb {words:?}: {errors}\n{}", self.log());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The number of the launcher's process (or of what it was started under).
    ///
    /// # Panics
    ///
    /// When it is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.launcher.as_ref().expect("it was started").id()
    }

    /// Writes the service's configuration anew, and asks `ebbd` to have it read.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn reload(&self, change: impl FnOnce(String) -> String) {
        let path = self.scratch.join("ebb.toml");
        let text = fs::read_to_string(&path).expect("our own file");
        fs::write(&path, change(text)).expect("our own file");
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a process has a number");
        rustix::process::kill_process(pid, Signal::HUP).expect("it runs");
    }

    /// Its processes of this name, living ones only.
    #[must_use]
    pub fn processes(&self, name: &str) -> Vec<Process> {
        self.family().into_iter().filter(|p| p.name == name).collect()
    }

    /// All its processes.
    #[must_use]
    pub fn family(&self) -> Vec<Process> {
        self.launcher.as_ref().map_or_else(Vec::new, |child| Process::family(child.id()))
    }

    /// Kills the launcher (and so everything), and starts anew on the same state.
    ///
    /// # Panics
    ///
    /// When anything is left of the old one, or the new one does not come.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Starts again after it has been ended.
    ///
    /// # Panics
    ///
    /// When it does not come.
    pub fn start_again(&mut self) {
        self.wait();
        self.launch();
    }

    /// Kills one process of this name with SIGKILL, if there is one, and has the whole back: where
    /// the death of one ends all, waits for that and starts anew.
    ///
    /// # Panics
    ///
    /// When what should end goes on, or the new instance does not come.
    pub fn kill_one(&mut self, name: &str) {
        let family = self.family();
        let Some(victim) = family.iter().find(|process| process.name == name) else {
            return;
        };
        victim.signal(Signal::KILL);
        assert!(victim.ended_within(PATIENCE), "{name} survives SIGKILL");
        if ["ebbd", "ebb-service"].contains(&name) {
            assert_all_end(&family);
            self.start_again();
        }
    }

    /// Kills the launcher with SIGKILL and waits until nothing of the instance runs.
    ///
    /// # Panics
    ///
    /// When something goes on running.
    pub fn kill(&mut self) {
        let family = self.family();
        if let Some(mut child) = self.launcher.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        assert_all_end(&family);
    }

    /// Asks it to end, waits, and gives its exit code.
    ///
    /// # Panics
    ///
    /// When anything of it is left afterwards.
    pub fn terminate(&mut self) -> Option<i32> {
        let family = self.family();
        for process in family.iter().filter(|p| p.name == "ebbd") {
            process.signal(Signal::TERM);
        }
        let code = self.wait();
        assert_all_end(&family);
        code
    }

    /// Waits until the launcher has ended by itself and gives its exit code.
    ///
    /// # Panics
    ///
    /// When it does not end for [`PATIENCE`].
    pub fn wait(&mut self) -> Option<i32> {
        let mut child = self.launcher.take()?;
        if let Some(process) = Process::find(child.id()) {
            assert!(process.ended_within(PATIENCE), "it does not end:\n{}", self.log());
        }
        child.wait().expect("a child can be waited for").code()
    }

    fn owner(&self) -> User {
        self.setup.private.clone().unwrap_or_else(|| User::named(SERVICE_USER))
    }

    fn furnish(&self) {
        let libexec = self.scratch.join("libexec");
        make_directory(&libexec, 0o755, &User::me());
        for program in PROGRAMS {
            let source = binary_directory().join(program);
            let target = libexec.join(program);
            // A hard link is enough, and spares a copy of some fifty megabytes per instance.
            if fs::hard_link(&source, &target).is_err() {
                copy_program(&source, &target);
            }
        }
        make_directory(&self.scratch.join("run"), 0o755, &self.owner());
        make_directory(&self.scratch.join("state"), 0o700, &self.owner());
        let bus = self.setup.bus_address.as_deref().unwrap_or_default();
        // The group is made by tests/setup, which without root makes nothing.
        let groups = match self.setup.private {
            Some(_) => String::new(),
            None => format!("admin-groups = [\"{ADMIN_GROUP}\"]"),
        };
        let journal = self.setup.journal.as_deref().unwrap_or_else(|| Path::new("")).display();
        let config = format!(
            "{groups}\nbus-address = \"{bus}\"\njournal-socket = \"{journal}\"\n{}",
            self.setup.config
        );
        self.write("ebb.toml", &config);
        let mut policy = format!(
            "libexec-dir = {0}/libexec\nruntime-dir = {0}/run\n\
             state-dir = {0}/state\nconfig = {0}/ebb.toml\n{1}",
            self.scratch.display(),
            self.setup.policy
        );
        if let Some(authority) = &self.setup.authority {
            self.write("authority.pem", authority);
            let path = self.scratch.join("authority.pem");
            policy.push_str(&format!("extra-ca-file = {}\n", path.display()));
        }
        self.write("ebbd.conf", &policy);
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.scratch.join(name);
        fs::write(&path, text).expect("the scratch directory can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("our own file");
    }

    fn command(&self) -> Command {
        let program = self.scratch.join("libexec/ebbd");
        let mut command = if let Some(user) = &self.setup.private {
            let mut command = user.command(&program);
            command.env("HOME", self.directory_of(user));
            command
        } else {
            let mut words = self.setup.wrapper.iter().map(PathBuf::from).chain([program]);
            let mut command = Command::new(words.next().expect("the program at least"));
            command.args(words);
            command
        };
        command.arg("--policy").arg(self.scratch.join("ebbd.conf"));
        command
    }

    fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.scratch.join("log"));
        let log = log.expect("the scratch directory can be written");
        let events = watch(&self.scratch.join("run"));
        let mut command = self.command();
        command.stdin(std::process::Stdio::null());
        command.stdout(log.try_clone().expect("a descriptor")).stderr(log).current_dir("/");
        let child = command.spawn().expect("the launcher can be started");
        self.launcher = Some(child);
        self.wait_until_it_listens(&events);
    }

    fn wait_until_it_listens(&mut self, events: &rustix::fd::OwnedFd) {
        let end = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            let child = self.launcher.as_mut().expect("it was started");
            let ended = child.try_wait().expect("our own child");
            assert!(ended.is_none(), "it ended at once ({ended:?}):\n{}", self.log());
            assert!(Instant::now() < end, "it does not listen:\n{}", self.log());
            wait_for_event(events);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the instance wrote:\n{}---", self.log());
            if let Some(mut child) = self.launcher.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        } else {
            self.kill();
        }
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Nothing may outlive its launcher.
fn assert_all_end(family: &[Process]) {
    for process in family {
        let ended = process.ended_within(Duration::from_secs(10));
        assert!(ended, "{} ({}) outlived its launcher", process.name, process.pid);
    }
}
