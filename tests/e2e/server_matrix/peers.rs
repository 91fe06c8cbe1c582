//! The other clients of the matrix: curl, wget and aria2c, told to go on with what is there.
//!
//! Each is called as its manual says a download is continued, without tries of its own, so that one
//! call is one try.

use std::path::Path;
use std::process::{Command, Stdio};

/// A client.
pub(super) struct Peer {
    pub(super) name: &'static str,
    words: &'static [&'static str],
}

/// All of them. `{}` is where the file goes.
pub(super) const PEERS: [Peer; 3] = [
    Peer { name: "curl", words: &["-sSfL", "--max-time", "6", "-C", "-", "-o", "{}"] },
    Peer { name: "wget", words: &["-q", "-T", "6", "--tries=1", "-c", "-O", "{}"] },
    Peer {
        name: "aria2c",
        words: &[
            "-q",
            "--no-conf",
            "-t",
            "6",
            "--max-tries=1",
            "--file-allocation=none",
            "--auto-file-renaming=false",
            "--allow-overwrite=true",
            "-c",
            "-d",
            "/",
            "-o",
            "{}",
        ],
    },
];

impl Peer {
    /// One try; its exit status.
    pub(super) fn try_once(&self, url: &str, file: &Path) -> i32 {
        let mut command = Command::new(self.name);
        for word in self.words {
            command.arg(if *word == "{}" { file.to_str().unwrap() } else { word });
        }
        command.arg(url).stdout(Stdio::null()).stderr(Stdio::null());
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY"] {
            command.env_remove(name);
        }
        let status = command.status().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        status.code().unwrap_or(-1)
    }

    /// What it says of itself.
    pub(super) fn version(&self) -> String {
        let output = Command::new(self.name).arg("--version").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.lines().next().unwrap_or_default();
        first.split(" (").next().unwrap_or_default().split(" built").next().unwrap().to_owned()
    }
}
