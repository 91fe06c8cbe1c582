//! A Kerberos realm of a test's own: a key distribution center on the loopback, users with tickets.
//!
//! Everything is in one directory: the database, the logs, a `krb5.conf`, and the caches of tickets.
//! The machine's own `krb5.conf` is left alone: who is to live in the realm is started under
//! [`Realm::wrapper`], which puts ours in its place for that program only. Needs root.

use crate::scratch::{scratch_directory, wait_for_event, watch};
use crate::server::PATIENCE;
use crate::users::User;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// What it is called.
pub const REALM: &str = "EBBTEST";
const PORT: u16 = 8888;

/// A realm.
#[derive(Debug)]
pub struct Realm {
    directory: PathBuf,
    center: Option<Child>,
    /// Its address, for its services, too: nobody else has it.
    pub address: String,
}

/// An address of the loopback network that no other test of this machine uses now.
#[must_use]
pub fn own_address() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = [std::process::id() >> 8 & 0x7f, std::process::id() & 0xff];
    format!("127.{}.{low}.{number}", 100 + high)
}

impl Realm {
    /// Starts one, without users.
    ///
    /// # Panics
    ///
    /// When this is not root, or the programs are missing.
    #[must_use]
    pub fn start() -> Self {
        let directory = scratch_directory();
        let caches = format!("FILE:{}/caches/cc_%{{uid}}", directory.display());
        Self::start_in(directory, &caches)
    }

    /// The same where tickets are kept in caches of this name.
    ///
    /// # Panics
    ///
    /// As [`Realm::start`].
    #[must_use]
    pub fn with_caches(name: &str) -> Self {
        Self::start_in(scratch_directory(), name)
    }

    fn start_in(directory: PathBuf, caches: &str) -> Self {
        let mut this = Self { directory, center: None, address: own_address() };
        this.write_configuration(caches);
        this.run("kdb5_util", &["create", "-s", "-r", REALM, "-P", "a master key for a test"]);
        let events = watch(&this.directory);
        let mut center = Self::tool("krb5kdc");
        center.arg("-n").envs(this.environment()).stdout(Stdio::null()).stderr(Stdio::null());
        this.center = Some(center.spawn().expect("krb5kdc can be started"));
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect((this.address.as_str(), PORT)).is_err() {
            assert!(Instant::now() < end, "the center does not listen:\n{}", this.log());
            wait_for_event(&events);
        }
        this
    }

    fn write_configuration(&self, caches: &str) {
        let (directory, address) = (self.directory.display(), &self.address);
        let place = self.directory.join("caches");
        fs::create_dir(&place).expect("our own directory");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o1777)).expect("ours");
        let client = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n \
             dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n \
             udp_preference_limit = 1\n default_ccache_name = {caches}\n\
             [realms]\n {REALM} = {{\n  kdc = {address}:{PORT}\n }}\n"
        );
        let center = format!(
            "[kdcdefaults]\n kdc_listen = {address}:{PORT}\n kdc_tcp_listen = {address}:{PORT}\n\
             [realms]\n {REALM} = {{\n  database_name = {directory}/principal\n  \
             key_stash_file = {directory}/stash\n  acl_file = {directory}/acl\n  \
             max_life = 10h\n }}\n[logging]\n kdc = FILE:{directory}/kdc.log\n"
        );
        let strict = client.replacen("[libdefaults]", "[libdefaults]\n clockskew = 0", 1);
        fs::write(self.directory.join("strict.conf"), strict).expect("our own directory");
        fs::write(self.configuration(), client).expect("our own directory");
        fs::write(self.directory.join("kdc.conf"), center).expect("our own directory");
    }

    /// Its `krb5.conf`.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("krb5.conf")
    }

    /// What makes a program one of this realm.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("KRB5_CONFIG", self.configuration()),
            ("KRB5_KDC_PROFILE", self.directory.join("kdc.conf")),
        ]
    }

    /// The words that start a program, without any environment, as one of this realm.
    #[must_use]
    pub fn wrapper(&self) -> Vec<String> {
        Self::under(&self.configuration())
    }

    /// The same with a clock that nobody else's may differ from: what has expired is not used for some
    /// minutes more.
    #[must_use]
    pub fn strict_wrapper(&self) -> Vec<String> {
        Self::under(&self.directory.join("strict.conf"))
    }

    fn under(configuration: &Path) -> Vec<String> {
        let ours = format!(
            "mount --bind '{}' /etc/krb5.conf && exec \"$0\" \"$@\"",
            configuration.display()
        );
        ["unshare", "--mount", "sh", "-c", &ours].map(str::to_owned).to_vec()
    }

    fn tool(name: &str) -> Command {
        let mut command = Command::new(name);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn run(&self, name: &str, words: &[&str]) {
        let mut command = Self::tool(name);
        let output = command.args(words).envs(self.environment()).output();
        let output = output.unwrap_or_else(|e| panic!("{name}: {e}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} {words:?}: {said}");
    }

    /// Adds somebody with a password.
    pub fn add_user(&self, name: &str, password: &str) {
        self.run("kadmin.local", &["-q", &format!("addprinc -pw {password} {name}")]);
    }

    /// Adds a service at its own address, and writes its key to a file that `owner` may read.
    ///
    /// # Panics
    ///
    /// When that cannot be done.
    #[must_use]
    pub fn add_service(&self, owner: &User) -> PathBuf {
        self.add_service_at(&self.address, owner)
    }

    /// The same for a service at another address.
    ///
    /// # Panics
    ///
    /// When that cannot be done.
    #[must_use]
    pub fn add_service_at(&self, address: &str, owner: &User) -> PathBuf {
        let keys = self.directory.join(format!("{address}.keytab"));
        let name = format!("HTTP/{address}");
        self.run("kadmin.local", &["-q", &format!("addprinc -randkey {name}")]);
        let into = format!("ktadd -k {} {name}", keys.display());
        self.run("kadmin.local", &["-q", &into]);
        std::os::unix::fs::chown(&keys, Some(owner.uid), Some(owner.gid)).expect("root gives away");
        keys
    }

    /// A user of this machine gets a ticket as somebody of the realm.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn log_in(&self, user: &User, name: &str, password: &str) {
        self.log_in_for(user, name, password, "1h");
    }

    /// The same with a ticket that lives so long.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn log_in_for(&self, user: &User, name: &str, password: &str, time: &str) {
        let mut command = user.command(Path::new("/usr/bin/kinit"));
        command.args(["-l", time, name]).envs(self.environment());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kinit can be started");
        let mut input = child.stdin.take().expect("it was asked for");
        writeln!(input, "{password}").expect("kinit reads a password");
        drop(input);
        let output = child.wait_with_output().expect("our own child");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kinit {name}: {said}");
    }

    /// They have no tickets any more.
    ///
    /// # Panics
    ///
    /// When they had none.
    pub fn log_out(&self, user: &User) {
        let mut command = user.command(Path::new("/usr/bin/kdestroy"));
        let status = command.envs(self.environment()).status().expect("kdestroy can be started");
        assert!(status.success(), "there were no tickets");
    }

    /// What the center has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("kdc.log")).unwrap_or_default()
    }

    /// The lines about tickets for services: who got one, and for what.
    #[must_use]
    pub fn tickets(&self) -> Vec<String> {
        let log = self.log();
        log.lines().filter(|line| line.contains("TGS_REQ")).map(str::to_owned).collect()
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        if let Some(mut center) = self.center.take() {
            let _ = center.kill();
            let _ = center.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the center wrote:\n{}---", self.log());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
