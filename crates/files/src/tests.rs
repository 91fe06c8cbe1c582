//! Every trouble, met on purpose; and names exchanged at each step.

mod in_place;
mod together;

use crate::{fill, name, place, rename, rename::Clash, temporary};
use ebb_wire::files::{FileTrouble, Look, Place, Temporary};
use rustix::fs::{AtFlags, CWD, FileType, Mode};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of one test, gone at its end.
struct Ground(PathBuf);

/// A mark no other file of this process has.
fn mark() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

impl Ground {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ebb-files-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn place(&self) -> Place {
        place_of(&self.0)
    }

    /// A temporary file with something in it.
    fn temporary(&self) -> Temporary {
        let opened = temporary::create(&self.place(), b"song.ogg", mark()).unwrap();
        rustix::io::write(&opened.file, b"la la").unwrap();
        opened.temporary
    }

    fn path_of(&self, temporary: &Temporary) -> PathBuf {
        self.0.join(std::ffi::OsStr::from_bytes(&temporary.name))
    }

    fn finish(&self, temporary: &Temporary, clash: Clash) -> Result<(), FileTrouble> {
        finish(&self.place(), temporary, b"song.ogg", clash, Look::default())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn place_of(path: &Path) -> Place {
    let stat = fs::metadata(path).unwrap();
    Place { dir: path.as_os_str().as_bytes().to_vec(), dev: stat.dev(), ino: stat.ino() }
}

fn inspect(path: &Path, name: &[u8]) -> Result<(u64, u64), FileTrouble> {
    place::Known::default().inspect(path.as_os_str().as_bytes(), name)
}

/// Finishes one file by itself.
fn finish(
    place: &Place,
    temporary: &Temporary,
    name: &[u8],
    clash: Clash,
    look: Look,
) -> Result<(), FileTrouble> {
    let wish = rename::Wish { temporary, name, clash, look };
    rename::finish([(place, wish)]).pop().unwrap()
}

fn reopen_trouble(ground: &Ground, temporary: &Temporary) -> FileTrouble {
    temporary::reopen(&ground.place(), temporary).err().unwrap()
}

#[test]
fn a_file_is_made_reopened_renamed_and_the_rename_repeated() {
    let ground = Ground::new();
    assert_eq!(inspect(&ground.0, b"song.ogg"), Ok((ground.place().dev, ground.place().ino)));
    let temporary = ground.temporary();
    let stat = fs::metadata(ground.path_of(&temporary)).unwrap();
    assert_eq!(stat.mode() & 0o7777, 0o600);
    assert_eq!(temporary::reopen(&ground.place(), &temporary).unwrap().length, 5);
    for _ in 0..2 {
        let place = ground.place();
        let look = Look { modified: Some(86_400), ..Look::default() };
        finish(&place, &temporary, b"song.ogg", Clash::Keep, look).unwrap();
        let stat = fs::metadata(ground.at("song.ogg")).unwrap();
        assert_eq!(
            (stat.mode() & 0o7777, stat.mtime(), stat.ino()),
            (0o644, 86_400, temporary.ino)
        );
    }
    assert!(!ground.path_of(&temporary).exists());
}

#[test]
fn a_file_gets_the_mode_and_group_asked_for_and_never_an_execute_or_set_id_bit() {
    let group = rustix::process::getegid().as_raw();
    for (asked, got) in [(0o666, 0o666), (0o600, 0o600), (0o6777, 0o666), (0o101_644, 0o644)] {
        let ground = Ground::new();
        let temporary = ground.temporary();
        let look = Look { mode: Some(asked), group: Some(group), ..Look::default() };
        finish(&ground.place(), &temporary, b"x", Clash::Keep, look).unwrap();
        let stat = fs::metadata(ground.at("x")).unwrap();
        assert_eq!((stat.mode() & 0o7777, stat.gid()), (got, group), "{asked:o}");
    }
}

#[test]
fn a_rename_that_crashed_between_link_and_unlink_is_finished() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    fs::hard_link(ground.path_of(&temporary), ground.at("song.ogg")).unwrap();
    ground.finish(&temporary, Clash::Keep).unwrap();
    assert!(!ground.path_of(&temporary).exists());
    assert_eq!(fs::metadata(ground.at("song.ogg")).unwrap().nlink(), 1);
}

#[test]
fn a_deleted_file_may_be_deleted_again() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    temporary::delete(&ground.place(), &temporary).unwrap();
    assert!(!ground.path_of(&temporary).exists());
    temporary::delete(&ground.place(), &temporary).unwrap();
}

