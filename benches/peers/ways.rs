//! How each program is had to follow logs and to say which lines hold ERROR.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::process::Running;

/// A program that follows logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Spiketail,
    /// With a count event after every turn that finds something.
    SpiketailAtOnce,
    TailGrep,
    Mtail,
    Rsyslog,
    FluentBit,
    Vector,
}

/// A way that runs, over the logs in a folder.
pub(crate) struct Follower {
    pub(crate) running: Running,
    arrivals: Arrivals,
    /// Lines so far.
    total: u64,
}

/// How what it found is seen.
enum Arrivals {
    /// Lines come one by one, or with how many they stand for.
    Told(Receiver<(Instant, u64)>),
    /// A counter has to be asked.
    Asked(u16),
}

impl Way {
    pub(crate) const ALL: [Way; 6] =
        [Way::Spiketail, Way::TailGrep, Way::Mtail, Way::Rsyslog, Way::FluentBit, Way::Vector];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Spiketail => "spiketail",
            Way::SpiketailAtOnce => "spiketail, interval 0s",
            Way::TailGrep => "tail -F | grep",
            Way::Mtail => "mtail",
            Way::Rsyslog => "rsyslog imfile",
            Way::FluentBit => "Fluent Bit in_tail",
            Way::Vector => "Vector file source",
        }
    }

    /// What has to be on the PATH.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Way::Spiketail | Way::SpiketailAtOnce => "spiketail",
            Way::TailGrep => "tail",
            Way::Mtail => "mtail",
            Way::Rsyslog => "rsyslogd",
            Way::FluentBit => "fluent-bit",
            Way::Vector => "vector",
        }
    }

    fn is_ours(self) -> bool {
        matches!(self, Way::Spiketail | Way::SpiketailAtOnce)
    }

    pub(crate) fn is_here(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        folders.push("/usr/sbin".into());
        self.is_ours() || folders.iter().any(|folder| folder.join(self.program()).exists())
    }

    /// Starts it over all `*.log` below `logs`, two levels deep if `is_deep`, with its own files in `own`.
    pub(crate) fn start(self, logs: &Path, is_deep: bool, own: &Path) -> Follower {
        let glob = logs.join(if is_deep { "*/*.log" } else { "*.log" }).to_str().unwrap().to_owned();
        let (mut command, port) = self.command(&glob, logs, own);
        let mut command = Running(
            command
                .process_group(0)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let arrivals = match (self, port) {
            (_, Some(port)) => Arrivals::Asked(port),
            (Way::Rsyslog, None) => {
                told(self, fs::File::options().read(true).write(true).open(own.join("pipe")).unwrap())
            }
            _ => told(self, command.0.stdout.take().unwrap()),
        };
        Follower { running: command, arrivals, total: 0 }
    }

    fn command(self, glob: &str, logs: &Path, own: &Path) -> (Command, Option<u16>) {
        let write = |name: &str, text: String| {
            let path = own.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        match self {
            Way::Spiketail | Way::SpiketailAtOnce => {
                let interval = if self == Way::Spiketail { "100ms" } else { "0s" };
                let config = write(
                    "spiketail.toml",
                    format!(
                        "[engine]\nreport_interval = {interval:?}\n[watch.logs]\npaths = [{glob:?}]\n[output.stdout]\ntype = \"json\"\n"
                    ),
                );
                let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
                command.args(["run", "--no-state", "-c"]).arg(config);
                (command, None)
            }
            Way::TailGrep => {
                let mut command = Command::new("sh");
                // It takes names, not patterns.
                let names = if glob.contains("*/*") {
                    glob.to_owned()
                } else {
                    logs.join("app.log").display().to_string()
                };
                command.args(["-c", &format!("tail -q -n0 -F {names} | grep --line-buffered ERROR")]);
                (command, None)
            }
            Way::Mtail => {
                fs::create_dir_all(own.join("progs")).unwrap();
                write("progs/errors.mtail", "counter errors\n/ERROR/ {\n  errors++\n}\n".to_owned());
                let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
                let mut command = Command::new("mtail");
                command.arg("--progs").arg(own.join("progs")).args([
                    "--logs",
                    glob,
                    "--address",
                    "127.0.0.1",
                ]);
                command.args(["--port", &port.to_string(), "--logtostderr"]);
                (command, Some(port))
            }
            Way::Rsyslog => {
                let pipe = own.join("pipe");
                let _ = fs::remove_file(&pipe);
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    &pipe,
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::RWXU,
                    0,
                )
                .unwrap();
                let config = write(
                    "rsyslog.conf",
                    format!(
                        "global(workDirectory=\"{own}\")\nmain_queue(queue.type=\"Direct\")\nmodule(load=\"imfile\" mode=\"inotify\")\n\
                         template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
                         ruleset(name=\"count\" queue.type=\"Direct\") {{ if $rawmsg contains \"ERROR\" then {{ action(type=\"ompipe\" pipe=\"{pipe}\" template=\"raw\") }} }}\n\
                         input(type=\"imfile\" file=\"{glob}\" tag=\"x\" ruleset=\"count\")\n",
                        own = own.display(),
                        pipe = pipe.display(),
                    ),
                );
                let mut command = Command::new("rsyslogd");
                command
                    .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                    .args(["-n", "-f"])
                    .arg(config)
                    .arg("-i")
                    .arg(own.join("pid"));
                (command, None)
            }
            Way::FluentBit => {
                let mut command = Command::new("fluent-bit");
                command.args([
                    "-q",
                    "-f",
                    "1",
                    "-i",
                    "tail",
                    "-p",
                    &format!("path={glob}"),
                    "-p",
                    "read_from_head=true",
                ]);
                command.args(["-p", "refresh_interval=1", "-F", "grep", "-m", "*", "-p", "regex=log ERROR"]);
                command.args(["-o", "stdout", "-m", "*", "-p", "format=json_lines"]);
                (command, None)
            }
            Way::Vector => {
                let config = write(
                    "vector.toml",
                    format!(
                        "data_dir = {own:?}\n[sources.logs]\ntype = \"file\"\ninclude = [{glob:?}]\nread_from = \"beginning\"\n\
                         [transforms.errors]\ntype = \"filter\"\ninputs = [\"logs\"]\ncondition = 'contains(string!(.message), \"ERROR\")'\n\
                         [sinks.out]\ntype = \"console\"\ninputs = [\"errors\"]\nencoding.codec = \"text\"\n"
                    ),
                );
                let mut command = Command::new("vector");
                command.args(["-qq", "--config"]).arg(config);
                (command, None)
            }
        }
    }
}

/// Passes on when lines came, and how many each stands for.
fn told(way: Way, output: impl Read + Send + 'static) -> Arrivals {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut output = BufReader::with_capacity(1 << 20, output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let now = Instant::now();
            let lines = match way {
                ours if ours.is_ours() => delta(&line),
                _ => u64::from(memchr::memmem::find(&line, b"ERROR").is_some()),
            };
            line.clear();
            if lines > 0 && sender.send((now, lines)).is_err() {
                return;
            }
        }
    });
    Arrivals::Told(receiver)
}

