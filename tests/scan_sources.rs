//! The same bytes have the same counts, however they are read, compressed and cut.
#![allow(clippy::unwrap_used)]

mod compress;
mod naive;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use compress::COMPRESSORS;
use proptest::prelude::*;
use spiketail::cli::scan::{FileCount, ScanOptions, ScanReport, count};
use spiketail::file::settings::ReadMethod;
use spiketail::scan::level::Level;
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::wrapping::LineFormat;

const PAGE: usize = 4096;

fn rule(any: &[&str], regex: &[&str], not: &[&str], ignore_case: bool) -> RuleSpec {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    RuleSpec {
        name: "r".into(),
        any: owned(any),
        regex: owned(regex),
        not: owned(not),
        ignore_case,
        ..RuleSpec::default()
    }
}

fn rule_sets() -> Vec<Vec<RuleSpec>> {
    let literal = rule(&["ERROR"], &[], &[], false);
    let several = rule(&["ERROR", "FATAL", "é"], &[], &[], false);
    let anchored = rule(&[], &[r"^ERROR", r"x$", r"^$"], &[], false);
    let classes = rule(&[], &[r"E[^z]*x", r"\bwarn\s"], &[], false);
    let bytes = rule(&["\0"], &[r"(?-u)\xff.ERROR"], &[r"^\s*x"], false);
    let except = rule(&["error"], &[], &[r"x$", "warn"], true);
    let cr = rule(&["x\r"], &[], &[], false);
    let level = |level| RuleSpec { name: "l".into(), level: Some(level), ..RuleSpec::default() };
    let errors = RuleSpec { not: vec!["x$".into()], ..level(Level::Error) };
    vec![
        vec![level(Level::Error)],
        vec![RuleSpec::errors()],
        vec![level(Level::Warn)],
        vec![errors.clone(), several.clone(), level(Level::Critical)],
        vec![level(Level::Info), literal.clone(), RuleSpec { level: Some(Level::Error), ..several.clone() }],
        vec![literal.clone()],
        vec![several.clone()],
        vec![anchored.clone()],
        vec![classes.clone()],
        vec![except.clone()],
        vec![cr.clone()],
        vec![bytes.clone()],
        vec![literal, several, anchored, classes, bytes, except, cr],
    ]
}

/// Of what lines with levels are made.
#[rustfmt::skip]
const LEVELS: &[&str] = &[
    "[", "]", ":", "\"", "{", "}", "E", "F", "W", "\"level\":", "50", "3", ",", "\\", "n", "error", "err", "crit", "fata", "Alert", "<11>", "<30>",
    "level=", "\x1b[31m", "\x1b[0m", "#033[0m", "\u{feff}", "E1122 10:00:00", "2026-11-22 10:00:00 ", "%LINK-3-UPDOWN", "{\"log\":\"",
    "\"PRIORITY\":\"3\"", "\t", "|", "/", "!", "=", "E: ", "\"s\":\"E\"", "{\"t\":1,", "severity", "\"severity\" : 500", "_", "panic", "Out of memory", "panicked at", "Kernel panic",
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => Just(&b"x"[..]),
        2 => Just(&b" "[..]),
        1 => Just(&b"ERROR"[..]),
        1 => Just(&b"error"[..]),
        1 => Just(&b"FATAL"[..]),
        1 => Just(&b"warn "[..]),
        1 => Just("é".as_bytes()),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"\r"[..]),
        3 => prop::sample::select(LEVELS).prop_map(str::as_bytes),
    ];
    let words = prop::collection::vec(word, 0..12).prop_map(|words| words.concat());
    // Most lines are short, some end just before, at or beyond a page, and some begin with a hole.
    let padding = prop_oneof![
        12 => Just((b'y', 0)),
        1 => (Just(b'y'), 1..200usize),
        1 => (Just(b'y'), 3 * PAGE / 4..2 * PAGE),
        1 => (Just(b'y'), 4 * PAGE..6 * PAGE),
        1 => (Just(0), 1..3 * PAGE),
    ];
    let end = prop_oneof![6 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..])];
    (words.clone(), padding, words, end).prop_map(|(before, (byte, len), after, end)| {
        let before = if byte == 0 { Vec::new() } else { before };
        [&before[..], &vec![byte; len], &after, end].concat()
    })
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..60), any::<bool>()).prop_map(|(lines, terminated)| {
        let mut content = lines.concat();
        if !terminated {
            content.pop();
        }
        content
    })
}

