//! What a scan prints: a table for people, or one JSON object.

use std::io::{self, Write};

use indicatif::{BinaryBytes, HumanCount};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::count::FileCount;
use crate::fmt::display_path;
use crate::scan::bulk::BulkTally;

/// Writes a row for each file that was read, and a total if there are several.
pub(super) fn write_table(out: &mut impl Write, names: &[String], files: &[FileCount]) -> io::Result<()> {
    let read: Vec<&FileCount> = files.iter().filter(|file| file.opened).collect();
    if read.is_empty() {
        return Ok(());
    }
    let mut rows =
        vec![["file", "size"].into_iter().map(str::to_owned).chain(names.iter().cloned()).collect()];
    rows.extend(read.iter().map(|file| row(display_path(&file.path), &file.tally)));
    if read.len() > 1 {
        rows.push(row("total".to_owned(), &total(names, files)));
    }
    let widths = widths(&rows);
    for row in &rows {
        write_row(out, row, &widths)?;
    }
    Ok(())
}

fn row(name: String, tally: &BulkTally) -> Vec<String> {
    let counts = tally.lines_matched.iter().map(|lines| HumanCount(*lines).to_string());
    [name, BinaryBytes(tally.bytes).to_string()].into_iter().chain(counts).collect()
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    (0..columns).map(width).collect()
}

/// The first column is text, the others are numbers.
fn write_row(out: &mut impl Write, row: &[String], widths: &[usize]) -> io::Result<()> {
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        match column {
            0 => write!(out, "{cell:<width$}")?,
            _ => write!(out, "  {cell:>width$}")?,
        }
    }
    writeln!(out)
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
