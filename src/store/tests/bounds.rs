//! What the state keeps at most, and for how long.

use std::collections::HashSet;
use std::fs;

use rusqlite::Connection;

use super::records::*;
use crate::store::sqlite::SqliteStore;
use crate::store::*;

#[test]
fn history_and_outbox_stay_within_their_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for n in 0..30 {
        let minutes = vec![minute(n, b"/a", 1), minute(n, b"/a", 2), minute(n, b"/b", 1)];
        let batch =
            Batch { at_ms: n * 60_000, minutes, transitions: vec![transition(n)], ..Batch::default() };
        store.commit(&batch).unwrap();
    }
    assert_eq!(count(dir.path(), "SELECT count(*) FROM counts_per_minute"), 20);
    assert_eq!(count(dir.path(), "SELECT min(minute) FROM counts_per_minute"), 20);
    assert_eq!(count(dir.path(), "SELECT sum(matched) FROM counts_per_minute"), 40);
    assert_eq!(count(dir.path(), "SELECT min(at_ms) FROM outbox"), 25);
    assert_eq!(count(dir.path(), "SELECT count(*) FROM outbox"), 5);
    drop(store);
    // A row is counted after a restart too, and what is too old goes.
    let mut store = open(dir.path());
    store.commit(&Batch { at_ms: 30 * 60_000, minutes: vec![minute(30, b"/a", 1)], ..full() }).unwrap();
    assert_eq!(count(dir.path(), "SELECT count(*) FROM counts_per_minute"), 20);
    store.commit(&Batch { at_ms: 8 * 86_400_000, ..Batch::default() }).unwrap();
    assert_eq!(count(dir.path(), "SELECT count(*) FROM counts_per_minute"), 0);
}

#[test]
fn files_that_are_not_watched_for_long_are_forgotten() {
    const DAY: Millis = 86_400_000;
    let dir = tempfile::tempdir().unwrap();
    for mut store in [open(dir.path()), SqliteStore::in_memory(small())] {
        store.commit(&full()).unwrap();
        let watched = HashSet::from([file_id(b"/not utf-8 \xff\xfe")]);
        let mut left = |watched: &HashSet<WatchedPath>, days: i64| {
            store.prune(watched, days * DAY).unwrap();
            let state = store.load().unwrap();
            (state.files.len(), state.alerts.len())
        };
        // The time begins when it is first seen, however old the record is.
        assert_eq!(left(&watched, 1_000), (3, 3));
        assert_eq!(left(&watched, 1_029), (3, 3));
        let with_a = HashSet::from([file_id(b"/a")]);
        assert_eq!(left(&with_a, 1_029), (3, 3));
        assert_eq!(left(&watched, 1_030), (2, 3));
        assert_eq!(left(&watched, 1_059), (2, 3));
        assert_eq!(left(&watched, 1_060), (1, 2));
    }
}

/// As many commits as a busy daemon makes in a day, in small: what no one can read any longer must not stay in memory.
#[test]
fn a_store_in_memory_keeps_only_what_is_needed() {
    let mut store = SqliteStore::in_memory(Limits::in_memory());
    let commit = |store: &mut SqliteStore, n: i64| {
        let event = transition(n).event;
        let delivered = Delivered {
            output: "pager".into(),
            fingerprint: event.fingerprint,
            at_ms: n,
            state: event.state,
            outcome: DeliveryOutcome::Accepted,
        };
        let minutes = (0..20).map(|k| minute(n, format!("/{k}").as_bytes(), 1)).collect();
        store
            .commit(&Batch {
                at_ms: n * 60_000,
                files: vec![file(b"/a", 5)],
                minutes,
                transitions: vec![transition(n)],
                outputs: vec![vec!["pager".into()]],
                delivered: vec![delivered],
                ..Batch::default()
            })
            .unwrap();
    };
    (0..50).for_each(|n| commit(&mut store, n));
    let early = store.pages();
    (50..1_500).for_each(|n| commit(&mut store, n));
    assert_eq!(store.pages(), early);
    let waiting = (0..8_000).map(|n| transition(10_000 + n)).collect();
    let outputs = vec![vec!["pager".into()]; 8_000];
    store.commit(&Batch { transitions: waiting, outputs, ..Batch::default() }).unwrap();
    assert_eq!(store.load().unwrap().pending.len(), 8_000);
}

#[test]
fn the_journal_does_not_grow_without_bound_while_someone_reads() {
    let folder = tempfile::TempDir::new().unwrap();
    let limits = Limits { journal_bytes_max: 256 << 10, ..Limits::default() };
    let mut store = SqliteStore::open(folder.path(), limits).unwrap();
    let minute = |minute: i64| MinuteCount {
        minute,
        file: file_id(format!("/{minute}{}", "x".repeat(500)).as_bytes()),
        rule: "r".into(),
        matched: 1,
    };
    let batch = |n: i64| Batch {
        at_ms: n,
        minutes: (100 * n..100 * (n + 1)).map(minute).collect(),
        ..Batch::default()
    };
    store.commit(&batch(0)).unwrap();
    let reader = Connection::open(folder.path().join("state.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM counts_per_minute").unwrap();
    let refused = (1..50).find_map(|n| store.commit(&batch(n)).err()).expect("it is bounded");
    assert!(refused.to_string().contains("another program has held a transaction for long"), "{refused}");
    let journal = fs::metadata(folder.path().join("state.db-wal")).unwrap().len();
    assert!((256 << 10..1 << 20).contains(&journal), "{journal}");
    reader.execute_batch("COMMIT").unwrap();
    store.commit(&batch(50)).unwrap();
    assert!(fs::metadata(folder.path().join("state.db-wal")).unwrap().len() < 256 << 10);
}
