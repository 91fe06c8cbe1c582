//! A real nginx, started by a test in a directory of its own, that wants a client certificate.
//!
//! It logs who it was shown ([`Nginx::log`]), and sends slowly where a test wants to look at something
//! meanwhile: below `/slow`, a few kilobytes a second. Needs root, for an address of its own.

use crate::content::Content;
use crate::realm::own_address;
use crate::scratch::{scratch_directory, wait_for_event, watch};
use crate::server::{Authority, PATIENCE};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const PORT: u16 = 8443;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    directory: PathBuf,
    address: String,
    child: Child,
}

impl Nginx {
    /// Starts one with a certificate of this authority that lets in who shows one of these, as PEM.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn start(authority: &Authority, clients: &str) -> Self {
        let directory = scratch_directory();
        let address = own_address();
        let (certificate, key) = authority.issue(&[&address]);
        let write = |name: &str, text: &str| {
            fs::write(directory.join(name), text).expect("our own directory");
        };
        write("server.pem", &certificate);
        write("server.key", &key);
        write("clients.pem", clients);
        write("nginx.conf", &configuration(&directory, &address));
        fs::create_dir(directory.join("files")).expect("our own directory");
        fs::create_dir(directory.join("files/slow")).expect("our own directory");
        let events = watch(&directory);
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(&directory).arg("-c").arg(directory.join("nginx.conf"));
        command.args(["-e", "error.log"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("nginx can be started");
        let mut this = Self { directory, address, child };
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect((this.address.as_str(), PORT)).is_err() {
            let ended = this.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "it ended at once ({ended:?}):\n{}", this.errors());
            assert!(Instant::now() < end, "it does not listen:\n{}", this.errors());
            wait_for_event(&events);
        }
        this
    }

    /// Puts a file there; below `slow/` it is sent slowly.
    ///
    /// # Panics
    ///
    /// When there is no room for it.
    pub fn put(&self, path: &str, content: Content) {
        fs::write(self.directory.join("files").join(path), content.bytes()).expect("our own");
    }

    /// The address of a file.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}:{PORT}/{path}", self.address)
    }

    /// Waits until it has logged so many requests for a path, and gives for each the subject of the
    /// certificate it was shown, or `-`, and the status: it writes its log after it has answered.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn log(&self, path: &str, at_least: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let events = watch(&self.directory);
        let path = format!(" /{path}");
        loop {
            let log = fs::read_to_string(self.directory.join("access.log")).unwrap_or_default();
            let lines = log.lines().filter_map(|line| line.strip_suffix(path.as_str()));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            if lines.len() >= at_least {
                return lines;
            }
            assert!(Instant::now() < end, "it logged {log}\n{}", self.errors());
            wait_for_event(&events);
        }
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.directory.join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- nginx wrote:\n{}---", self.errors());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// One process, so that what ends it ends all of it.
fn configuration(directory: &Path, address: &str) -> String {
    let top = directory.display();
    format!(
        "daemon off; master_process off; pid {top}/nginx.pid;\n\
         events {{ }}\n\
         http {{\n\
           log_format shown '$ssl_client_s_dn $status $uri';\n\
           access_log {top}/access.log shown;\n\
           client_body_temp_path {top}/body; proxy_temp_path {top}/proxy;\n\
           fastcgi_temp_path {top}/fastcgi; uwsgi_temp_path {top}/uwsgi; scgi_temp_path {top}/scgi;\n\
           server {{\n\
             listen {address}:{PORT} ssl; root {top}/files;\n\
             ssl_certificate {top}/server.pem; ssl_certificate_key {top}/server.key;\n\
             ssl_client_certificate {top}/clients.pem; ssl_verify_client on;\n\
             location /slow/ {{ limit_rate 4k; }}\n\
           }}\n\
         }}\n"
    )
}
