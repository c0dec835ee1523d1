//! Records for tests of the store.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::Connection;

use crate::alert::instance::AlertInstance;
use crate::alert::manager::AlertParts;
use crate::alert::{AlertNotes, AlertSpec, Scope};
use crate::detect::condition::Condition;
use crate::event::{AlertEvent, Severity};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::{Anchor, Fingerprint};
use crate::pattern::{Pattern, PatternId, PatternUsage, SavedRegistry};
use crate::scan::cursor::LineCursor;
use crate::scan::wrapping::Pieces;
use crate::source::journal::{FilePosition, Id128};
use crate::store::sqlite::SqliteStore;
use crate::store::*;

pub(super) fn small() -> Limits {
    Limits { history_rows_max: 20, outbox_rows_max: 5, marks_max: 3, ..Limits::default() }
}

pub(super) fn open(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder, small()).unwrap();
    assert_eq!(store.trouble(), None);
    store
}

pub(super) fn file_id(path: &[u8]) -> WatchedPath {
    WatchedPath { watch: "w".into(), path: OsStr::from_bytes(path).into() }
}

pub(super) fn place(n: u64) -> FileCheckpoint {
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

pub(super) fn mark(n: u64) -> PositionRecord {
    let place = place(n);
    PositionRecord { watch: "w".into(), identity: place.identity, mark: place.mark }
}

pub(super) fn file(path: &[u8], n: u64) -> FileRecord {
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

pub(super) fn alert(name: &str, path: Option<&[u8]>, n: u64) -> SavedAlert {
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

pub(super) fn transition(n: i64) -> TransitionRecord {
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

pub(super) fn minute(minute: i64, path: &[u8], matched: u64) -> MinuteCount {
    MinuteCount { minute, file: file_id(path), rule: "r".into(), matched }
}

pub(super) fn silence(id: u64) -> SilenceRecord {
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

pub(super) fn rate(minute: i64, matched: u64) -> RateRecord {
    RateRecord { minute, watch: "w".into(), rule: "r".into(), matched, usual: Some((1.0, 4.0)) }
}

pub(super) fn full() -> Batch {
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
pub(super) fn journal(n: u8, entries: u64) -> JournalRecord {
    let position =
        FilePosition { array: 4_096, index: entries, entries, seqnum: u64::MAX, xor_hash: 1 << 63 };
    JournalRecord {
        watch: "w".into(),
        positions: vec![(Id128([n; 16]), position)],
        ..JournalRecord::default()
    }
}

pub(super) fn patterns(watch: &str, patterns: &[(u64, u64)], is_all: bool) -> PatternsRecord {
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

pub(super) fn count(folder: &Path, sql: &str) -> i64 {
    Connection::open(folder.join("state.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}