fn delta(line: &[u8]) -> u64 {
    let Some(at) = memchr::memmem::find(line, b"\"delta\":") else { return 0 };
    let digits = line[at + 8..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
}

fn counter(port: u16) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let values = text.lines().filter(|line| line.starts_with("errors"));
    Some(values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64)
}

impl Follower {
    /// Waits until it has found `total` lines in all, at most for `limit`. Gives when that was.
    pub(crate) fn wait(&mut self, total: u64, limit: Duration) -> Option<Instant> {
        let deadline = Instant::now() + limit;
        while self.total < total {
            match &self.arrivals {
                Arrivals::Told(receiver) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    match receiver.recv_timeout(left) {
                        Ok((at, lines)) => {
                            self.total += lines;
                            if self.total >= total {
                                return Some(at);
                            }
                        }
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
                    }
                }
                Arrivals::Asked(port) => {
                    self.total = counter(*port).unwrap_or(0);
                    if self.total >= total {
                        break;
                    }
                    if Instant::now() >= deadline {
                        return None;
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
        Some(Instant::now())
    }

    /// Waits as [`Follower::wait`] does. Gives when each of the lines was found; nothing if the program does not say.
    pub(crate) fn times(&mut self, total: u64, limit: Duration) -> Option<Vec<Instant>> {
        if matches!(self.arrivals, Arrivals::Asked(_)) {
            return self.wait(total, limit).map(|_| Vec::new());
        }
        let mut times = Vec::new();
        while self.total < total {
            let before = self.total;
            let at = self.wait(before + 1, limit)?;
            times.extend((before..self.total).map(|_| at));
        }
        Some(times)
    }

    /// Lines so far.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}
