//! Files that get their final name before anything is in them.

use super::*;

fn put(ground: &Ground, temporary: &Temporary, clash: Clash) -> Result<(), FileTrouble> {
    rename::put_in_place(&ground.place(), temporary, b"song.ogg", clash, Look::default())
}

/// The same file under its final name, as the service asks for it again.
fn shown(temporary: &Temporary) -> Temporary {
    Temporary { name: b"song.ogg".to_vec(), ..temporary.clone() }
}

#[test]
fn a_file_put_in_place_is_seen_while_it_grows_and_finished_at_the_end() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    let look = Look { mode: Some(0o440), ..Look::default() };
    let name = b"song.ogg";
    for _ in 0..2 {
        rename::put_in_place(&ground.place(), &temporary, name, Clash::Keep, look).unwrap();
        let stat = fs::metadata(ground.at("song.ogg")).unwrap();
        assert_eq!((stat.mode() & 0o7777, stat.ino()), (0o640, temporary.ino));
    }
    assert!(!ground.path_of(&temporary).exists());
    assert_eq!(temporary::reopen(&ground.place(), &shown(&temporary)).unwrap().length, 5);
    let look = Look { modified: Some(86_400), ..look };
    finish(&ground.place(), &temporary, name, Clash::Keep, look).unwrap();
    let stat = fs::metadata(ground.at("song.ogg")).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.mtime()), (0o440, 86_400));
}

#[test]
fn a_file_in_place_is_never_deleted_by_its_temporary_name() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    put(&ground, &temporary, Clash::Keep).unwrap();
    temporary::delete(&ground.place(), &temporary).unwrap();
    assert_eq!(fs::read(ground.at("song.ogg")).unwrap(), b"la la");
}

#[test]
fn what_was_there_is_replaced_if_that_was_asked_and_never_written_to() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    fs::write(ground.at("song.ogg"), b"old").unwrap();
    fs::hard_link(ground.at("song.ogg"), ground.at("elsewhere")).unwrap();
    assert_eq!(put(&ground, &temporary, Clash::Keep), Err(FileTrouble::Exists));
    assert_eq!(fs::read(ground.at("song.ogg")).unwrap(), b"old");
    put(&ground, &temporary, Clash::Replace).unwrap();
    assert_eq!(fs::read(ground.at("song.ogg")).unwrap(), b"la la");
    assert_eq!(fs::read(ground.at("elsewhere")).unwrap(), b"old", "its other link has it still");
}

#[test]
fn a_link_or_a_directory_at_the_final_name_is_neither_followed_nor_replaced() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    fs::write(ground.at("other"), b"untouched").unwrap();
    symlink(ground.at("other"), ground.at("song.ogg")).unwrap();
    for clash in [Clash::Replace, Clash::Keep] {
        assert_eq!(put(&ground, &temporary, clash), Err(FileTrouble::NotARegularFile));
    }
    assert_eq!(fs::read_link(ground.at("song.ogg")).unwrap(), ground.at("other"));
    assert_eq!(fs::read(ground.at("other")).unwrap(), b"untouched");
    fs::remove_file(ground.at("song.ogg")).unwrap();
    fs::create_dir(ground.at("song.ogg")).unwrap();
    assert_eq!(put(&ground, &temporary, Clash::Replace), Err(FileTrouble::NotARegularFile));
}

#[test]
fn a_file_exchanged_after_it_was_put_in_place_is_not_opened_and_not_called_finished() {
    let exchanges: [fn(&Ground); 3] = [
        |ground| symlink(ground.at("other"), ground.at("song.ogg")).unwrap(),
        |ground| fs::hard_link(ground.at("other"), ground.at("song.ogg")).unwrap(),
        |ground| {
            let pipe = FileType::Fifo;
            rustix::fs::mknodat(CWD, ground.at("song.ogg"), pipe, Mode::RUSR, 0).unwrap();
        },
    ];
    for exchange in exchanges {
        let ground = Ground::new();
        let temporary = ground.temporary();
        put(&ground, &temporary, Clash::Keep).unwrap();
        fs::write(ground.at("other"), b"untouched").unwrap();
        fs::remove_file(ground.at("song.ogg")).unwrap();
        exchange(&ground);
        let trouble = reopen_trouble(&ground, &shown(&temporary));
        assert_eq!(trouble, FileTrouble::TemporaryChanged);
        assert!(ground.finish(&temporary, Clash::Replace).is_err());
        assert_eq!(fs::read(ground.at("other")).unwrap(), b"untouched");
    }
}

#[test]
fn a_crash_between_the_record_and_the_name_leaves_a_file_that_gets_it_later() {
    let ground = Ground::new();
    let temporary = ground.temporary();
    let trouble = reopen_trouble(&ground, &shown(&temporary));
    assert_eq!(trouble, FileTrouble::TemporaryGone);
    temporary::reopen(&ground.place(), &temporary).unwrap();
    put(&ground, &temporary, Clash::Keep).unwrap();
    ground.finish(&temporary, Clash::Keep).unwrap();
}
