//! A real Squid of a test's own: on loopback, with its own directory, and gone with it.
//!
//! Names that end in `.test` are this machine's loopback for it, as far as the test says so; it asks no
//! name server, keeps nothing on disk, and lets nobody to hosts below `no.test`.

use crate::scratch::scratch_directory;
use crate::server::PATIENCE;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/squid";

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
        let directory = scratch_directory();
        // It gives up being root, if it is.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("our own");
        let hosts: String = names.iter().map(|name| format!("127.0.0.1 {name}\n")).collect();
        fs::write(directory.join("hosts"), hosts).expect("our own directory");
        let started = (0..TRIES).find_map(|_| launch(&directory));
        let (child, address) = started.unwrap_or_else(|| {
            panic!("Squid does not start:\n{}", text(&directory.join("cache.log")))
        });
        Some(Self { directory, address, child })
    }

    /// How a list names it.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until its log has a line with all of these words. A tunnel is logged when it is over.
    ///
    /// # Panics
    ///
    /// When there is none for [`PATIENCE`].
    pub fn wait_for_line(&self, words: &[&str]) {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = text(&self.directory.join("access.log"));
            if log.lines().any(|line| words.iter().all(|word| line.contains(word))) {
                return;
            }
            assert!(Instant::now() < end, "no line with {words:?} in:\n{log}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// One try; nothing if it ends at once.
fn launch(directory: &Path) -> Option<(Child, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr();
    let address = address.expect("a bound socket has an address");
    let at = directory.display();
    let settings = format!(
        "http_port {address}\nvisible_hostname squid.test\npid_filename {at}/pid\n\
         cache_log {at}/cache.log\naccess_log stdio:{at}/access.log\ncoredump_dir {at}\n\
         hosts_file {at}/hosts\ndns_nameservers 127.0.0.1\nhost_verify_strict off\n\
         acl forbidden dstdomain .no.test\nhttp_access deny forbidden\nhttp_access allow all\n\
         cache deny all\ncache_mem 8 MB\npinger_enable off\nmax_filedescriptors 1024\n\
         shutdown_lifetime 0 seconds\n"
    );
    let path = directory.join("squid.conf");
    fs::write(&path, settings).expect("our own directory");
    let mut squid = Command::new(PROGRAM);
    squid.arg("-N").arg("-f").arg(&path).current_dir("/");
    squid.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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
