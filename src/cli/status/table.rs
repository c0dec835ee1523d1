//! The answer of the daemon as a table for people: what fires first, then files, then outputs.

use std::cmp::{Ordering, Reverse};

use anstyle::{AnsiColor, Style};
use indicatif::{BinaryBytes, HumanDuration};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::table::{Kind, Table};
use crate::fmt::printable;
use crate::serve::status::{Status, StatusAlert, StatusChange, StatusFile, StatusOutput, StatusPattern};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// So many patterns are listed.
const PATTERNS_MAX: usize = 10;
/// So many minutes are one character.
const MINUTES_EACH: usize = 3;

/// The whole answer, with at most `listed_max` files.
/// Each line has at most `width` characters, if there is a width.
pub(super) fn table(status: &Status, listed_max: usize, width: Option<usize>, is_coloured: bool) -> String {
    let mut out = vec![head(status)];
    out.extend(status.state_trouble.as_ref().map(|trouble| format!("state: {}", printable(trouble))));
    if !status.alerts.is_empty() {
        out.push(String::new());
    }
    for state in ["firing", "pending"] {
        let alerts = status.alerts.iter().filter(|alert| alert.state == state);
        out.extend(alerts.map(|alert| of_alert(alert, is_coloured)));
    }
    if !status.files.is_empty() {
        out.push(String::new());
        out.extend(of_files(&status.files, listed_max, width));
    }
    if !status.patterns.is_empty() {
        out.push(String::new());
        out.extend(of_patterns(&status.patterns, width));
    }
    if !status.outputs.is_empty() {
        out.push(String::new());
        let table = Table::default().column("output", Kind::Word).column("waiting", Kind::Number);
        let mut table = table.column("last error", Kind::Text);
        status.outputs.iter().for_each(|output| table.row(of_output(output)));
        out.extend(table.lines(width));
    }
    let lines: Vec<String> = out.iter().map(|line| fitted(line, width.unwrap_or(usize::MAX))).collect();
    lines.join("\n") + "\n"
}

/// `line` with at most `width` characters, of which escape sequences take none.
fn fitted(line: &str, width: usize) -> String {
    let (mut fitted, mut shown, mut is_escape) = (String::new(), 0, false);
    let length = anstyle_free(line).chars().count();
    if length <= width {
        return line.to_owned();
    }
    for c in line.chars() {
        let is_part_of_escape = is_escape || c == '\u{1b}';
        is_escape = is_part_of_escape && !(is_escape && c.is_ascii_alphabetic());
        if is_part_of_escape {
            fitted.push(c);
            continue;
        }
        shown += 1;
        match shown.cmp(&width) {
            Ordering::Less => fitted.push(c),
            Ordering::Equal => fitted.push('…'),
            Ordering::Greater => {}
        }
    }
    fitted
}

/// `line` without escape sequences.
fn anstyle_free(line: &str) -> String {
    let mut is_escape = false;
    let is_shown = |c: &char| {
        let is_part = is_escape || *c == '\u{1b}';
        is_escape = is_part && !(is_escape && c.is_ascii_alphabetic());
        !is_part
    };
    line.chars().filter(is_shown).collect()
}

fn head(status: &Status) -> String {
    let rate: f64 = status.files.iter().map(|file| file.lines_per_s).sum();
    let firing = status.alerts.iter().filter(|alert| alert.is_firing()).count();
    let up = HumanDuration(std::time::Duration::from_secs(status.uptime_s.max(0).unsigned_abs()));
    let version = printable(&status.version);
    let on = if status.host.is_empty() { String::new() } else { format!(" on {}", printable(&status.host)) };
    let some = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (files, firing) = (some(status.files.len(), "file"), some(firing, "alert"));
    format!(
        "spiketail {version}{on}, up {up}: {files}, {} matching lines a second, {firing} firing",
        rounded(rate)
    )
}

fn of_alert(alert: &StatusAlert, is_coloured: bool) -> String {
    let color = if alert.severity == "critical" { AnsiColor::Red } else { AnsiColor::Yellow };
    let style = if is_coloured { Style::new().bold().fg_color(Some(color.into())) } else { Style::new() };
    let state = alert.state.to_uppercase();
    let watch = || match &alert.pattern {
        Some(pattern) => format!("watch {} pattern {pattern}", alert.watch),
        None => format!("watch {}", alert.watch),
    };
    let place = alert.path.clone().unwrap_or_else(watch);
    let since = alert.since.as_deref().map(time).unwrap_or_default();
    let silenced = alert.silenced_by.as_deref().map(|by| format!("  {}", printable(by)));
    format!(
        "{style}{} {} {}{style:#}  {}  since {since}  {} lines in its window{}",
        printable(&state),
        printable(&alert.severity),
        printable(&alert.alert),
        printable(&place),
        alert.count,
        silenced.unwrap_or_default()
    )
}

