//! The answer of the daemon as a table for people: what fires first, then files, then outputs.

use anstyle::{AnsiColor, Style};
use indicatif::{BinaryBytes, HumanDuration};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// So many minutes are one character.
const MINUTES_EACH: usize = 3;

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The whole answer, with at most `listed_max` files.
pub(super) fn table(status: &Value, listed_max: usize, is_coloured: bool) -> String {
    let mut out = vec![head(status)];
    out.extend(status["state_trouble"].as_str().map(|trouble| format!("state: {trouble}")));
    let alerts = list(status, "alerts");
    if !alerts.is_empty() {
        out.push(String::new());
    }
    for state in ["firing", "pending"] {
        out.extend(
            alerts.iter().filter(|alert| alert["state"] == state).map(|alert| of_alert(alert, is_coloured)),
        );
    }
    let files = list(status, "files");
    if !files.is_empty() {
        out.push(String::new());
        out.extend(of_files(files, listed_max));
    }
    let outputs = list(status, "outputs");
    if !outputs.is_empty() {
        out.push(String::new());
        let rows = outputs.iter().map(|output| {
            let error =
                output["last_error"].as_str().map(|why| format!("{} {why}", time(output, "last_error_at")));
            vec![
                text(output, "output").to_owned(),
                number(output, "waiting").to_string(),
                error.unwrap_or_default(),
            ]
        });
        out.extend(columns(&["output", "waiting", "last error"], rows.collect()));
    }
    out.join("\n") + "\n"
}

fn head(status: &Value) -> String {
    let files = list(status, "files");
    let rate: f64 = files.iter().filter_map(|file| file["lines_per_s"].as_f64()).sum();
    let firing = list(status, "alerts").iter().filter(|alert| alert["state"] == "firing").count();
    let up = HumanDuration(std::time::Duration::from_secs(number(status, "uptime_s")));
    let version = text(status, "version");
    let some = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (files, firing) = (some(files.len(), "file"), some(firing, "alert"));
    format!(
        "spiketail {version}, up {up}: {files}, {} matching lines a second, {firing} firing",
        rounded(rate)
    )
}

fn of_alert(alert: &Value, is_coloured: bool) -> String {
    let color = if text(alert, "severity") == "critical" { AnsiColor::Red } else { AnsiColor::Yellow };
    let style = if is_coloured { Style::new().bold().fg_color(Some(color.into())) } else { Style::new() };
    let state = text(alert, "state").to_uppercase();
    let place =
        alert["path"].as_str().map_or_else(|| format!("watch {}", text(alert, "watch")), str::to_owned);
    let (severity, name, since, count) =
        (text(alert, "severity"), text(alert, "alert"), time(alert, "since"), number(alert, "count"));
    format!("{style}{state} {severity} {name}{style:#}  {place}  since {since}  {count} lines in its window")
}

/// Those with trouble first, then those with the most matching lines.
fn of_files(files: &[Value], listed_max: usize) -> Vec<String> {
    let mut sorted: Vec<&Value> = files.iter().collect();
    let rank = |file: &Value| {
        let recent: u64 = list(file, "lines_by_minute").iter().filter_map(Value::as_u64).sum();
        let is_well = file["trouble"].is_null() && number(file, "bytes_missed") == 0;
        (is_well, std::cmp::Reverse(recent), std::cmp::Reverse(number(file, "lag")))
    };
    sorted.sort_by_key(|file| rank(file));
    let rows = sorted.iter().take(listed_max).map(|file| of_file(file));
    let head = ["file", "size", "behind", "gen", "matched", "per s", "last hour", "last change"];
    let mut lines = columns(&head, rows.collect());
    if sorted.len() > listed_max {
        lines.push(format!("and {} more; --all lists them", sorted.len() - listed_max));
    }
    lines
}

fn of_file(file: &Value) -> Vec<String> {
    let bytes = |key: &str| BinaryBytes(number(file, key)).to_string();
    let missed = number(file, "bytes_missed");
    // That a file was opened says less than why.
    let changes = list(file, "changes");
    let telling = changes.iter().rev().find(|change| change["event"] != "opened").or(changes.last());
    let last = match (file["trouble"].as_str(), telling) {
        (Some(trouble), _) => trouble.to_owned(),
        (None, Some(change)) => change_of(change),
        (None, None) => String::new(),
    };
    let missed = if missed > 0 { format!("{missed} bytes missed; ") } else { String::new() };
    vec![
        text(file, "path").to_owned(),
        bytes("size"),
        bytes("lag"),
        number(file, "generation").to_string(),
        matched(file),
        rounded(file["lines_per_s"].as_f64().unwrap_or_default()),
        sparkline(list(file, "lines_by_minute")),
        format!("{missed}{last}"),
    ]
}

fn matched(file: &Value) -> String {
    let totals = file["lines_matched"].as_object();
    let totals = totals.into_iter().flatten().map(|(rule, n)| format!("{rule} {n}"));
    totals.collect::<Vec<_>>().join(", ")
}

fn change_of(change: &Value) -> String {
    format!("{} {}: {}", time(change, "at"), text(change, "event"), text(change, "reason"))
}

/// What happened to a file recently, newest last.
pub(in crate::cli) fn changes_of(file: &Value) -> Vec<String> {
    list(file, "changes").iter().map(change_of).collect()
}

/// How a file stands, in a sentence or two.
pub(in crate::cli) fn figures_of(file: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "read up to byte {} of {}; file number {} at this path; {}, {} a second now",
        number(file, "offset"),
        number(file, "size"),
        number(file, "generation"),
        matched(file),
        rounded(file["lines_per_s"].as_f64().unwrap_or_default())
    )];
    let missed = number(file, "bytes_missed");
    if missed > 0 {
        lines.push(format!("{missed} bytes were gone before they could be read"));
    }
    lines.extend(file["trouble"].as_str().map(|trouble| format!("cannot be read: {trouble}")));
    lines
}

fn rounded(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// A time of this machine, and the day only if it is another.
fn time(value: &Value, key: &str) -> String {
    let Ok(at) = text(value, key).parse::<Timestamp>() else { return String::new() };
    let zone = TimeZone::system();
    let (at, now) = (at.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone));
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
}

/// A bar for every three minutes; nothing at all if nothing matched.
fn sparkline(minutes: &[Value]) -> String {
    let counts: Vec<u64> = minutes.iter().filter_map(Value::as_u64).collect();
    let sums: Vec<u64> = counts.chunks(MINUTES_EACH).map(|chunk| chunk.iter().sum()).collect();
    let Some(most) = sums.iter().copied().max().filter(|most| *most > 0) else { return String::new() };
    let bar = |n: u64| if n == 0 { ' ' } else { BARS[((n * 8).div_ceil(most) as usize - 1).min(7)] };
    sums.into_iter().map(bar).collect()
}

/// Rows in columns as wide as their widest cell; the last one is as it is.
fn columns(head: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let mut all = vec![head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            let is_number = at > 0 && cell.starts_with(|c: char| c.is_ascii_digit()) && at + 1 < row.len();
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}
