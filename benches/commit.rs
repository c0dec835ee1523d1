//! What a commit of many changed files costs, beside writing as many bytes and beside rewriting all state as JSON.
//!
//! `cargo bench --bench commit [-- --files N] [--folder PATH]`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use spiketail::file::checkpoint::{FileCheckpoint, TailCheckpoint};
use spiketail::file::identity::{Anchor, Fingerprint, Identity};
use spiketail::file::ownership::ReadPosition;
use spiketail::scan::cursor::LineCursor;
use spiketail::store::sqlite::SqliteStore;
use spiketail::store::{Batch, CheckpointStore, FileRecord, Limits, MinuteCount, RuleTotal, WatchedPath};

const COMMITS: usize = 50;
const RULES: [&str; 2] = ["errors", "timeouts"];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let files = value("--files").map_or(1_000, |n| n.parse().unwrap());
    let parent = value("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(parent).unwrap();
    let mut store = SqliteStore::open(&dir.path().join("state"), Limits::default()).unwrap();
    store.commit(&batch(files, 0)).unwrap();
    let wal = dir.path().join("state/state.db-wal");
    println!("{files} files, {COMMITS} commits each; milliseconds");
    report("SQLite commit, one minute", |n| store.commit(&batch(files, n % 50)).unwrap());
    report("SQLite commit, a new minute each", |n| store.commit(&batch(files, 100 + n * 60)).unwrap());
    drop(store);
    let mut store = SqliteStore::open(&dir.path().join("state"), Limits::default()).unwrap();
    store.commit(&batch(files, 10_000)).unwrap();
    let bytes = std::fs::metadata(&wal).unwrap().len() as usize;
    let plain = dir.path().join("plain");
    report(&format!("write + fsync of {} kB", bytes / 1_000), |n| synced(&plain, &vec![n as u8; bytes]));
    let json = json(&batch(files, 0));
    report(&format!("rewrite of {} kB of JSON", json.len() / 1_000), |_| {
        let new = dir.path().join("new");
        synced(&new, json.as_bytes());
        std::fs::rename(new, dir.path().join("state.json")).unwrap();
    });
    let rows = fill(&mut store);
    report(&format!("SQLite commit, history of {rows} rows"), |n| {
        store.commit(&batch(files, 1_000_000 + n * 60)).unwrap();
    });
    let database = std::fs::metadata(dir.path().join("state/state.db")).unwrap().len();
    println!("{:<40} {:>8.1} MB", "database", database as f64 / 1e6);
    let begun = Instant::now();
    drop(store);
    let mut store = SqliteStore::open(&dir.path().join("state"), Limits::default()).unwrap();
    let loaded = store.load().unwrap().files.len();
    println!("{:<40} {:>8.1}", format!("close, open and load of {loaded} files"), ms(begun));
}

/// Fills the history to its bound, so that what each commit adds something has to go for. Returns the number of rows.
fn fill(store: &mut SqliteStore) -> u64 {
    let rows = Limits::default().history_rows_max;
    for minute in 0..rows / 10_000 {
        let Batch { minutes, at_ms, .. } = batch(5_000, 20_000 + minute as usize * 60);
        store.commit(&Batch { minutes, at_ms, ..Batch::default() }).unwrap();
    }
    rows
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn report(name: &str, mut work: impl FnMut(usize)) {
    let mut times: Vec<f64> = (1..=COMMITS)
        .map(|n| {
            let begun = Instant::now();
            work(n);
            ms(begun)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<40} {:>8.1} median {:>8.1} max", times[COMMITS / 2], times[COMMITS - 1]);
}

fn synced(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
}

/// Every file has grown by `second`, and each of its rules has matched within that minute.
fn batch(files: usize, second: usize) -> Batch {
    let id = |name: usize| WatchedPath {
        watch: "services".into(),
        path: PathBuf::from(format!("/var/log/services/service-{:03}/instance-{name:05}.log", name % 100)),
    };
    let n = second as u64;
    let identity = |name: usize| Identity { dev: 1, ino: name as u64, born_ns: 1_700_000_000_000_000_000 };
    let mark = ReadPosition {
        cursor: LineCursor::at(n * 1_000_000),
        head: Fingerprint::of(b"the head of a file"),
        anchor: Anchor::ending(&[b'x'; 64]),
    };
    let place = |name: usize| FileCheckpoint {
        identity: identity(name),
        mark,
        size: n * 1_000_000,
        modified_ns: 1_700_000_000_000_000_000,
        changed_ns: 1_700_000_000_000_000_000,
        is_settled: false,
    };
    let total = |rule: &str, matched| RuleTotal { rule: rule.to_owned(), matched, reported: matched };
    let record = |name: usize| FileRecord {
        id: id(name),
        tail: TailCheckpoint { generation: 1, current: Some(place(name)), ..TailCheckpoint::default() },
        totals: RULES.iter().map(|rule| total(rule, n)).collect(),
        bytes_read: n * 1_000_000,
        bytes_missed: 0,
    };
    let minute = second as i64 / 60;
    let counts = (0..files).flat_map(|name| {
        RULES.iter().map(move |rule| MinuteCount { minute, file: id(name), rule: (*rule).into(), matched: 3 })
    });
    Batch {
        at_ms: second as i64 * 1_000,
        files: (0..files).map(record).collect(),
        minutes: counts.collect(),
        ..Batch::default()
    }
}

/// The records as a daemon without a database would keep them.
fn json(batch: &Batch) -> String {
    let record = |file: &FileRecord| {
        let place = file.tail.current.unwrap();
        let totals: Vec<_> = file.totals.iter().map(|total| (&total.rule, total.matched)).collect();
        serde_json::json!({
            "watch": file.id.watch, "path": file.id.path, "totals": totals, "read": file.bytes_read,
            "missed": file.bytes_missed, "dev": place.identity.dev, "ino": place.identity.ino,
            "born": place.identity.born_ns, "offset": place.mark.cursor.offset, "head": place.mark.head.hash,
            "anchor": String::from_utf8_lossy(place.mark.anchor.bytes()), "size": place.size,
            "modified": place.modified_ns, "changed": place.changed_ns,
        })
    };
    serde_json::to_string_pretty(&batch.files.iter().map(record).collect::<Vec<_>>()).unwrap()
}
