//! Programs that follow logs: catching up, keeping up, being quick, being idle.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Effort;
use crate::ways::{Follower, Way};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(120);
const LINES_PER_SECOND: u64 = 20_000;
/// Longer than ours gathers counts for, so that each line is a first one after quiet.
const LATENCY_PAUSE: Duration = Duration::from_millis(120);

/// 252 bytes a line, and every hundredth holds ERROR.
fn block(lines: usize) -> (String, u64) {
    let mut text = String::with_capacity(lines * 252);
    for n in 0..lines {
        let level = if n % 100 == 0 { "ERROR" } else { "INFO" };
        let head =
            format!("2026-11-22T10:00:{:02}.{:03}Z {level:<5} request {n:08} ", n / 1_000 % 60, n % 1_000);
        text.push_str(&head);
        text.extend(std::iter::repeat_n('x', 251 - head.len()));
        text.push('\n');
    }
    (text, lines.div_ceil(100) as u64)
}

/// A folder for logs and one for the program's own files.
fn places() -> (TempDir, TempDir) {
    (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
}

/// Starts `way`, and waits until it follows.
fn started(way: Way, logs: &Path, own: &Path) -> Follower {
    let log = logs.join("app.log");
    fs::write(&log, "").unwrap();
    let mut follower = way.start(logs, false, own);
    let mut file = File::options().append(true).open(&log).unwrap();
    let begun = Instant::now();
    let mut written = 0;
    // What comes before it looks may be passed over.
    loop {
        file.write_all(b"ERROR are you there\n").unwrap();
        written += 1;
        let before = follower.total();
        if follower.wait(before + 1, Duration::from_millis(1_200)).is_some() {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{} does not follow after {written} lines", way.name());
    }
    // All that is still to come.
    while follower.wait(follower.total() + 1, Duration::from_millis(1_500)).is_some() {}
    follower
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

/// The log is rotated, and the new one has this size at once.
pub(crate) fn catch_up(ways: &[Way], effort: &Effort) {
    println!(
        "\ncatch-up of {} MB in a log that takes the place of another; median of {}",
        effort.catch_up_mb, effort.rounds
    );
    println!("{:<22} {:>9} {:>9} {:>9} {:>9}", "", "wall s", "CPU s", "peak MB", "times ours");
    let (text, errors) = block(40_000);
    let blocks = effort.catch_up_mb * 1_000_000 / text.len();
    let mut ours = None;
    for way in ways {
        let (mut walls, mut cpus, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            let (logs, own) = places();
            let mut follower = started(*way, logs.path(), own.path());
            let big = own.path().join("big");
            let mut file = File::create(&big).unwrap();
            (0..blocks).for_each(|_| file.write_all(text.as_bytes()).unwrap());
            let (total, cpu) = (follower.total(), follower.running.cpu_s());
            let begun = Instant::now();
            fs::rename(logs.path().join("app.log"), logs.path().join("app.log.1")).unwrap();
            fs::rename(&big, logs.path().join("app.log")).unwrap();
            let Some(end) = follower.wait(total + blocks as u64 * errors, LIMIT) else {
                println!(
                    "{:<22} found {} of {}",
                    way.name(),
                    follower.total() - total,
                    blocks as u64 * errors
                );
                break;
            };
            walls.push(end.duration_since(begun).as_secs_f64());
            cpus.push(follower.running.cpu_s() - cpu);
            peaks.push(follower.running.peak_mb());
        }
        if walls.len() == effort.rounds {
            let wall = median(walls);
            let base = *ours.get_or_insert(wall);
            println!(
                "{:<22} {wall:>9.3} {:>9.2} {:>9.1} {:>9.1}",
                way.name(),
                median(cpus),
                median(peaks),
                wall / base
            );
        }
    }
}

/// One write a line, so many a second.
pub(crate) fn stream(ways: &[Way], effort: &Effort) {
    let lines = LINES_PER_SECOND * effort.stream_seconds;
    println!("\n{lines} lines in single writes, {LINES_PER_SECOND} a second, every hundredth with ERROR");
    println!(
        "{:<22} {:>16} {:>12} {:>14} {:>10}",
        "", "CPU s / million", "us a write", "last found ms", "times ours"
    );
    let (text, _) = block(1_000);
    let rows: Vec<&str> = text.split_inclusive('\n').collect();
    let alone = write_stream(&tempfile::tempdir().unwrap().path().join("alone"), &rows, lines / 4);
    println!("{:<22} {:>16} {alone:>12.2}", "nobody", "");
    let mut ours = None;
    for way in ways {
        let (logs, own) = places();
        let mut follower = started(*way, logs.path(), own.path());
        let (total, cpu) = (follower.total(), follower.running.cpu_s());
        let us = write_stream(&logs.path().join("app.log"), &rows, lines);
        let written = Instant::now();
        let Some(end) = follower.wait(total + lines / 100, LIMIT) else {
            println!("{:<22} found {} of {}", way.name(), follower.total() - total, lines / 100);
            continue;
        };
        let cost = (follower.running.cpu_s() - cpu) * 1e6 / lines as f64;
        let base = *ours.get_or_insert(cost);
        let late = end.saturating_duration_since(written).as_secs_f64() * 1e3;
        println!("{:<22} {cost:>16.2} {us:>12.2} {late:>14.1} {:>10.1}", way.name(), cost / base);
    }
}

/// Writes `lines` at their pace. Gives how long a write took in the mean, in microseconds.
fn write_stream(path: &Path, rows: &[&str], lines: u64) -> f64 {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    let begun = Instant::now();
    let mut writing = Duration::ZERO;
    let mut n = 0;
    while n < lines {
        let due = (begun.elapsed().as_secs_f64() * LINES_PER_SECOND as f64) as u64;
        let started = Instant::now();
        let batch = due.min(lines).saturating_sub(n);
        for _ in 0..batch {
            file.write_all(rows[n as usize % rows.len()].as_bytes()).unwrap();
            n += 1;
        }
        if batch > 0 {
            writing += started.elapsed();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    writing.as_secs_f64() * 1e6 / lines as f64
}

/// One line into a quiet file, again and again.
pub(crate) fn latency(ways: &[Way], effort: &Effort) {
    println!("\nwrite() to output, {} lines into a quiet file; ms", effort.latency_samples);
    println!("{:<22} {:>9} {:>9} {:>9} {:>12}", "", "p50", "p99", "max", "p50 / ours");
    let mut ours = None;
    for way in ways {
        let (logs, own) = places();
        let mut follower = started(*way, logs.path(), own.path());
        let mut file = File::options().append(true).open(logs.path().join("app.log")).unwrap();
        let mut times: Vec<f64> = (0..effort.latency_samples)
            .map(|n| {
                std::thread::sleep(LATENCY_PAUSE);
                let line = format!("ERROR number {n}\n");
                let begun = Instant::now();
                file.write_all(line.as_bytes()).unwrap();
                let end = follower.wait(follower.total() + 1, LIMIT).unwrap();
                end.saturating_duration_since(begun).as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let p50 = quantile(&times, 0.5);
        let base = *ours.get_or_insert(p50);
        println!(
            "{:<22} {p50:>9.3} {:>9.3} {:>9.3} {:>12.2}",
            way.name(),
            quantile(&times, 0.99),
            quantile(&times, 1.0),
            p50 / base
        );
    }
}

/// Nothing happens to many files.
pub(crate) fn idle(ways: &[Way], effort: &Effort) {
    for files in effort.idle_files {
        println!("\n{files} files in 100 directories to which nothing happens, {} s", effort.idle_seconds);
        println!("{:<22} {:>9} {:>12} {:>9}", "", "CPU s", "wake-ups", "RSS MB");
        let (logs, own) = places();
        for directory in 0..100 {
            let folder = logs.path().join(format!("d{directory}"));
            fs::create_dir(&folder).unwrap();
            (0..files / 100)
                .for_each(|n| fs::write(folder.join(format!("f{n}.log")), "INFO fine\n").unwrap());
        }
        // Files that were written just now are looked at once more.
        std::thread::sleep(Duration::from_secs(2));
        for way in ways {
            let follower = way.start(logs.path(), true, own.path());
            std::thread::sleep(Duration::from_secs(10));
            let (cpu, wake_ups) = (follower.running.cpu_s(), follower.running.wake_ups());
            std::thread::sleep(Duration::from_secs(effort.idle_seconds));
            println!(
                "{:<22} {:>9.2} {:>12} {:>9.1}",
                way.name(),
                follower.running.cpu_s() - cpu,
                follower.running.wake_ups() - wake_ups,
                follower.running.rss_mb()
            );
        }
    }
}
