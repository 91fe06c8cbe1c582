//! Samba as a judge of NTLM: a `winbindd` of a test's own, with accounts of its own.
//!
//! It listens at one place of the file system, and whoever asks it knows no other. So it lives in a mount
//! namespace of its own with an empty `/run`, and so does who is to ask it ([`Samba::inside`]). It takes
//! version 2 of NTLM only. Needs root.

use crate::scratch::{scratch_directory, wait_for_event, watch};
use crate::server::PATIENCE;
use crate::users::User;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// What it calls itself, and so the domain of its users.
pub const DOMAIN: &str = "EBB";

/// A running `winbindd`.
#[derive(Debug)]
pub struct Samba {
    directory: PathBuf,
    child: Child,
}

impl Samba {
    /// Starts one that knows this user of the machine by this password.
    ///
    /// # Panics
    ///
    /// When it does not start, with what it wrote.
    #[must_use]
    pub fn start(user: &User, password: &str) -> Self {
        let directory = scratch_directory();
        let at = directory.display();
        let mut settings = format!(
            "[global]\nworkgroup = {DOMAIN}\nnetbios name = {DOMAIN}\nsecurity = user\n\
             passdb backend = tdbsam:{at}/passdb.tdb\nntlm auth = ntlmv2-only\n\
             interfaces = lo\nbind interfaces only = yes\nlog file = {at}/log\n"
        );
        for place in ["private dir", "lock directory", "state directory", "cache directory"] {
            let own = directory.join(place.replace(' ', "-"));
            fs::create_dir(&own).expect("our own directory");
            settings += &format!("{place} = {}\n", own.display());
        }
        settings += &format!("pid directory = {at}\n");
        let configuration = directory.join("smb.conf");
        fs::write(&configuration, settings).expect("our own directory");
        let account = ["-a", "-s", "-c"];
        let mut smbpasswd = Command::new("smbpasswd");
        smbpasswd.args(account).arg(&configuration).arg(&user.name);
        smbpasswd.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = smbpasswd.spawn().expect("smbpasswd can be started");
        let mut input = child.stdin.take().expect("it was asked for");
        write!(input, "{password}\n{password}\n").expect("smbpasswd reads a password");
        drop(input);
        let output = child.wait_with_output().expect("our own child");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "smbpasswd: {said}");

        let script = "mount -t tmpfs none /run && mkdir -p /run/samba && exec \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "winbindd", "-F", "--no-process-group", "-s"]);
        command.arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(directory.join("winbindd.log")).expect("our own"));
        let events = watch(&directory);
        let child = command.spawn().expect("unshare can be started");
        let mut this = Self { directory, child };
        let end = Instant::now() + PATIENCE;
        let its_root = Path::new("/proc").join(this.child.id().to_string()).join("root");
        let pipe = its_root.join("run/samba/winbindd/pipe");
        while UnixStream::connect(&pipe).is_err() {
            let ended = this.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "winbindd ended at once ({ended:?}):\n{}", this.log());
            assert!(Instant::now() < end, "winbindd does not listen:\n{}", this.log());
            wait_for_event(&events);
        }
        this
    }

    /// Whoever asks it belongs to this group of the machine.
    ///
    /// # Panics
    ///
    /// When it has no place for them.
    pub fn answers(&self, group: u32) {
        let place = self.directory.join("state-directory/winbindd_privileged");
        std::os::unix::fs::chown(&place, None, Some(group)).expect("root gives away");
    }

    /// The words that start a program where it can be asked.
    #[must_use]
    pub fn inside(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--mount=/proc/{}/ns/mnt", self.child.id())]
    }

    /// Its configuration.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("smb.conf")
    }

    fn log(&self) -> String {
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        text(&self.directory.join("winbindd.log")) + &text(&self.directory.join("log"))
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        // Its children end with it only if it is asked to.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- winbindd wrote:\n{}---", self.log());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
