//! What reading a backlog costs beyond the search for its lines: the time of matching lines, and counting all lines, which only
//! a `share` asks for.
//!
//! `cargo bench --bench turn [-- --mb N]`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spiketail::file::disk::Disk;
use spiketail::file::settings::{FileSettings, ReadMethod};
use spiketail::file::tailer::{FileOrigin, Tailer, TurnOptions, TurnTime, WatchContext};
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;
use spiketail::scan::timestamp::TimeSettings;
use spiketail::units::PathId;

const ROUNDS: usize = 9;

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--mb").skip(1);
    let megabytes: u64 = args.next().map_or(256, |mb| mb.parse().unwrap());
    println!("{megabytes} MB, warm, one thread; medians of {ROUNDS} rounds, taken in turns");
    println!("{:<28} {:>8} {:>8} {:>8} {:>8}", "lines that match", "search", "turn", "no time", "share");
    for matching in [0, 100, 10] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        write(&path, megabytes << 20, matching);
        let found: Arc<TimeSettings> = Arc::default();
        let arrival = TimeSettings { format: Some("arrival".parse().unwrap()), ..TimeSettings::default() };
        let arrival = Arc::new(arrival);
        let mut times = vec![Vec::new(); 4];
        for _ in 0..ROUNDS {
            times[0].push(search(&path));
            times[1].push(turn(&path, &found, false));
            times[2].push(turn(&path, &arrival, false));
            times[3].push(turn(&path, &found, true));
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        let name = if matching == 0 { "none".to_owned() } else { format!("one in {matching}") };
        print!("{name:<28} {:>5.0} ms", medians[0] * 1e3);
        medians[1..].iter().for_each(|time| print!(" {:>7.2}x", time / medians[0]));
        println!();
    }
}

fn write(path: &Path, bytes: u64, matching: u64) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let mut written = 0;
    let text = "handled GET /api/v2/items/4711 for 10.1.2.3 in 12 ms, 1,234 bytes, cache hit, upstream a-7";
    for n in 0.. {
        let level = if matching > 0 && n % matching == 0 { "ERROR" } else { "INFO " };
        let (minute, second) = (n / 60_000 % 60, n / 1_000 % 60);
        let line = format!(
            "2026-11-22T10:{minute:02}:{second:02}.{:03}Z {level} [worker-{}] {text}\n",
            n % 1_000,
            n % 8
        );
        file.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
        if written >= bytes {
            return file.flush().unwrap();
        }
    }
}

fn search(path: &Path) -> Duration {
    let rules = RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap();
    let mut scanner = Scanner::new(rules, 1 << 20);
    let map = std::fs::File::open(path).unwrap();
    let mut buffer = vec![0; 4 << 20];
    let mut offset = 0;
    let begun = Instant::now();
    let mut found = 0;
    loop {
        let got = std::os::unix::fs::FileExt::read_at(&map, &mut buffer, offset).unwrap();
        let Some(end) = memchr::memrchr(b'\n', &buffer[..got]) else { break };
        scanner.scan(&buffer[..=end], &mut |_, _| found += 1);
        offset += end as u64 + 1;
    }
    std::hint::black_box(found);
    begun.elapsed()
}

fn turn(path: &Path, time: &Arc<TimeSettings>, counts_lines: bool) -> Duration {
    let settings = FileSettings { reader: ReadMethod::Pread, ..FileSettings::default() };
    let rules = RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap();
    let mut scanner = Scanner::new(rules, settings.line_bytes_max);
    let common = WatchContext {
        settings,
        filesystem: Arc::new(Disk),
        listings: Arc::default(),
        claims: Arc::default(),
    };
    let mut tail = Tailer::new(PathId(1), path.to_owned(), Arc::new(common), FileOrigin::Appeared);
    let wall_ns = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
    let moment = TurnTime { monotonic_ms: 0, wall_ns, is_prompt: false };
    let options = TurnOptions {
        samples_max: 5,
        bytes_max: u64::MAX,
        time: Arc::clone(time),
        counts_lines,
        ..TurnOptions::default()
    };
    let begun = Instant::now();
    let turn = tail.turn(&mut scanner, &options, moment).unwrap();
    assert!(!turn.more);
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
