//! What looking on costs: the daemon over ten thousand files with some load, without and with ten clients of the stream, one of which
//! does not read; and how long a snapshot takes.
//!
//! `cargo bench --bench clients [-- --seconds N]`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that cannot go on ends")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const DIRECTORIES: usize = 100;
const FILES_EACH: usize = 100;
const CLIENTS: usize = 10;
/// Lines a second, over all files.
const LINES_PER_S: usize = 100;
const SNAPSHOTS: usize = 30;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = args.iter().position(|arg| arg == "--seconds").and_then(|at| args.get(at + 1));
    let seconds: u64 = value.map_or(20, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    for d in 0..DIRECTORIES {
        let folder = dir.path().join(format!("d{d}"));
        fs::create_dir(&folder).unwrap();
        for f in 0..FILES_EACH {
            fs::write(folder.join(format!("f{f}.log")), "2026-11-22T10:00:00Z INFO all is well\n").unwrap();
        }
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let state = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_spiketail"))
        .args(["run", "--listen", &address, "--state"])
        .arg(state.path())
        .arg(dir.path().join("*/*.log"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    said.find(|line| line.contains("\"started\"")).unwrap();
    std::thread::spawn(move || said.for_each(drop));
    let pid = child.id();
    let ends = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (dir, ends) = (dir.path().to_owned(), Arc::clone(&ends));
        move || write_lines(&dir, &ends)
    });
    // What has to do with the start is over.
    std::thread::sleep(Duration::from_secs(5));
    let alone = share(pid, seconds);
    println!("{} files, {LINES_PER_S} lines a second", DIRECTORIES * FILES_EACH);
    println!("CPU without clients         {:>8.2} % of a core", alone * 100.0);
    println!("memory without clients      {:>8} kB", memory(pid));
    let read = Arc::new(AtomicU64::new(0));
    let stuck = subscribe(&address);
    for _ in 1..CLIENTS {
        let (events, read) = (subscribe(&address), Arc::clone(&read));
        std::thread::spawn(move || drain(events, &read));
    }
    std::thread::sleep(Duration::from_secs(2));
    let before = read.load(Ordering::Relaxed);
    let watched = share(pid, seconds);
    let bytes = (read.load(Ordering::Relaxed) - before) / (CLIENTS as u64 - 1) / seconds;
    println!("CPU with {CLIENTS} clients         {:>8.2} % of a core", watched * 100.0);
    println!("the clients alone           {:>8.2} % of a core", (watched - alone) * 100.0);
    println!("memory with {CLIENTS} clients      {:>8} kB", memory(pid));
    println!("each client reads           {bytes:>8} bytes a second; one does not read at all");
    let mut took: Vec<f64> = (0..SNAPSHOTS).map(|_| snapshot(&address)).collect();
    took.sort_by(f64::total_cmp);
    println!(
        "a snapshot takes            {:>8.1} ms p50, {:.1} ms max",
        took[SNAPSHOTS / 2],
        took[SNAPSHOTS - 1]
    );
    drop(stuck);
    ends.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Appends lines to one file after the other, a third of them errors.
fn write_lines(dir: &Path, ends: &AtomicBool) {
    let path = |n: usize| -> PathBuf {
        dir.join(format!("d{}/f{}.log", n / FILES_EACH % DIRECTORIES, n % FILES_EACH))
    };
    let begun = Instant::now();
    for n in 0.. {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let mut file = OpenOptions::new().append(true).open(path(n * 7_919)).unwrap();
        let level = if n.is_multiple_of(3) { "ERROR" } else { "INFO" };
        writeln!(file, "{level} request {n} of worker {} took {} ms", n % 17, n % 900).unwrap();
        let due = Duration::from_secs_f64((n + 1) as f64 / LINES_PER_S as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
}

fn subscribe(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v1/events HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
    stream
}

fn drain(mut events: TcpStream, read: &AtomicU64) {
    let mut buffer = [0; 65_536];
    while let Ok(n @ 1..) = events.read(&mut buffer) {
        read.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// Milliseconds until a snapshot is there.
fn snapshot(address: &str) -> f64 {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v1/status HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.0 200"),
        "{}",
        String::from_utf8_lossy(&answer[..200.min(answer.len())])
    );
    begun.elapsed().as_secs_f64() * 1e3
}

/// The share of a core that the process takes for so many seconds.
fn share(pid: u32, seconds: u64) -> f64 {
    let (begun, before) = (Instant::now(), cpu_ticks(pid));
    std::thread::sleep(Duration::from_secs(seconds));
    (cpu_ticks(pid) - before) as f64 / 100.0 / begun.elapsed().as_secs_f64()
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = String::from_utf8(fs::read(format!("/proc/{pid}/stat")).unwrap()).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn memory(pid: u32) -> u64 {
    let status = String::from_utf8(fs::read(format!("/proc/{pid}/status")).unwrap()).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