/// The content plain and in every form of compression, each in as many members as `cuts` make.
fn write_all_forms(dir: &Path, content: &[u8], members: usize) -> Vec<PathBuf> {
    let part_bytes = content.len().div_ceil(members).max(1);
    let parts: Vec<&[u8]> =
        if content.is_empty() { vec![content] } else { content.chunks(part_bytes).collect() };
    let plain = dir.join("plain");
    std::fs::write(&plain, content).unwrap();
    let mut paths = vec![plain];
    for (name, compress) in COMPRESSORS {
        let path = dir.join(name);
        let members: Vec<Vec<u8>> = parts.iter().map(|part| compress(part)).collect();
        std::fs::write(&path, members.concat()).unwrap();
        paths.push(path);
    }
    paths
}

fn scan(paths: &[PathBuf], specs: &[RuleSpec], options: &ScanOptions) -> (Vec<FileCount>, Vec<String>) {
    let rules = RuleSet::compile(specs).unwrap();
    let mut problems = Vec::new();
    let counts = count(paths, &rules, options, &mut |report| {
        if let ScanReport::Problem(problem) = report {
            problems.push(problem);
        }
    });
    (counts, problems)
}

/// How many cases are tried: as many as `PROPTEST_CASES` says, or `usual`.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").map_or(usual, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(48), ..ProptestConfig::default() })]

    /// Mapped, read and decompressed, in one chunk or many, by one thread or four: the counts are the oracle's.
    #[test]
    fn every_source_agrees_with_the_oracle(
        content in content(),
        members in 1usize..4,
        window_bytes in prop_oneof![Just(PAGE), Just(2 * PAGE), Just(5 * PAGE), Just(1 << 20), 1usize..PAGE],
        chunk_bytes in prop_oneof![Just(PAGE as u64), 1_000u64..20_000, Just(u64::MAX)],
        threads in 1usize..=4,
        line_bytes_max in prop_oneof![Just(1 << 20), Just(64), Just(PAGE), 4usize..2 * PAGE],
        chosen in prop::sample::select(rule_sets()),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let paths = write_all_forms(dir.path(), &content, members);
        let expected = naive::count(&chosen, &content, line_bytes_max).unwrap();
        for reader in [ReadMethod::Mmap, ReadMethod::Pread] {
            let options = ScanOptions { threads, reader, window_bytes, chunk_bytes, line_bytes_max, format: LineFormat::Auto };
            let (counts, problems) = scan(&paths, &chosen, &options);
            prop_assert_eq!(&problems, &Vec::<String>::new());
            for found in counts {
                prop_assert_eq!(&found.tally.lines_matched, &expected, "{:?} {:?}", reader, found.path);
                prop_assert_eq!(found.tally.bytes, content.len() as u64);
            }
        }
    }
}

#[test]
fn a_file_that_is_truncated_meanwhile_is_counted_as_far_as_it_goes() {
    let line = b"an ERROR that fills a line of text\n";
    let content = line.repeat(40_000);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = [file.path().to_path_buf()];
    file.write_all(&content).unwrap();
    let truncating: File = file.reopen().unwrap();
    let over = AtomicBool::new(false);
    let (rewound, kept) = (content.len() as u64, 10 * line.len() as u64);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                truncating.set_len(kept).unwrap();
                truncating.set_len(rewound).unwrap();
            }
        });
        for reader in [ReadMethod::Mmap, ReadMethod::Pread].repeat(100) {
            let options = ScanOptions { chunk_bytes: 1 << 18, ..ScanOptions::for_reader(reader) };
            let (counts, _) = scan(&path, &[RuleSpec::containing("ERROR")], &options);
            assert!(counts[0].tally.bytes <= rewound);
            assert!(!counts[0].failed);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn broken_compressed_data_is_counted_up_to_the_break_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let content = b"ERROR one\nok\nERROR two\n".repeat(1000);
    let mut paths = write_all_forms(dir.path(), &content, 1);
    paths.remove(0);
    for path in &paths {
        let whole = std::fs::read(path).unwrap();
        std::fs::write(path, &whole[..whole.len() - 5]).unwrap();
    }
    let (counts, problems) =
        scan(&paths, &[RuleSpec::containing("ERROR")], &ScanOptions::for_reader(ReadMethod::Pread));
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("cannot scan all of")), "{problems:?}");
    assert!(counts.iter().all(|count| count.failed && count.opened));
    // gzip checks its sum last, so that everything before it is there.
    assert_eq!(counts[0].tally.lines_matched, [2000]);
}
