//! The program, started as `ebbd` starts it, asked over its channel.

use ebb_wire::channel::{self, Received};
use ebb_wire::files::{FileTrouble, FromFiles, Look, Place, Temporary, ToFiles};
use rustix::fs::CWD;
use rustix::mount::{MountFlags, UnmountFlags};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Two users no system knows.
const ALICE: u32 = 54_321;
const MALLORY: u32 = 54_399;

struct Agent {
    child: Child,
    channel: OwnedFd,
}

impl Agent {
    /// Starts one as this user, with no capability in any set.
    fn of(uid: u32) -> Self {
        let (near, far) = channel::pair().unwrap();
        let child = Command::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".into()])
            .args(["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"])
            .arg(env!("CARGO_BIN_EXE_ebb-files"))
            .arg("--sandbox=required")
            .stdin(Stdio::from(far))
            .spawn()
            .unwrap();
        let agent = Self { child, channel: near };
        let (FromFiles::Hello { sandbox }, None) = agent.hear() else { panic!("no hello") };
        assert!(sandbox.seccomp && sandbox.landlock_abi > 0);
        agent
    }

    fn hear(&self) -> (FromFiles, Option<OwnedFd>) {
        match channel::receive(&self.channel).unwrap() {
            Received::Message(message, descriptor) => (message, descriptor),
            Received::Closed => panic!("the agent is gone"),
        }
    }

    fn ask(&self, request: &ToFiles) -> (FromFiles, Option<OwnedFd>) {
        channel::send(&self.channel, request, None).unwrap();
        self.hear()
    }

    fn trouble(&self, request: &ToFiles) -> FileTrouble {
        let answer = self.ask(request).0;
        let FromFiles::Failed { seq: 7, trouble } = answer else {
            panic!("no trouble but {answer:?}")
        };
        trouble
    }

    fn inspect(&self, dir: &Path) -> FileTrouble {
        self.trouble(&inspect(dir))
    }

    fn create(&self, place: &Place) -> (Temporary, OwnedFd) {
        match self.ask(&create(place)) {
            (FromFiles::Opened { seq: 7, temporary, length: 0 }, Some(file)) => (temporary, file),
            other => panic!("not made: {other:?}"),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn inspect(dir: &Path) -> ToFiles {
    ToFiles::Inspect { seq: 7, dir: dir.as_os_str().as_bytes().to_vec(), name: b"song".to_vec() }
}

fn create(place: &Place) -> ToFiles {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mark = NEXT.fetch_add(1, Ordering::Relaxed);
    ToFiles::Create { seq: 7, place: place.clone(), name: b"song".to_vec(), mark }
}

fn rename(place: &Place, temporary: &Temporary) -> ToFiles {
    ToFiles::Rename {
        seq: 7,
        place: place.clone(),
        temporary: temporary.clone(),
        name: b"song".to_vec(),
        replace: true,
        look: Look { modified: Some(1_000_000_000), ..Look::default() },
    }
}

/// A directory of one test, with a directory `alice` in it that is hers.
struct Ground(PathBuf);

impl Ground {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ebb-agent-{}-{number}", std::process::id()));
        let ground = Self(dir);
        ground.make("alice", ALICE, 0o755);
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn make(&self, name: &str, owner: u32, mode: u32) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(&path).unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn place(&self, name: &str) -> Place {
        let path = self.at(name);
        let stat = fs::metadata(&path).unwrap();
        Place { dir: path.as_os_str().as_bytes().to_vec(), dev: stat.dev(), ino: stat.ino() }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_group_the_identity_is_no_member_of_is_refused_and_the_file_is_kept() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let place = ground.place("alice");
    let (FromFiles::Opened { temporary, .. }, _) = agent.ask(&create(&place)) else {
        panic!("no temporary file");
    };
    let ToFiles::Rename { seq, place, temporary, name, replace, .. } = rename(&place, &temporary)
    else {
        panic!("a rename is a rename");
    };
    let look = Look { group: Some(0), ..Look::default() };
    let given = ToFiles::Rename { seq, place, temporary, name, replace, look };
    assert_eq!(agent.trouble(&given), FileTrouble::AccessDenied);
    assert!(!ground.at("alice").join("song").exists());
}

#[test]
fn a_file_is_made_and_renamed_and_belongs_to_the_agents_identity() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let place = ground.place("alice");
    let (FromFiles::Inspected { seq: 7, dev, ino }, None) =
        agent.ask(&inspect(&ground.at("alice")))
    else {
        panic!("the destination is fine")
    };
    assert_eq!((dev, ino), (place.dev, place.ino));
    let (temporary, file) = agent.create(&place);
    rustix::io::write(&file, b"la la").unwrap();
    let reopen = ToFiles::Reopen { seq: 7, place: place.clone(), temporary: temporary.clone() };
    assert!(matches!(agent.ask(&reopen), (FromFiles::Opened { length: 5, .. }, Some(_))));
    // Twice: the second is the repetition after a crash.
    for _ in 0..2 {
        assert_eq!(agent.ask(&rename(&place, &temporary)).0, FromFiles::Done { seq: 7 });
    }
    let stat = fs::metadata(ground.at("alice/song")).unwrap();
    assert_eq!((stat.uid(), stat.gid(), stat.mode() & 0o7777), (ALICE, ALICE, 0o644));
    assert_eq!(stat.mtime(), 1_000_000_000);
}

#[test]
fn what_the_kernel_denies_this_identity_is_denied_and_nothing_more_is_told() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let (closed, unwritable) = (ground.make("closed", 0, 0o700), ground.make("root", 0, 0o755));
    fs::create_dir(closed.join("inside")).unwrap();
    // What is there and what is not cannot be told apart.
    for name in ["inside", "missing"] {
        assert_eq!(agent.inspect(&closed.join(name)), FileTrouble::AccessDenied);
    }
    assert_eq!(agent.inspect(&unwritable), FileTrouble::AccessDenied);
    assert_eq!(agent.trouble(&create(&ground.place("root"))), FileTrouble::AccessDenied);
}

#[test]
fn an_agent_of_root_without_capabilities_gets_no_file_that_is_anothers() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(0));
    assert_eq!(agent.inspect(&ground.at("alice")), FileTrouble::AccessDenied);
    ground.make("mallory", MALLORY, 0o700);
    assert_eq!(agent.trouble(&create(&ground.place("mallory"))), FileTrouble::AccessDenied);
}

