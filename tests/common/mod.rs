//! Runs the built daemon and reads its JSON lines.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than anything takes on the slowest machine; a test that reaches it fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running daemon.
pub struct Daemon {
    child: Child,
    lines: Receiver<Value>,
    /// Everything that it has said so far.
    pub said: Vec<Value>,
    heard: usize,
}

impl Daemon {
    /// Starts `spiketail run ARGS…` and waits until it has started.
    pub fn run<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Daemon {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
        command.arg("run").args(args);
        Daemon::start(command)
    }

    /// Starts `command`, which runs the daemon, and waits until it has started.
    pub fn start(mut command: Command) -> Daemon {
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let value = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let mut daemon = Daemon { child, lines, said: Vec::new(), heard: 0 };
        daemon.wait_for("the start", |e| e["event"] == "started");
        daemon
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until it says something that `wanted` accepts (or has said so before), and gives that.
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.said[self.heard..].iter().find(|e| wanted(e)) {
            return found.clone();
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    self.said.push(event.clone());
                    if wanted(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what}; said: {}", self.transcript()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended before {what}; said: {}", self.transcript())
                }
            }
        }
    }

    /// From now on waits only for what it has not said yet.
    pub fn only_new(&mut self) {
        self.said.extend(self.lines.try_iter());
        self.heard = self.said.len();
    }

    /// Waits for a file event about `path`.
    pub fn wait_file(&mut self, event: &str, path: &Path) -> Value {
        self.wait_for(&format!("{event} of {}", path.display()), |e| {
            e["target"] == "spiketail::file" && e["event"] == event && e["path"] == path.to_str().unwrap()
        })
    }

    /// Waits until the count of `path` is `total`, and stays there as far as a further look can tell.
    pub fn wait_total(&mut self, path: &Path, total: u64) {
        self.wait_for(&format!("total {total} of {}", path.display()), |e| {
            e["target"] == "spiketail::count"
                && e["path"] == path.to_str().unwrap()
                && e["total"].as_u64() >= Some(total)
        });
        assert_eq!(self.total(path), total, "said: {}", self.transcript());
    }

    /// The last total of `path` over all rules that was said.
    pub fn total(&self, path: &Path) -> u64 {
        self.totals().iter().filter(|((p, _), _)| p == path).map(|(_, n)| n).sum()
    }

    /// The last total of every path and rule.
    pub fn totals(&self) -> HashMap<(PathBuf, String), u64> {
        let counts = self.said.iter().filter(|e| e["target"] == "spiketail::count");
        let key = |e: &Value| (e["path"].as_str().unwrap().into(), e["rule"].as_str().unwrap().to_owned());
        counts.map(|e| (key(e), e["total"].as_u64().unwrap())).collect()
    }

    /// Stops it with SIGTERM, takes what it still says, and gives its exit status and how long it took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        self.stop_with(Signal::TERM)
    }

    pub fn stop_with(&mut self, signal: Signal) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal(signal);
        let status = self.child.wait().unwrap();
        let took = begun.elapsed();
        while let Ok(event) = self.lines.recv_timeout(DEADLINE) {
            self.said.push(event);
        }
        (status, took)
    }

    /// Stops it, and asserts that it ended well and that `path` has `total` matching lines.
    pub fn ends_with_total(mut self, path: &Path, total: u64) {
        let (status, _) = self.stop();
        assert!(status.success(), "{status}");
        assert_eq!(self.total(path), total, "said: {}", self.transcript());
    }

    pub fn transcript(&self) -> String {
        let from = self.said.len().saturating_sub(60);
        self.said[from..].iter().map(|e| format!("\n{e}")).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder whose path has no links in it.
pub struct Folder {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    pub fn new() -> Folder {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        Folder { _dir: dir, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `text` to `name`, which is made or replaced in place, and gives its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Opens `path` for appending; makes it if it is not there.
pub fn appender(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}

/// Appends `text` in one write.
pub fn append(path: &Path, text: impl AsRef<[u8]>) {
    appender(path).write_all(text.as_ref()).unwrap();
}

/// `n` lines that match, numbered from `from`.
pub fn errors(from: u64, n: u64) -> String {
    (from..from + n).map(|i| format!("ERROR line {i}\n")).collect()
}
