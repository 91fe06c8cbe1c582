//! A real Squid of a test's own: on loopback, with its own directory, and gone with it.
//!
//! Names that end in `.test` are this machine's loopback for it, as far as the test says so; it asks no
//! name server, keeps nothing on disk, and lets nobody to hosts below `no.test`.
//!
//! One that [asks](Squid::asking) wants to know who asks, by Negotiate, Digest or Basic, judged by the
//! helpers that come with it. It notes of each request as whom it counted and what was said with it.

use crate::apache::passwords;
use crate::realm::{REALM, Realm, own_address};
use crate::samba::Samba;
use crate::scratch::{scratch_directory, wait_for_event, watch};
use crate::server::PATIENCE;
use crate::users::User;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Where Debian puts it, and its helpers.
const PROGRAM: &str = "/usr/sbin/squid";
const HELPERS: &str = "/usr/lib/squid";
/// Who it is when it has given up being root.
const USER: &str = "proxy";

/// A port that is free now may be taken in a moment.
const TRIES: usize = 5;

/// A running Squid.
#[derive(Debug)]
pub struct Squid {
    directory: PathBuf,
    address: SocketAddr,
    child: Child,
}

impl Squid {
    /// Starts one that knows these names; nothing where there is none, which is said aloud.
    ///
    /// # Panics
    ///
    /// When it does not start, with what it wrote.
    #[must_use]
    pub fn start(what: &str, names: &[&str]) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            println!("left out: {what}: there is no Squid on this machine");
            return None;
        }
        let directory = Self::directory();
        let hosts: String = names.iter().map(|name| format!("127.0.0.1 {name}\n")).collect();
        fs::write(directory.join("hosts"), hosts).expect("our own directory");
        Some(Self::launch(directory, "127.0.0.1", EVERYBODY, &[], Vec::new()))
    }

    /// Starts one at an address of its own that wants to know who asks: it takes tickets of this realm,
    /// and knows this user by this password. Needs root.
    ///
    /// # Panics
    ///
    /// When it does not start, with what it wrote.
    #[must_use]
    pub fn asking(realm: &Realm, user: &str, password: &str) -> Self {
        let (directory, host) = (Self::directory(), own_address());
        passwords(&directory, user, password);
        let keys = realm.add_service_at(&host, &User::named(USER));
        let (at, keys) = (directory.display(), keys.display());
        let schemes = [
            format!(
                "negotiate program {HELPERS}/negotiate_kerberos_auth -k {keys} -t none -s HTTP/{host}@{REALM}"
            ),
            format!("digest program {HELPERS}/digest_file_auth -c {at}/users.digest"),
            format!("basic program {HELPERS}/basic_ncsa_auth {at}/users.basic"),
        ];
        let environment = realm.environment().to_vec();
        Self::launch(directory, &host, &to_those_known(&schemes), &[], environment)
    }

    /// Starts one that wants to know who asks by NTLM, as Samba judges it. Needs root.
    ///
    /// # Panics
    ///
    /// When it does not start, with what it wrote.
    #[must_use]
    pub fn with_samba(samba: &Samba) -> Self {
        let (directory, host) = (Self::directory(), own_address());
        samba.answers(User::named(USER).gid);
        let judge = format!(
            "ntlm program /usr/bin/ntlm_auth --helper-protocol=squid-2.5-ntlmssp --configfile={}",
            samba.configuration().display()
        );
        Self::launch(directory, &host, &to_those_known(&[judge]), &samba.inside(), Vec::new())
    }

    /// A directory that it can write when it has given up being root.
    fn directory() -> PathBuf {
        let directory = scratch_directory();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("our own");
        fs::write(directory.join("hosts"), "").expect("our own directory");
        directory
    }

    fn launch(
        directory: PathBuf,
        host: &str,
        settings: &str,
        inside: &[String],
        environment: Vec<(&'static str, PathBuf)>,
    ) -> Self {
        let mut squid = Command::new(inside.first().map_or(PROGRAM, String::as_str));
        squid.args(inside.iter().skip(1)).args(inside.first().map(|_| PROGRAM));
        squid.arg("-N").arg("-f").arg(directory.join("squid.conf")).current_dir("/");
        squid.envs(environment);
        squid.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = (0..TRIES).find_map(|_| launch(&directory, &mut squid, host, settings));
        let (child, address) = started.unwrap_or_else(|| {
            panic!("Squid does not start:\n{}", text(&directory.join("cache.log")))
        });
        Self { directory, address, child }
    }

    /// How a list names it.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it is at, and so what its service is called.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Waits until its log has a line with all of these words. A tunnel is logged when it is over.
    ///
    /// # Panics
    ///
    /// When there is none for [`PATIENCE`].
    pub fn wait_for_line(&self, words: &[&str]) {
        let (end, events) = (Instant::now() + PATIENCE, watch(&self.directory));
        loop {
            let log = text(&self.directory.join("access.log"));
            if log.lines().any(|line| words.iter().all(|word| line.contains(word))) {
                return;
            }
            assert!(Instant::now() < end, "no line with {words:?} in:\n{log}");
            wait_for_event(&events);
        }
    }

    /// What it was asked so far and is over: as whom that counted, the status, what was asked, and by
    /// which scheme somebody said who they are (`-`: nothing was said).
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let line = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap_or_default();
            let [who, status, method, target, said] = [(); 5].map(|()| next());
            // What was said is nobody's business; a blank is written like this.
            let scheme = said.split("%20").next().unwrap_or_default().to_owned();
            Asked { who, status, method, target, scheme }
        };
        let asked = text(&self.directory.join("asked.log"));
        // Connections on which nothing was asked, such as that of its start, are logged, too.
        asked.lines().map(line).filter(|asked| asked.method != "-").collect()
    }

    /// Waits until so much that was asked is over, and says what it was.
    ///
    /// # Panics
    ///
    /// When it is not for [`PATIENCE`].
    #[must_use]
    pub fn wait_for_asked(&self, at_least: usize) -> Vec<Asked> {
        self.wait_for(|asked| asked.len() >= at_least)
    }

    /// Waits until what was asked and is over is so.
    ///
    /// # Panics
    ///
    /// When it is not for [`PATIENCE`].
    #[must_use]
    pub fn wait_for(&self, is_so: impl Fn(&[Asked]) -> bool) -> Vec<Asked> {
        let (end, events) = (Instant::now() + PATIENCE, watch(&self.directory));
        loop {
            let asked = self.asked();
            if is_so(&asked) {
                return asked;
            }
            assert!(Instant::now() < end, "it was asked {asked:?}");
            wait_for_event(&events);
        }
    }
}

