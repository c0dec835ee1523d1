//! One program in one situation: it is started and stopped, lines are written, and what it found is compared.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::ways::{Follower, Way};

/// Within this time everything is found: programs that poll do so every second.
const SETTLED: Duration = Duration::from_millis(2_500);

/// A situation that logs get into.
#[derive(Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Trial) -> Outcome,
}

pub(crate) enum Outcome {
    Ran,
    /// This machine does not allow it.
    Impossible,
}

/// See the [module](self).
pub(crate) struct Trial {
    way: Way,
    logs: TempDir,
    own: TempDir,
    follower: Option<Follower>,
    /// What is followed, below the folder for logs.
    pattern: &'static str,
    written: u64,
    found: u64,
}

impl Trial {
    pub(crate) fn new(way: Way) -> Trial {
        let folder = || tempfile::tempdir().unwrap();
        Trial { way, logs: folder(), own: folder(), follower: None, pattern: "app.log", written: 0, found: 0 }
    }

    /// A path below the folder for logs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.logs.path().join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("app.log")
    }

    /// A path beside the folder for logs.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.own.path().join(name)
    }

    /// Creates the log and follows it.
    pub(crate) fn begin(&mut self) {
        self.begin_with("app.log", &["app.log"]);
    }

    /// Creates the logs of these names and follows what `pattern` means.
    pub(crate) fn begin_with(&mut self, pattern: &'static str, names: &[&str]) {
        self.pattern = pattern;
        names.iter().for_each(|name| drop(File::create(self.path(name)).unwrap()));
        self.start();
    }

    pub(crate) fn start(&mut self) {
        let glob = self.path(self.pattern).to_str().unwrap().to_owned();
        self.follower = Some(self.way.start_over(&glob, self.logs.path(), self.own.path()));
        std::thread::sleep(Duration::from_millis(1_500));
    }

    /// Stops the program in order.
    pub(crate) fn stop(&mut self) {
        self.settle();
        if let Some(mut follower) = self.follower.take() {
            let total = follower.total();
            let _ = kill_process_group(Pid::from_child(&follower.running.0), Signal::TERM);
            std::thread::sleep(Duration::from_millis(700));
            let _ = follower.wait(u64::MAX, Duration::from_millis(100));
            // A counter that was polled is gone now; output that was written at the end is not.
            self.found += follower.total().max(total);
        }
    }

    /// Lets the program find what there is.
    pub(crate) fn settle(&mut self) {
        if let Some(follower) = &mut self.follower {
            let _ = follower.wait(u64::MAX, SETTLED);
        }
    }

    /// Appends lines that count.
    pub(crate) fn write(&mut self, path: &Path, lines: u64) {
        let text = self.lines(lines);
        append(path, text.as_bytes());
    }

    /// Lines that count, which are about to be written.
    pub(crate) fn lines(&mut self, lines: u64) -> String {
        let first = self.written;
        self.written += lines;
        (first..self.written).map(|n| format!("line {n} ERROR something went wrong\n")).collect()
    }

    /// Lost and repeated lines.
    pub(crate) fn result(mut self) -> String {
        self.stop();
        match self.found.cmp(&self.written) {
            std::cmp::Ordering::Less => format!("-{}", self.written - self.found),
            std::cmp::Ordering::Equal => "0".to_owned(),
            std::cmp::Ordering::Greater => format!("+{}", self.found - self.written),
        }
    }
}

pub(crate) fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
}
