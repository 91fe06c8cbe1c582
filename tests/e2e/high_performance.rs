//! Promise: a high-performance job writes straight into the destination: it is there from the first
//! answer on, nothing is recorded on the way, and what is there stays, whatever becomes of the job.
//! What was there before is replaced by the answer and not sooner, and never written to; a file that
//! somebody else may have touched is never gone on with.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::bus::{Bus, JOB, No, Options};
use support::content::Content;
use support::instance::Instance;
use support::job::{Job, LOCAL_FILE};
use support::scratch::make_directory;
use support::server::{Gate, Resource, Server};
use support::users::{User, needs_root};
use zbus::Variant;

const FILE: Content = Content::new(4711, 1_000_000);
const HALF: u64 = FILE.size / 2;

/// A file that comes to its middle, and no further.
struct Stage {
    instance: Instance,
    server: Server,
    gate: Arc<Gate>,
    directory: PathBuf,
}

fn stage() -> Stage {
    let (instance, server) = (Instance::start(), Server::http());
    let gate = Arc::new(Gate::after(HALF));
    server.put("/f", Resource::new(FILE).through(&gate));
    let directory = instance.directory_of(&User::ordinary());
    Stage { instance, server, gate, directory }
}

impl Stage {
    fn path(&self) -> PathBuf {
        self.directory.join("f")
    }

    fn bus(&self) -> Bus {
        self.instance.bus(&User::ordinary())
    }

    /// A job that stands in the middle of its file.
    fn half_way<'a>(&self, bus: &'a Bus, options: &[(&str, bool)]) -> Job<'a> {
        let job = straight(bus);
        add(&job, &self.server.url("/f"), &self.path(), options).unwrap();
        job.resume();
        job.wait_for_bytes(HALF);
        job
    }

    /// Everything in the directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Where the requests that came after these began.
    fn asked_from(&self, after: usize) -> Vec<u64> {
        self.server.requests("/f")[after..].iter().map(|request| request.from).collect()
    }

    /// Lets the rest come, and completes the job.
    fn finish(&self, job: &Job<'_>) {
        self.gate.open();
        while job.wait_for(&["transferred", "transient-error", "suspended", "error"])
            != "transferred"
        {
            assert_ne!(job.state(), "error", "{:?}", job.error());
            job.resume();
        }
        job.call("Complete").unwrap();
        FILE.check(&self.path());
        assert_eq!(self.names(), ["f"]);
    }
}

fn straight(bus: &Bus) -> Job<'_> {
    let options = Options::from([("high-performance", true.into())]);
    Job::create_with(bus, "straight", &options)
}

fn add(job: &Job<'_>, url: &str, path: &Path, options: &[(&str, bool)]) -> Result<(), No> {
    let options: Options<'_> = options.iter().map(|(name, yes)| (*name, (*yes).into())).collect();
    let path = path.to_str().unwrap().as_bytes();
    job.bus.call(&job.path, JOB, "AddFiles", &([(url, path, options)].as_slice(),)).map(drop)
}

#[test]
fn the_file_is_there_while_it_grows_with_the_mode_it_will_have_and_complete_finishes_it() {
    let stage = stage();
    let bus = stage.bus();
    let job = straight(&bus);
    job.set("FileMode", Variant::from(0o640_u32)).unwrap();
    job.add(&stage.server.url("/f"), &stage.path());
    job.resume();
    job.wait_for_bytes(HALF);
    assert_eq!(stage.names(), ["f"], "no temporary file");
    let stat = fs::metadata(stage.path()).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.uid()), (0o640, User::ordinary().uid));
    let there = fs::read(stage.path()).unwrap();
    assert!(!there.is_empty() && FILE.bytes().starts_with(&there));
    let seen = &job.files()[0];
    assert_eq!((seen.durable, seen.temporary.as_slice()), (0, &b""[..]), "nothing is recorded");
    let inode = stat.ino();
    stage.gate.open();
    job.wait_for(&["transferred"]);
    FILE.check(&stage.path());
    assert_eq!(job.property::<u32>("FilesTransferred"), 1);
    job.call("Complete").unwrap();
    let stat = fs::metadata(stage.path()).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.ino()), (0o640, inode), "it is the same file");
    assert_eq!(stage.names(), ["f"]);
}

#[test]
fn cancel_and_partial_complete_leave_what_is_there_and_nothing_else() {
    for method in ["Cancel", "Complete"] {
        let stage = stage();
        let bus = stage.bus();
        let job = stage.half_way(&bus, &[]);
        job.call(method).unwrap();
        assert_eq!(stage.names(), ["f"]);
        let there = fs::read(stage.path()).unwrap();
        assert_eq!(there, FILE.bytes()[..there.len()], "what is left is a beginning");
        assert!(!there.is_empty());
    }
}

