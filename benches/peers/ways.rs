//! Runs each program over logs, and receives what it reports of lines with ERROR.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::process::Running;

/// A program that follows logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each bench uses some of them")]
pub(crate) enum Way {
    Spiketail,
    /// With a count event after every turn that finds something.
    SpiketailAtOnce,
    /// With its state in a folder, so that it goes on after a restart.
    SpiketailWithState,
    TailGrep,
    Mtail,
    Rsyslog,
    SyslogNg,
    FluentBit,
    Vector,
}

/// A running program over the logs of a folder.
pub(crate) struct Follower {
    pub(crate) running: Running,
    arrivals: Arrivals,
    /// Lines so far.
    total: u64,
}

/// How its finds are received.
enum Arrivals {
    /// The output is read: times, and lines since the last one.
    Reported(Receiver<(Instant, u64)>),
    /// A counter is polled at this port.
    Polled(u16),
}

impl Way {
    pub(crate) const ALL: [Way; 6] =
        [Way::Spiketail, Way::TailGrep, Way::Mtail, Way::Rsyslog, Way::FluentBit, Way::Vector];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Spiketail => "spiketail",
            Way::SpiketailAtOnce => "spiketail, interval 0s",
            Way::SpiketailWithState => "spiketail",
            Way::TailGrep => "tail -F | grep",
            Way::Mtail => "mtail",
            Way::Rsyslog => "rsyslog imfile",
            Way::SyslogNg => "syslog-ng",
            Way::FluentBit => "Fluent Bit in_tail",
            Way::Vector => "Vector file source",
        }
    }

    /// The program that must be on the PATH.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Way::Spiketail | Way::SpiketailAtOnce | Way::SpiketailWithState => "spiketail",
            Way::TailGrep => "tail",
            Way::Mtail => "mtail",
            Way::Rsyslog => "rsyslogd",
            Way::SyslogNg => "syslog-ng",
            Way::FluentBit => "fluent-bit",
            Way::Vector => "vector",
        }
    }

    fn is_ours(self) -> bool {
        matches!(self, Way::Spiketail | Way::SpiketailAtOnce | Way::SpiketailWithState)
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
        self.start_over(&glob, logs, own)
    }

    /// Starts it over the files that `glob` means.
    pub(crate) fn start_over(self, glob: &str, logs: &Path, own: &Path) -> Follower {
        let (mut command, port) = self.command(glob, logs, own);
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
            (_, Some(port)) => Arrivals::Polled(port),
            (Way::Rsyslog, None) => {
                reported(self, fs::File::options().read(true).write(true).open(own.join("pipe")).unwrap())
            }
            _ => reported(self, command.0.stdout.take().unwrap()),
        };
        Follower { running: command, arrivals, total: 0 }
    }
}

/// Sends the time of each line of `output`, and how many lines it reports.
fn reported(way: Way, output: impl Read + Send + 'static) -> Arrivals {
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
    Arrivals::Reported(receiver)
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
    /// Waits until it has found `total` lines in all, at most for `limit`. Returns when that was.
    pub(crate) fn wait(&mut self, total: u64, limit: Duration) -> Option<Instant> {
        let deadline = Instant::now() + limit;
        while self.total < total {
            match &self.arrivals {
                Arrivals::Reported(receiver) => {
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
                Arrivals::Polled(port) => {
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

    /// Waits as [`Follower::wait`] does. Returns when each of the lines was found; `None` if the program does not report that.
    pub(crate) fn times(&mut self, total: u64, limit: Duration) -> Option<Vec<Instant>> {
        if matches!(self.arrivals, Arrivals::Polled(_)) {
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
