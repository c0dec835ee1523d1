//! The SQLite store beside a model of it, and through all that may befall a file.

mod model;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

use model::Model;

use super::sqlite::SqliteStore;
use super::*;
use crate::alert::instance::AlertInstance;
use crate::alert::manager::AlertParts;
use crate::alert::{AlertNotes, AlertSpec, Scope};
use crate::detect::condition::Condition;
use crate::event::{AlertEvent, AlertState, Severity};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::{Anchor, Fingerprint};
use crate::pattern::{Pattern, PatternId, PatternUsage, SavedRegistry};
use crate::scan::cursor::LineCursor;
use crate::scan::wrapping::Pieces;
use crate::source::journal::{FilePosition, Id128};

fn small() -> Limits {
    Limits { history_rows_max: 20, outbox_rows_max: 5, marks_max: 3, ..Limits::default() }
}

fn open(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder, small()).unwrap();
    assert_eq!(store.trouble(), None);
    store
}

fn file_id(path: &[u8]) -> WatchedPath {
    WatchedPath { watch: "w".into(), path: OsStr::from_bytes(path).into() }
}

fn place(n: u64) -> FileCheckpoint {
    let identity = Identity { dev: u64::MAX - n, ino: n, born_ns: -1 };
    let cursor = LineCursor { offset: n, searched: n + 3, inside_long_line: n % 2 == 1, counted: n };
    let mark = ReadPosition {
        cursor,
        head: Fingerprint { len: 9, hash: u64::MAX - n },
        anchor: Anchor::ending(b"\xff\0\n"),
    };
    FileCheckpoint {
        identity,
        mark,
        size: 1 << 63,
        modified_ns: i64::MAX,
        changed_ns: i64::MIN,
        is_settled: n.is_multiple_of(3),
    }
}

fn mark(n: u64) -> PositionRecord {
    let place = place(n);
    PositionRecord { watch: "w".into(), identity: place.identity, mark: place.mark }
}

fn file(path: &[u8], n: u64) -> FileRecord {
    let former = (0..n % 3).map(|k| place(n + k)).collect();
    let last = (n.is_multiple_of(2)).then(|| place(n + 9));
    let tail = TailCheckpoint {
        generation: n,
        current: Some(place(n)),
        former,
        last: last.map(Box::new),
        ended: vec![place(n + 7)],
        since_ns: 5,
        pieces: Pieces::of(vec![b'o'; n as usize % 4], vec![0xff; n as usize % 3]),
    };
    let total = |rule: &str, matched| RuleTotal { rule: rule.to_owned(), matched, reported: matched / 2 };
    let totals = vec![total("a", n), total("b", u64::MAX)];
    FileRecord { id: file_id(path), tail, totals, bytes_read: n, bytes_missed: n / 2 }
}

fn alert(name: &str, path: Option<&[u8]>, n: u64) -> SavedAlert {
    let spec = AlertSpec {
        name: name.into(),
        rule: "a".into(),
        watches: vec!["w".into()],
        scope: Scope::Watch,
        condition: Condition::Count { over: 1 << 60, window_ms: 60_000 },
        severity: Severity::Info,
        for_ms: 0,
        keep_firing_for_ms: 0,
        cooldown_ms: 0,
        samples_max: 1,
        notes: AlertNotes::default(),
    };
    let mut alarm = AlertInstance::new(&spec, None);
    alarm.add(&spec, 1_000, n.min(1 << 60), 0, &mut |_| {});
    let path = path.map(|path| OsStr::from_bytes(path).into());
    let id = AlertSeriesId { alert: name.into(), watch: "w".into(), path, pattern: None };
    SavedAlert { id, instance: alarm, samples: vec![format!("line {n} \"'\0")], parts: AlertParts::default() }
}

fn transition(n: i64) -> TransitionRecord {
    TransitionRecord {
        at_ms: n,
        event: AlertEvent {
            alert: "a".into(),
            watch: "w".into(),
            path: Some(OsStr::from_bytes(b"/\xff").into()),
            rule: "r".into(),
            fingerprint: "f".into(),
            count: 7,
            ..AlertEvent::default()
        },
    }
}

fn minute(minute: i64, path: &[u8], matched: u64) -> MinuteCount {
    MinuteCount { minute, file: file_id(path), rule: "r".into(), matched }
}

fn silence(id: u64) -> SilenceRecord {
    let (alert, pattern) = ("disk-*".to_owned(), Some("00ff".to_owned()));
    SilenceRecord {
        id,
        alert,
        pattern,
        since_ms: 5,
        until_ms: 9,
        reason: "é'".into(),
        ..SilenceRecord::default()
    }
}

fn rate(minute: i64, matched: u64) -> RateRecord {
    RateRecord { minute, watch: "w".into(), rule: "r".into(), matched, usual: Some((1.0, 4.0)) }
}

fn full() -> Batch {
    Batch {
        at_ms: 600_000,
        files: vec![file(b"/a", 5), file(b"/not utf-8 \xff\xfe", 6), file("/ü '\"".as_bytes(), 7)],
        forgotten: vec![file_id(b"/none")],
        marks: vec![mark(1), mark(2)],
        alerts: vec![alert("x", None, 3), alert("x", Some(b"/a"), 4), alert("y", Some(b"/\xff"), 5)],
        ended_alerts: Vec::new(),
        minutes: vec![minute(9, b"/a", 3), minute(10, b"/\xff", 1)],
        rates: vec![rate(9, 3), rate(10, 1)],
        transitions: vec![transition(1), transition(2)],
        outputs: vec![vec!["pager".into()]; 2],
        delivered: Vec::new(),
        silences: Some(vec![silence(1), silence(7)]),
        watches: vec![WatchRecord { watch: "w".into(), paths: "/a\n/b".into(), since_ns: 5 }],
        journals: vec![journal(1, 7)],
        patterns: vec![patterns("v", &[(1, 2)], true), patterns("w", &[(3, 1), (u64::MAX, 9)], true)],
    }
}