/// Those with the most lines first.
fn of_patterns(patterns: &[StatusPattern], width: Option<usize>) -> Vec<String> {
    let mut sorted: Vec<&StatusPattern> = patterns.iter().collect();
    sorted.sort_by_key(|pattern| Reverse(pattern.lines));
    let seen = |at: &Option<String>| at.as_deref().map(time).unwrap_or_default();
    let row = |pattern: &StatusPattern| {
        let text = if pattern.text.is_empty() { &pattern.pattern } else { &pattern.text };
        vec![pattern.lines.to_string(), seen(&pattern.first_seen), seen(&pattern.last_seen), text.clone()]
    };
    let table = Table::default().column("matched", Kind::Number).spare("first seen", Kind::Word, 2);
    let mut table = table.spare("last seen", Kind::Word, 1).column("pattern", Kind::Text);
    sorted.iter().take(PATTERNS_MAX).for_each(|pattern| table.row(row(pattern)));
    table.lines(width)
}

fn of_output(output: &StatusOutput) -> Vec<String> {
    let at = output.last_error_at.as_deref().map(time).unwrap_or_default();
    let error = output.last_error.as_ref().map(|why| format!("{at} {why}"));
    vec![output.output.clone(), output.waiting.to_string(), error.unwrap_or_default()]
}

/// Those with trouble first, then those with the most matching lines.
fn of_files(files: &[StatusFile], listed_max: usize, width: Option<usize>) -> Vec<String> {
    let mut sorted: Vec<&StatusFile> = files.iter().collect();
    sorted.sort_by_key(|file| {
        let recent: u64 = file.lines_by_minute.iter().sum();
        let is_well = file.trouble.is_none() && file.bytes_missed == 0;
        (is_well, Reverse(recent), Reverse(file.lag))
    });
    let table = Table::default().column("file", Kind::Path).spare("size", Kind::Number, 5);
    let table = table.spare("behind", Kind::Number, 3).spare("gen", Kind::Number, 4);
    let table = table.column("matched", Kind::Text).spare("per s", Kind::Number, 2);
    let mut table = table.spare("last hour", Kind::Word, 6).spare("last change", Kind::Text, 1);
    sorted.iter().take(listed_max).for_each(|file| table.row(of_file(file)));
    let mut lines = table.lines(width);
    if sorted.len() > listed_max {
        lines.push(format!("and {} more; --all lists them", sorted.len() - listed_max));
    }
    lines
}

fn of_file(file: &StatusFile) -> Vec<String> {
    // That a file was opened says less than why.
    let telling = file.changes.iter().rev().find(|change| change.event != "opened").or(file.changes.last());
    let last = file.trouble.clone().or(telling.map(change_of)).unwrap_or_default();
    let missed =
        if file.bytes_missed > 0 { format!("{} bytes missed; ", file.bytes_missed) } else { String::new() };
    vec![
        file.path.clone(),
        BinaryBytes(file.size).to_string(),
        BinaryBytes(file.lag).to_string(),
        file.generation.to_string(),
        matched(file),
        rounded(file.lines_per_s),
        sparkline(&file.lines_by_minute),
        format!("{missed}{last}"),
    ]
}

fn matched(file: &StatusFile) -> String {
    file.lines_matched.iter().map(|(rule, n)| format!("{rule} {n}")).collect::<Vec<_>>().join(", ")
}

fn change_of(change: &StatusChange) -> String {
    format!("{} {}: {}", time(&change.at), change.event, change.reason)
}

/// What happened to a file recently, newest last.
pub(in crate::cli) fn changes_of(file: &StatusFile) -> Vec<String> {
    file.changes.iter().map(change_of).collect()
}

/// How a file stands, in a sentence or two.
pub(in crate::cli) fn figures_of(file: &StatusFile) -> Vec<String> {
    let mut lines = vec![format!(
        "read up to byte {} of {}; file number {} at this path; {}, {} a second now",
        file.offset,
        file.size,
        file.generation,
        matched(file),
        rounded(file.lines_per_s)
    )];
    if file.bytes_missed > 0 {
        lines.push(format!("{} bytes were gone before they could be read", file.bytes_missed));
    }
    lines.extend(file.trouble.as_ref().map(|trouble| format!("cannot be read: {trouble}")));
    lines
}

fn rounded(rate: f64) -> String {
    // The sum of nothing is -0.
    let rate = rate.max(0.0) + 0.0;
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// A time of this machine, and the day only if it is another.
fn time(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return String::new() };
    let zone = TimeZone::system();
    let (at, now) = (at.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone));
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
}

/// A bar for every three minutes; nothing at all if nothing matched.
fn sparkline(minutes: &[u64]) -> String {
    let sums: Vec<u64> = minutes.chunks(MINUTES_EACH).map(|chunk| chunk.iter().sum()).collect();
    let Some(most) = sums.iter().copied().max().filter(|most| *most > 0) else { return String::new() };
    let bar = |n: u64| if n == 0 { ' ' } else { BARS[((n * 8).div_ceil(most) as usize - 1).min(7)] };
    sums.into_iter().map(bar).collect()
}
