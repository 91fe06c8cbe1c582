//! Promise: a script in Python can ask what the contract says, no more and no less, typed, with the
//! same words, the same errors and the same identities; root lends a user's with one call.
//!
//! What a script does is written in Python, in `python/tests`; what became of it is looked at here.
//! The interpreter is the machine's own, because its packages are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::content::Content;
use support::instance::{Instance, Setup};
use support::message_bus::MessageBus;
use support::scratch::make_directory;
use support::server::{Resource, Server};
use support::users::{User, left_out, needs_root};

const FILE: Content = Content::new(131, 200_000);
const PYTHON: &str = "/usr/bin/python3";
const LIBRARY: &str = "/usr/lib/python3/dist-packages/jeepney";

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Whether Python and the library are here; says aloud if not.
fn python_is_here() -> bool {
    let here = Path::new(PYTHON).exists() && Path::new(LIBRARY).exists();
    if !here {
        left_out("the Python module: python3 and python3-jeepney are not installed");
    }
    here
}

fn copy(from: &Path, to: &Path) {
    make_directory(to, 0o755, &User::me());
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, target).unwrap();
        }
    }
}

/// Has this class of stories run by a script of this user; every one has to hold.
fn tell(instance: &Instance, user: &User, address: &str, server: &Server, stories: &str) -> String {
    // Where every user can read it, whoever may enter the sources.
    let sources = instance.scratch().join("python");
    if !sources.exists() {
        copy(&top().join("python/src"), &sources);
        fs::copy(top().join("python/tests/test_service.py"), sources.join("test_service.py"))
            .unwrap();
    }
    let mut command = user.command(Path::new(PYTHON));
    command.args(["-B", "-W", "error"]).arg(sources.join("test_service.py")).arg(stories);
    command.env("PYTHONPATH", &sources).env("EBB_BUS", address).current_dir("/");
    command.env("EBB_TEST_URL", server.url("")).env("EBB_TEST_OTHER", "ebbt-bob");
    command.env("EBB_TEST_DIRECTORY", instance.directory_of(user));
    held(&command.output().unwrap())
}

fn held(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    said
}

fn socket(instance: &Instance) -> String {
    format!("unix:path={}", instance.socket().display())
}

fn server_with(names: &[&str]) -> Server {
    let server = Server::http();
    for name in names {
        server.put(name, Resource::new(FILE));
    }
    server
}

#[test]
fn the_python_module_offers_what_the_contract_says_and_nothing_else() {
    if !python_is_here() {
        return;
    }
    let mut command = Command::new(PYTHON);
    command.args(["-B", "-W", "error"]).arg(top().join("python/tests/test_contract.py"));
    command.env("PYTHONPATH", top().join("python/src"));
    command.env("EBB_INTERFACES", top().join("crates/api/interfaces"));
    held(&command.output().unwrap());
}

#[test]
fn the_types_of_the_python_module_hold() {
    let mypy = Path::new("/usr/bin/mypy");
    if !python_is_here() || !mypy.exists() {
        left_out("the types of the Python module: mypy is not installed");
        return;
    }
    let cache = support::scratch::scratch_directory();
    let mut command = Command::new(mypy);
    command.arg("--cache-dir").arg(&cache).current_dir(top().join("python"));
    let output = command.output().unwrap();
    let _ = fs::remove_dir_all(&cache);
    held(&output);
}

#[test]
fn a_python_script_can_do_what_the_contract_says() {
    if !python_is_here() {
        return;
    }
    let (instance, user) = (Instance::start(), User::ordinary());
    let server = server_with(&["/file"]);
    tell(&instance, &user, &socket(&instance), &server, "AsAnybody");
    FILE.check(&instance.directory_of(&user).join("first"));
}

#[test]
fn a_python_script_can_do_it_over_a_message_bus() {
    if !python_is_here() || !needs_root("Python over a message bus") {
        return;
    }
    let bus = MessageBus::start();
    let instance = Setup::new().on_bus(&bus.address()).start();
    let at = PathBuf::from(bus.address().trim_start_matches("unix:path="));
    let watcher = support::bus::Bus::connect_through_bus(&at, &User::root()).unwrap();
    let owned = || watcher.bus_has_owner(support::bus::BUS_NAME);
    let end = std::time::Instant::now() + support::server::PATIENCE;
    while !owned() {
        assert!(std::time::Instant::now() < end, "no name on the bus: {}", instance.log());
        std::thread::yield_now();
    }
    let server = server_with(&["/file"]);
    let address = format!("bus:{}", bus.address());
    let story = "AsAnybody.test_a_download_from_its_creation_to_its_end";
    tell(&instance, &User::alice(), &address, &server, story);
}

#[test]
fn a_python_script_of_root_lends_a_users_identity_with_one_call() {
    if !python_is_here() || !needs_root("Python: root lends an identity") {
        return;
    }
    let instance = Instance::start();
    let server = server_with(&["/lent", "/impersonated"]);
    tell(&instance, &User::root(), &socket(&instance), &server, "AsRoot");
    for name in ["/lent", "/impersonated"] {
        let uids: BTreeSet<_> = server.requests(name).iter().map(|asked| asked.uid).collect();
        assert_eq!(uids, BTreeSet::from([Some(User::bob().uid)]), "who asked for {name}");
        FILE.check(&instance.directory_of(&User::root()).join(&name[1..]));
    }
}