/// A journal of which `entries` of the file with the id `n` were read.
fn journal(n: u8, entries: u64) -> JournalRecord {
    let position =
        FilePosition { array: 4_096, index: entries, entries, seqnum: u64::MAX, xor_hash: 1 << 63 };
    JournalRecord {
        watch: "w".into(),
        positions: vec![(Id128([n; 16]), position)],
        ..JournalRecord::default()
    }
}

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
fn patterns(watch: &str, patterns: &[(u64, u64)], is_all: bool) -> PatternsRecord {
    let pattern = |(id, lines): &(u64, u64)| {
        let mut pattern =
            Pattern::new(PatternId(*id), format!("text {id}"), "sample".into(), PatternUsage::default());
        (pattern.lines, pattern.first_ms) = (*lines, Some(5));
        pattern
    };
    let patterns: Vec<Pattern> = patterns.iter().map(pattern).collect();
    let lines = patterns.iter().map(|pattern| pattern.lines).sum();
    let patterns = SavedRegistry { lines, other: lines / 2, learned: is_all.then(|| vec![1, 2]), patterns };
    PatternsRecord { watch: watch.into(), rule: "r".into(), patterns }
}

fn count(folder: &Path, sql: &str) -> i64 {
    Connection::open(folder.join("state.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

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
fn only_one_may_own_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = SqliteStore::open(dir.path(), small()).err().unwrap();
    let owner = std::process::id().to_string();
    assert_eq!(second, StoreError::InUse { folder: dir.path().into(), owner });
    drop(first);
    open(dir.path());
}

/// The databases whose names begin so, without what SQLite keeps beside them.
fn beginning_with(folder: &Path, beginning: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(beginning) && !name.contains("Z-")).collect()
}

#[test]
fn a_database_that_is_none_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = b"this is not a database ".repeat(500);
    fs::write(dir.path().join("state.db"), &garbage).unwrap();
    let mut store = open(dir.path());
    assert_eq!(store.load().unwrap(), StoredState::default());
    let [aside] = &beginning_with(dir.path(), "state.db.corrupt-")[..] else { panic!("not set aside") };
    assert_eq!(fs::read(dir.path().join(aside)).unwrap(), garbage);
    let notices = store.notices();
    assert!(notices.len() == 1 && notices[0].contains(aside), "{notices:?}");
    assert!(store.notices().is_empty());
    store.commit(&full()).unwrap();
}

/// Damages pages behind the first, which no header betrays.
fn damage(folder: &Path) {
    let path = folder.join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    for byte in &mut bytes[4096..] {
        *byte = 0x5a;
    }
    fs::write(&path, bytes).unwrap();
}

#[test]
fn malformed_pages_are_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).commit(&full()).unwrap();
    damage(dir.path());
    let mut store = open(dir.path());
    assert_eq!(store.load().unwrap(), StoredState::default());
    assert_eq!(store.notices().len(), 1);
    assert_eq!(beginning_with(dir.path(), "state.db.corrupt-").len(), 1);
}

#[test]
fn damage_found_later_asks_for_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.commit(&full()).unwrap();
    let drop = "DROP TABLE totals; PRAGMA wal_checkpoint(TRUNCATE)";
    Connection::open(dir.path().join("state.db")).unwrap().execute_batch(drop).unwrap();
    let batch = Batch { files: vec![file(b"/a", 8)], ..Batch::default() };
    assert!(matches!(store.commit(&batch), Err(StoreError::BegunAnew { .. })));
    assert_eq!(store.notices().len(), 1);
    assert_eq!(beginning_with(dir.path(), "state.db.corrupt-").len(), 1);
    store.commit(&batch).unwrap();
    assert_eq!(store.load().unwrap().files, batch.files);
}

#[test]
fn a_removed_database_asks_for_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state");
    let mut store = open(&folder);
    store.load().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(store.prune(&HashSet::new(), 0), Ok(()));
    assert!(matches!(store.commit(&Batch::default()), Err(StoreError::BegunAnew { .. })));
    assert_eq!(store.notices().len(), 1);
    store.commit(&full()).unwrap();
    drop(store);
    assert_eq!(open(&folder).load().unwrap().files.len(), 3);
}

#[test]
fn a_newer_database_is_set_aside_whole() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).commit(&full()).unwrap();
    let connection = Connection::open(dir.path().join("state.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let mut store = open(dir.path());
    assert_eq!(store.load().unwrap(), StoredState::default());
    let aside = beginning_with(dir.path(), "state.db.newer-99-");
    assert!(store.notices()[0].contains(&aside[0]));
    let old = Connection::open(dir.path().join(&aside[0])).unwrap();
    assert_eq!(old.query_row("SELECT count(*) FROM files", [], |row| row.get::<_, i64>(0)).unwrap(), 3);
}

#[test]
fn a_folder_that_cannot_be_made_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let obstacle = dir.path().join("file");
    fs::write(&obstacle, "").unwrap();
    let mut store = SqliteStore::open(&obstacle.join("state"), small()).unwrap();
    assert!(store.trouble().is_some());
    assert!(store.load().is_err());
    assert!(store.commit(&full()).is_err());
    fs::remove_file(&obstacle).unwrap();
    store.commit(&full()).unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(store.load().unwrap().files.len(), 3);
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
