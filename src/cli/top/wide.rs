//! The block of one alert where there is room: which error, where, the rate in its usual band, and the latest lines beside each other.

use ratatui::text::{Line, Span};

use super::bars::bar;
use super::chart::{self, Rates};
use super::model::Model;
use super::now::{figures, since, tone_of, total};
use super::numbers::{count, grouped, time};
use super::tables::state_of;
use super::text::{Look, Row, Tone, cut_path, ends, masked, rule};
use crate::serve::api::{AlertPart, FiringAlert, Snapshot};

/// From this size on there is room.
pub(super) const SIZE: (usize, usize) = (110, 40);
/// The rows of the plot.
const PLOT_ROWS: usize = 9;
/// So many latest lines are shown.
const LATEST: usize = 5;
/// Between the two halves.
const GAP: usize = 2;

/// The rates of the range that is chosen: of one rule, or of all.
pub(super) fn rates(model: &Model, snapshot: &Snapshot, of: Option<(&str, &str)>) -> Rates {
    if let Some(series) = model.series.as_ref().filter(|_| model.range != "1h") {
        let usual = series.lo.iter().zip(&series.hi).map(|(lo, hi)| lo.zip(*hi)).collect();
        let values = series.mean.iter().map(|mean| mean.unwrap_or_default()).collect();
        return Rates { start: series.start, step: series.step as f64, values, usual };
    }
    let rule = of.and_then(|(watch, rule)| {
        snapshot.rules.iter().find(|known| known.watch == watch && known.rule == rule)
    });
    let (usual, trend) = match rule {
        Some(rule) => (rule.usual, rule.trend.clone()),
        None => {
            let (_, usual, trend) = total(snapshot);
            (usual, trend)
        }
    };
    Rates {
        start: ((snapshot.now / 60.0).floor() - trend.len() as f64 + 1.0) * 60.0,
        step: 60.0,
        usual: vec![usual.map(|usual| (usual.lo, usual.hi)); trend.len()],
        values: trend.iter().map(|n| *n as f64).collect(),
    }
}

/// What the range is called.
pub(super) fn range(model: &Model) -> &'static str {
    match model.range {
        "24h" => "day",
        "7d" => "week",
        _ => "hour",
    }
}

/// The block.
pub(super) fn block(
    model: &Model,
    snapshot: &Snapshot,
    alert: &FiringAlert,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let mut lines = vec![rule(look, "Now", "1 firing", width)];
    lines.extend(headline(snapshot, alert, look, width));
    let right = width * 62 / 140;
    let left = width - right - GAP;
    let rates = rates(model, snapshot, Some((&alert.watch, &alert.rule)));
    let band = rates.usual.last().copied().flatten();
    let band = band.map(|(lo, hi)| format!(", usual {} to {}", count(lo), count(hi))).unwrap_or_default();
    let of_range = format!("{}{band}", range(model));
    let mut chart = vec![rule(look, "Rate and usual band", &of_range, right)];
    chart.extend(chart::lines(&rates, Some(alert.since), look, (right, PLOT_ROWS)));
    let mut facts = which(alert, look, left);
    facts.resize_with(7.max(facts.len()), || Row::new(look).line(left));
    facts.extend(places(alert, look, left));
    let rows = chart.len().max(facts.len());
    facts.resize_with(rows, || Row::new(look).line(left));
    chart.resize_with(rows, || Row::new(look).line(right));
    lines.extend(facts.into_iter().zip(chart).map(|(left, right)| beside(left, right)));
    lines.push(rule(look, "Latest lines", "l live", width));
    lines.extend(latest(snapshot, alert, look, width));
    lines
}

fn beside(left: Line<'static>, right: Line<'static>) -> Line<'static> {
    let gap = Span::raw(" ".repeat(GAP));
    Line::from_iter(left.spans.into_iter().chain([gap]).chain(right.spans))
}

