//! The levels and times of lines as programs write them, from tables that are easy to extend.
//!
//! A row is the level, the time, the source of the format, and the line. `-` stands for none, `=` for
//! 2026-11-22T10:00:00Z to the second, and U+241B for an escape character.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

use std::path::Path;

use spiketail::scan::level::level_of;

struct Row {
    level: String,
    source: String,
    line: String,
}

fn rows() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let mut rows = Vec::new();
    for name in ["headers.tsv", "localized.tsv", "members.tsv"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        for row in text.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
            let [level, _, source, line] = row.splitn(4, '\t').collect::<Vec<_>>()[..] else {
                panic!("{name}: not four columns: {row}");
            };
            let line = line.replace('\u{241b}', "\x1b");
            rows.push(Row { level: level.to_owned(), source: source.to_owned(), line });
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
