//! Files that are truncated and grow past the old offset between two looks: no size shows it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{TestFolder, append};
use spiketail::file::disk::Disk;
use spiketail::file::settings::{FileSettings, ReadMethod};
use spiketail::file::tailer::{FileOrigin, Tailer, TurnOptions, TurnTime, WatchContext};
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;
use spiketail::units::PathId;

/// Enough to fill the head, which is the first 1,024 bytes.
const HEAD_BYTES: usize = 1_100;

const READERS: [ReadMethod; 2] = [ReadMethod::Mmap, ReadMethod::Pread];

/// How a generation of the file begins.
#[derive(Clone, Copy, Debug)]
enum Beginning {
    /// As every other.
    Same,
    /// As no other.
    Own,
}

/// Content of generation `round`: a head without matching lines, then numbered lines that match. Each generation is
/// longer than the one before.
fn content(beginning: Beginning, round: u64) -> (Vec<u8>, Range<u64>) {
    let banner = match beginning {
        Beginning::Same => "the same banner\n".to_owned(),
        Beginning::Own => format!("banner {round:06}\n"),
    };
    let mut bytes = banner.repeat(HEAD_BYTES / banner.len() + 1).into_bytes();
    let first = round * 10_000;
    let numbers = first..first + 10 + round;
    for n in numbers.clone() {
        bytes.extend(format!("{n:09} ERROR\n").bytes());
    }
    (bytes, numbers)
}

/// Truncates the file, and writes past its old end before anyone can look.
fn regrow(path: &Path, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    let before = file.metadata().unwrap().len();
    assert!(bytes.len() as u64 > before, "each generation is longer");
    file.set_len(0).unwrap();
    file.write_all(bytes).unwrap();
}

/// A tail and everything that it found.
struct Follower {
    tail: Tailer,
    scanner: Scanner,
    total: u64,
    seen: Vec<u64>,
}

impl Follower {
    fn new(path: PathBuf, reader: ReadMethod, window_bytes: usize) -> Follower {
        let settings = FileSettings { reader, window_bytes, ..FileSettings::default() };
        let rules = RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap();
        let common = WatchContext {
            settings,
            filesystem: Arc::new(Disk),
            listings: Arc::default(),
            claims: Arc::default(),
        };
        Follower {
            tail: Tailer::new(PathId(1), path, Arc::new(common), FileOrigin::Appeared),
            scanner: Scanner::new(rules, settings.line_bytes_max),
            total: 0,
            seen: Vec::new(),
        }
    }

    fn turn(&mut self) {
        let moment = TurnTime { monotonic_ms: 0, wall_ns: 0, is_prompt: false };
        loop {
            let wants = TurnOptions { samples_max: 1 << 20, bytes_max: u64::MAX, ..TurnOptions::default() };
            let turn = self.tail.turn(&mut self.scanner, &wants, moment).unwrap();
            self.total += turn.tally.matched[0];
            let number = |line: &[u8]| std::str::from_utf8(&line[..9]).unwrap().parse::<u64>().unwrap();
            self.seen.extend(turn.tally.samples[0].iter().map(|sample| number(&sample.line)));
            if !turn.more {
                return;
            }
        }
    }
}

fn every_new_line_counts(beginning: Beginning, reader: ReadMethod, window_bytes: usize) {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut follower = Follower::new(log.clone(), reader, window_bytes);
    follower.turn();
    let mut wanted = Vec::new();
    for round in 0..200 {
        let (bytes, numbers) = content(beginning, round);
        regrow(&log, &bytes);
        wanted.extend(numbers);
        follower.turn();
        let what = format!("{beginning:?}, {reader:?}, {window_bytes} bytes, round {round}");
        assert_eq!(follower.total, wanted.len() as u64, "{what}");
        assert_eq!(follower.seen, wanted, "{what}");
        // Looking again finds nothing.
        follower.turn();
        assert_eq!(follower.total, wanted.len() as u64, "{what}");
    }
    assert_eq!(follower.tail.generation(), 200);
}

#[test]
fn a_regrown_file_with_the_same_head_counts_whole() {
    for reader in READERS {
        every_new_line_counts(Beginning::Same, reader, 1 << 20);
        every_new_line_counts(Beginning::Same, reader, 4096);
    }
}

#[test]
fn a_regrown_file_with_another_head_counts_whole() {
    for reader in READERS {
        every_new_line_counts(Beginning::Own, reader, 1 << 20);
        every_new_line_counts(Beginning::Own, reader, 4096);
    }
}

/// Grows in pieces between the truncations, so that anchors lie everywhere.
#[test]
fn a_file_that_grows_in_pieces_between_truncations_counts_whole() {
    for (reader, beginning) in READERS.into_iter().zip([Beginning::Same, Beginning::Own]) {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, "");
        let mut follower = Follower::new(log.clone(), reader, 4096);
        let mut wanted = Vec::new();
        for round in 0..50 {
            let (bytes, numbers) = content(beginning, round * 4);
            regrow(&log, &bytes);
            follower.turn();
            wanted.extend(numbers.clone());
            for piece in 0..3 {
                let n = numbers.end + piece;
                append(&log, format!("{n:09} ERROR\n"));
                follower.turn();
                wanted.push(n);
            }
            assert_eq!(follower.seen, wanted, "{reader:?}, round {round}");
        }
        assert_eq!(follower.total, wanted.len() as u64);
    }
}

fn the_daemon_counts_every_new_line(beginning: Beginning) {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch("app.log");
    let mut wanted = 0;
    for round in 0..40 {
        let (bytes, numbers) = content(beginning, round);
        regrow(&log, &bytes);
        wanted += numbers.end - numbers.start;
        daemon.wait_total(&log, wanted);
    }
    daemon.stop_with_sum(wanted);
}

#[test]
fn the_daemon_counts_a_regrown_file_with_the_same_head() {
    the_daemon_counts_every_new_line(Beginning::Same);
}

#[test]
fn the_daemon_counts_a_regrown_file_with_another_head() {
    the_daemon_counts_every_new_line(Beginning::Own);
}
