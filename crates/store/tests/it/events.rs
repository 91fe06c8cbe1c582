//! What happened comes back as it was put, and only what is dropped is gone.

use ebb_core::event::{Happening, Standing, What};
use ebb_core::failure::ServiceTrouble;
use ebb_core::id::JobId;
use ebb_core::job::Trouble;
use ebb_core::time::WallTime;
use ebb_store::{Batch, Store, StoreError};
use rusqlite::Connection;

use crate::scratch::Scratch;

fn happenings() -> Vec<(u64, Happening)> {
    let trouble = || {
        let detail = "no token\u{0}".to_owned();
        Box::new(Trouble {
            file: Some(3),
            detail,
            retry_after: Some(9),
            ..Trouble::of(ServiceTrouble::TokenRequired)
        })
    };
    let kinds = [
        What::Added,
        What::State { now: Standing::Connecting, before: Standing::TransientError },
        What::Transferred,
        What::Error(trouble()),
        What::TransientError { trouble: trouble(), next_attempt: WallTime(-5) },
        What::FileTransferred(u32::MAX),
        What::FilesAdded { first: 0, count: 200 },
        What::Property,
        What::Progress,
    ];
    let job = JobId::from_bytes([9; 16]);
    let happening = |what| Happening { job, at: WallTime(7), what, acknowledged: false };
    (5..).zip(kinds.map(happening)).collect()
}

#[test]
fn every_kind_of_event_comes_back_as_it_was_put() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    let mut batch = Batch::new();
    let mut expected = happenings();
    for (number, happening) in &expected {
        batch.put_event(*number, happening);
    }
    batch.drop_event(5);
    batch.drop_event(4711);
    batch.acknowledge_event(7);
    batch.put_missing(u32::MAX, 3);
    batch.put_missing(u32::MAX, 4);
    store.commit(batch).unwrap();
    drop(store);
    expected.remove(0);
    expected[1].1.acknowledged = true;
    let events = Store::open(&scratch.store()).unwrap().load_events().unwrap();
    assert_eq!(events.kept, expected);
    assert_eq!(events.missing, [(u32::MAX, 4)]);
}

#[test]
fn an_event_whose_columns_do_not_fit_its_kind_is_refused_with_its_number() {
    for damage in [
        "kind = 'state'",
        "kind = 'nonsense'",
        "file = 3",
        "error = 'io-error'",
        "state = 'asleep', previous = 'queued', kind = 'state'",
    ] {
        let scratch = Scratch::new();
        let mut batch = Batch::new();
        batch.put_event(5, &happenings()[0].1);
        Store::open(&scratch.store()).unwrap().commit(batch).unwrap();
        let other = Connection::open(scratch.store()).unwrap();
        other.execute(&format!("UPDATE event SET {damage}"), []).unwrap();
        drop(other);
        let refused = Store::open(&scratch.store()).unwrap().load_events().unwrap_err();
        let StoreError::Nonsense { table, row, .. } = refused else { panic!("{refused}") };
        assert_eq!((table, row.as_str()), ("event", "5"), "{damage}");
    }
}

#[test]
fn an_event_that_is_replaced_in_its_own_batch_is_not_recorded_at_all() {
    let scratch = Scratch::new();
    let mut store = Store::open(&scratch.store()).unwrap();
    let mut batch = Batch::new();
    let all = happenings();
    batch.put_event(5, &all[0].1);
    batch.drop_event(5);
    assert!(batch.is_empty());
    batch.put_event(6, &all[1].1);
    batch.put_missing(1000, 3);
    batch.put_missing(1000, 4);
    store.commit(batch).unwrap();
    let found = store.load_events().unwrap();
    assert_eq!(found.kept, [all[1].clone()]);
    assert_eq!(found.missing.into_iter().collect::<Vec<_>>(), [(1000, 4)]);
}