#[test]
fn a_directory_that_may_be_written_but_not_listed_will_do() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    ground.make("drop", 0, 0o733);
    let place = ground.place("drop");
    let (temporary, _file) = agent.create(&place);
    assert_eq!(agent.ask(&rename(&place, &temporary)).0, FromFiles::Done { seq: 7 });
}

#[test]
fn a_temporary_file_of_another_user_is_no_temporary_file_of_ours() {
    if !is_root() {
        return;
    }
    let (ground, alice, mallory) = (Ground::new(), Agent::of(ALICE), Agent::of(MALLORY));
    ground.make("shared", 0, 0o777);
    let place = ground.place("shared");
    let (temporary, _file) = mallory.create(&place);
    // Readable and writable for all, so that only our own check stands in the way.
    let name = std::ffi::OsStr::from_bytes(&temporary.name);
    let path = ground.at("shared").join(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let reopen = ToFiles::Reopen { seq: 7, place: place.clone(), temporary: temporary.clone() };
    assert_eq!(alice.trouble(&reopen), FileTrouble::TemporaryChanged);
    assert_eq!(alice.trouble(&rename(&place, &temporary)), FileTrouble::TemporaryChanged);
    // Clearing it up is the directory's to allow, and this one allows it.
    let delete = ToFiles::Delete { seq: 7, place, temporary };
    assert_eq!(alice.ask(&delete).0, FromFiles::Done { seq: 7 });
    assert!(!path.exists());
}

/// R9: what one identity has fetched, another goes on with; with nothing but a descriptor of it.
#[test]
fn what_is_anothers_is_copied_from_its_descriptor_into_a_file_of_ones_own() {
    if !is_root() {
        return;
    }
    let ground = Ground::new();
    // Anybody may write here, and delete only what is theirs.
    let directory = ground.make("shared", ALICE, 0o1777);
    let (alice, mallory) = (Agent::of(ALICE), Agent::of(MALLORY));
    let place = ground.place("shared");
    let (_, source) = alice.create(&place);
    rustix::io::write(&source, b"la la la").unwrap();
    let fill = |temporary: &Temporary| ToFiles::Fill {
        seq: 7,
        place: place.clone(),
        temporary: temporary.clone(),
        from: 0,
        until: 6,
    };
    let (temporary, _) = mallory.create(&place);
    channel::send(&mallory.channel, &fill(&temporary), Some(source.as_fd())).unwrap();
    assert_eq!(mallory.hear().0, FromFiles::Done { seq: 7 });
    let path = directory.join(std::ffi::OsStr::from_bytes(&temporary.name));
    assert_eq!(fs::read(&path).unwrap(), b"la la ");
    assert_eq!(fs::metadata(&path).unwrap().uid(), MALLORY);
    // Into a file of somebody else it is not written, whatever the service says.
    channel::send(&alice.channel, &fill(&temporary), Some(source.as_fd())).unwrap();
    let FromFiles::Failed { trouble, .. } = alice.hear().0 else { panic!("written") };
    assert_eq!(trouble, FileTrouble::TemporaryChanged);
}

#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let place = ground.place("alice");
    let (temporary, _file) = agent.create(&place);
    fs::rename(ground.at("alice"), ground.at("away")).unwrap();
    symlink("away", ground.at("alice")).unwrap();
    assert_eq!(agent.trouble(&create(&place)), FileTrouble::SymbolicLink);
    assert_eq!(agent.trouble(&rename(&place, &temporary)), FileTrouble::SymbolicLink);
    assert!(!ground.at("away/song").exists());
}