#[test]
fn a_missing_directory_is_told_from_one_that_is_no_directory() {
    let ground = Ground::new();
    fs::write(ground.at("file"), "").unwrap();
    assert_eq!(inspect(&ground.at("none"), b"x"), Err(FileTrouble::NoSuchDirectory));
    assert_eq!(inspect(&ground.at("file"), b"x"), Err(FileTrouble::NotADirectory));
    assert_eq!(inspect(&ground.at("file/deeper"), b"x"), Err(FileTrouble::NotADirectory));
}

#[test]
fn a_link_in_the_last_step_is_refused_however_it_is_spelled() {
    let ground = Ground::new();
    fs::create_dir(ground.at("real")).unwrap();
    symlink("real", ground.at("link")).unwrap();
    for spelling in ["link", "link/", "link//"] {
        assert_eq!(inspect(&ground.at(spelling), b"x"), Err(FileTrouble::SymbolicLink));
    }
    inspect(&ground.at("link/../real"), b"x").unwrap();
}

#[test]
fn a_directory_exchanged_for_another_is_noticed_at_every_step() {
    let ground = Ground::new();
    let (dir, elsewhere) = (ground.at("dir"), ground.at("elsewhere"));
    fs::create_dir(&dir).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let place = place_of(&dir);
    let temporary = temporary::create(&place, b"x", mark()).unwrap().temporary;
    fs::rename(&dir, ground.at("away")).unwrap();
    let every_step = |expected: FileTrouble| {
        assert_eq!(temporary::create(&place, b"x", mark()).err(), Some(expected));
        assert_eq!(temporary::reopen(&place, &temporary).err(), Some(expected));
        let renamed = finish(&place, &temporary, b"x", Clash::Replace, Look::default());
        assert_eq!(renamed, Err(expected));
        assert_eq!(temporary::delete(&place, &temporary), Err(expected));
    };
    every_step(FileTrouble::NoSuchDirectory);
    symlink("away", &dir).unwrap();
    every_step(FileTrouble::SymbolicLink);
    fs::remove_file(&dir).unwrap();
    fs::rename(&elsewhere, &dir).unwrap();
    every_step(FileTrouble::DirectoryChanged);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn kernel_interfaces_take_no_downloads_but_shared_memory_does() {
    for path in ["/proc/1", "/proc/sys/kernel", "/sys/kernel", "/dev", "/dev/pts"] {
        assert_eq!(inspect(Path::new(path), b"x"), Err(FileTrouble::SpecialFileSystem), "{path}");
    }
    inspect(Path::new("/dev/shm"), b"x").unwrap();
}

#[test]
fn a_destination_that_is_no_regular_file_is_refused_and_kept() {
    let ground = Ground::new();
    fs::create_dir(ground.at("song.ogg")).unwrap();
    assert_eq!(inspect(&ground.0, b"song.ogg"), Err(FileTrouble::NotARegularFile));
    let temporary = ground.temporary();
    let renamed = ground.finish(&temporary, Clash::Replace);
    assert_eq!(renamed, Err(FileTrouble::NotARegularFile));
    fs::remove_dir(ground.at("song.ogg")).unwrap();
    symlink("/etc/passwd", ground.at("song.ogg")).unwrap();
    let renamed = ground.finish(&temporary, Clash::Replace);
    assert_eq!(renamed, Err(FileTrouble::NotARegularFile));
    assert!(ground.path_of(&temporary).exists());
}

#[test]
fn an_existing_destination_is_replaced_only_when_that_was_asked() {
    let ground = Ground::new();
    fs::write(ground.at("song.ogg"), "old").unwrap();
    inspect(&ground.0, b"song.ogg").unwrap();
    let temporary = ground.temporary();
    assert_eq!(ground.finish(&temporary, Clash::Keep), Err(FileTrouble::Exists));
    assert_eq!(fs::read(ground.at("song.ogg")).unwrap(), b"old");
    ground.finish(&temporary, Clash::Replace).unwrap();
    assert_eq!(fs::read(ground.at("song.ogg")).unwrap(), b"la la");
}

#[test]
fn names_that_are_not_names_are_refused() {
    let ground = Ground::new();
    let names: [&[u8]; 6] = [b"", b".", b"..", b"a/b", b"/etc/passwd", b"a\0b"];
    for name in names {
        assert_eq!(inspect(&ground.0, name), Err(FileTrouble::Io(22)), "{name:?}");
        assert_eq!(
            temporary::create(&ground.place(), name, mark()).err(),
            Some(FileTrouble::Io(22))
        );
        let temporary = Temporary { name: name.to_vec(), ..ground.temporary() };
        assert_eq!(reopen_trouble(&ground, &temporary), FileTrouble::Io(22));
        assert_eq!(temporary::delete(&ground.place(), &temporary), Err(FileTrouble::Io(22)));
    }
    assert_eq!(inspect(Path::new("relative"), b"x"), Err(FileTrouble::Io(22)));
}

#[test]
fn a_name_too_long_for_the_file_system_is_said_so() {
    let ground = Ground::new();
    inspect(&ground.0, &[b'n'; 255]).unwrap();
    assert_eq!(inspect(&ground.0, &[b'n'; 256]), Err(FileTrouble::NameTooLong));
}

#[test]
fn the_longest_name_still_has_a_temporary_one_and_no_character_is_cut() {
    let ground = Ground::new();
    let long = "é".repeat(127) + "x";
    let temporary = temporary::create(&ground.place(), long.as_bytes(), mark()).unwrap().temporary;
    assert!(temporary.name.len() <= 255);
    String::from_utf8(temporary.name).unwrap();
    assert_eq!(name::temporary(b"a", 1).len(), b".a.XXXXXXXX.ebb".len());
}

#[test]
fn a_temporary_file_that_is_gone_is_said_so() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    fs::remove_file(ground.path_of(&temporary)).unwrap();
    assert_eq!(reopen_trouble(&ground, &temporary), FileTrouble::TemporaryGone);
    assert_eq!(ground.finish(&temporary, Clash::Keep), Err(FileTrouble::TemporaryGone));
}

