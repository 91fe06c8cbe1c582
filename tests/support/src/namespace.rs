//! A network namespace of a test's own, tied to the machine by one cable that can be pulled.
//!
//! ```text
//!   the machine   198.51.100.N ── veth ── 198.51.100.N+1   the namespace
//! ```
//!
//! What runs in the namespace has a loopback device, this cable, and no other way out. Needs root;
//! nothing of it is left after [`Drop`]. Addresses are of a block that is kept free for documents
//! (RFC 5737), a different pair for each namespace of a process.

use std::net::IpAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

/// A network namespace.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    outer: String,
    inner: String,
    number: u8,
}

impl Namespace {
    /// Makes one; its cable is plugged in.
    ///
    /// # Panics
    ///
    /// When this is not root, or `ip` is not there.
    #[must_use]
    pub fn new() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let (number, process) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let this = Self {
            name: format!("ebbt-{process}-{number}"),
            outer: format!("eo{process}n{number}"),
            inner: format!("ei{process}n{number}"),
            number,
        };
        let Self { name, outer, inner, .. } = &this;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {outer} type veth peer name {inner} netns {name}"));
        ip(&format!("address add {}/31 dev {outer}", this.machine()));
        ip(&format!("-n {name} link set lo up"));
        this.plug_in();
        this
    }

    /// The words that start a program in it.
    #[must_use]
    pub fn wrapper(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Sets what the kernel does in there, by its name below `/proc/sys/net/ipv4`.
    ///
    /// # Panics
    ///
    /// When there is no such name, or no such value.
    pub fn set(&self, name: &str, value: &str) {
        let [ip, words @ ..] = self.wrapper();
        let script = "echo \"$1\" > /proc/sys/net/ipv4/\"$0\"";
        let set = Command::new(ip).args(words).args(["sh", "-c", script, name, value]).status();
        assert!(set.expect("ip can be started").success(), "{name} is not to be {value}");
    }

    /// The machine's address as seen from inside.
    #[must_use]
    pub fn machine(&self) -> IpAddr {
        IpAddr::from([198, 51, 100, self.number * 2])
    }

    /// Pulls the cable.
    pub fn pull(&self) {
        ip(&format!("link set {} down", self.outer));
    }

    /// Plugs the cable in (again); the way out is over it.
    pub fn plug_in(&self) {
        let Self { name, outer, inner, number } = self;
        ip(&format!("link set {outer} up"));
        ip(&format!("-n {name} address replace 198.51.100.{}/31 dev {inner}", number * 2 + 1));
        ip(&format!("-n {name} link set {inner} up"));
        ip(&format!("-n {name} route replace default via {}", self.machine()));
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The other end of the cable goes with it.
        let _ = Command::new("ip").args(["link", "del", &self.outer]).status();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().expect("ip can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {said}");
}
