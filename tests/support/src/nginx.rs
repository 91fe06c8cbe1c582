//! A real nginx, started by a test in a directory of its own: one that wants a client certificate, a
//! plain one that limits the rate of each connection, or one that also speaks HTTP/2.
//!
//! The first logs who it was shown ([`Nginx::log`]), and sends slowly where a test wants to look at
//! something meanwhile: below `/slow`, a few kilobytes a second. The second logs what it was asked for:
//! below `/rated`, and below `/whole`, where it has no ranges. The third logs connection and protocol of each
//! request, and ends a connection after so many of them. Needs root, for an address of its own.

use crate::content::Content;
use crate::realm::own_address;
use crate::scratch::{scratch_directory, wait_for_event, watch};
use crate::server::{Authority, PATIENCE};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const PORT: u16 = 8443;

/// What a connection to a plain one gets in a second, in nginx' words.
const RATE: &str = "4m";

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    directory: PathBuf,
    address: String,
    scheme: &'static str,
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
        let server = showing(&directory, &address);
        Self::run(directory, address, "https", &server)
    }

    /// Starts one with this certificate and its key, as PEM, and this answer stapled to it; whose name the
    /// certificate is for is nobody's business but the caller's.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn stapling(address: String, (certificate, key): &(String, String), answer: &[u8]) -> Self {
        let directory = scratch_directory();
        let write = |name: &str, bytes: &[u8]| {
            fs::write(directory.join(name), bytes).expect("our own directory");
        };
        write("server.pem", certificate.as_bytes());
        write("server.key", key.as_bytes());
        write("answer.der", answer);
        let top = directory.display();
        let server = format!(
            "access_log off; server {{ listen {address}:{PORT} ssl;\n\
               ssl_certificate {top}/server.pem; ssl_certificate_key {top}/server.key;\n\
               ssl_stapling on; ssl_stapling_file {top}/answer.der;\n\
             }}"
        );
        Self::run(directory, address, "https", &server)
    }

    /// Starts a plain one.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn plain() -> Self {
        let (directory, address) = (scratch_directory(), own_address());
        Self::run(directory, address.clone(), "http", &rated(&address))
    }

    /// Starts one that speaks HTTP/1.1 and HTTP/2, with a certificate of this authority. After so many
    /// requests it ends a connection, under HTTP/2 with GOAWAY.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn shared(authority: &Authority, requests: u32) -> Self {
        Self::shared_at(own_address(), authority, requests)
    }

    /// The same at this address of the machine.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn shared_at(address: String, authority: &Authority, requests: u32) -> Self {
        let directory = scratch_directory();
        let (certificate, key) = authority.issue(&[&address]);
        fs::write(directory.join("server.pem"), &certificate).expect("our own directory");
        fs::write(directory.join("server.key"), &key).expect("our own directory");
        let server = sharing(&directory, &address, requests);
        Self::run(directory, address, "https", &server)
    }

    fn run(directory: PathBuf, address: String, scheme: &'static str, server: &str) -> Self {
        fs::write(directory.join("nginx.conf"), configuration(&directory, server))
            .expect("our own");
        for place in ["", "slow", "rated", "whole"] {
            fs::create_dir(directory.join("files").join(place)).expect("our own directory");
        }
        let events = watch(&directory);
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(&directory).arg("-c").arg(directory.join("nginx.conf"));
        command.args(["-e", "error.log"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("nginx can be started");
        let mut this = Self { directory, address, scheme, child };
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
        format!("{}://{}:{PORT}/{path}", self.scheme, self.address)
    }

    /// Waits until it has logged so many requests for a path, and gives for each the subject of the
    /// certificate it was shown, or `-`, and the status; of a plain one the number of the connection, the
    /// range or `-`, and the status; of one that speaks HTTP/2 the number of the connection, the protocol, and
    /// the status. It writes its log after it has answered.
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
fn configuration(directory: &Path, server: &str) -> String {
    let top = directory.display();
    format!(
        "daemon off; master_process off; pid {top}/nginx.pid;\n\
         events {{ }}\n\
         http {{\n\
           client_body_temp_path {top}/body; proxy_temp_path {top}/proxy;\n\
           fastcgi_temp_path {top}/fastcgi; uwsgi_temp_path {top}/uwsgi; scgi_temp_path {top}/scgi;\n\
           root {top}/files;\n\
           {server}\n\
         }}\n"
    )
}

/// Wants a certificate, and logs which.
fn showing(directory: &Path, address: &str) -> String {
    let top = directory.display();
    format!(
        "log_format shown '$ssl_client_s_dn $status $uri'; access_log access.log shown;\n\
           server {{\n\
             listen {address}:{PORT} ssl;\n\
             ssl_certificate {top}/server.pem; ssl_certificate_key {top}/server.key;\n\
             ssl_client_certificate {top}/clients.pem; ssl_verify_client on;\n\
             location /slow/ {{ limit_rate 4k; }}\n\
           }}"
    )
}

/// Limits the rate of each connection, and logs what it was asked for.
fn rated(address: &str) -> String {
    format!(
        "log_format asked '$connection $http_range $status $uri'; access_log access.log asked;\n\
           server {{\n\
             listen {address}:{PORT};\n\
             location /rated/ {{ limit_rate {RATE}; }}\n\
             location /whole/ {{ limit_rate {RATE}; max_ranges 0; }}\n\
           }}"
    )
}

/// Speaks both, and logs which, but for questions that bring nothing. What goes on is not slow any more.
fn sharing(directory: &Path, address: &str, requests: u32) -> String {
    let top = directory.display();
    format!(
        "log_format spoken '$connection $server_protocol $status $uri';\n\
         map $request_method $brings {{ HEAD 0; default 1; }}\n\
         map $http_range $rate {{ \"\" 8k; default 0; }}\n\
         access_log access.log spoken if=$brings;\n\
           server {{\n\
             listen {address}:{PORT} ssl http2;\n\
             ssl_certificate {top}/server.pem; ssl_certificate_key {top}/server.key;\n\
             keepalive_requests {requests};\n\
             location /slow/ {{ limit_rate $rate; }}\n\
           }}"
    )
}