/// What a Squid was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// As whom that counted; `-`: nobody.
    pub who: String,
    /// What it answered.
    pub status: String,
    /// What it was to do.
    pub method: String,
    /// With what.
    pub target: String,
    /// By which scheme it was told who asks; `-`: it was not.
    pub scheme: String,
}

/// It lets everybody through, but not everywhere.
const EVERYBODY: &str = "acl forbidden dstdomain .no.test\nhttp_access deny forbidden\n\
                         http_access allow all\n";

/// Only those are let through whom one of these schemes knows.
fn to_those_known(schemes: &[String]) -> String {
    let mut settings = String::new();
    for program in schemes {
        let scheme = program.split(' ').next().unwrap_or_default();
        settings += &format!("auth_param {program}\nauth_param {scheme} children 2 startup=1\n");
        if ["basic", "digest"].contains(&scheme) {
            settings += &format!("auth_param {scheme} realm realm\n");
        }
    }
    settings + "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
}

impl Drop for Squid {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- Squid was asked {:#?}", self.asked());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// One try; nothing if it ends at once.
fn launch(
    directory: &Path,
    squid: &mut Command,
    host: &str,
    settings: &str,
) -> Option<(Child, SocketAddr)> {
    let address = TcpListener::bind((host, 0)).expect("a free port").local_addr();
    let address = address.expect("a bound socket has an address");
    let at = directory.display();
    let settings = format!(
        "http_port {address}\nvisible_hostname squid.test\npid_filename {at}/pid\n\
         cache_log {at}/cache.log\naccess_log stdio:{at}/access.log\ncoredump_dir {at}\n\
         hosts_file {at}/hosts\ndns_nameservers 127.0.0.1\nhost_verify_strict off\n\
         logformat asked %un %>Hs %rm %ru %{{Proxy-Authorization}}>h\n\
         access_log stdio:{at}/asked.log asked\n{settings}cache deny all\ncache_mem 8 MB\npinger_enable off\nmax_filedescriptors 1024\n\
         shutdown_lifetime 0 seconds\n"
    );
    fs::write(directory.join("squid.conf"), settings).expect("our own directory");
    let mut child = squid.spawn().expect("it can be started");
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        let ended = child.try_wait().expect("our own child").is_some();
        if ended || Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::yield_now();
    }
    Some((child, address))
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
