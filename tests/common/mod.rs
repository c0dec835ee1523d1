//! Starts the built daemon and listens to its JSON lines.
#![allow(dead_code, unreachable_pub, reason = "no test binary uses all of it")]
#![allow(clippy::disallowed_methods, reason = "the files of a test are what the test made")]

pub mod engine;
pub mod server;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything that is to happen may take. Only a test that fails waits for so long.
pub const LIMIT: Duration = Duration::from_secs(180);

/// The program that is tested: the one that was built with the tests, unless `SPIKETAIL_BIN` names another, such as that of a release.
pub fn program() -> PathBuf {
    std::env::var_os("SPIKETAIL_BIN").map_or_else(|| env!("CARGO_BIN_EXE_spiketail").into(), PathBuf::from)
}

/// A folder for logs and a configuration beside it.
pub struct TestFolder {
    dir: TempDir,
    /// Sweeps are so rare that they cannot hide a lost hint, unless a test is about them.
    pub sweep_interval: &'static str,
    is_kept_on_failure: bool,
}

impl TestFolder {
    pub fn new() -> TestFolder {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        TestFolder { dir, sweep_interval: "1h", is_kept_on_failure: false }
    }

    /// A place that stays, and whose path is printed, if its test fails.
    pub fn kept_on_failure() -> TestFolder {
        let mut place = TestFolder::new();
        place.is_kept_on_failure = true;
        place
    }

    /// The path of `name` in the folder for logs.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    /// The path of `name` beside the folder for logs.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a configuration with quick reports. Without rules it counts lines with ERROR.
    pub fn config(&self, text: &str) -> PathBuf {
        let path = self.beside("spiketail.toml");
        let sweeps = self.sweep_interval;
        let engine = format!("[engine]\nreport_interval = \"100ms\"\nsweep_interval = \"{sweeps}\"\n");
        let rule = if text.contains("[rule.") { "" } else { "\n[rule.errors]\nany = [\"ERROR\"]\n" };
        std::fs::write(&path, format!("{engine}{text}{rule}")).unwrap();
        path
    }

    /// The daemon with one watch for `pattern` below the folder for logs.
    pub fn watch(&self, pattern: &str) -> Daemon {
        self.watch_with(pattern, "")
    }

    /// The same with further lines of configuration, which begin inside of the table of the watch.
    pub fn watch_with(&self, pattern: &str, more: &str) -> Daemon {
        let config = self.config_of_watch(pattern, more);
        Daemon::run([OsStr::new("-c"), config.as_os_str()])
    }

    fn config_of_watch(&self, pattern: &str, more: &str) -> PathBuf {
        let paths = self.log(pattern);
        self.config(&format!("[watch.logs]\npaths = [{:?}]\n{more}\n", paths.to_str().unwrap()))
    }

    /// The folder for the state, which is not there until a daemon makes it.
    pub fn state(&self) -> PathBuf {
        self.beside("state")
    }

    /// The daemon as [`Self::watch`] starts it, but with a state.
    pub fn resume(&self, pattern: &str) -> Daemon {
        self.resume_with(pattern, "")
    }

    /// The daemon as [`Self::watch_with`] starts it, but with a state.
    pub fn resume_with(&self, pattern: &str, more: &str) -> Daemon {
        Daemon::spawn(self.resuming(&self.state(), pattern, more))
    }

    /// The daemon with a state and the configuration that [`Self::config`] wrote last.
    pub fn start_configured(&self) -> Daemon {
        let mut command = Command::new(program());
        command.arg("run").arg("--state").arg(self.state()).arg("-c").arg(self.beside("spiketail.toml"));
        Daemon::spawn(command)
    }

    /// The command that [`Self::resume_with`] starts, with the state in `folder`.
    pub fn resuming(&self, folder: &Path, pattern: &str, more: &str) -> Command {
        let config = self.config_of_watch(pattern, more);
        let mut command = Command::new(program());
        command.arg("run").arg("--state").arg(folder).arg("-c").arg(config);
        command
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        if self.is_kept_on_failure && std::thread::panicking() {
            self.dir.disable_cleanup(true);
            eprintln!("everything is left in {}", self.dir.path().display());
        }
    }
}

/// A running daemon. Killed when dropped.
pub struct Daemon {
    child: Child,
    /// Where it answers if it keeps a state.
    socket: Option<PathBuf>,
    lines: Receiver<Value>,
    /// Everything that it has printed so far.
    pub events: Vec<Value>,
}

/// How a daemon ended.
pub struct Ended {
    pub status: ExitStatus,
    pub took: Duration,
    pub events: Vec<Value>,
}

impl Daemon {
    /// Starts `spiketail run` and waits until it has started.
    pub fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Daemon {
        let mut command = Command::new(program());
        command.arg("run").arg("--no-state").args(args);
        Daemon::spawn(command)
    }

