//! What the time and the level of a line cost, beside reading its time with jiff's strptime; and what is understood of logs.
//!
//! `cargo bench --bench timestamp [-- --logs FILE…]`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use spiketail::scan::level::{Level, level_of};
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;
use spiketail::scan::timestamp::{Detector, TimeSettings, zone};

const ROUNDS: u32 = 7;
const LINES: u32 = 20_000;
const ARRIVAL_MS: i64 = 1_795_341_605_000;

/// Lines of several formats, and the pattern that reads their times, which begin after so many bytes.
const FORMATS: &[(&str, &str, &str, usize)] = &[
    ("rfc3339", "2026-11-22T10:00:00.123456Z ERROR app: x", "%Y-%m-%dT%H:%M:%S%.f%:z", 0),
    ("log4j", "2026-11-22 10:00:00,123 ERROR [main] a.b.C: x", "%Y-%m-%d %H:%M:%S,%3f", 0),
    ("syslog", "Nov 22 10:00:00 host app[12]: error: x", "%b %d %H:%M:%S", 0),
    (
        "apache access",
        r#"10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 500 1"#,
        "%d/%b/%Y:%H:%M:%S %z",
        14,
    ),
    (
        "apache error",
        "[Sun Nov 22 10:00:00.123456 2026] [core:error] [pid 1] x",
        "%a %b %d %H:%M:%S%.f %Y",
        1,
    ),
    ("bgl", "- 1795341600 2026.11.22 R02-M1-N0 2026-11-22-10.00.00.123 R02-M1 RAS KERNEL FATAL x", "%s", 2),
    ("klog", "E1122 10:00:00.123456   12 main.go:1] x", "E%m%d %H:%M:%S%.f", 0),
    ("json", r#"{"level":"error","time":"2026-11-22T10:00:00Z","msg":"x"}"#, "%Y-%m-%dT%H:%M:%S%:z", 25),
    (
        "docker",
        r#"{"log":"10.0.0.1 a longer text of a request that went wrong and says so at length\n","stream":"stderr","time":"2026-11-22T10:00:00.123456789Z"}"#,
        "%Y-%m-%dT%H:%M:%S%.f%:z",
        113,
    ),
    (
        "logfmt",
        r#"level=error ts=2026-11-22T10:00:00.123Z caller=a.go:1 msg="x""#,
        "%Y-%m-%dT%H:%M:%S%.f%:z",
        15,
    ),
    ("none", "a line that bears no time at all, neither here nor there, but an ERROR", "%s", 0),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.first().is_some_and(|arg| arg == "--logs") {
        return args[1..].iter().for_each(|path| understood(Path::new(path)));
    }
    println!(
        "{:<16} {:>9} {:>9} {:>9} {:>7} {:>9}",
        "nanoseconds", "known", "detected", "strptime", "ratio", "level_of"
    );
    for (name, line, pattern, offset) in FORMATS {
        let mut detector = detector("Europe/Berlin");
        let known = best(|| detector.read(black_box(line.as_bytes()), ARRIVAL_MS));
        let fresh = detector_settings("Europe/Berlin");
        let detected = best(|| {
            let mut detector = Detector::new(Arc::clone(&fresh));
            detector.read(black_box(line.as_bytes()), ARRIVAL_MS)
        });
        let strptime = best(|| {
            let read = jiff::fmt::strtime::BrokenDownTime::parse_prefix(
                pattern,
                &black_box(line.as_bytes())[*offset..],
            );
            read.map(|(time, _)| time.to_timestamp())
        });
        let level = best(|| level_of(black_box(line.as_bytes())));
        println!(
            "{name:<16} {known:>9.0} {detected:>9.0} {strptime:>9.0} {:>7.1} {level:>9.0}",
            strptime / known
        );
    }
    finders();
}

/// Nanoseconds that one call takes at best.
fn best<T>(mut call: impl FnMut() -> T) -> f64 {
    let round = || {
        let begun = Instant::now();
        (0..LINES).for_each(|_| drop(black_box(call())));
        begun.elapsed().as_nanos() as f64 / f64::from(LINES)
    };
    std::iter::repeat_with(round).take(ROUNDS as usize).fold(f64::MAX, f64::min)
}

/// What it costs to look for lines with a level, beside looking for one word.
fn finders() {
    let mut text = String::new();
    for n in 0..400_000_u32 {
        let (level, what) = if n % 100 == 0 { ("ERROR", "failed") } else { ("INFO", "done") };
        text.push_str(&format!(
            "2026-11-22 10:00:{:02},{:03} {level} [worker-{}] a.b.Service: request {n} {what} in {} ms\n",
            n / 100 % 60,
            n % 1000,
            n % 8,
            n % 97
        ));
    }
    println!("\nMB/s over {} MB, 1% of lines are errors", text.len() / 1_000_000);
    let level = |level: Level| RuleSpec { level: Some(level), ..RuleSpec::default() };
    let rules = [
        ("ERROR", RuleSpec::containing("ERROR")),
        ("level error", level(Level::Error)),
        ("level critical", level(Level::Critical)),
        ("level warn", level(Level::Warn)),
    ];
    for (name, rule) in rules {
        let mut scanner = Scanner::new(RuleSet::compile(&[rule]).unwrap(), 1 << 20);
        let mut hits = 0;
        let begun = Instant::now();
        for _ in 0..5 {
            hits = 0;
            scanner.scan(text.as_bytes(), &mut |_, place| {
                hits += u64::from(level_of(&text.as_bytes()[place]) >= Some(Level::Error));
            });
        }
        let mb = text.len() as f64 * 5.0 / 1e6;
        println!("{name:<16} {:>9.0}   {hits} lines", mb / begun.elapsed().as_secs_f64());
    }
}

fn detector_settings(name: &str) -> Arc<TimeSettings> {
    Arc::new(TimeSettings { zone: zone(name).unwrap(), ..TimeSettings::default() })
}

fn detector(name: &str) -> Detector {
    Detector::new(detector_settings(name))
}

/// How many lines of a log have a time, how many of them are not before the one before, and how many are errors.
fn understood(path: &Path) {
    let (mut bytes, mut file) = (Vec::new(), std::fs::File::open(path).unwrap());
    file.read_to_end(&mut bytes).unwrap();
    let changed = file.metadata().unwrap().modified().unwrap();
    let reference_ms = Timestamp::try_from(changed).unwrap().as_millisecond();
    let mut detector = detector("UTC");
    let (mut lines, mut stamped, mut ordered, mut errors) = (0, 0, 0, 0);
    let (mut first, mut last) = (None, i64::MIN);
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        lines += 1;
        errors += u32::from(level_of(line) >= Some(Level::Error));
        if let Some(at_ms) = detector.recall(line, reference_ms) {
            stamped += 1;
            ordered += u32::from(at_ms >= last);
            first = first.or(Some(at_ms));
            last = at_ms;
        }
    }
    let show = |ms| Timestamp::from_millisecond(ms).unwrap().to_zoned(TimeZone::UTC).datetime().to_string();
    let name = path.file_name().unwrap().to_string_lossy();
    let range = first.map_or_else(String::new, |first| format!("{} .. {}", show(first), show(last)));
    println!(
        "{name:<20} {lines:>5} lines {stamped:>5} stamped {ordered:>5} in order {errors:>4} >= error  {range}"
    );
}
