//! A whole frame: the daemon, what fires, one section or several, and the keys.

use ratatui::text::Line;

use super::keys::KEYS;
use super::model::{Model, Order, Section};
use super::now;
use super::tables;
use super::text::{Look, Row, Tone, bytes, duration, rule, time};
use crate::serve::api::Snapshot;

/// In less than this, only what fires is shown.
const SMALL: (usize, usize) = (40, 10);
/// What fires takes so many lines at most.
const NOW_ROWS: usize = 11;
/// From this height on there are several sections.
const TALL: usize = 36;

/// The lines of a frame of that width and height.
pub(super) fn frame(model: &mut Model, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    if model.has_help {
        return help(look, width, height);
    }
    let Some(snapshot) = model.snapshot().cloned() else { return waiting(model, look, width, height) };
    if width < SMALL.0 || height < SMALL.1 {
        return now::block(model, &snapshot, look, width, height.max(2))
            .into_iter()
            .skip(1)
            .take(height)
            .collect();
    }
    let mut lines = vec![head(model, &snapshot, look, width), agent(model, &snapshot, look, width)];
    if model.hosts.len() > 1 {
        lines.extend(hosts(model, look, width, height / 4));
    }
    lines.extend(now::block(model, &snapshot, look, width, NOW_ROWS.min(height / 2)));
    let bottom = height.saturating_sub(1);
    let is_tall = height >= TALL && model.opened.is_none() && model.section == Section::Patterns;
    let below = if is_tall { (height - lines.len()) / 3 } else { 0 };
    section(model, &snapshot, look, width, bottom.saturating_sub(below), &mut lines);
    if is_tall {
        files_below(model, &snapshot, look, width, bottom, &mut lines);
    }
    lines.resize_with(bottom, || Row::new(look).line(width));
    lines.push(bottom_line(model, look, width));
    lines
}

fn head(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Line<'static> {
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

fn agent(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Line<'static> {
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
    let files = if agent.files == 1 { "file" } else { "files" };
    row.add(format!("{gap}{} {files}", agent.files), Tone::Plain);
    row.add(
        format!("{gap}{} missed", bytes(agent.missed)),
        if agent.missed > 0 { Tone::Critical } else { Tone::Plain },
    );
    row.add(format!("{gap}{waiting} waiting"), if waiting > 0 { Tone::Warning } else { Tone::Plain });
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

/// A line for all hosts together, and one for each.
fn hosts(model: &Model, look: Look, width: usize, rows_max: usize) -> Vec<Line<'static>> {
    let all: Vec<&Snapshot> = model.hosts.iter().filter_map(|host| host.snapshot.as_ref()).collect();
    let firing = |snapshot: &Snapshot| snapshot.alerts.len() as u64 + snapshot.alerts_more;
    let rate = |snapshot: &Snapshot| snapshot.rules.iter().map(|rule| rule.per_min).sum::<u64>();
    let total = format!(
        "{} firing, {}/min, {} files",
        all.iter().map(|snapshot| firing(snapshot)).sum::<u64>(),
        all.iter().map(|snapshot| rate(snapshot)).sum::<u64>(),
        all.iter().map(|snapshot| snapshot.agent.files).sum::<u64>(),
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
                row.right(format!("{} files", snapshot.agent.files), 12, Tone::Dim)
            }
        };
        lines.push(if at == model.shown { row.selected(width) } else { row.line(width) });
    }
    lines
}

