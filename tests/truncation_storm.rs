//! A thousand truncations under a mapped file that is scanned all the while: no crash, and nothing counted that was
//! not there.
//!
//! Every line has a number of its own, a checksum, and the word to look for at its very end, so that neither half of a
//! line nor zeros in the place of bytes that are gone can pass for a line. The writer is the oracle: it knows where
//! each line stood, and how many truncations left it in place. Such a line counts again, because the file is read
//! again from its beginning.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{TestFolder, append, appender};
use spiketail::file::disk::Disk;
use spiketail::file::settings::{FileSettings, ReadMethod};
use spiketail::file::tailer::{FileOrigin, TailEvent, Tailer, TurnOptions, TurnTime, WatchContext};
use spiketail::file::tally::Sample;
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;
use spiketail::sys::sigbus::repaired;
use spiketail::units::PathId;

/// At least so many truncations.
const TRUNCATIONS: u64 = 1_000;
/// It goes on until so many of them hit a scan, which on a busy machine takes longer.
const TORN_MIN: u64 = 10;
/// But no longer than this.
const STORM_LIMIT: Duration = Duration::from_secs(60);
/// Bytes of a line, with its line feed.
const LINE_BYTES: u64 = 32;

fn line(number: u64) -> String {
    let check = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    format!("{number:012} {check:012x} ERROR\n")
}

/// A small generator of numbers: the same for every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What the writer did with a line.
struct Written {
    /// Where it began in the file.
    offset: u64,
    /// In how many generations of the file it stood.
    generations: u64,
}

/// Where truncations cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    ToNothing,
    Anywhere,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Every line that was counted.
    Whole,
    /// What is counted once the file is at rest.
    AtRest,
}

struct Writer {
    file: File,
    random: Random,
    lines: Vec<Written>,
    /// Numbers of the lines that stand in the file.
    alive: Vec<u64>,
    size: u64,
}

impl Writer {
    fn new(path: &Path) -> Writer {
        let (lines, alive) = (Vec::new(), Vec::new());
        Writer { file: appender(path), random: Random(0x5eed_cafe), lines, alive, size: 0 }
    }

    fn grow(&mut self) {
        for _ in 0..1 + self.random.below(4) {
            let mut chunk = Vec::new();
            for _ in 0..1 + self.random.below(3_000) {
                let number = self.lines.len() as u64;
                self.lines.push(Written { offset: self.size, generations: 1 });
                self.alive.push(number);
                chunk.extend_from_slice(line(number).as_bytes());
                self.size += LINE_BYTES;
            }
            self.file.write_all(&chunk).unwrap();
        }
    }

    /// Lets a scan begin, so that truncations meet it at every stage.
    fn linger(&mut self) {
        let (begun, time) = (Instant::now(), Duration::from_micros(self.random.below(400)));
        while begun.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    fn cut(&mut self, cut: Cut) {
        let lines = &self.lines;
        let mut to = match cut {
            Cut::ToNothing => 0,
            Cut::Anywhere => self.random.below(self.size),
        };
        let end = |number: u64| lines[number as usize].offset + LINE_BYTES;
        if self.alive.iter().any(|number| end(*number) == to + 1) {
            // All but the line feed would be left.
            to -= 1;
        }
        self.file.set_len(to).unwrap();
        self.alive.retain(|number| end(*number) <= to);
        let is_whole = to == self.alive.last().map_or(0, |last| end(*last));
        for number in &self.alive {
            self.lines[*number as usize].generations += 1;
        }
        self.size = to;
        if !is_whole {
            self.file.write_all(b"\n").unwrap();
            self.size += 1;
        }
    }
}

/// A tail and everything that it found.
struct Follower {
    tail: Tailer,
    scanner: Scanner,
    total: u64,
    torn: u64,
    news: Vec<TailEvent>,
    samples: Vec<Sample>,
}

impl Follower {
    fn new(path: &Path, reader: ReadMethod) -> Follower {
        let settings = FileSettings { reader, ..FileSettings::default() };
        let rules = RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap();
        let common = WatchContext {
            settings,
            filesystem: Arc::new(Disk),
            listings: Arc::default(),
            claims: Arc::default(),
        };
        Follower {
            tail: Tailer::new(PathId(1), path.to_owned(), Arc::new(common), FileOrigin::Appeared),
            scanner: Scanner::new(rules, settings.line_bytes_max),
            total: 0,
            torn: 0,
            news: Vec::new(),
            samples: Vec::new(),
        }
    }

