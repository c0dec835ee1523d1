//! Other programs as followers of a scenario's files, as they come: `tail -F | grep`, mtail, rsyslog's imfile.
//!
//! They say nothing of what they have seen, so what is waited for by an event of the daemon is given time instead.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::common::{TestFolder, free_port, pause};
use crate::follower::Follower;
use crate::script::Scenario;

/// How long a peer may take to count what was written.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long it is given to start, to notice something, and to count too much.
const START: Duration = Duration::from_millis(1_500);
const NOTICE: Duration = Duration::from_millis(1_200);
const SETTLE: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Tail,
    Mtail,
    Rsyslog,
}

impl Program {
    pub const ALL: [(Program, &str, &str); 3] = [
        (Program::Tail, "tail -F \\| grep", "/usr/bin/tail"),
        (Program::Mtail, "mtail", "/usr/bin/mtail"),
        (Program::Rsyslog, "rsyslog imfile", "/usr/sbin/rsyslogd"),
    ];

    /// Whether it has what the scenario is about: no program has records, excluded files and a place to begin all together.
    pub fn can_play(self, scenario: &Scenario) -> bool {
        let mut watches = scenario.steps.iter().filter(|step| step.verb == "watch");
        !watches.any(|step| {
            step.words().any(|word| word.starts_with('!') || word.starts_with("record_start"))
                || (self == Program::Mtail && step.rest.contains("beginning"))
        })
    }
}

/// A peer, and what it counted before its last start.
pub struct Peer {
    program: Program,
    started: Option<(Child, u16)>,
    command: Option<(Vec<PathBuf>, bool)>,
    own: PathBuf,
    before: u64,
}

impl Peer {
    pub fn new(program: Program) -> Peer {
        Peer { program, started: None, command: None, own: PathBuf::new(), before: 0 }
    }

    fn run(&mut self) {
        let (paths, from_start) = self.command.clone().expect("it was started before");
        let port = free_port();
        let mut command = match self.program {
            Program::Tail => tail(&paths, from_start, &self.own),
            Program::Mtail => mtail(&paths, port, &self.own),
            Program::Rsyslog => rsyslog(&paths, from_start, &self.own),
        };
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.started = Some((command.spawn().unwrap(), port));
        pause(START);
    }

    fn end(&mut self, signal: Signal) {
        if self.program == Program::Mtail {
            self.before = self.counted();
        }
        let (mut child, _) = self.started.take().expect("it runs");
        kill_process_group(Pid::from_child(&child), signal).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            }
            pause(Duration::from_millis(20));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.started {
            _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            _ = child.wait();
        }
    }
}

impl Follower for Peer {
    fn start(&mut self, folder: &TestFolder, patterns: &[String], settings: &str) {
        self.own = folder.beside("peer");
        fs::create_dir_all(&self.own).unwrap();
        let paths = patterns.iter().map(|pattern| folder.log(pattern)).collect();
        self.command = Some((paths, settings.contains("beginning")));
        self.run();
    }

    fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    fn expect(&mut self, total: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.counted() < total && Instant::now() < deadline {
            pause(Duration::from_millis(20));
        }
        pause(SETTLE);
        assert_eq!(self.counted(), total, "lines in all");
    }

    fn expect_at(&mut self, _: &Path, _: u64) {}

    fn signal(&mut self, signal: Signal) {
        let (child, _) = self.started.as_ref().expect("it runs");
        kill_process_group(Pid::from_child(child), signal).unwrap();
    }

    fn counted(&mut self) -> u64 {
        if self.program == Program::Mtail {
            let now = self.started.as_ref().and_then(|(_, port)| metric(*port)).unwrap_or(0);
            return self.before + now;
        }
        let output = fs::read(self.own.join("out")).unwrap_or_default();
        memchr::memmem::find_iter(&output, b"\n").count() as u64
    }

    fn has_missed(&self) -> bool {
        false
    }

    fn wait_event(&mut self, _: &str) {
        pause(NOTICE);
    }

    fn committed(&mut self, _: &TestFolder, _: u64) {
        pause(NOTICE);
    }

    fn settle(&mut self, _: &TestFolder, total: u64, _: bool) {
        if self.started.is_some() {
            self.stop();
        }
        self.run();
        self.expect(total);
    }
}

/// The value of its counter.
fn metric(port: u16) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let values = text.lines().filter(|line| line.starts_with("errors"));
    Some(values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64)
}

fn tail(paths: &[PathBuf], from_start: bool, own: &Path) -> Command {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let lines = if from_start && !own.join("out").exists() { "+1" } else { "0" };
    let mut command = Command::new("sh");
    let out = own.join("out");
    let names = names.join(" ");
    command
        .arg("-c")
        .arg(format!("tail -q -n{lines} -F {names} | grep --line-buffered ERROR >> {}", out.display()));
    command
}

fn mtail(paths: &[PathBuf], port: u16, own: &Path) -> Command {
    fs::create_dir_all(own.join("progs")).unwrap();
    fs::write(own.join("progs/errors.mtail"), "counter errors\n/ERROR/ {\n  errors++\n}\n").unwrap();
    let mut command = Command::new("mtail");
    command.args(paths.iter().flat_map(|path| [OsStr::new("--logs"), path.as_os_str()]));
    command.args(["--address", "127.0.0.1", "--port", &port.to_string(), "--logtostderr", "--progs"]);
    command.arg(own.join("progs"));
    command
}

fn rsyslog(paths: &[PathBuf], from_start: bool, own: &Path) -> Command {
    let tail = if from_start { "off" } else { "on" };
    let inputs = paths.iter().map(|path| {
        let path = path.display();
        format!(
            "input(type=\"imfile\" file=\"{path}\" tag=\"x\" ruleset=\"count\" freshStartTail=\"{tail}\")\n"
        )
    });
    let inputs: String = inputs.collect();
    let config = format!(
        "global(workDirectory=\"{own}\")\nmain_queue(queue.type=\"Direct\")\nmodule(load=\"imfile\" mode=\"inotify\")\n\
         template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
         ruleset(name=\"count\" queue.type=\"Direct\") {{ if $rawmsg contains \"ERROR\" then {{ \
         action(type=\"omfile\" file=\"{own}/out\" template=\"raw\") }} }}\n{inputs}",
        own = own.display(),
    );
    fs::write(own.join("rsyslog.conf"), config).unwrap();
    let mut command = Command::new("/usr/sbin/rsyslogd");
    command.arg("-n").arg("-f").arg(own.join("rsyslog.conf")).arg("-i").arg(own.join("pid"));
    command
}
