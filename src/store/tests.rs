//! The SQLite store beside a model of it, and through all that may befall a file.

mod bounds;
mod damage;
mod model;
mod records;

use std::collections::BTreeMap;
use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

use model::Model;
use records::*;

use super::sqlite::SqliteStore;
use super::*;
use crate::event::{AlertEvent, AlertState, Severity};
use crate::source::journal::Id128;

#[test]
fn positions_in_the_journal_come_back_until_their_file_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let commit = |journals| open(dir.path()).commit(&Batch { journals, ..Batch::default() }).unwrap();
    commit(vec![journal(1, 7), journal(2, 8)]);
    let gone = JournalRecord { gone: vec![Id128([1; 16])], ..journal(2, 9) };
    let mut unwritten = Batch { journals: vec![journal(1, 8)], ..Batch::default() };
    unwritten = unwritten.followed_by(Batch { journals: vec![gone.clone()], ..Batch::default() });
    assert_eq!(unwritten.journals, vec![gone]);
    commit(unwritten.journals);
    assert_eq!(open(dir.path()).load().unwrap().journals, vec![journal(2, 9)]);
}

/// The patterns of a rule: ids and lines, either all of them or those that changed.
#[test]
fn everything_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new/folder");
    let batch = full();
    open(&folder).commit(&batch).unwrap();
    let state = open(&folder).load().unwrap();
    let Batch { files, marks, alerts, watches, transitions, patterns, silences, journals, .. } = batch;
    let silences = silences.unwrap();
    let batch_firing = transitions[1].clone();
    let firing = vec![batch_firing];
    let pending = transitions.iter().map(|t| ("pager".to_owned(), t.clone())).collect();
    assert_eq!(
        state,
        StoredState { files, marks, alerts, watches, patterns, pending, firing, silences, journals }
    );
    assert_eq!(count(&folder, "SELECT count(*) FROM outbox WHERE delivered_ms IS NULL"), 2);
    assert_eq!(count(&folder, "SELECT count(*) FROM files WHERE typeof(path) = 'blob'"), 1);
}

#[test]
fn views_are_for_people() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).commit(&full()).unwrap();
    let connection = Connection::open(dir.path().join("state.db")).unwrap();
    let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(text("SELECT committed FROM overview WHERE path = '/a'"), "1970-01-01 00:10:00");
    assert_eq!(text("SELECT minute FROM counts_by_minute LIMIT 1"), "1970-01-01 00:09");
    assert_eq!(text("SELECT state || count FROM alerts_now WHERE path IS NULL"), "inactive3");
    assert_eq!(text("SELECT at FROM alert_history LIMIT 1"), "1970-01-01 00:00:00");
}

#[test]
fn an_error_in_the_middle_leaves_nothing_of_the_batch() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.commit(&full()).unwrap();
    let before = store.load().unwrap();
    let trigger = "CREATE TRIGGER t BEFORE INSERT ON outbox WHEN new.at_ms = 3
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    Connection::open(dir.path().join("state.db")).unwrap().execute_batch(trigger).unwrap();
    let files = vec![file(b"/a", 50), file(b"/c", 1)];
    let (transitions, outputs) = (vec![transition(3)], vec![vec!["pager".into()]]);
    let batch = Batch { files, transitions, outputs, ..full() };
    assert!(matches!(store.commit(&batch), Err(StoreError::Unusable { .. })));
    assert!(store.trouble().is_some());
    assert_eq!(store.load().unwrap(), before);
    assert_eq!(count(dir.path(), "SELECT sum(matched) FROM counts_per_minute"), 4);
}

/// What a killed process leaves are the files as they are at some instant: the newest commit may lack its end.
#[test]
fn a_commit_that_was_cut_off_leaves_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    // Closed once, so that the journal begins with the first commit.
    drop(open(&dir.path().join("live")));
    let mut store = open(&dir.path().join("live"));
    store.commit(&Batch { files: vec![file(b"/a", 1)], ..Batch::default() }).unwrap();
    let wal = dir.path().join("live/state.db-wal");
    let first_len = fs::metadata(&wal).unwrap().len() as usize;
    store.commit(&Batch { files: vec![file(b"/a", 2), file(b"/b", 2)], ..Batch::default() }).unwrap();
    let (database, wal) = (fs::read(dir.path().join("live/state.db")).unwrap(), fs::read(&wal).unwrap());
    for cut in (first_len..=wal.len()).step_by(1_111).chain([wal.len() - 1, wal.len()]) {
        let copy = dir.path().join(format!("cut{cut}"));
        fs::create_dir(&copy).unwrap_or_default();
        fs::write(copy.join("state.db"), &database).unwrap();
        fs::write(copy.join("state.db-wal"), &wal[..cut]).unwrap();
        let files = open(&copy).load().unwrap().files;
        let wanted =
            if cut < wal.len() { vec![file(b"/a", 1)] } else { vec![file(b"/a", 2), file(b"/b", 2)] };
        assert_eq!(files, wanted, "cut at {cut}");
    }
}

#[test]
fn an_alert_that_cannot_be_understood_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.commit(&full()).unwrap();
    let sql = "UPDATE alerts SET alarm = '{' WHERE alert = 'y'";
    Connection::open(dir.path().join("state.db")).unwrap().execute_batch(sql).unwrap();
    assert_eq!(store.load().unwrap().alerts.len(), 2);
    assert!(store.notices()[0].contains("alert y of watch w"));
}

fn paths() -> impl Strategy<Value = &'static [u8]> {
    proptest::sample::select(vec![&b"/a"[..], b"/b", b"/a/c", b"/\xff", "/ü".as_bytes()])
}

