//! Who may have a store, and what is left alone.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use ebb_core::credentials::AuthPair;
use ebb_core::job::{Calling, State};
use ebb_core::paths::Peer;
use ebb_core::time::Moment;
use ebb_store::{Store, StoreError};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::jobs::plain_job;
use crate::scratch::{Scratch, record};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_store_and_its_log_are_for_its_owner_only() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    record(&mut store, &[plain_job(1)]);
    let found = scratch.contents();
    assert!(found.len() >= 2, "the log is there while the store is open");
    for (path, _) in found {
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[test]
fn a_second_service_is_refused_while_the_first_lives() {
    let scratch = Scratch::new();
    let first = Store::open(&scratch.store()).unwrap();
    let second = Store::open(&scratch.store());
    assert!(matches!(second, Err(StoreError::InUse)), "{second:?}");
    drop(first);
    assert!(Store::open(&scratch.store()).is_ok());
}

#[test]
fn a_store_from_a_newer_version_is_refused_and_untouched() {
    let scratch = Scratch::new();
    record(&mut Store::open(&scratch.store()).unwrap(), &[plain_job(1)]);
    let newer = Connection::open(scratch.store()).unwrap();
    // As after a crash: the newer version is told in the log only.
    newer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    let before: Vec<_> = scratch.contents();
    let refused = Store::open(&scratch.store());
    assert!(matches!(refused, Err(StoreError::Newer { found: 2, known: 1 })), "{refused:?}");
    assert_eq!(scratch.contents(), before);
}

#[test]
fn a_newer_store_and_one_of_another_program_that_were_closed_get_no_log_beside_them() {
    for (pragma, value) in [("user_version", 2), ("application_id", 7)] {
        let scratch = Scratch::new();
        record(&mut Store::open(&scratch.store()).unwrap(), &[plain_job(1)]);
        let other = Connection::open(scratch.store()).unwrap();
        other.pragma_update(None, pragma, value).unwrap();
        drop(other);
        let before = scratch.contents();
        assert_eq!(before.len(), 1, "closed, it is one file");
        assert!(Store::open(&scratch.store()).is_err());
        assert_eq!(scratch.contents(), before, "{pragma}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_untouched() {
    let scratch = Scratch::new();
    let junk = vec![b'x'; 8192];
    fs::write(scratch.store(), &junk).unwrap();
    let refused = Store::open(&scratch.store());
    assert!(matches!(refused, Err(StoreError::NotAStore)), "{refused:?}");
    assert_eq!(scratch.contents(), [(scratch.store(), junk)]);
}

#[test]
fn the_database_of_another_program_is_refused_and_untouched() {
    let scratch = Scratch::new();
    let other = Connection::open(scratch.store()).unwrap();
    other.execute_batch("CREATE TABLE job (id TEXT)").unwrap();
    drop(other);
    let before = scratch.contents();
    let refused = Store::open(&scratch.store());
    assert!(matches!(refused, Err(StoreError::NotAStore)), "{refused:?}");
    assert_eq!(scratch.contents(), before);
}

#[test]
fn a_missing_directory_is_an_error_and_is_not_made() {
    let scratch = Scratch::new();
    let path = scratch.store().join("deeper/jobs.db");
    assert!(matches!(Store::open(&path), Err(StoreError::File(_))));
    assert_eq!(scratch.contents(), []);
}

#[test]
fn opening_again_changes_neither_the_file_nor_its_inode() {
    let scratch = Scratch::new();
    record(&mut Store::open(&scratch.store()).unwrap(), &[plain_job(1)]);
    let before = (scratch.contents(), fs::metadata(scratch.store()).unwrap().ino());
    drop(Store::open(&scratch.store()).unwrap());
    let after = (scratch.contents(), fs::metadata(scratch.store()).unwrap().ino());
    assert_eq!(after, before);
}

#[test]
fn a_store_knows_whether_its_last_life_was_in_this_boot() {
    let scratch = Scratch::new();
    for (boot, same) in [("one", false), ("one", true), ("two", false), ("one", false)] {
        let mut store = Store::open(&scratch.store()).unwrap();
        assert_eq!(store.begin_life(boot).unwrap(), same, "{boot}");
    }
}

/// What the first version wrote, word for word. It stays readable for ever.
#[test]
fn a_store_of_the_first_version_is_read_by_this_one() {
    let scratch = Scratch::new();
    let first = Connection::open(scratch.store()).unwrap();
    first.execute_batch(include_str!("../../schema/001.sql")).unwrap();
    first.execute_batch(include_str!("version_001.sql")).unwrap();
    drop(first);
    let mut store = Store::open(&scratch.store()).unwrap();
    let events = store.load_events().unwrap();
    let [(40, state), (41, error)] = events.kept.as_slice() else { panic!("{events:?}") };
    assert_eq!((state.what.name(), error.what.name()), ("state", "error"));
    assert_eq!((state.acknowledged, error.acknowledged), (false, true));
    assert_eq!(events.missing, [(1001, 39)]);
    assert_eq!(store.newest_of_histories().unwrap().len(), 1);
    let paths = store.load_paths().unwrap();
    assert_eq!(paths.network.as_deref(), Some("eth0 c0000201"));
    let best = paths.best[&(1001, Peer::V4([198, 51, 100]))];
    assert_eq!((best.base, best.rate), (Duration::from_micros(20_500), 6_250_000));
    assert_eq!((best.at.0, best.rate_at.0), (1_700_000_001, 1_700_000_000));
    let jobs = store.load().unwrap();
    let [job] = jobs.as_slice() else { panic!("one job, not {}", jobs.len()) };
    assert_eq!(job.id.to_string(), "a7a7a7a7-a7a7-47a7-a7a7-a7a7a7a7a7a7");
    assert_eq!((job.owner.uid, job.owner.groups.as_slice()), (1001, &[4, 27][..]));
    assert_eq!(job.helper.as_ref().map(|helper| helper.uid), Some(1002));
    assert_eq!(job.state, State::Completing);
    assert_eq!(job.terms.notify_command.words(), [b"/bin/true".to_vec()]);
    assert_eq!(job.calling, Calling::Owed { tries: 1, at: Moment(62_000) });
    let error = job.error.as_ref().unwrap();
    assert_eq!((error.failure.full_name(), error.file), ("http-503".into(), Some(0)));
    assert_eq!(job.files[0].temporary.as_ref().unwrap().ino, u64::MAX);
    let sealed = job.headers.sealed.as_ref().unwrap();
    assert_eq!((sealed.nonce[11], sealed.bytes.as_slice()), (11, &[0x5e, 0xa1, 0xed][..]));
    assert!(job.headers.write_only);
    let pair = AuthPair::parse("proxy", "negotiate").unwrap();
    assert_eq!(job.credentials.keys().collect::<Vec<_>>(), [&pair]);
    assert_eq!(job.credentials[&pair].bytes, [0xc0, 0xff, 0xee]);
    let authorities = job.authorities.as_ref().unwrap();
    assert_eq!((authorities.pem(), authorities.alone()), (&b"-----"[..], true));
    assert_eq!(job.files[0].validators.etag.as_deref(), Some(&b"\"v1\""[..]));
}
