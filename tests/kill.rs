//! The daemon is killed again and again while a writer writes on and its log is rotated: every line counts once.
//!
//! Run with `cargo test --test kill -- --ignored`. What is random depends on a seed, which is printed;
//! `SPIKETAIL_SEED` sets it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{Daemon, TestFolder, appender, last_totals, lines, pause};
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

const KILLS: usize = 25;

const LINES_PER_SECOND: u64 = 5_000;

/// What the writer writes at once when it is far behind.
const BATCH_LINES_MAX: u64 = 200;

const ROTATION_INTERVAL: Duration = Duration::from_millis(500);

/// How long after a rotation the file before the newest old one is compressed.
const COMPRESSION_DELAY: Duration = Duration::from_millis(120);

/// How the log is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Renamed; the writer opens a new file at once.
    Rename,
    /// Renamed, and a new file is made; the writer goes on in the old one for up to 3 s.
    RenameUnderWriter,
    /// Copied and truncated while the writer waits.
    Copytruncate,
    /// Renamed; all but the newest old file are compressed.
    RenameAndCompress,
}

/// A program that logs, together with what rotates its log.
struct Writer {
    mode: Mode,
    log: PathBuf,
    file: File,
    rng: Rng,
    written: Arc<AtomicU64>,
    rotations: u64,
    /// When it leaves the file that was renamed under it.
    leaves: Option<Instant>,
    compressing: Option<JoinHandle<()>>,
}

impl Writer {
    fn run(mut self, done: &AtomicBool) {
        let begun = Instant::now();
        let mut rotated = begun;
        while !done.load(Ordering::Relaxed) {
            let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap();
            let due = elapsed_us * LINES_PER_SECOND / 1_000_000;
            let first = self.written.load(Ordering::SeqCst);
            if first < due {
                let end = due.min(first + BATCH_LINES_MAX);
                // Before they are written: no one may have counted more lines than this.
                self.written.store(end, Ordering::SeqCst);
                self.file.write_all(&lines(first..end)).unwrap();
            }
            if rotated.elapsed() >= ROTATION_INTERVAL {
                rotated = Instant::now();
                self.rotate();
            }
            if self.leaves.is_some_and(|time| Instant::now() >= time) {
                self.leaves = None;
                self.file = appender(&self.log);
            }
            pause(Duration::from_millis(1));
        }
        self.compressing.take().map(JoinHandle::join).transpose().unwrap();
    }

    fn rotated(&self, n: u64) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.log.display()))
    }

    fn rotate(&mut self) {
        self.compressing.take().map(JoinHandle::join).transpose().unwrap();
        for n in (1..=self.rotations).rev() {
            for end in ["", ".gz"] {
                let name = |n| PathBuf::from(format!("{}{end}", self.rotated(n).display()));
                if name(n).exists() {
                    fs::rename(name(n), name(n + 1)).unwrap();
                }
            }
        }
        self.rotations += 1;
        let newest = self.rotated(1);
        if self.mode == Mode::Copytruncate {
            fs::copy(&self.log, newest).unwrap();
            self.file.set_len(0).unwrap();
            return;
        }
        fs::rename(&self.log, newest).unwrap();
        match self.mode {
            Mode::RenameUnderWriter => {
                drop(appender(&self.log));
                let after = Duration::from_millis(self.rng.u64(0..3_000));
                // It leaves once for all the rotations that it slept through.
                self.leaves.get_or_insert(Instant::now() + after);
            }
            _ => self.file = appender(&self.log),
        }
        if self.mode == Mode::RenameAndCompress && self.rotations > 1 {
            let plain = self.rotated(2);
            self.compressing = Some(std::thread::spawn(move || {
                pause(COMPRESSION_DELAY);
                compress(&plain);
            }));
        }
    }
}

/// As gzip does it: the original stays until the other is complete, and lends it its time stamp.
fn compress(plain: &Path) {
    let to = File::create(format!("{}.gz", plain.display())).unwrap();
    let mut from = File::open(plain).unwrap();
    let mut encoder = GzEncoder::new(to, Compression::fast());
    std::io::copy(&mut from, &mut encoder).unwrap();
    let to = encoder.finish().unwrap();
    to.set_modified(from.metadata().unwrap().modified().unwrap()).unwrap();
    fs::remove_file(plain).unwrap();
}

/// What the runs of the daemon did.
#[derive(Default)]
struct Log {
    story: String,
    runs: Vec<Vec<Value>>,
}

impl Log {
    /// Adds what a run printed until it ended, when so many lines were `written`.
    fn ended(&mut self, events: Vec<Value>, written: u64, how: &str) {
        let n = self.runs.len();
        let totals: Vec<_> = last_totals(&events).into_iter().map(|(_, path, total)| (path, total)).collect();
        writeln!(self.story, "run {n}: {how}; {written} lines were written; last totals {totals:?}").unwrap();
        self.runs.push(events);
    }

    /// Writes all events into files of the place, and gives the last of each run.
    fn left_in(&self, place: &TestFolder) -> String {
        let mut text = self.story.clone();
        for (n, events) in self.runs.iter().enumerate() {
            let all: String = events.iter().map(|event| format!("{event}\n")).collect();
            fs::write(place.beside(&format!("run-{n:02}.jsonl")), all).unwrap();
            writeln!(text, "the last events of run {n}:").unwrap();
            for event in &events[events.len().saturating_sub(4)..] {
                writeln!(text, "    {event}").unwrap();
            }
        }
        text
    }

