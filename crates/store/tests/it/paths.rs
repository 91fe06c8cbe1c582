//! What is remembered of paths comes back as it was put last.

use std::collections::BTreeMap;
use std::time::Duration;

use ebb_core::paths::{Best, Paths, Peer};
use ebb_core::time::WallTime;
use ebb_store::{Batch, Store, StoreError};
use rusqlite::Connection;

use crate::scratch::Scratch;

fn best(micros: u64) -> Best {
    let base = Duration::from_micros(micros);
    Best { base, at: WallTime(-7), rate: u64::MAX, rate_at: WallTime(i64::MAX) }
}

#[test]
fn paths_come_back_as_they_were_put_last_and_nothing_else_does() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    assert_eq!(store.load_paths().unwrap(), Paths::default());
    let one = ((u32::MAX, Peer::V4([255, 0, 1])), best(0));
    let other = ((0, Peer::V6([9; 6])), best(u64::from(u32::MAX)));
    let put = |network: &str, all: &[((u32, Peer), Best)]| Paths {
        network: Some(network.into()),
        best: BTreeMap::from_iter(all.iter().copied()),
    };
    for paths in [put("eth0 ", &[one, other]), put("wlan0", &[other]), put("wlan0", &[])] {
        let mut batch = Batch::new();
        batch.put_paths(&paths);
        store.commit(batch).unwrap();
        drop(store);
        store = Store::open(&scratch.store()).unwrap();
        assert_eq!(store.load_paths().unwrap(), paths);
    }
}

#[test]
fn a_path_that_makes_no_sense_is_named_and_not_read() {
    let scratch = Scratch::new();
    for (row, named) in [("-1, x'000000', 1", "owner"), ("1, x'000000', -1", "base")] {
        drop(Store::open(&scratch.store()).unwrap());
        let meddler = Connection::open(scratch.store()).unwrap();
        meddler.execute("DELETE FROM path", []).unwrap();
        meddler.execute(&format!("INSERT INTO path VALUES ({row}, 1, 1, 1)"), []).unwrap();
        drop(meddler);
        let read = Store::open(&scratch.store()).unwrap().load_paths();
        let Err(StoreError::Nonsense { table: "path", column, .. }) = read else {
            panic!("{read:?}");
        };
        assert_eq!(column, named);
    }
}