prop_compose! {
    fn batches()(
        files in vec((paths(), 0u64..9), 0..4),
        forgotten in vec(paths(), 0..2),
        marks in vec(0u64..6, 0..4),
        alerts in vec((prop_oneof![Just("x"), Just("y")], proptest::option::of(paths()), 0u64..9), 0..3),
        ended in vec((prop_oneof![Just("x"), Just("y")], proptest::option::of(paths())), 0..2),
        minutes in vec((0i64..50, paths(), 0u64..9), 0..5),
        transitions in vec(0i64..20, 0..3),
        delivered in vec((prop_oneof![Just("a"), Just("b"), Just("c")], 0i64..20), 0..3),
        watches in vec(0i64..4, 0..2),
        changed in vec((0u64..3, vec((0u64..5, 0u64..9), 0..4), any::<bool>()), 0..3),
        at_ms in 0i64..3_000_000,
    ) -> Batch {
        Batch {
            at_ms,
            files: files.iter().map(|(path, n)| file(path, *n)).collect(),
            forgotten: forgotten.iter().map(|path| file_id(path)).collect(),
            marks: marks.iter().map(|n| mark(*n)).collect(),
            alerts: alerts.iter().map(|(name, path, n)| alert(name, *path, *n)).collect(),
            ended_alerts: ended.iter().map(|(name, path)| alert(name, *path, 0).id).collect(),
            minutes: minutes.iter().map(|(n, path, matched)| minute(*n, path, *matched)).collect(),
            rates: minutes.iter().map(|(n, _, matched)| rate(*n, *matched)).collect(),
            transitions: transitions.iter().map(|n| transition(*n)).collect(),
            outputs: transitions.iter().map(|n| {
                let outputs = [&["a", "b"][..], &["b"], &[]][*n as usize % 3];
                outputs.iter().map(|output| (*output).to_owned()).collect()
            }).collect(),
            delivered: delivered.iter().map(|(output, n)| Delivered {
                output: (*output).to_owned(),
                fingerprint: "f".into(),
                at_ms: *n,
                state: AlertState::Firing,
                outcome: if n % 2 == 0 { DeliveryOutcome::Accepted } else { DeliveryOutcome::Abandoned },
            }).collect(),
            silences: (at_ms % 3 == 0).then(|| transitions.iter().map(|n| silence(n.unsigned_abs())).collect::<Vec<_>>()).map(|mut all: Vec<SilenceRecord>| { all.sort_by_key(|one| one.id); all.dedup(); all }),
            watches: watches.iter().map(|n| WatchRecord {
                watch: n.to_string(), paths: "/p".into(), since_ns: at_ms,
            }).collect(),
            patterns: changed.iter().map(|(watch, list, is_all)| {
                let list: BTreeMap<u64, u64> = list.iter().copied().collect();
                patterns(&watch.to_string(), &list.into_iter().collect::<Vec<_>>(), *is_all)
            }).collect(),
            ..Batch::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is committed, and whenever the daemon starts anew, a store remembers what the model does.
    #[test]
    fn a_store_remembers_what_the_model_does(steps in vec((batches(), any::<bool>()), 1..8)) {
        let dir = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut memory = SqliteStore::in_memory(small());
        let mut sqlite = open(dir.path());
        for (batch, is_last_of_life) in steps {
            model.apply(&batch, &small());
            memory.commit(&batch).unwrap();
            sqlite.commit(&batch).unwrap();
            prop_assert_eq!(&model.state, &sqlite.load().unwrap());
            prop_assert_eq!(&model.state, &memory.load().unwrap());
            if is_last_of_life {
                drop(sqlite);
                sqlite = open(dir.path());
                prop_assert_eq!(&model.state, &sqlite.load().unwrap());
            }
        }
        let rows = count(dir.path(), "SELECT count(*) FROM outbox");
        prop_assert_eq!(rows, model.outbox.len() as i64);
    }
}

/// The payload that was written before the event itself was: with nulls, all numbers as floats, keys by name.
const FORMER_PAYLOAD: &str = r#"{"alert":"a","at":"2026-11-22T10:00:01Z","condition":"spike","count":7,"expected":4.5,
    "fingerprint":"f","late":false,"lines":null,"path":"/\\xff","rule":"r","samples":["x"],"severity":"warning",
    "since":"2026-11-22T10:00:00Z","state":"firing","threshold":4.0,"watch":"w","why":"4 times","window_s":60.0}"#;

#[test]
fn payloads_of_a_former_version_and_of_none_are_read() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).commit(&Batch { transitions: vec![transition(1), transition(2)], ..full() }).unwrap();
    let connection = Connection::open(dir.path().join("state.db")).unwrap();
    connection.execute("UPDATE outbox SET payload = ?1 WHERE at_ms = 1", [FORMER_PAYLOAD]).unwrap();
    connection.execute("UPDATE outbox SET payload = '{\"state\":\"odd\"}' WHERE at_ms = 2", []).unwrap();
    let pending = open(dir.path()).load().unwrap().pending;
    let expected = AlertEvent {
        severity: Severity::Warning,
        condition: "spike".into(),
        window_s: 60.0,
        threshold: 4.0,
        expected: Some(4.5),
        why: "4 times".into(),
        since: "2026-11-22T10:00:00Z".into(),
        at: "2026-11-22T10:00:01Z".into(),
        samples: vec!["x".into()],
        ..transition(1).event
    };
    assert_eq!(pending[0].1, TransitionRecord { at_ms: 1, event: expected });
    assert_eq!(pending[1].1, transition(2), "the columns say what the payload does not");
}