    fn turn(&mut self) {
        let moment = TurnTime { monotonic_ms: 0, wall_ns: 0, is_prompt: false };
        let wants = TurnOptions { samples_max: usize::MAX, bytes_max: u64::MAX, ..TurnOptions::default() };
        let mut turn = self.tail.turn(&mut self.scanner, &wants, moment).unwrap();
        self.total += turn.tally.matched[0];
        self.torn += turn.torn;
        self.news.extend(turn.news.drain(..).map(|(news, _)| news));
        self.samples.extend(turn.tally.samples[0].drain(..));
    }

    fn turn_until_settled(&mut self, size: u64) {
        for _ in 0..100 {
            self.turn();
            if self.tail.position() == Some((size, size)) {
                return;
            }
        }
        panic!("not read to {size}: {:?}", self.tail.position());
    }
}

/// Every line that was counted was written, with that number, at that place, and was counted no more often than it
/// stood in a generation of the file.
fn check_samples(samples: &[Sample], lines: &[Written], cut: Cut) {
    let mut counted: HashMap<u64, u64> = HashMap::new();
    for sample in samples {
        let shown = String::from_utf8_lossy(&sample.line).into_owned();
        let number: u64 = shown.get(..12).and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        let written =
            lines.get(number as usize).unwrap_or_else(|| panic!("{cut:?}: never written: {shown:?}"));
        assert_eq!(format!("{shown}\n"), line(number), "{cut:?}: not as it was written");
        assert_eq!(sample.offset, written.offset, "{cut:?}: line {number} stood elsewhere");
        let times = counted.entry(number).or_default();
        *times += 1;
        assert!(*times <= written.generations, "{cut:?}: line {number} counted {times} times");
    }
}

fn storm(cut: Cut, trust: Trust) {
    let place = TestFolder::new();
    let log = place.log("app.log");
    let mut writer = Writer::new(&log);
    let mut follower = Follower::new(&log, ReadMethod::Mmap);
    let repaired_before = repaired();
    let (done, torn) = (AtomicBool::new(false), AtomicU64::new(0));
    let writer = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let begun = Instant::now();
            let is_enough = |cuts| cuts >= TRUNCATIONS && torn.load(Ordering::Relaxed) >= TORN_MIN;
            let mut cuts = 0;
            while !is_enough(cuts) && begun.elapsed() < STORM_LIMIT {
                writer.grow();
                writer.linger();
                writer.cut(cut);
                cuts += 1;
            }
            done.store(true, Ordering::Release);
            writer
        });
        while !done.load(Ordering::Acquire) {
            follower.turn();
            torn.store(follower.torn, Ordering::Relaxed);
        }
        writing.join().unwrap()
    });
    follower.turn_until_settled(writer.size);
    assert_eq!(follower.total, follower.samples.len() as u64);
    if trust == Trust::Whole {
        check_samples(&follower.samples, &writer.lines, cut);
    }
    let truncated = |news: &&TailEvent| matches!(news, TailEvent::Truncated(_) | TailEvent::Rewritten(_));
    let seen = follower.news.iter().filter(truncated).count();
    let (torn, faults) = (follower.torn, repaired() - repaired_before);
    println!(
        "{cut:?}: {} lines, {seen} truncations seen, {torn} torn scans, {faults} faults",
        follower.total
    );
    assert!(follower.total > 0 && seen > 0);
    assert!(torn > 0, "no scan met a truncation: the storm is too weak to prove anything");

    // Once the file is at rest, both ways of reading agree on it.
    writer.file.set_len(0).unwrap();
    follower.turn_until_settled(0);
    let before = follower.total;
    let last: String = (0..5_000).map(line).collect();
    append(&log, format!("not a line to count\n{last}"));
    follower.turn_until_settled(last.len() as u64 + 20);
    let mut oracle = Follower::new(&log, ReadMethod::Pread);
    oracle.turn_until_settled(last.len() as u64 + 20);
    assert_eq!((follower.total - before, oracle.total), (5_000, 5_000));
}

#[test]
fn a_storm_of_truncations_neither_kills_nor_deceives() {
    storm(Cut::ToNothing, Trust::Whole);
}

#[test]
fn a_storm_of_truncations_that_leave_a_part_kills_nothing() {
    storm(Cut::Anywhere, Trust::AtRest);
}

/// What stays in place before a cut vouches for what followed it: see `FileReader::revalidate`, which compares the
/// beginning and the end of a window, but nothing between them.
#[test]
fn a_storm_of_truncations_that_leave_a_part_does_not_deceive() {
    storm(Cut::Anywhere, Trust::Whole);
}