/// Puts something else in the place of a temporary file and tries everything.
fn check_exchanged(exchange: impl Fn(&Path)) {
    let ground = Ground::new();
    let temporary = ground.temporary();
    let path = ground.path_of(&temporary);
    // Kept under another name, so that its inode is not given away again.
    fs::rename(&path, ground.at("kept")).unwrap();
    exchange(&path);
    assert_eq!(reopen_trouble(&ground, &temporary), FileTrouble::TemporaryChanged);
    assert_eq!(ground.finish(&temporary, Clash::Replace), Err(FileTrouble::TemporaryChanged));
    let deleted = temporary::delete(&ground.place(), &temporary);
    assert_eq!(deleted, Err(FileTrouble::TemporaryChanged));
    assert!(fs::symlink_metadata(&path).is_ok() && !ground.at("song.ogg").exists());
}

#[test]
fn another_file_in_its_place_is_not_touched() {
    check_exchanged(|path| fs::write(path, "other").unwrap());
}

#[test]
fn a_link_in_its_place_is_not_followed() {
    check_exchanged(|path| symlink("kept", path).unwrap());
    check_exchanged(|path| symlink("/etc/passwd", path).unwrap());
}

#[test]
fn a_directory_in_its_place_is_not_touched() {
    check_exchanged(|path| fs::create_dir(path).unwrap());
}

#[test]
fn a_pipe_or_a_device_in_its_place_is_not_opened() {
    let node = |path: &Path, kind| rustix::fs::mknodat(CWD, path, kind, Mode::RWXU, 0x103);
    check_exchanged(|path| node(path, FileType::Fifo).unwrap());
    if rustix::process::geteuid().is_root() {
        check_exchanged(|path| node(path, FileType::CharacterDevice).unwrap());
    }
}