/// The section that is chosen, down to the line `bottom`.
fn section(
    model: &mut Model,
    snapshot: &Snapshot,
    look: Look,
    width: usize,
    bottom: usize,
    lines: &mut Vec<Line<'static>>,
) {
    if model.opened.is_some() {
        lines.push(rule(look, "Open", "Esc closes", width));
        lines.extend(tables::opened(model, snapshot, look, width));
        let of = model.lines();
        lines.push(rule(look, "Lines", &format!("{} of it, live", of.len()), width));
        let room = bottom.saturating_sub(lines.len());
        lines.extend(of.iter().rev().take(room).map(|line| tables::log_line(line, false, look, width)));
        lines.truncate(bottom);
        return;
    }
    let filter = if model.filter.is_empty() && !model.is_typing {
        String::new()
    } else {
        format!(", filter: {}", model.filter)
    };
    let order = match model.order {
        Order::Telling => "",
        Order::Rate => ", by rate",
        Order::Name => ", by name",
    };
    let (title, says) = match model.section {
        Section::Patterns => ("Patterns", patterns_say(snapshot)),
        Section::Files => {
            ("Files", format!("{} read, {} not readable", snapshot.agent.files, snapshot.agent.unreadable))
        }
        Section::Lines => ("Lines", "newest first, live".to_owned()),
        Section::Alerts => (
            "Alerts",
            format!(
                "{} firing, {} over",
                snapshot.alerts.len() as u64 + snapshot.alerts_more,
                snapshot.history.len()
            ),
        ),
    };
    lines.push(rule(look, title, &format!("{says}{order}{filter}"), width));
    let has_foot = model.section == Section::Patterns;
    match model.section {
        Section::Patterns => lines.push(tables::pattern_heads(look, width)),
        Section::Files => lines.push(tables::file_heads(look, width)),
        Section::Lines | Section::Alerts => {}
    }
    let room = bottom.saturating_sub(lines.len() + usize::from(has_foot));
    model.selected = model.selected.min(model.rows().saturating_sub(1));
    model.top = model.top.min(model.selected).max((model.selected + 1).saturating_sub(room));
    model.table = (lines.len(), room);
    let (top, selected) = (model.top, model.selected);
    let rows: Vec<Line<'static>> = match model.section {
        Section::Patterns => {
            let row = |(at, pattern)| tables::pattern(snapshot, pattern, at == selected, look, width);
            model.patterns().into_iter().enumerate().skip(top).take(room).map(row).collect()
        }
        Section::Files => {
            let row = |(at, file)| tables::file(snapshot, file, at == selected, look, width);
            model.files().into_iter().enumerate().skip(top).take(room).map(row).collect()
        }
        Section::Lines => {
            let row = |(at, line): (usize, &crate::serve::api::Line)| {
                tables::log_line(line, at == selected, look, width)
            };
            model.lines().into_iter().rev().enumerate().skip(top).take(room).map(row).collect()
        }
        Section::Alerts => tables::alerts(snapshot, look, width).into_iter().skip(top).take(room).collect(),
    };
    lines.extend(rows);
    if has_foot && lines.len() < bottom {
        lines.push(tables::other(snapshot, look, width));
    }
}

fn patterns_say(snapshot: &Snapshot) -> String {
    let of = |state: &str| snapshot.patterns.iter().filter(|pattern| pattern.state == state).count();
    let (new, risen) = (of("new"), of("risen"));
    let others = snapshot.patterns.len() - new - risen + snapshot.patterns_more as usize;
    match (new, risen) {
        (0, 0) => format!("{others} patterns"),
        _ => format!("{new} new, {risen} risen, {others} others"),
    }
}

/// The files below the patterns, where there is room.
fn files_below(
    model: &Model,
    snapshot: &Snapshot,
    look: Look,
    width: usize,
    bottom: usize,
    lines: &mut Vec<Line<'static>>,
) {
    let says = format!("{} read, {} not readable", snapshot.agent.files, snapshot.agent.unreadable);
    lines.push(rule(look, "Files", &says, width));
    lines.push(tables::file_heads(look, width));
    let files = model.files();
    let room = bottom.saturating_sub(lines.len() + 1);
    lines.extend(files.iter().take(room).map(|file| tables::file(snapshot, file, false, look, width)));
    let more = files.len().saturating_sub(room) as u64 + snapshot.files_more;
    if more > 0 {
        let mut row = Row::new(look);
        row.add(format!("  {more} more"), Tone::Dim);
        lines.push(row.line(width));
    }
}

fn bottom_line(model: &Model, look: Look, width: usize) -> Line<'static> {
    let mut row = Row::new(look);
    if model.is_typing {
        row.add("/", Tone::Bold).add(&model.filter, Tone::Plain).add("▏", Tone::Accent);
        row.add("  Enter keeps it, Esc clears it", Tone::Dim);
        return row.line(width);
    }
    let keys: &[(&str, &str)] = if model.opened.is_some() {
        &[("Esc", "back"), ("space", "pause"), ("?", ""), ("q", "quit")]
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

fn waiting(model: &Model, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
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

fn help(look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    let mut lines = vec![rule(look, "Keys", "any key closes this", width)];
    lines.extend(KEYS.iter().map(|(key, what)| {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(*key, 20, Tone::Bold).add(*what, Tone::Plain);
        row.line(width)
    }));
    lines.truncate(height);
    lines
}
