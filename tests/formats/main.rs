//! The levels and times of lines as programs write them, from tables that are easy to extend.
//!
//! A row is the level, the time, the source of the format, and the line. `-` stands for none, `=` for
//! 2026-11-22T10:00:00Z to the second, and U+241B for an escape character.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use spiketail::scan::level::level_of;
use spiketail::scan::timestamp::{Detector, TimeSettings, zone};

/// 2026-11-22T10:00:00Z in milliseconds since 1970.
const TEN_MS: i64 = 1_795_341_600_000;
/// When the lines arrive, in milliseconds since 1970.
const ARRIVAL_MS: i64 = TEN_MS + 5_000;

struct Row {
    level: String,
    /// In milliseconds since 1970.
    time: Option<i64>,
    source: String,
    line: String,
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let mut rows = Vec::new();
    for name in ["headers.tsv", "localized.tsv", "members.tsv"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        for row in text.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let [level, time, source, line] = row.splitn(4, '\t').collect::<Vec<_>>()[..] else {
                panic!("{name}: not four columns: {row}");
            };
            let line = line.replace('\u{241b}', "\x1b");
            let time = match time {
                "-" => None,
                "=" => Some(TEN_MS),
                time => Some(time.parse::<jiff::Timestamp>().unwrap().as_millisecond()),
            };
            rows.push(Row { level: level.to_owned(), time, source: source.to_owned(), line });
        }
    }
    rows
}

#[test]
fn every_line_has_its_level() {
    let rows = rows();
    assert!(rows.len() >= 200, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let level = level_of(row.line.as_bytes()).map_or("-", |level| level.name());
        if level != row.level {
            wrong.push(format!("{level}, not {}: {}: {}", row.level, row.source, row.line));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_line_has_its_time() {
    let settings = Arc::new(TimeSettings { zone: zone("UTC").unwrap(), ..TimeSettings::default() });
    let mut wrong = Vec::new();
    for row in &rows() {
        let mut detector = Detector::new(Arc::clone(&settings));
        for turn in 0..3 {
            let second = detector.recall(row.line.as_bytes(), ARRIVAL_MS).map(|ms| ms.div_euclid(1_000));
            if second != row.time.map(|ms| ms / 1_000) {
                let shown = second.map(|second| jiff::Timestamp::from_second(second).unwrap());
                wrong.push(format!("{shown:?} in turn {turn}: {}: {}", row.source, row.line));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}