fn headline(snapshot: &Snapshot, alert: &FiringAlert, look: Look, width: usize) -> [Line<'static>; 3] {
    let (tone, badge) = tone_of(&alert.severity);
    let mut head = Row::new(look);
    head.add(badge, tone).add("  ", Tone::Plain).add(&alert.name, Tone::Bold);
    let of = format!("watch {}, rule {}   ", alert.watch, alert.rule);
    let right = [(of, Tone::Dim), (since(alert.since, snapshot.now), Tone::Plain)];
    let mut figures = figures(alert, look, "× the usual");
    figures.add(format!("   {} since it fired", grouped(alert.total)), Tone::Plain);
    [ends(head, &right, width), figures.line(width), Row::new(look).line(width)]
}

/// Which error it is: three patterns, two lines each.
fn which(alert: &FiringAlert, look: Look, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![rule(look, "Which error", "before → now, share of the excess", width)];
    for part in alert.patterns.iter().take(3) {
        lines.extend(part_lines(part, look, width));
    }
    if alert.patterns.is_empty() {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).add(&alert.why, Tone::Plain);
        lines.push(row.line(width));
    }
    lines
}

fn part_lines(part: &AlertPart, look: Look, width: usize) -> [Line<'static>; 2] {
    let (state, tone) = state_of(&part.state, Some(part.now as f64 / part.usual.max(1.0)), part.now);
    let mut text = Row::new(look);
    text.add("  ", Tone::Plain).left(masked(&part.parts), width.saturating_sub(4), Tone::Plain);
    let mut figures = Row::new(look);
    figures.add("  ", Tone::Plain).add(state, tone).to(13);
    figures.right(count(part.usual), 4, Tone::Dim).add(" → ", Tone::Dim);
    figures.right(count(part.now as f64), 5, Tone::Bold).add("/min", Tone::Plain).to(32);
    let room = width.saturating_sub(32 + 10);
    figures.add(bar(part.share, room), Tone::Plain).to(32 + room);
    figures.right(format!("{:.0} %", part.share * 100.0), 8, Tone::Plain);
    [text.line(width), figures.line(width)]
}

fn places(alert: &FiringAlert, look: Look, width: usize) -> Vec<Line<'static>> {
    let elsewhere = match alert.elsewhere {
        0 => String::new(),
        more => format!("{} more in other files", grouped(more)),
    };
    let mut lines = vec![rule(look, "Where", &elsewhere, width)];
    let row = |place: &crate::serve::api::Place| {
        let mut row = Row::new(look);
        let room = width.saturating_sub(8 + 13 + 15);
        row.add("  ", Tone::Plain).left(&place.kind, 6, Tone::Dim);
        row.left(cut_path(&place.name, room), room, Tone::Plain).gap(1);
        let share = place.count as f64 / alert.count.max(1) as f64;
        row.add(bar(share, 12), Tone::Plain).to(8 + room + 13);
        row.right(format!("{}/min", count(place.count as f64)), 13, Tone::Bold);
        row.line(width)
    };
    lines.extend(alert.places.iter().take(3).map(row));
    lines
}

/// The latest lines of the alert, with the time to the millisecond and their place.
fn latest(snapshot: &Snapshot, alert: &FiringAlert, look: Look, width: usize) -> Vec<Line<'static>> {
    let of_alert = snapshot.lines.iter().rev().filter(|line| line.rule == alert.rule);
    let row = |at: String, source: &str, text: &str| {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(at, 14, Tone::Dim);
        row.left(cut_path(source, 22), 24, Tone::Dim);
        let room = width.saturating_sub(row.width() + 2);
        row.left(text, room, Tone::Plain);
        row.line(width)
    };
    let live = of_alert.map(|line| row(time(line.at, "%H:%M:%S%.3f"), &line.source, &line.text));
    let live: Vec<Line<'static>> = live.take(LATEST).collect();
    if live.is_empty() {
        return alert.samples.iter().take(LATEST).map(|text| row(String::new(), "", text)).collect();
    }
    live
}
