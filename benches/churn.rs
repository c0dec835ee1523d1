//! What names cost that come and go: lines that are lost, processor time, and memory while they come and after they are gone.
//!
//! `cargo bench --bench churn [-- --seconds N --names N]`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that cannot go on ends")]

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long each file is there. It gets a line at the beginning and one in the middle.
const LIFE: Duration = Duration::from_secs(2);

/// After the last file was removed: the grace of removed files, the time until a path is retired, and some sweeps.
const REST: Duration = Duration::from_secs(75);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let value = args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
        value.map_or(default, |value| value.parse().unwrap())
    };
    let (seconds, names) = (number("--seconds", 60), number("--names", 500));
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut child, counted) = start(dir.path(), state.path());
    let pid = child.id();
    let (rss, cpu) = (status(pid, "VmRSS"), cpu_s(pid));
    let written = churn(dir.path(), seconds, names);
    let busy = cpu_s(pid) - cpu;
    let peak = status(pid, "VmHWM");
    println!("{names} names a second for {seconds} s");
    println!("processor              {:>10.2} s, {:.0}% of one", busy, busy * 100.0 / seconds as f64);
    let cpu = cpu_s(pid);
    std::thread::sleep(REST);
    println!("and in {} s of quiet   {:>10.2} s", REST.as_secs(), cpu_s(pid) - cpu);
    let after = status(pid, "VmRSS");
    let anonymous = status(pid, "RssAnon");
    println!("memory before          {rss:>10} kB");
    println!("memory at its peak     {peak:>10} kB");
    println!("memory after           {after:>10} kB, of which anonymous {anonymous} kB");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    let counted = counted.load(Ordering::Relaxed);
    println!("lines                  {counted:>10} of {written}");
}

/// Creates, appends and removes. Returns how many lines were written.
fn churn(dir: &Path, seconds: u64, names: u64) -> u64 {
    let (begun, mut written) = (Instant::now(), 0);
    // Files with the times of what is due next.
    let (mut young, mut old) = (VecDeque::new(), VecDeque::<(Instant, PathBuf)>::new());
    let mut append = |path: &Path| {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(b"ERROR something went wrong\n").unwrap();
        written += 1;
    };
    for n in 0.. {
        let due = begun + Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(names).unwrap();
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let is_over = n >= seconds * names;
        while old.front().is_some_and(|(at, _)| *at <= now) {
            fs::remove_file(old.pop_front().unwrap().1).unwrap();
        }
        while young.front().is_some_and(|(at, _)| *at <= now) {
            let (_, path): (Instant, PathBuf) = young.pop_front().unwrap();
            append(&path);
            old.push_back((now + LIFE / 2, path));
        }
        if !is_over {
            let path = dir.join(format!("job-{n:08}.log"));
            append(&path);
            young.push_back((now + LIFE / 2, path));
        } else if young.is_empty() && old.is_empty() {
            break;
        }
    }
    written
}

/// The daemon, and how many lines it counted so far.
fn start(dir: &Path, state: &Path) -> (Child, Arc<AtomicU64>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spiketail"))
        .args(["run", "--state"])
        .arg(state)
        .arg(dir.join("*.log"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    said.find(|line| line.contains("\"started\"")).unwrap();
    let counted = Arc::new(AtomicU64::new(0));
    let total = Arc::clone(&counted);
    std::thread::spawn(move || {
        for line in said.filter(|line| line.contains("\"spiketail::count\"")) {
            let delta = line.split("\"delta\":").nth(1).and_then(|rest| rest.split([',', '}']).next());
            total.fetch_add(delta.and_then(|delta| delta.parse().ok()).unwrap(), Ordering::Relaxed);
        }
    });
    (child, counted)
}

/// Seconds of processor time so far.
fn cpu_s(pid: u32) -> f64 {
    let stat = String::from_utf8(fs::read(format!("/proc/{pid}/stat")).unwrap()).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) as f64 / 100.0
}

fn status(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