/// A tmpfs at `dir`, taken away at the end.
struct Mounted(PathBuf);

impl Mounted {
    fn at(dir: &Path, options: &std::ffi::CStr) -> Self {
        rustix::mount::mount("tmpfs", dir, "tmpfs", MountFlags::empty(), Some(options)).unwrap();
        Self(dir.to_path_buf())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn a_full_file_system_is_said_so() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let dir = ground.make("full", 0, 0o777);
    let mounted = Mounted::at(&dir, c"mode=0777,nr_inodes=1");
    assert_eq!(agent.trouble(&create(&ground.place("full"))), FileTrouble::NoSpace);
    drop(mounted);
}

#[test]
fn a_read_only_file_system_is_said_so() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let dir = ground.make("ro", 0, 0o777);
    let mounted = Mounted::at(&dir, c"mode=0777");
    rustix::mount::mount_remount(&dir, MountFlags::RDONLY, c"").unwrap();
    assert_eq!(agent.inspect(&dir), FileTrouble::ReadOnly);
    assert_eq!(agent.trouble(&create(&ground.place("ro"))), FileTrouble::ReadOnly);
    drop(mounted);
}

#[test]
fn a_pipe_in_the_place_of_a_temporary_file_holds_nobody_up() {
    if !is_root() {
        return;
    }
    let (ground, agent) = (Ground::new(), Agent::of(ALICE));
    let place = ground.place("alice");
    let path = ground.at("alice/.song.aaaaaaaa.ebb");
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(CWD, &path, fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    chown(&path, Some(ALICE), None).unwrap();
    let stat = fs::metadata(&path).unwrap();
    let name = b".song.aaaaaaaa.ebb".to_vec();
    let temporary = Temporary { name, dev: stat.dev(), ino: stat.ino() };
    let reopen = ToFiles::Reopen { seq: 7, place, temporary };
    assert_eq!(agent.trouble(&reopen), FileTrouble::TemporaryChanged);
}

#[test]
fn the_end_of_the_channel_is_the_end_of_the_agent() {
    if !is_root() {
        return;
    }
    let mut agent = Agent::of(ALICE);
    rustix::net::shutdown(&agent.channel, rustix::net::Shutdown::Both).unwrap();
    assert!(agent.child.wait().unwrap().success());
}

#[test]
fn a_message_that_is_none_of_ours_ends_the_agent() {
    if !is_root() {
        return;
    }
    let mut agent = Agent::of(ALICE);
    rustix::net::send(&agent.channel, &[99], rustix::net::SendFlags::NOSIGNAL).unwrap();
    assert_eq!(agent.child.wait().unwrap().code(), Some(70));
}
