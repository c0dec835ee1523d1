//! What `spiketail patterns` prints: a table for people, or one JSON object.

use std::cmp::Reverse;
use std::io::{self, Write};

use indicatif::HumanCount;
use serde::Serialize;

use crate::cli::cells::cut;
use crate::cli::table::{Kind, Table};
use crate::pattern::{Pattern, Registry};

/// In which order patterns are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Sort {
    /// The most frequent first.
    Count,
    /// The one that was seen first most recently first.
    New,
}

/// What the name of the lines of patterns that are no longer kept is.
const OTHER: &str = "other";

fn sorted(registry: &Registry, sort: Sort) -> Vec<&Pattern> {
    let mut patterns: Vec<&Pattern> = registry.patterns().iter().collect();
    patterns.sort_by_key(|pattern| match sort {
        Sort::Count => {
            (Reverse(i64::try_from(pattern.lines).unwrap_or(i64::MAX)), Reverse(0), pattern.usage.began)
        }
        Sort::New => (Reverse(pattern.first_ms.unwrap_or(i64::MIN)), Reverse(pattern.usage.began), 0),
    });
    patterns
}

/// Writes a row and a sample for each pattern, in at most `width` cells.
pub(super) fn write_table(
    out: &mut impl Write,
    registry: &Registry,
    sort: Sort,
    width: Option<usize>,
) -> io::Result<()> {
    let patterns = sorted(registry, sort);
    if patterns.is_empty() {
        return Ok(());
    }
    let table = Table::default().column("lines", Kind::Number).column("share", Kind::Number);
    let table = table.spare("first seen", Kind::Word, 3).spare("last seen", Kind::Word, 2);
    let mut table = table.spare("id", Kind::Word, 1).column("pattern", Kind::Text);
    let shown = |at_ms| time(at_ms).unwrap_or_else(|| "-".to_owned());
    let share_of = |lines| format!("{:.1}%", share(lines, registry) * 100.0);
    for pattern in &patterns {
        table.row([
            HumanCount(pattern.lines).to_string(),
            share_of(pattern.lines),
            shown(pattern.first_ms),
            shown(pattern.last_ms),
            pattern.id.to_string(),
            pattern.text.clone(),
        ]);
    }
    let mut lines = table.lines(width).into_iter();
    writeln!(out, "{}", lines.next().unwrap_or_default())?;
    for (line, pattern) in lines.zip(&patterns) {
        writeln!(out, "{line}")?;
        let sample = format!("  {}", pattern.sample);
        writeln!(out, "{}", width.map_or(sample.clone(), |width| cut(&sample, width)))?;
    }
    if registry.other() > 0 {
        let (other, share) = (HumanCount(registry.other()), share_of(registry.other()));
        writeln!(out, "{other} lines, {share}, are of patterns that are not kept ({OTHER})")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct PatternsJson<'a> {
    lines: u64,
    other: u64,
    patterns: Vec<PatternJson<'a>>,
}

#[derive(Serialize)]
struct PatternJson<'a> {
    id: String,
    lines: u64,
    share: f64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    text: &'a str,
    sample: &'a str,
}

impl<'a> PatternJson<'a> {
    fn new(pattern: &'a Pattern, registry: &Registry) -> PatternJson<'a> {
        PatternJson {
            id: pattern.id.to_string(),
            lines: pattern.lines,
            share: (share(pattern.lines, registry) * 1e4).round() / 1e4,
            first_seen: time(pattern.first_ms),
            last_seen: time(pattern.last_ms),
            text: &pattern.text,
            sample: &pattern.sample,
        }
    }
}

/// Writes one object.
pub(super) fn write_json(out: &mut impl Write, registry: &Registry, sort: Sort) -> io::Result<()> {
    let patterns =
        sorted(registry, sort).into_iter().map(|pattern| PatternJson::new(pattern, registry)).collect();
    serde_json::to_writer(
        &mut *out,
        &PatternsJson { lines: registry.lines(), other: registry.other(), patterns },
    )?;
    writeln!(out)
}

fn share(lines: u64, registry: &Registry) -> f64 {
    lines as f64 / registry.lines().max(1) as f64
}

/// A time as text, in UTC and whole seconds.
fn time(at_ms: Option<i64>) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at_ms?).ok()?;
    Some(format!("{at:.0}"))
}
