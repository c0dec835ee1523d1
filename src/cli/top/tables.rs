//! The tables: patterns, files and lines.

use ratatui::text::Line;

use super::bars::spark;
use super::numbers::{ago, bytes, count, time};
use super::text::{Look, Row, Tone, cut_path, masked};
use crate::serve::api::{FileRate, PatternRate, Snapshot};

/// From this width on there is room for more columns.
const WIDE: usize = 110;

/// The state of a pattern in a word, and how that looks.
pub(super) fn state_of(state: &str, ratio: Option<f64>, now: u64) -> (String, Tone) {
    match state {
        "new" => ("NEW".to_owned(), Tone::New),
        "risen" => {
            let ratio = ratio.unwrap_or_default();
            let ratio = if ratio >= 20.0 { format!("{ratio:.0}") } else { format!("{ratio:.1}") };
            (format!("RISEN {ratio}×"), Tone::Warning)
        }
        "seen" => ("seen".to_owned(), Tone::Dim),
        _ if now == 0 => ("quiet".to_owned(), Tone::Dim),
        _ => ("usual".to_owned(), Tone::Dim),
    }
}

/// The widths of the columns beside the text.
struct Columns {
    state: usize,
    text: usize,
    trend: usize,
}

fn columns(width: usize) -> Columns {
    let is_wide = width >= WIDE;
    let (state, trend) = (if is_wide { 12 } else { 11 }, if is_wide { 22 } else { 12 });
    let others = 2 + state + 2 + trend + if is_wide { 46 } else { 19 };
    Columns { state, text: width.saturating_sub(others), trend }
}

/// The heads of the columns of the patterns.
pub(super) fn pattern_heads(look: Look, width: usize) -> Line<'static> {
    let Columns { state, text, trend } = columns(width);
    let mut row = Row::new(look);
    row.add("  ", Tone::Dim).left("STATE", state, Tone::Dim).left("PATTERN", text, Tone::Dim).gap(2);
    row.left("LAST HOUR", trend, Tone::Dim);
    if width >= WIDE {
        row.right("USUAL", 9, Tone::Dim).right("NOW/MIN", 9, Tone::Dim).right("SHARE", 7, Tone::Dim);
        row.right("FIRST", 10, Tone::Dim).right("LAST", 7, Tone::Dim);
    } else {
        row.right("USUAL", 7, Tone::Dim).right("NOW", 6, Tone::Dim).right("SEEN", 6, Tone::Dim);
    }
    row.line(width)
}

/// A row of the patterns.
pub(super) fn pattern(
    snapshot: &Snapshot,
    pattern: &PatternRate,
    is_selected: bool,
    look: Look,
    width: usize,
) -> Line<'static> {
    let Columns { state, text, trend } = columns(width);
    let (word, tone) = state_of(&pattern.state, pattern.ratio, pattern.now);
    let usual = if pattern.state == "seen" { "–".to_owned() } else { count(pattern.usual) };
    let last = ago(pattern.last, snapshot.now);
    let mut row = Row::new(look);
    row.add(if is_selected { "› " } else { "  " }, Tone::Bold).left(word, state, tone);
    row.left(masked(&pattern.parts), text, Tone::Plain).gap(2).add(spark(&pattern.trend, trend), Tone::Plain);
    if width >= WIDE {
        let all: u64 = snapshot.rules.iter().map(|rule| rule.per_min).sum();
        let share = format!("{:.0} %", pattern.now as f64 / all.max(1) as f64 * 100.0);
        row.right(usual, 9, Tone::Dim).right(count(pattern.now as f64), 9, Tone::Bold).right(
            share,
            7,
            Tone::Plain,
        );
        row.right(first_seen(pattern.first, snapshot.now), 10, Tone::Dim).right(last, 7, Tone::Dim);
    } else {
        row.right(usual, 7, Tone::Dim).right(count(pattern.now as f64), 6, Tone::Bold).right(
            last,
            6,
            Tone::Dim,
        );
    }
    if is_selected { row.selected(width) } else { row.line(width) }
}

fn first_seen(at: Option<f64>, now: f64) -> String {
    at.map_or_else(|| "–".to_owned(), |at| time(at, if now - at < 43_200.0 { "%H:%M" } else { "%-d %b" }))
}

/// What the patterns of the snapshot leave over.
pub(super) fn other(snapshot: &Snapshot, look: Look, width: usize) -> Line<'static> {
    let all: u64 = snapshot.rules.iter().map(|rule| rule.per_min).sum();
    let patterns: u64 = snapshot.patterns.iter().map(|pattern| pattern.now).sum();
    let mut row = Row::new(look);
    row.add(format!("other {}", all.saturating_sub(patterns)), Tone::Plain);
    row.add(format!("   patterns + other = {all}, exactly"), Tone::Dim);
    row.line(width)
}

/// The heads of the columns of the files.
pub(super) fn file_heads(look: Look, width: usize) -> Line<'static> {
    let mut row = Row::new(look);
    row.add("  ", Tone::Dim).left("FILE", file_width(width), Tone::Dim).right("ERRORS/MIN", 12, Tone::Dim);
    row.right("BEHIND", 10, Tone::Dim).right("GEN", 6, Tone::Dim).right("MISSED", 10, Tone::Dim);
    if width >= WIDE {
        row.gap(2).add("LAST EVENT", Tone::Dim);
    }
    row.line(width)
}

fn file_width(width: usize) -> usize {
    width.saturating_sub(2 + 38 + if width >= WIDE { 28 } else { 0 })
}

/// A row of the files.
pub(super) fn file(
    snapshot: &Snapshot,
    file: &FileRate,
    is_selected: bool,
    look: Look,
    width: usize,
) -> Line<'static> {
    let room = file_width(width);
    let mut row = Row::new(look);
    row.add(if is_selected { "› " } else { "  " }, Tone::Bold).left(
        cut_path(&file.path, room),
        room,
        Tone::Plain,
    );
    if let Some(trouble) = &file.trouble {
        row.gap(2).left(format!("! {trouble}"), width.saturating_sub(room + 4), Tone::Warning);
    } else {
        row.right(count(file.per_min), 12, Tone::Bold);
        row.right(bytes(file.lag), 10, if file.lag > 1_000_000 { Tone::Warning } else { Tone::Plain });
        row.right(file.generation.to_string(), 6, Tone::Dim);
        let tone = if file.missed > 0 { Tone::Critical } else { Tone::Plain };
        row.right(bytes(file.missed), 10, tone);
        if let (true, Some(event)) = (width >= WIDE, &file.event) {
            row.gap(2).add(format!("{event} {}", ago(file.event_at, snapshot.now)), Tone::Dim);
        }
    }
    if is_selected { row.selected(width) } else { row.line(width) }
}

/// A line of a log.
pub(super) fn log_line(
    line: &crate::serve::api::Line,
    is_selected: bool,
    look: Look,
    width: usize,
) -> Line<'static> {
    let mut row = Row::new(look);
    row.add("  ", Tone::Plain).left(time(line.at, "%H:%M:%S"), 10, Tone::Dim);
    if width >= WIDE {
        row.left(cut_path(&line.source, 24), 26, Tone::Dim);
    }
    let room = width.saturating_sub(row.width());
    row.left(&line.text, room, Tone::Plain);
    if is_selected { row.selected(width) } else { row.line(width) }
}
