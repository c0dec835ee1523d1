//! What ten thousand quiet files cost: inotify watches, memory, CPU and wake-ups; and whether a line in any of them is
//! reported at once.
//!
//! `cargo bench --bench idle [-- --seconds N]`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that cannot go on ends")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DIRECTORIES: usize = 100;
const FILES_EACH: usize = 100;
const PROBES: usize = 200;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = args.iter().position(|arg| arg == "--seconds").and_then(|at| args.get(at + 1));
    let seconds = value.map_or(30, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let lines = "2026-11-22T10:00:00Z INFO all is well\n".repeat(100);
    for d in 0..DIRECTORIES {
        let folder = dir.path().join(format!("d{d}"));
        fs::create_dir(&folder).unwrap();
        for f in 0..FILES_EACH {
            fs::write(folder.join(format!("f{f}.log")), &lines).unwrap();
        }
    }
    // A change in the same instant as a look would not show in a file's stat, so the daemon looks once more at files that
    // were written just before it started. Quiet files were not.
    std::thread::sleep(Duration::from_secs(2));
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_str().unwrap();
    for (name, kept) in [
        ("without state", vec!["--no-state"]),
        ("with state, first start", vec!["--state", folder]),
        ("with state, second start", vec!["--state", folder]),
    ] {
        println!("\n{name}");
        measure(dir.path(), &kept, seconds);
    }
}

/// Measures one daemon that is started with the arguments `kept`.
fn measure(dir: &Path, kept: &[&str], seconds: u64) {
    let begun = Instant::now();
    let glob = dir.join("*/*.log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_spiketail"))
        .arg("run")
        .args(kept)
        .arg(&glob)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let started = said.find(|line| line.contains("\"started\"")).unwrap();
    println!("start to watching      {:>10.3} s   {started}", begun.elapsed().as_secs_f64());
    let pid = child.id();
    println!("inotify watches        {:>10}", watches(pid));
    let (cpu, switches) = (cpu_ticks(pid), voluntary_switches(pid));
    std::thread::sleep(Duration::from_secs(seconds));
    let ticks_per_second = 100.0;
    println!("idle CPU in {seconds} s       {:>10.3} s", (cpu_ticks(pid) - cpu) as f64 / ticks_per_second);
    println!("wake-ups in {seconds} s       {:>10}", voluntary_switches(pid) - switches);
    println!("memory now / peak      {:>10} / {} kB", status(pid, "VmRSS"), status(pid, "VmHWM"));
    let mut latencies: Vec<f64> = (0..PROBES).map(|n| probe(dir, n * 7919, &mut said)).collect();
    latencies.sort_by(f64::total_cmp);
    println!(
        "ERROR in {PROBES} files     {:>10.3} ms p50, {:.3} ms max",
        latencies[PROBES / 2],
        latencies[PROBES - 1]
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Milliseconds from an ERROR in one file to its count.
fn probe(dir: &Path, n: usize, said: &mut impl Iterator<Item = String>) -> f64 {
    let path = dir.join(format!("d{}/f{}.log", n / FILES_EACH % DIRECTORIES, n % FILES_EACH));
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let begun = Instant::now();
    file.write_all(b"ERROR at last\n").unwrap();
    let wanted = path.to_str().unwrap();
    said.find(|line| line.contains("::count") && line.contains(wanted)).unwrap();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    std::thread::sleep(Duration::from_millis(10));
    took
}

fn watches(pid: u32) -> usize {
    let fds = fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten();
    let infos = fds.filter_map(|fd| fs::read(fd.path()).ok());
    infos.map(|info| String::from_utf8_lossy(&info).matches("inotify wd:").count()).sum()
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = String::from_utf8(fs::read(format!("/proc/{pid}/stat")).unwrap()).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn voluntary_switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    tasks
        .filter_map(|task| fs::read(task.path().join("status")).ok())
        .map(|s| field(&s, "voluntary_ctxt_switches"))
        .sum()
}

fn status(pid: u32, name: &str) -> u64 {
    field(&fs::read(format!("/proc/{pid}/status")).unwrap(), name)
}

fn field(status: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(status);
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
