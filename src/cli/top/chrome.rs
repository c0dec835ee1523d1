//! What surrounds the sections: the host, the daemon, all hosts, the keys at the bottom, and the help.

use ratatui::text::Line;

use super::keys::KEYS;
use super::model::{Model, Section};
use super::numbers::{bytes, duration, time};
use super::text::{Look, Row, Tone, rule};
use crate::serve::api::Snapshot;

pub(super) fn head(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Line<'static> {
    let mut row = Row::new(look);
    row.add("spiketail  ", Tone::Bold).add(&snapshot.host, Tone::Plain);
    if width >= 110 {
        row.add(format!("   up {}", duration(snapshot.now - snapshot.started)), Tone::Dim);
    }
    let clock = time(snapshot.now, "%H:%M:%S %Z");
    let (word, tone) = match (&model.host().down, &model.paused) {
        (Some(_), _) => ("✗ disconnected", Tone::Critical),
        (None, Some(_)) => ("● paused", Tone::Warning),
        (None, None) => ("● live", Tone::Accent),
    };
    let cells = word.chars().count() + 2 + clock.chars().count();
    row.to(width.saturating_sub(cells)).add(word, tone).add(format!("  {clock}"), Tone::Plain);
    row.line(width)
}

pub(super) fn agent(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Line<'static> {
    let agent = &snapshot.agent;
    let mut row = Row::new(look);
    let gap = if width >= 110 { "   " } else { "  " };
    match (&model.host().down, agent.health.as_str()) {
        (Some(why), _) => {
            row.add(format!("? agent not reached: {why}"), Tone::Critical);
            return row.line(width);
        }
        (None, "ok") => row.add("✓", Tone::Accent).add(" agent ok", Tone::Plain),
        (None, "learning") => row.add("✓", Tone::Accent).add(" agent ok, learning", Tone::Plain),
        (None, "delayed") => row.add("! agent delayed", Tone::Warning),
        (None, health) => row.add(format!("! agent {health}"), Tone::Critical),
    };
    let waiting: u64 = agent.outputs.iter().map(|output| output.waiting).sum();
    row.add(format!("{gap}{}", files_of(agent.files)), Tone::Plain);
    row.add(
        format!("{gap}{} missed", bytes(agent.missed)),
        if agent.missed > 0 { Tone::Critical } else { Tone::Plain },
    );
    let waits = if width >= 110 { "waiting for outputs" } else { "waiting" };
    row.add(format!("{gap}{waiting} {waits}"), if waiting > 0 { Tone::Warning } else { Tone::Plain });
    row.add(
        format!("{gap}{} behind", bytes(agent.lag)),
        if agent.lag > 1_000_000 { Tone::Warning } else { Tone::Plain },
    );
    if width >= 110 {
        row.add(format!("{gap}{}/s read", bytes(agent.bytes_per_s as u64)), Tone::Plain);
    }
    if let Some(committed) = agent.committed {
        row.add(format!("{gap}commit {} ago", duration(snapshot.now - committed)), Tone::Dim);
    }
    row.line(width)
}

fn files_of(n: u64) -> String {
    format!("{n} {}", if n == 1 { "file" } else { "files" })
}

