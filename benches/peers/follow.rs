//! Programs that follow logs: catching up, keeping up, being quick, being idle.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ways::{Follower, Way};
use crate::{Effort, Latency};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(120);
const LINES_PER_SECOND: u64 = 20_000;

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

/// Starts `way`, and waits until it follows the log in `logs`.
fn started(way: Way, logs: &Path, own: &Path) -> Follower {
    let log = logs.join("app.log");
    fs::write(&log, "").unwrap();
    following(way, way.start(logs, false, own), &log)
}

/// Waits until lines in `log` are found.
fn following(way: Way, mut follower: Follower, log: &Path) -> Follower {
    let mut file = File::options().append(true).open(log).unwrap();
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

/// One write a line, at this rate a second.
pub(crate) fn stream(ways: &[Way], effort: &Effort) {
    for rate in [LINES_PER_SECOND, 10 * LINES_PER_SECOND] {
        let lines = rate * effort.stream_seconds;
        println!(
            "\n{lines} lines in single writes, {rate} a second, every hundredth with ERROR; to output in ms"
        );
        println!(
            "{:<22} {:>15} {:>10} {:>8} {:>8} {:>8} {:>10}",
            "", "CPU s / million", "us a write", "p50", "p99", "max", "times ours"
        );
        let mut ours = None;
        let alone = Stream::write(&tempfile::tempdir().unwrap().path().join("alone"), rate, lines / 4);
        println!("{:<22} {:>15} {:>10.2}", "nobody", "", alone.write_us);
        for way in [Way::Spiketail, Way::SpiketailAtOnce].iter().chain(&ways[1..]) {
            follow_stream(*way, rate, lines, &mut ours);
        }
    }
}

fn follow_stream(way: Way, rate: u64, lines: u64, ours: &mut Option<f64>) {
    let (logs, own) = places();
    let mut follower = started(way, logs.path(), own.path());
    let (total, cpu) = (follower.total(), follower.running.cpu_s());
    let stream = Stream::write(&logs.path().join("app.log"), rate, lines);
    let Some(found) = follower.times(total + stream.errors.len() as u64, LIMIT) else {
        let found = follower.total() - total;
        return println!("{:<22} found {found} of {}", way.name(), stream.errors.len());
    };
    let cost = (follower.running.cpu_s() - cpu) * 1e6 / lines as f64;
    let base = *ours.get_or_insert(cost);
    let times = found.iter().zip(&stream.errors).map(|(found, written)| found.duration_since(*written));
    let mut times: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let time =
        |q: f64| if times.is_empty() { "–".to_owned() } else { format!("{:.1}", quantile(&times, q)) };
    println!(
        "{:<22} {cost:>15.2} {:>10.2} {:>8} {:>8} {:>8} {:>10.1}",
        way.name(),
        stream.write_us,
        time(0.5),
        time(0.99),
        time(1.0),
        cost / base
    );
}

/// The result of paced writing.
struct Stream {
    /// How long a write took in the mean, in microseconds.
    write_us: f64,
    /// When each line with ERROR was written.
    errors: Vec<Instant>,
}

impl Stream {
    /// Writes `lines` at a rate a second.
    fn write(path: &Path, rate: u64, lines: u64) -> Stream {
        let (text, _) = block(1_000);
        let rows: Vec<&str> = text.split_inclusive('\n').collect();
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        let begun = Instant::now();
        let (mut writing, mut errors) = (Duration::ZERO, Vec::new());
        let mut n = 0;
        while n < lines {
            let due = (begun.elapsed().as_secs_f64() * rate as f64) as u64;
            let started = Instant::now();
            let batch = due.min(lines).saturating_sub(n);
            for _ in 0..batch {
                if n.is_multiple_of(100) {
                    errors.push(Instant::now());
                }
                file.write_all(rows[n as usize % rows.len()].as_bytes()).unwrap();
                n += 1;
            }
            if batch > 0 {
                writing += started.elapsed();
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Stream { write_us: writing.as_secs_f64() * 1e6 / lines as f64, errors }
    }
}

/// One line into a quiet file, again and again.
pub(crate) fn latency(ways: &[Way], latency: &Latency) {
    let Latency { samples, pause, files } = *latency;
    println!("\nwrite() to output, one of {files} watched, {samples} lines {pause:?} apart; ms");
    println!("{:<22} {:>9} {:>9} {:>9} {:>12}", "", "p50", "p99", "max", "p50 / ours");
    let mut ours = None;
    for way in ways {
        let (logs, own) = places();
        let log = many_files(logs.path(), files);
        let mut follower = following(*way, way.start(logs.path(), true, own.path()), &log);
        let mut file = File::options().append(true).open(&log).unwrap();
        let mut times: Vec<f64> = (0..samples)
            .map(|n| {
                std::thread::sleep(pause);
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

/// Creates logs in up to 100 folders. Returns one of them.
fn many_files(logs: &Path, files: usize) -> PathBuf {
    for n in 0..files {
        let folder = logs.join(format!("d{}", n % 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("f{}.log", n / 100)), "INFO fine\n").unwrap();
    }
    logs.join("d0/f0.log")
}

/// Nothing happens to many files.
pub(crate) fn idle(ways: &[Way], effort: &Effort) {
    for files in effort.idle_files {
        println!("\n{files} files in 100 directories to which nothing happens, {} s", effort.idle_seconds);
        println!("{:<22} {:>9} {:>12} {:>9}", "", "CPU s", "wake-ups", "RSS MB");
        let (logs, own) = places();
        many_files(logs.path(), *files);
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