#[test]
fn a_second_link_or_another_owner_makes_it_another_file() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    fs::hard_link(ground.path_of(&temporary), ground.at("second")).unwrap();
    assert_eq!(reopen_trouble(&ground, &temporary), FileTrouble::TemporaryChanged);
    assert_eq!(ground.finish(&temporary, Clash::Replace), Err(FileTrouble::TemporaryChanged));
    fs::remove_file(ground.at("second")).unwrap();
    temporary::reopen(&ground.place(), &temporary).unwrap();

    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(ground.path_of(&temporary), Some(54_321), None).unwrap();
        assert_eq!(reopen_trouble(&ground, &temporary), FileTrouble::TemporaryChanged);
        // The directory's owner may still clear it up.
        temporary::delete(&ground.place(), &temporary).unwrap();
    }
}

#[test]
fn a_reopened_file_blocks_like_any_other() {
    let ground = Ground::new();
    let opened = temporary::reopen(&ground.place(), &ground.temporary()).unwrap();
    let flags = rustix::fs::fcntl_getfl(&opened.file).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn set_id_bits_are_never_kept() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    let path = ground.path_of(&temporary);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o6777)).unwrap();
    ground.finish(&temporary, Clash::Replace).unwrap();
    let stat = rustix::fs::statat(CWD, ground.at("song.ogg"), AtFlags::empty()).unwrap();
    assert_eq!(stat.st_mode & 0o7777, 0o644);
}

#[test]
fn a_file_that_was_made_and_never_written_down_is_swept_away() {
    let ground = Ground::new();
    let mark = mark();
    let opened = temporary::create(&ground.place(), b"x", mark).unwrap();
    temporary::sweep(&ground.place(), b"x", mark).unwrap();
    assert!(!ground.path_of(&opened.temporary).exists());
    temporary::sweep(&ground.place(), b"x", mark).unwrap();
}

#[test]
fn a_file_with_something_in_it_is_never_swept_away() {
    let ground = Ground::new();
    let mark = mark();
    let opened = temporary::create(&ground.place(), b"x", mark).unwrap();
    rustix::io::write(&opened.file, b"la").unwrap();
    temporary::sweep(&ground.place(), b"x", mark).unwrap();
    assert!(ground.path_of(&opened.temporary).exists());
}

/// What another identity's file looks like here: a descriptor, and no name.
fn source(content: &[u8]) -> std::os::fd::OwnedFd {
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR;
    let file = rustix::fs::open(std::env::temp_dir(), flags, Mode::RUSR | Mode::WUSR).unwrap();
    rustix::io::write(&file, content).unwrap();
    file
}

#[test]
fn what_another_identity_fetched_is_copied_part_by_part_and_no_further_than_told() {
    let ground = Ground::new();
    let made = temporary::create(&ground.place(), b"song.ogg", mark()).unwrap().temporary;
    let source = source(b"la la la, and what was never synced");
    fill::fill(&ground.place(), &made, &source, 0..3).unwrap();
    fill::fill(&ground.place(), &made, &source, 3..8).unwrap();
    // After a crash somebody says it again.
    fill::fill(&ground.place(), &made, &source, 3..8).unwrap();
    assert_eq!(fs::read(ground.path_of(&made)).unwrap(), b"la la la");
}

#[test]
fn a_source_that_is_shorter_than_told_or_no_file_fills_nothing() {
    let ground = Ground::new();
    let made = temporary::create(&ground.place(), b"song.ogg", mark()).unwrap().temporary;
    let (pipe, _) = std::io::pipe().unwrap();
    let null = fs::File::open("/dev/null").unwrap();
    let directory = fs::File::open(&ground.0).unwrap();
    for source in [source(b"la la"), pipe.into(), null.into(), directory.into()] {
        let refused = fill::fill(&ground.place(), &made, &source, 0..6);
        assert_eq!(refused, Err(FileTrouble::TemporaryChanged));
    }
    assert_eq!(fs::read(ground.path_of(&made)).unwrap(), b"");
}

#[test]
fn only_the_recorded_file_is_filled() {
    let ground = Ground::new();
    let made = ground.temporary();
    fs::rename(ground.path_of(&made), ground.at("elsewhere")).unwrap();
    fs::write(ground.path_of(&made), "another").unwrap();
    let refused = fill::fill(&ground.place(), &made, &source(b"la la la"), 0..8);
    assert_eq!(refused, Err(FileTrouble::TemporaryChanged));
    assert_eq!(fs::read(ground.path_of(&made)).unwrap(), b"another");
}