#[test]
fn what_was_there_stays_until_the_server_has_answered() {
    let stage = stage();
    fs::write(stage.path(), b"old").unwrap();
    let (bus, url) = (stage.bus(), stage.server.url("/missing"));
    let job = straight(&bus);
    job.add(&url, &stage.path());
    job.resume();
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    assert_eq!(fs::read(stage.path()).unwrap(), b"old");
    job.call("Cancel").unwrap();
    assert_eq!((stage.names(), fs::read(stage.path()).unwrap()), (vec!["f".into()], b"old".into()));
    // Whoever has it open, or by another link, keeps it.
    fs::hard_link(stage.path(), stage.directory.join("link")).unwrap();
    let job = stage.half_way(&bus, &[]);
    assert_eq!(fs::read(stage.directory.join("link")).unwrap(), b"old");
    fs::remove_file(stage.directory.join("link")).unwrap();
    stage.finish(&job);
}

#[test]
fn an_interrupted_transfer_goes_on_from_what_is_held_as_long_as_nobody_touched_it() {
    let stage = stage();
    let bus = stage.bus();
    let job = stage.half_way(&bus, &[]);
    job.call("Suspend").unwrap();
    assert_eq!(job.files()[0].durable, HALF, "what is held at a stop is recorded");
    job.resume();
    stage.finish(&job);
    assert_eq!(stage.asked_from(1), [HALF]);
}

#[test]
fn a_file_somebody_wrote_into_starts_over_and_holds_no_byte_of_theirs() {
    let stage = stage();
    let bus = stage.bus();
    let job = stage.half_way(&bus, &[]);
    job.call("Suspend").unwrap();
    let theirs = vec![b'x'; usize::try_from(HALF).unwrap()];
    User::ordinary().run(|| fs::write(stage.path(), theirs).unwrap());
    job.resume();
    stage.finish(&job);
    assert_eq!(stage.asked_from(1), [0]);
}

#[test]
fn whoever_is_killed_the_file_comes_whole_and_after_a_crash_of_the_service_from_its_first_byte() {
    for (victim, suspended) in
        [("ebb-service", false), ("ebbd", false), ("ebb-net", false), ("ebb-service", true)]
    {
        let mut stage = stage();
        let bus = stage.bus();
        // Not to be replaced: what a crash left is known as the job's own.
        let Job { path, id, .. } = stage.half_way(&bus, &[("no-clobber", true)]);
        if suspended {
            Job { bus: &bus, path: path.clone(), id: id.clone() }.call("Suspend").unwrap();
        }
        let asked = stage.server.requests("/f").len();
        stage.instance.kill_one(victim);
        let bus = stage.bus();
        let job = Job { bus: &bus, path, id };
        if suspended {
            assert_eq!(job.files()[0].durable, 0);
            job.resume();
        }
        stage.finish(&job);
        let from = stage.asked_from(asked);
        assert!(!from.is_empty() && from.iter().all(|from| *from == 0), "{victim}: {from:?}");
    }
}

#[test]
fn a_link_put_at_the_destination_between_two_attempts_is_not_followed() {
    let stage = stage();
    let bus = stage.bus();
    let job = stage.half_way(&bus, &[]);
    job.call("Suspend").unwrap();
    let target = stage.instance.scratch().join("target");
    fs::write(&target, b"untouched").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(stage.path()).unwrap();
    symlink(&target, stage.path()).unwrap();
    stage.gate.open();
    job.resume();
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    assert_eq!(job.error_name(), "not-a-regular-file");
    assert_eq!(fs::read_link(stage.path()).unwrap(), target);
    assert_eq!(fs::read(&target).unwrap(), b"untouched");
    // A second link to a file of theirs is replaced, and that file is not written to.
    fs::remove_file(stage.path()).unwrap();
    let other = stage.directory.join("other");
    fs::write(&other, b"untouched").unwrap();
    fs::hard_link(&other, stage.path()).unwrap();
    job.resume();
    job.wait_for(&["transferred"]);
    assert_eq!(fs::read(&other).unwrap(), b"untouched");
    fs::remove_file(&other).unwrap();
    stage.finish(&job);
}

