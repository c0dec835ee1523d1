//! What a scan prints: a table for people, or one JSON object.

use std::io::{self, Write};

use indicatif::{BinaryBytes, HumanCount};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::count::FileCount;
use crate::cli::table::{Kind, Table};
use crate::fmt::display_path;
use crate::scan::bulk::BulkTally;

/// Writes a row for each file that was read, and a total if there are several, in at most `width` cells.
pub(super) fn write_table(
    out: &mut impl Write,
    names: &[String],
    files: &[FileCount],
    width: Option<usize>,
) -> io::Result<()> {
    let read: Vec<&FileCount> = files.iter().filter(|file| file.opened).collect();
    if read.is_empty() {
        return Ok(());
    }
    let mut table = Table::default().column("file", Kind::Path).spare("size", Kind::Number, 1);
    for name in names {
        table = table.column(name, Kind::Number);
    }
    for file in &read {
        table.row(row(display_path(&file.path), &file.tally));
    }
    if read.len() > 1 {
        table.row(row("total".to_owned(), &total(names, files)));
    }
    for line in table.lines(width) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn row(name: String, tally: &BulkTally) -> Vec<String> {
    let counts = tally.lines_matched.iter().map(|lines| HumanCount(*lines).to_string());
    [name, BinaryBytes(tally.bytes).to_string()].into_iter().chain(counts).collect()
}

fn total(names: &[String], files: &[FileCount]) -> BulkTally {
    let mut sum = BulkTally::new(names.len());
    for file in files {
        sum.add(&file.tally);
    }
    sum
}

/// Writes one JSON object.
pub(super) fn write_json(out: &mut impl Write, names: &[String], files: &[FileCount]) -> io::Result<()> {
    let sum = total(names, files);
    let read = files.iter().filter(|file| file.opened);
    let files = read.map(|file| Entry {
        path: Some(display_path(&file.path)),
        bytes: file.tally.bytes,
        lines_matched: ByRule(names, &file.tally),
    });
    let all = All {
        files: files.collect(),
        total: Entry { path: None, bytes: sum.bytes, lines_matched: ByRule(names, &sum) },
    };
    serde_json::to_writer(&mut *out, &all)?;
    writeln!(out)
}

#[derive(serde::Serialize)]
struct All<'r> {
    files: Vec<Entry<'r>>,
    total: Entry<'r>,
}

#[derive(serde::Serialize)]
struct Entry<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    bytes: u64,
    lines_matched: ByRule<'r>,
}

/// Counts by the name of the rule, in the order of the rules.
struct ByRule<'r>(&'r [String], &'r BulkTally);

impl Serialize for ByRule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, lines) in self.0.iter().zip(&self.1.lines_matched) {
            map.serialize_entry(name, lines)?;
        }
        map.end()
    }
}