    /// Starts `command`, which runs the daemon, and waits until it has started.
    pub fn spawn(mut command: Command) -> Daemon {
        let state = command.get_args().skip_while(|arg| *arg != "--state").nth(1);
        let socket = state.map(|folder| Path::new(folder).join("status.sock"));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the daemon starts");
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                // A daemon that is killed may leave a piece of a line.
                let Some(line) = std::mem::take(&mut line).strip_suffix('\n').map(str::to_owned) else {
                    return;
                };
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: not JSON: {line}"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let mut daemon = Daemon { child, socket, lines, events: Vec::new() };
        daemon.wait_event("started");
        daemon
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until `is_so` holds for all that was printed.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, is_so: impl Fn(&[Value]) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !is_so(&self.events) {
            self.receive(what, deadline);
        }
    }

    #[track_caller]
    fn receive(&mut self, what: &str, deadline: Instant) {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => self.events.push(event),
            Err(error) => {
                let why = if error == RecvTimeoutError::Timeout { "too late" } else { "it ended" };
                panic!("{what}: {why}; the last events:\n{}", self.shown());
            }
        }
    }

    /// Waits for an event of that name after the first `skip` events, and gives it.
    #[track_caller]
    pub fn wait_event_after(&mut self, skip: usize, name: &str) -> Value {
        let deadline = Instant::now() + LIMIT;
        for at in skip.. {
            while self.events.len() <= at {
                self.receive(name, deadline);
            }
            if self.events[at]["event"] == name {
                return self.events[at].clone();
            }
        }
        unreachable!("there is always another number");
    }

    /// Waits for the first event of that name, and gives it.
    #[track_caller]
    pub fn wait_event(&mut self, name: &str) -> Value {
        self.wait_event_after(0, name)
    }

    /// Waits until `total` lines were counted at `path`.
    #[track_caller]
    pub fn wait_total(&mut self, path: &Path, total: u64) {
        let what = format!("{total} lines at {}", path.display());
        self.wait_for(&what, |events| totals(events, path) >= total);
        assert_eq!(totals(&self.events, path), total, "{what}; the last events:\n{}", self.shown());
    }

    /// Waits until `total` lines were counted at all paths together.
    #[track_caller]
    pub fn wait_sum(&mut self, total: u64) {
        self.wait_for(&format!("{total} lines in all"), |events| sum(events) >= total);
        assert_eq!(sum(&self.events), total, "the last events:\n{}", self.shown());
    }

    /// Adds what is printed within `time`.
    pub fn listen(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Ok(event) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.events.push(event);
        }
    }

    /// Kills it without a warning, and gives what it had printed.
    pub fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.listen(LIMIT);
        std::mem::take(&mut self.events)
    }

    /// Asks for the status of the file at `path`.
    #[track_caller]
    pub fn status(&mut self, path: &Path) -> Value {
        let seen = self.events.len();
        let is_it = |event: &&Value| event["event"] == "status" && event["path"] == path.to_str().unwrap();
        self.signal(Signal::USR1);
        let what = format!("the status of {}", path.display());
        self.wait_for(&what, |events| events[seen..].iter().any(|event| is_it(&event)));
        self.events[seen..].iter().find(is_it).unwrap().clone()
    }

    /// What its status socket, or `/status` over HTTP, answers.
    #[track_caller]
    pub fn full_status(&mut self) -> Value {
        let (status, body) = match &self.socket {
            Some(socket) => {
                // It may listen a moment after it has started.
                let stream = until("a status socket", || UnixStream::connect(socket).ok());
                request(stream, "/status").unwrap()
            }
            None => get(&self.address(), "/status").unwrap(),
        };
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The totals of all paths and rules together.
    #[track_caller]
    pub fn status_sum(&mut self) -> u64 {
        let status = self.full_status();
        let files = status["files"].as_array().unwrap().iter();
        let totals = files.flat_map(|file| file["lines_matched"].as_object().unwrap().values());
        totals.map(|total| total.as_u64().unwrap()).sum()
    }

    /// Waits until all paths together have a status of at least `total`, and gives it.
    #[track_caller]
    pub fn reach_status_sum(&mut self, total: u64) -> u64 {
        let deadline = Instant::now() + LIMIT;
        loop {
            let sum = self.status_sum();
            if sum >= total || Instant::now() > deadline {
                return sum;
            }
            pause(Duration::from_millis(10));
        }
    }

    /// Waits until all paths together have a status of `total`, takes in everything that was printed until then, and asserts
    /// that the status is still the same.
    #[track_caller]
    pub fn wait_status_sum(&mut self, total: u64) {
        let sum = self.reach_status_sum(total);
        self.catch_up();
        let settled = self.status_sum();
        assert_eq!(
            (sum, settled),
            (total, total),
            "at all paths together; the last events:\n{}",
            self.shown()
        );
    }

    /// Adds everything that it has printed so far: the answers to a signal come after that.
    #[track_caller]
    pub fn catch_up(&mut self) {
        let status = self.full_status();
        let files = status["files"].as_array().unwrap();
        let mut missing: HashSet<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
        let mut at = self.events.len();
        let deadline = Instant::now() + LIMIT;
        self.signal(Signal::USR1);
        while !missing.is_empty() {
            while self.events.len() <= at {
                self.receive("the status of each file", deadline);
            }
            let event = &self.events[at];
            if event["event"] == "status" {
                missing.remove(event["path"].as_str().unwrap());
            }
            at += 1;
        }
    }

    /// Ends it with SIGTERM.
    pub fn stop(self) -> Ended {
        self.stop_by(Signal::TERM)
    }

    /// Ends it with `signal`, and gives what it printed until its end.
    pub fn stop_by(self, signal: Signal) -> Ended {
        let begun = Instant::now();
        self.signal(signal);
        self.ended(begun)
    }

    /// Waits for its end; `begun` is when it was asked to.
    pub fn ended(mut self, begun: Instant) -> Ended {
        while let Ok(event) = self.lines.recv_timeout(LIMIT) {
            self.events.push(event);
        }
        let deadline = begun + 2 * LIMIT;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it does not end:\n{}", self.shown()),
            }
            pause(Duration::from_millis(5));
        };
        Ended { status, took: begun.elapsed(), events: std::mem::take(&mut self.events) }
    }

    /// Ends it and asserts that it ended well, having counted `total` lines at all paths together.
    #[track_caller]
    pub fn stop_with_sum(self, total: u64) -> Vec<Value> {
        let ended = self.stop();
        assert!(ended.status.success(), "{:?}", ended.status);
        assert_eq!(sum(&ended.events), total, "the last events:\n{}", shown(&ended.events));
        ended.events
    }

    /// How much memory it has in use, in kilobytes.
    pub fn rss_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    pub fn shown(&self) -> String {
        shown(&self.events)
    }

    /// Where it gives out figures, once it does.
    pub fn address(&mut self) -> String {
        let event = self.wait_event("listening");
        let url = event["reason"].as_str().unwrap().rsplit("http://").next().unwrap();
        url.trim_end_matches("/metrics").to_owned()
    }

    /// Closes the end of its standard output that reads.
    pub fn close_stdout(&mut self) {
        let (_, nobody) = channel();
        self.lines = nobody;
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn shown(events: &[Value]) -> String {
    let last = events.len().saturating_sub(40);
    events[last..].iter().map(|event| format!("{event}\n")).collect()
}

/// The total of the last count event for `path`, over all rules.
pub fn totals(events: &[Value], path: &Path) -> u64 {
    last_totals(events).into_iter().filter(|(_, at, _)| Path::new(at) == path).map(|(.., total)| total).sum()
}

/// The totals of all paths together.
pub fn sum(events: &[Value]) -> u64 {
    last_totals(events).into_iter().map(|(.., total)| total).sum()
}

/// Rule, path and total of the last count event for each rule and path.
pub fn last_totals(events: &[Value]) -> Vec<(String, String, u64)> {
    let mut last: Vec<(String, String, u64)> = Vec::new();
    for event in events.iter().filter(|event| event["target"] == "spiketail::count") {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let (rule, path, total) = (text("rule"), text("path"), event["total"].as_u64().unwrap());
        match last.iter_mut().find(|(r, p, _)| *r == rule && *p == path) {
            Some(known) => known.2 = total,
            None => last.push((rule, path, total)),
        }
    }
    last
}

/// The names of the events of files at `path`.
pub fn news(events: &[Value], path: &Path) -> Vec<String> {
    let at_path = |event: &&Value| event["path"].as_str().is_some_and(|at| Path::new(at) == path);
    events.iter().filter(at_path).filter_map(|event| event["event"].as_str().map(str::to_owned)).collect()
}

/// Numbered lines that match.
pub fn lines(numbers: Range<u64>) -> Vec<u8> {
    numbers.flat_map(|n| format!("line {n} ERROR something went wrong\n").into_bytes()).collect()
}

/// Rules each of which compiles, but not all of them together.
pub fn rules_too_large() -> String {
    let rule = |n: usize| format!("[rule.r{n}]\nregex = 'x{n}[acegikmoqsuwyACEGIKMOQSUWY02468]{{100000}}'\n");
    (0..3).map(rule).collect()
}

/// Opens `path` for appending; it is created if it is not there.
pub fn appender(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}

pub fn append(path: &Path, bytes: impl AsRef<[u8]>) {
    appender(path).write_all(bytes.as_ref()).unwrap();
}

/// Lets time pass where a test is about time.
pub fn pause(time: Duration) {
    let (_keep, never) = channel::<()>();
    _ = never.recv_timeout(time);
}

/// What `path` at `address` answers: the status, and the body.
pub fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    request(stream, path)
}

pub fn request(mut stream: impl Read + Write, path: &str) -> std::io::Result<(u16, String)> {
    // By an answer to HTTP/1.0 the body is what comes until the end.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: x\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let broken = || std::io::Error::other("no answer");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
    Ok((status, body.to_owned()))
}

/// A port that no one listens at.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks until there is an answer that is not `None`.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < LIMIT, "{what} did not come to be");
        pause(Duration::from_millis(50));
    }
}