/// A line for all hosts together, and one for each.
pub(super) fn hosts(model: &Model, look: Look, width: usize, rows_max: usize) -> Vec<Line<'static>> {
    let all: Vec<&Snapshot> = model.hosts.iter().filter_map(|host| host.snapshot.as_ref()).collect();
    let firing = |snapshot: &Snapshot| snapshot.alerts.len() as u64 + snapshot.alerts_more;
    let rate = |snapshot: &Snapshot| snapshot.rules.iter().map(|rule| rule.per_min).sum::<u64>();
    let total = format!(
        "{} firing, {}/min, {}",
        all.iter().map(|snapshot| firing(snapshot)).sum::<u64>(),
        all.iter().map(|snapshot| rate(snapshot)).sum::<u64>(),
        files_of(all.iter().map(|snapshot| snapshot.agent.files).sum()),
    );
    let mut lines = vec![rule(look, &format!("{} hosts", model.hosts.len()), &total, width)];
    let first = model.shown.saturating_sub(rows_max.saturating_sub(1));
    for (at, host) in model.hosts.iter().enumerate().skip(first).take(rows_max.max(1)) {
        let mut row = Row::new(look);
        row.add(if at == model.shown { "› " } else { "  " }, Tone::Bold).left(&host.name, 28, Tone::Plain);
        match (&host.snapshot, &host.down) {
            (_, Some(why)) => row.gap(1).add(format!("✗ {why}"), Tone::Critical),
            (None, None) => row.gap(1).add("connecting", Tone::Dim),
            (Some(snapshot), None) => {
                let count = firing(snapshot);
                row.right(format!("{count} firing"), 12, if count > 0 { Tone::Critical } else { Tone::Dim });
                row.right(format!("{}/min", rate(snapshot)), 12, Tone::Plain);
                row.right(files_of(snapshot.agent.files), 12, Tone::Dim)
            }
        };
        lines.push(if at == model.shown { row.selected(width) } else { row.line(width) });
    }
    lines
}

pub(super) fn bottom_line(model: &Model, look: Look, width: usize) -> Line<'static> {
    let mut row = Row::new(look);
    if model.is_typing {
        row.add("/", Tone::Bold).add(&model.filter, Tone::Plain).add("▏", Tone::Accent);
        row.add("  Enter keeps it, Esc clears it", Tone::Dim);
        return row.line(width);
    }
    let keys: &[(&str, &str)] = if model.opened.is_some() {
        &[("Esc", "back"), ("x", "silence"), ("space", "pause"), ("?", ""), ("q", "quit")]
    } else if model.section == Section::Alerts && width < 110 {
        &[
            ("Enter", "open"),
            ("x", "silence or end it"),
            ("p", "patterns"),
            ("f", "files"),
            ("l", "live"),
            ("/", "filter"),
            ("?", ""),
            ("q", "quit"),
        ]
    } else if width >= 110 {
        &[
            ("Tab", "section"),
            ("↑↓", "row"),
            ("Enter", "open"),
            ("Esc", "back"),
            ("a", "alerts"),
            ("p", "patterns"),
            ("f", "files"),
            ("l", "live"),
            ("h/d/w", "range"),
            ("/", "filter"),
            ("s", "sort"),
            ("space", "pause"),
            ("?", "help"),
            ("q", "quit"),
        ]
    } else {
        &[
            ("Enter", "open"),
            ("f", "files"),
            ("l", "live"),
            ("a", "alerts"),
            ("h/d/w", "range"),
            ("/", "filter"),
            ("s", "sort"),
            ("?", ""),
            ("q", "quit"),
        ]
    };
    for (at, (key, what)) in keys.iter().enumerate() {
        // `?` stands beside `q`, because it says nothing by itself.
        let gap = if at == 0 {
            ""
        } else if keys[at - 1].1.is_empty() {
            " "
        } else {
            "  "
        };
        row.add(gap, Tone::Plain).add(*key, Tone::Bold);
        if !what.is_empty() {
            row.add(format!(" {what}"), Tone::Plain);
        }
    }
    row.line(width)
}

pub(super) fn waiting(model: &Model, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if model.hosts.len() > 1 {
        lines.extend(hosts(model, look, width, height.saturating_sub(4)));
    }
    let mut row = Row::new(look);
    match &model.host().down {
        Some(why) => row.add("✗ no daemon answers: ", Tone::Critical).add(why, Tone::Plain),
        None => row.add("connecting to the daemon", Tone::Dim),
    };
    lines.push(row.line(width));
    let mut row = Row::new(look);
    row.add("it is tried again; q quits", Tone::Dim);
    lines.push(row.line(width));
    lines
}

pub(super) fn help(look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let mut lines = vec![rule(look, "Keys", "any key closes this", width)];
    lines.extend(KEYS.iter().map(|(key, what)| {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(*key, 20, Tone::Bold).add(*what, Tone::Plain);
        row.line(width)
    }));
    lines.truncate(height);
    lines
}
