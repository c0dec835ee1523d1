//! A whole frame: the daemon, what fires, one section or several, and the keys.

use ratatui::text::Line;

use super::alerts;
use super::chart;
use super::chrome;
use super::model::{Model, Order, Section};
use super::now;
use super::numbers::duration;
use super::opened;
use super::tables;
use super::text::{Look, Row, Tone, rule};
use super::wide;
use crate::serve::api::{Silence, Snapshot};

/// In less than this, only what fires is shown.
const SMALL: (usize, usize) = (40, 10);
/// What fires takes so many lines at most.
const NOW_ROWS: usize = 11;
/// From this height on there are several sections.
const TALL: usize = 36;

/// The rows of the plot of all rules together.
const CHART_ROWS: usize = 6;
/// So many rows of silences are shown below the files.
const SILENCE_ROWS: usize = 2;

/// The lines of a frame of that width and height.
pub(super) fn frame(model: &mut Model, look: Look, width: usize, height: usize) -> Vec<Line<'static>> {
    if model.has_help {
        return chrome::help(look, width, height);
    }
    let Some(snapshot) = model.snapshot().cloned() else {
        return chrome::waiting(model, look, width, height);
    };
    if width < SMALL.0 || height < SMALL.1 {
        return now::block(model, &snapshot, look, width, height.max(2))
            .into_iter()
            .skip(1)
            .take(height)
            .collect();
    }
    let mut lines =
        vec![chrome::head(model, &snapshot, look, width), chrome::agent(model, &snapshot, look, width)];
    if model.hosts.len() > 1 {
        lines.extend(chrome::hosts(model, look, width, height / 4));
    }
    let bottom = height.saturating_sub(1);
    let is_wide = width >= wide::SIZE.0 && height >= wide::SIZE.1 && model.opened.is_none();
    lines.extend(match (&snapshot.alerts[..], snapshot.alerts_more) {
        ([alert], 0) if is_wide => wide::block(model, &snapshot, alert, look, width),
        _ => now::block(model, &snapshot, look, width, NOW_ROWS.min(height / 2)),
    });
    if is_wide && snapshot.alerts.len() != 1 {
        lines.extend(chart_of_all(model, &snapshot, look, width));
    }
    let is_tall = height >= TALL && model.opened.is_none() && model.section == Section::Patterns;
    let silences = if is_tall { silences_below(&snapshot, look, width) } else { Vec::new() };
    let room = bottom.saturating_sub(lines.len() + silences.len());
    let files = if is_tall { (room * 2 / 5).max(4) } else { 0 };
    section(model, &snapshot, look, width, bottom.saturating_sub(files + silences.len()), &mut lines);
    if is_tall {
        files_below(model, &snapshot, look, width, bottom.saturating_sub(silences.len()), &mut lines);
    }
    lines.extend(silences);
    lines.truncate(bottom);
    lines.resize_with(bottom, || Row::new(look).line(width));
    lines.push(chrome::bottom_line(model, look, width));
    if let Some(prompt) = &model.prompt {
        let asked = prompt.lines(look, width);
        lines.truncate(height.saturating_sub(asked.len()));
        lines.extend(asked);
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
        lines.extend(opened::facts(model, snapshot, look, width));
        let of = model.lines();
        lines.push(rule(look, "Lines", &format!("{} of it, live", of.len()), width));
        let room = bottom.saturating_sub(lines.len());
        lines.extend(of.iter().rev().take(room).map(|line| tables::log_line(line, false, look, width)));
        lines.truncate(bottom);
        return;
    }
    let (title, says) = heading(model, snapshot);
    lines.push(rule(look, title, &says, width));
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
        Section::Alerts => {
            let row = |(at, row)| alerts::row(snapshot, row, at == selected, look, width);
            model.alert_rows().into_iter().enumerate().skip(top).take(room).map(row).collect()
        }
    };
    lines.extend(rows);
    if has_foot && lines.len() < bottom {
        lines.push(tables::other(snapshot, look, width));
    }
}

/// The title of the section that is chosen, and what is said beside it.
fn heading(model: &Model, snapshot: &Snapshot) -> (&'static str, String) {
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
                "{} firing, {} silenced, {} over",
                snapshot.alerts.len() as u64 + snapshot.alerts_more,
                snapshot.silenced.len() as u64 + snapshot.silenced_more,
                snapshot.history.len()
            ),
        ),
    };
    (title, format!("{says}{order}{filter}"))
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

/// The rate of all rules together.
fn chart_of_all(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Vec<Line<'static>> {
    let rates = wide::rates(model, snapshot, None);
    let mut lines = vec![rule(look, "Rate and usual band", wide::range(model), width)];
    lines.extend(chart::lines(&rates, None, look, (width, CHART_ROWS)));
    lines
}

/// The silences, two beside each other, where there are any.
fn silences_below(snapshot: &Snapshot, look: Look, width: usize) -> Vec<Line<'static>> {
    if snapshot.silences.is_empty() {
        return Vec::new();
    }
    let says = |silence: &Silence| {
        let of = silence.path.as_deref().or(silence.pattern.as_deref()).map(|of| format!(", {of}"));
        let holds = if silence.holds > 0 { format!(", holds back {}", silence.holds) } else { String::new() };
        let ends = duration(silence.until - snapshot.now);
        format!("{}{}: ends in {ends}{holds}: {}", silence.alert, of.unwrap_or_default(), silence.reason)
    };
    let mut lines = vec![rule(look, "Silences", "", width)];
    for two in snapshot.silences.chunks(2).take(SILENCE_ROWS) {
        let mut row = Row::new(look);
        let room = (width - 4) / 2;
        row.add("  ", Tone::Plain);
        for silence in two {
            row.left(says(silence), room, Tone::Plain).gap(1);
        }
        lines.push(row.line(width));
    }
    lines
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
