//! A message bus of the test's own, on which everybody may have every name: for services that stand
//! in for real ones.

use crate::scratch::scratch_directory;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A message bus that ends with its test.
#[derive(Debug)]
pub struct MessageBus {
    directory: PathBuf,
    daemon: Child,
}

impl MessageBus {
    /// Starts it, and returns when it listens.
    ///
    /// # Panics
    ///
    /// When there is no `dbus-daemon`.
    #[must_use]
    pub fn start() -> Self {
        let directory = scratch_directory();
        let address = format!("unix:path={}/bus", directory.display());
        let config = format!(
            "<busconfig><type>system</type><listen>{address}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>"
        );
        std::fs::write(directory.join("bus.conf"), config).expect("our own directory");
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", directory.join("bus.conf").display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon can be started");
        let mut line = String::new();
        let out = daemon.stdout.take().expect("it was asked for");
        BufReader::new(out).read_line(&mut line).expect("the address, once it listens");
        Self { directory, daemon }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}/bus", self.directory.display())
    }
}

impl Drop for MessageBus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
