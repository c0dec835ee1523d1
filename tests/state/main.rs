//! What survives a restart: totals, places in files, what rotation did meanwhile, alerts, and the folder for all that.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../compress/mod.rs"]
mod compress;

mod alerts;
mod copies;
mod folder;
mod links;
mod lost;
mod records;
mod resume;
mod rotated;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{panicking, scope};
use std::time::{Duration, Instant};

use common::{Daemon, LIMIT, TestFolder, append, lines, pause};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// How many cases of a test run at once. Most of their time they wait.
const CASES_AT_ONCE: usize = 6;

/// How a daemon ends before the next one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Sigterm,
    Kill,
}

const ENDS: [End; 2] = [End::Sigterm, End::Kill];

impl End {
    #[track_caller]
    fn end(self, daemon: Daemon) -> Vec<Value> {
        if self == End::Kill {
            return daemon.kill();
        }
        let ended = daemon.stop();
        assert!(ended.status.success(), "{:?}", ended.status);
        ended.events
    }
}

/// Runs `test` for each case, and says for which it failed.
fn each<T: Debug + Sync>(cases: impl IntoIterator<Item = T>, test: impl Fn(&T) + Sync) {
    struct Case<'a, T: Debug>(&'a T);
    impl<T: Debug> Drop for Case<'_, T> {
        fn drop(&mut self) {
            if panicking() {
                eprintln!("this was the case {:?}", self.0);
            }
        }
    }
    let cases: Vec<T> = cases.into_iter().collect();
    for cases in cases.chunks(CASES_AT_ONCE) {
        scope(|scope| {
            for case in cases {
                scope.spawn(|| test(Case(case).0));
            }
        });
    }
}

/// All pairs of the two.
fn pairs<A: Clone, B: Clone>(a: impl IntoIterator<Item = A>, b: impl IntoIterator<Item = B>) -> Vec<(A, B)> {
    let b: Vec<B> = b.into_iter().collect();
    a.into_iter().flat_map(|a| b.iter().map(move |b| (a.clone(), b.clone()))).collect()
}

/// A log with numbered lines that match.
struct Log {
    path: PathBuf,
    written: u64,
}

impl Log {
    fn new(place: &TestFolder, name: &str) -> Log {
        let path = place.log(name);
        append(&path, "");
        Log { path, written: 0 }
    }

    fn write(&mut self, count: u64) {
        append(&self.path, lines(self.written..self.written + count));
        self.written += count;
    }

    /// The path of a rotated file: `name` beside the log.
    fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn numbered(&self, n: u64) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.path.display()))
    }

    /// Returns all numbered files, of which there are `count`, the next number.
    fn shift(&self, count: u64) {
        for n in (1..=count).rev() {
            if self.numbered(n).exists() {
                fs::rename(self.numbered(n), self.numbered(n + 1)).unwrap();
            }
        }
    }

    fn rename_to(&self, to: &Path) {
        fs::rename(&self.path, to).unwrap();
        append(&self.path, "");
    }

    fn copy_and_truncate(&self, to: &Path) {
        fs::copy(&self.path, to).unwrap();
        self.truncate();
    }

    fn truncate(&self) {
        common::appender(&self.path).set_len(0).unwrap();
    }
}

/// Runs a daemon that reads some lines of a new log, and ends it so.
#[track_caller]
fn read_before(place: &TestFolder, pattern: &str, end: End) -> Log {
    let mut log = Log::new(place, "app.log");
    let mut daemon = place.resume(pattern);
    log.write(10);
    daemon.wait_status_sum(10);
    end.end(daemon);
    log
}

/// The same, and what was read is committed even if the end comes without a warning.
#[track_caller]
fn read_and_committed_before(place: &TestFolder, pattern: &str, end: End) -> Log {
    let mut log = Log::new(place, "app.log");
    let mut daemon = place.resume(pattern);
    log.write(10);
    daemon.wait_status_sum(10);
    wait_committed(place, "the total", "SELECT sum(matched) FROM overview", 10);
    end.end(daemon);
    log
}

/// What `query` gives of the state.
fn committed(place: &TestFolder, query: &str) -> i64 {
    let path = place.state().join("state.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.query_row(query, [], |row| row.get::<_, Option<i64>>(0)).unwrap().unwrap_or(0)
}

/// Waits until `query` gives `wanted`.
#[track_caller]
fn wait_committed(place: &TestFolder, what: &str, query: &str, wanted: i64) {
    let begun = Instant::now();
    while committed(place, query) != wanted {
        assert!(begun.elapsed() < LIMIT, "{what} is not committed");
        pause(Duration::from_millis(10));
    }
}

/// Starts daemons after whatever happened, and asserts that every line was counted once, and nothing missed.
#[track_caller]
fn goes_on_exactly(place: &TestFolder, pattern: &str, log: &mut Log) {
    let missed = goes_on(place, pattern, log, 0);
    assert!(missed.is_empty(), "{missed:?}");
}

/// Starts daemons after whatever happened. Asserts that all but `lost` lines were counted once, and gives the events
/// of missed bytes, which come once.
#[track_caller]
fn goes_on(place: &TestFolder, pattern: &str, log: &mut Log, lost: u64) -> Vec<Value> {
    let mut daemon = place.resume(pattern);
    daemon.wait_status_sum(log.written - lost);
    log.write(3);
    daemon.wait_status_sum(log.written - lost);
    let missed = missed(&End::Sigterm.end(daemon));
    let mut daemon = place.resume(pattern);
    daemon.wait_status_sum(log.written - lost);
    let events = daemon.kill();
    assert!(self::missed(&events).is_empty(), "said a second time: {events:?}");
    assert!(counts(&events).is_empty(), "counted a second time: {events:?}");
    missed
}

/// Events that say that bytes were missed.
fn missed(events: &[Value]) -> Vec<Value> {
    events.iter().filter(|event| event["event"] == "missed").cloned().collect()
}

/// Events that say that more lines were counted.
fn counts(events: &[Value]) -> Vec<Value> {
    events.iter().filter(|event| event["target"] == "spiketail::count").cloned().collect()
}
