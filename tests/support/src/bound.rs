//! A server over TLS that takes tickets only if they are tied to its certificate (RFC 5929).
//!
//! The machine's GSSAPI library is the judge, on the accepting side (`bound.py`): Apache's module does not
//! look. Needs root, for a realm.

use crate::content::Content;
use crate::realm::Realm;
use crate::scratch::scratch_directory;
use crate::server::Authority;
use crate::users::User;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running server.
#[derive(Debug)]
pub struct Bound {
    directory: PathBuf,
    url: String,
    child: Child,
}

impl Bound {
    /// Starts one at the realm's address, with this authority's leaf, which has to be for that. It has this
    /// content at every path.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(realm: &Realm, authority: &Authority, content: Content) -> Self {
        let directory = scratch_directory();
        let keys = realm.add_service(&User::root());
        fs::write(directory.join("bound.py"), include_str!("bound.py")).expect("our own directory");
        let pair = format!("{}{}", authority.leaf.0, authority.leaf.1);
        fs::write(directory.join("leaf.pem"), pair).expect("our own directory");
        fs::write(directory.join("content"), content.bytes()).expect("our own directory");
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-I", "bound.py", &realm.address, "leaf.pem", "content", "log"]);
        command.current_dir(&directory).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("KRB5_KTNAME", keys).env("KRB5RCACHENAME", "none:").envs(realm.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 can be started");
        let mut port = String::new();
        let output = child.stdout.take().expect("it was asked for");
        BufReader::new(output).read_line(&mut port).expect("its first line");
        let url = format!("https://{}:{}", realm.address, port.trim());
        assert!(!port.is_empty(), "it ended at once");
        Self { directory, url, child }
    }

    /// The address of a file.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    /// What it thought of each request.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