#[test]
fn a_file_exchanged_while_it_comes_is_not_called_complete() {
    let stage = stage();
    let bus = stage.bus();
    let job = stage.half_way(&bus, &[]);
    let target = stage.directory.join("target");
    fs::write(&target, b"untouched").unwrap();
    fs::remove_file(stage.path()).unwrap();
    symlink(&target, stage.path()).unwrap();
    stage.gate.open();
    job.wait_for(&["transferred"]);
    assert_eq!(job.call("Complete").unwrap_err().name, "NotARegularFile");
    fs::remove_file(stage.path()).unwrap();
    assert_eq!(job.call("Complete").unwrap_err().name, "TemporaryLost");
    assert_eq!(fs::read(&target).unwrap(), b"untouched");
    fs::remove_file(&target).unwrap();
    job.resume();
    stage.finish(&job);
}

#[test]
fn a_file_that_may_not_be_replaced_is_kept() {
    let stage = stage();
    fs::write(stage.path(), b"old").unwrap();
    let bus = stage.bus();
    let job = straight(&bus);
    add(&job, &stage.server.url("/f"), &stage.path(), &[("no-clobber", true)]).unwrap();
    job.resume();
    assert_eq!(job.wait_for(&["error", "transferred"]), "error");
    assert_eq!(job.error_name(), "destination-exists");
    assert_eq!(fs::read(stage.path()).unwrap(), b"old");
    fs::remove_file(stage.path()).unwrap();
    job.resume();
    stage.finish(&job);
}

#[test]
fn two_files_of_one_job_cannot_grow_in_one_place() {
    let stage = stage();
    let bus = stage.bus();
    let job = straight(&bus);
    let url = stage.server.url("/f");
    add(&job, &url, &stage.path(), &[]).unwrap();
    let no = add(&job, &url, &stage.path(), &[]).unwrap_err();
    assert_eq!((no.name.as_str(), no.code), ("UnsupportedJobConfiguration", 0x8020_0072));
    assert!(no.advice.contains("own path"), "{no:?}");
    assert_eq!(job.property::<u32>("FilesTotal"), 1);
}

#[test]
fn ranges_grow_where_they_belong_too() {
    let stage = stage();
    let bus = stage.bus();
    let job = straight(&bus);
    let options = Options::from([("ranges", vec![(HALF, 1000_u64), (0, HALF)].into())]);
    let path = stage.path();
    let files = [(stage.server.url("/f"), path.to_str().unwrap().as_bytes(), options)];
    job.bus.call(&job.path, JOB, "AddFiles", &(files.as_slice(),)).unwrap();
    stage.gate.open();
    job.resume();
    job.wait_for(&["transferred"]);
    let (whole, half) = (FILE.bytes(), usize::try_from(HALF).unwrap());
    let wanted = [&whole[half..half + 1000], &whole[..half]].concat();
    assert_eq!((stage.names(), fs::read(&path).unwrap() == wanted), (vec!["f".into()], true));
    job.call("Complete").unwrap();
}

#[test]
fn another_file_identity_goes_on_with_the_bytes_in_a_file_of_its_own() {
    if !needs_root("another file identity in a high-performance job") {
        return;
    }
    let stage = stage();
    let (root, bob) = (User::root(), User::bob());
    let directory = stage.instance.scratch().join("shared");
    make_directory(&directory, 0o777, &root);
    let bus = stage.instance.bus(&root);
    let job = straight(&bus);
    let path = directory.join("f");
    job.add(&stage.server.url("/f"), &path);
    job.resume();
    job.wait_for_bytes(HALF);
    assert_eq!(fs::metadata(&path).unwrap().uid(), root.uid);
    job.lend(&stage.instance, &bob, LOCAL_FILE);
    stage.gate.open();
    job.finish();
    FILE.check(&path);
    assert_eq!(fs::metadata(&path).unwrap().uid(), bob.uid);
    assert_eq!(stage.asked_from(1), [HALF], "nothing is fetched twice");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}

#[test]
fn whoever_takes_the_job_over_goes_on_with_the_bytes() {
    if !needs_root("taking a high-performance job over") {
        return;
    }
    let stage = stage();
    let [alice, root] = [User::alice(), User::root()].map(|user| stage.instance.bus(&user));
    let directory = stage.instance.scratch().join("everybodys");
    make_directory(&directory, 0o777, &User::root());
    let path = directory.join("f");
    let job = straight(&alice);
    job.add(&stage.server.url("/f"), &path);
    job.resume();
    job.wait_for_bytes(HALF);
    let job = job.over(&root);
    job.call("TakeOwnership").unwrap();
    stage.gate.open();
    job.finish();
    FILE.check(&path);
    assert_eq!(fs::metadata(&path).unwrap().uid(), 0);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}
