//! The real logrotate, while a writer writes on: every line counts once.
//!
//! Run with `cargo test --test logrotate -- --ignored`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{LIMIT, TestFolder, append, appender, lines, pause};

const ROTATIONS: usize = 5;

/// How many lines the writer writes before it looks whether its file was rotated: until then it writes on to the old.
const LOOK_EVERY: u64 = 50;

/// A program that logs, and reopens its log once it notices that it was rotated.
struct Writer {
    path: PathBuf,
    file: File,
    written: u64,
    creates: bool,
}

impl Writer {
    fn new(path: &Path, creates: bool) -> Writer {
        Writer { path: path.to_owned(), file: appender(path), written: 0, creates }
    }

    fn step(&mut self) {
        self.file.write_all(&lines(self.written..self.written + 1)).unwrap();
        self.written += 1;
        if self.written.is_multiple_of(LOOK_EVERY)
            && !self.is_current()
            && (self.creates || self.path.exists())
        {
            self.file = appender(&self.path);
        }
    }

    fn is_current(&self) -> bool {
        let ino = self.file.metadata().unwrap().ino();
        fs::metadata(&self.path).is_ok_and(|meta| meta.ino() == ino)
    }
}

/// What a test asks for.
struct Case<'a> {
    directives: &'a str,
    pattern: &'a str,
    /// Whether the writer makes the new file itself.
    creates: bool,
    /// Whether the writer is still, and everything read, while logrotate runs.
    paused: bool,
    /// Whether logrotate rotates although nothing is due.
    forced: bool,
    /// Time between rotations.
    between: Duration,
}

const CASE: Case<'_> = Case {
    directives: "create",
    pattern: "app.log",
    creates: false,
    paused: false,
    forced: true,
    between: Duration::from_millis(50),
};

fn logrotate(place: &TestFolder, directives: &str, forced: bool) {
    let conf = place.beside("logrotate.conf");
    let text = format!("{} {{\nrotate 20\nmissingok\n{directives}\n}}\n", place.log("app.log").display());
    fs::write(&conf, text).unwrap();
    let mut command = Command::new("/usr/sbin/logrotate");
    command.arg("-v").arg("-s").arg(place.beside("state")).arg(&conf);
    if forced {
        command.arg("-f");
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("renaming") || said.contains("copying"), "nothing was rotated: {said}");
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "{what}: too late");
        pause(Duration::from_millis(2));
    }
}

fn every_line_counts_once(case: &Case<'_>) {
    let place = TestFolder::new();
    let log = place.log("app.log");
    fs::create_dir(place.log("old")).unwrap();
    append(&log, "");
    let mut daemon = place.watch(case.pattern);
    let writer = Mutex::new(Writer::new(&log, case.creates));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                writer.lock().unwrap().step();
                pause(Duration::from_micros(100));
            }
        });
        for _ in 0..ROTATIONS {
            let before = writer.lock().unwrap().written;
            wait_until("the writer writes", || {
                let writer = writer.lock().unwrap();
                writer.written > before + 200 && writer.is_current()
            });
            let still = case.paused.then(|| writer.lock().unwrap());
            if let Some(writer) = &still {
                daemon.wait_sum(writer.written);
            }
            logrotate(&place, case.directives, case.forced);
            drop(still);
            daemon.listen(case.between);
        }
        pause(Duration::from_millis(100));
        done.store(true, Ordering::Relaxed);
        writing.join().unwrap();
    });
    let written = writer.into_inner().unwrap().written;
    daemon.wait_sum(written);
    // Nothing more comes, not even when all is compressed.
    daemon.listen(Duration::from_millis(500));
    daemon.stop_with_sum(written);
}

#[test]
#[ignore = "needs logrotate"]
fn create() {
    every_line_counts_once(&CASE);
    every_line_counts_once(&Case { pattern: "app.log*", ..CASE });
}

#[test]
#[ignore = "needs logrotate"]
fn copytruncate() {
    every_line_counts_once(&Case { directives: "copytruncate", paused: true, ..CASE });
}

#[test]
#[ignore = "needs logrotate"]
fn copytruncate_below_a_glob_that_matches_the_copies() {
    every_line_counts_once(&Case { directives: "copytruncate", pattern: "app.log*", paused: true, ..CASE });
}

#[test]
#[ignore = "needs logrotate"]
fn nocreate() {
    every_line_counts_once(&Case { directives: "nocreate", creates: true, ..CASE });
    every_line_counts_once(&Case { directives: "nocreate", creates: true, pattern: "app.log*", ..CASE });
}

#[test]
#[ignore = "needs logrotate"]
fn dateext() {
    // Names differ by the second.
    let directives = "create\ndateext\ndateformat -%Y%m%d-%s";
    let case = Case { directives, between: Duration::from_millis(1_100), ..CASE };
    every_line_counts_once(&case);
    every_line_counts_once(&Case { pattern: "app.log*", ..case });
}

#[test]
#[ignore = "needs logrotate"]
fn compress_with_delaycompress() {
    let case = Case { directives: "create\ncompress\ndelaycompress", ..CASE };
    every_line_counts_once(&case);
    every_line_counts_once(&Case { pattern: "app.log*", ..case });
}

#[test]
#[ignore = "needs logrotate"]
fn olddir() {
    every_line_counts_once(&Case { directives: "create\nolddir old", ..CASE });
    every_line_counts_once(&Case { directives: "create\nolddir old", pattern: "**/app.log*", ..CASE });
}

#[test]
#[ignore = "needs logrotate"]
fn maxsize() {
    every_line_counts_once(&Case { directives: "create\nyearly\nmaxsize 1k", forced: false, ..CASE });
}