    /// What should not have happened: bytes missed, and warnings of the daemon about itself.
    fn complaints(&self) -> Vec<&Value> {
        let is_harmless =
            |event: &Value| event["event"] == "torn_scans" || event["event"] == "watch_overflow";
        let is_one = |event: &&Value| {
            event["event"] == "missed"
                || (event["target"] == "spiketail::health" && event["level"] == "WARN" && !is_harmless(event))
        };
        self.runs.iter().flatten().filter(is_one).collect()
    }
}

/// The sum over all rules and paths that the state holds.
fn committed_sum(folder: &Path) -> u64 {
    let database = folder.join("state.db");
    let database = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sum: i64 = database.query_row("SELECT sum(matched) FROM overview", [], |row| row.get(0)).unwrap();
    sum.unsigned_abs()
}

fn seed() -> u64 {
    std::env::var("SPIKETAIL_SEED").map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap())
}

/// Starts and kills the daemon. Returns the last one, which runs.
fn kill_again_and_again(start: &impl Fn() -> Daemon, rng: &mut Rng, written: &AtomicU64, log: &mut Log) {
    for _ in 0..KILLS {
        let mut daemon = start();
        // It commits once a second: some do not live to see it, some do.
        let lives_ms = if rng.bool() { rng.u64(50..900) } else { rng.u64(900..2_500) };
        let lives = Duration::from_millis(lives_ms);
        daemon.listen(lives);
        let events = daemon.kill();
        log.ended(events, written.load(Ordering::SeqCst), &format!("killed {lives:?} after its start"));
        if rng.bool() {
            pause(Duration::from_millis(rng.u64(0..1_000)));
        }
    }
}

/// Lets the daemon read what is left, and ends it.
fn settle(mut daemon: Daemon, written: u64, log: &mut Log) -> u64 {
    daemon.reach_status_sum(written);
    daemon.catch_up();
    let sum = daemon.status_sum();
    let ended = daemon.stop();
    log.ended(ended.events, written, "ended with SIGTERM");
    assert!(ended.status.success(), "{:?}", ended.status);
    sum
}

fn every_line_counts_once(mode: Mode, pattern: &str) {
    let seed = seed();
    eprintln!("SPIKETAIL_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let place = TestFolder::kept_on_failure();
    let path = place.log("app.log");
    let written = Arc::new(AtomicU64::new(0));
    let writer = Writer {
        mode,
        file: appender(&path),
        log: path,
        rng: rng.fork(),
        written: Arc::clone(&written),
        rotations: 0,
        leaves: None,
        compressing: None,
    };
    let done = AtomicBool::new(false);
    let mut log = Log::default();
    let start = || place.resume(pattern);
    // The file is there before the daemon is, and is read from its end, where nothing is yet.
    log.ended(start().kill(), 0, "killed as soon as it had started");
    let daemon = std::thread::scope(|scope| {
        let writing = scope.spawn(|| writer.run(&done));
        // Whatever fails, the writer is to end.
        let killing = scope.spawn(|| {
            kill_again_and_again(&start, &mut rng, &written, &mut log);
            start()
        });
        let daemon = killing.join();
        done.store(true, Ordering::Relaxed);
        writing.join().unwrap();
        daemon.unwrap()
    });
    let written = written.load(Ordering::SeqCst);
    let sum = settle(daemon, written, &mut log);
    let committed = committed_sum(&place.state());
    let complaints = log.complaints();
    assert!(
        sum == written && committed == written && complaints.is_empty(),
        "{mode:?}, {pattern}, SPIKETAIL_SEED={seed}: {written} lines were written, {sum} counted, {committed} committed; \
         complaints: {complaints:?}\n{}",
        log.left_in(&place)
    );
    eprintln!("{mode:?}, {pattern}: {written} lines");
}

#[test]
#[ignore = "needs a minute or more: kills the daemon 25 times"]
fn renamed() {
    every_line_counts_once(Mode::Rename, "app.log");
}

#[test]
#[ignore = "needs a minute or more: kills the daemon 25 times"]
fn renamed_under_the_writer() {
    every_line_counts_once(Mode::RenameUnderWriter, "app.log");
}

#[test]
#[ignore = "needs a minute or more: kills the daemon 25 times"]
fn copied_and_truncated() {
    every_line_counts_once(Mode::Copytruncate, "app.log");
}

#[test]
#[ignore = "needs a minute or more: kills the daemon 25 times"]
fn renamed_and_compressed() {
    every_line_counts_once(Mode::RenameAndCompress, "app.log");
}

#[test]
#[ignore = "needs a minute or more: kills the daemon 25 times"]
fn renamed_below_a_glob() {
    every_line_counts_once(Mode::Rename, "app.log*");
}

#[test]
#[ignore = "needs a minute or more: kills the daemon 25 times"]
fn copied_and_truncated_below_a_glob() {
    every_line_counts_once(Mode::Copytruncate, "app.log*");
}
