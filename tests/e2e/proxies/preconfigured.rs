//! What the machine and its users say about proxies counts for jobs that say nothing (R11).
//!
//! The machine of these tests is the real one with another `/etc`, seen by the instance alone.

use super::{FILE, behind};
use std::path::PathBuf;
use std::process::Command;
use support::instance::{Instance, Setup};
use support::job::{Job, NETWORK};
use support::proxy::Proxy;
use support::scratch::{make_directory, scratch_directory};
use support::server::{Resource, Server};
use support::users::{User, needs_root};

/// A machine whose `/etc` and homes are ours to write.
struct Machine(PathBuf);

impl Machine {
    fn new() -> Self {
        let directory = scratch_directory();
        let copied = Command::new("cp").arg("-a").arg("/etc").arg(&directory).status();
        assert!(copied.unwrap().success());
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let homes = directory.join("home");
        make_directory(&homes, 0o755, &User::me());
        let moved = |line: &str| {
            let mut fields: Vec<_> = line.split(':').map(str::to_owned).collect();
            fields[5] = format!("{}/{}", homes.display(), fields[0]);
            fields.join(":") + "\n"
        };
        let users: String = users.lines().map(moved).collect();
        std::fs::write(directory.join("etc/passwd"), users).unwrap();
        Self(directory)
    }

    fn say(&self, text: &str) {
        std::fs::write(self.0.join("etc/environment"), text).unwrap();
    }

    /// What a user says, where nobody else may look.
    fn says(&self, user: &User, text: &str) {
        let home = self.0.join("home").join(&user.name);
        for directory in [&home, &home.join(".config"), &home.join(".config/environment.d")] {
            make_directory(directory, 0o700, user);
        }
        std::fs::write(home.join(".config/environment.d/proxy.conf"), text).unwrap();
    }

    /// An instance on it, started by somebody whose environment names `misleading`.
    fn start(&self, misleading: &str) -> Instance {
        let script = "mount --bind \"$0/etc\" /etc && exec \"$@\"";
        let directory = self.0.to_str().unwrap();
        let environment = ["http_proxy", "ALL_PROXY"].map(|name| format!("{name}={misleading}"));
        let words = ["unshare", "--mount", "env", &environment[0], &environment[1]];
        let words = [&words[..], &["/bin/sh", "-c", script, directory]].concat();
        Setup::new().under(&words).start()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A job that says nothing about proxies; with a helper for the network, if there is one.
fn fetched(instance: &Instance, owner: &User, helper: Option<&User>, url: &str) {
    let bus = instance.bus(owner);
    let job = Job::create(&bus, "as the machine says");
    if let Some(helper) = helper {
        job.lend(instance, helper, NETWORK);
    }
    let path = instance.directory_of(owner).join("f");
    job.add(url, &path);
    job.resume();
    job.finish();
    FILE.check(&path);
}

#[test]
fn the_network_identitys_own_settings_count_then_the_machines_and_nobodys_environment() {
    if !needs_root("proxies of the machine and of its users") {
        return;
    }
    let (machine, server) = (Machine::new(), Server::http());
    server.put("/f", Resource::new(FILE));
    let [everyones, bobs, wrong] = [(); 3].map(|()| Proxy::http());
    let (alice, bob) = (User::alice(), User::bob());
    machine.say(&format!("LANG=C\nexport http_proxy=\"{}\"\n", everyones.entry()));
    machine.says(&bob, &format!("HTTP_PROXY={}\n", bobs.entry()));
    machine.says(&User::root(), "http_proxy=gopher://nonsense\n");
    let instance = machine.start(&wrong.entry());
    let uids = |proxy: &Proxy| proxy.questions().iter().map(|q| q.uid).collect::<Vec<_>>();

    fetched(&instance, &alice, None, &behind(&server, "/f"));
    assert_eq!((uids(&everyones), uids(&bobs)), (vec![Some(alice.uid)], vec![]));
    fetched(&instance, &alice, Some(&bob), &behind(&server, "/f"));
    assert_eq!((uids(&everyones).len(), uids(&bobs)), (1, vec![Some(bob.uid)]));
    // A proxy's loopback is not ours.
    fetched(&instance, &alice, None, &server.url("/f"));
    assert_eq!((uids(&everyones).len(), uids(&bobs).len()), (1, 1));

    let root = User::root();
    let bus = instance.bus(&root);
    let job = Job::create(&bus, "nonsense");
    let path = instance.directory_of(&root).join("f");
    job.add(&behind(&server, "/f"), &path);
    job.resume();
    job.wait_for(&["error"]);
    let error = job.error();
    assert_eq!(error["Name"], "invalid-proxy-info");
    assert_eq!(error["Code"], "0x8020003f");
    assert!(error["Message"].contains("environment.d/proxy.conf"), "{error:?}");
    // Mended, it counts at once.
    machine.says(&root, &format!("http_proxy={}\n", bobs.entry()));
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(uids(&bobs).last(), Some(&Some(root.uid)));
    assert_eq!(wrong.questions().len(), 0, "somebody's environment was looked at");
}
