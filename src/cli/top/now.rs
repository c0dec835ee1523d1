//! The block that says what fires, or that nothing does.

use ratatui::text::Line;

use super::bars::{bar, spark};
use super::model::Model;
use super::numbers::{count, duration, grouped, time};
use super::tables::state_of;
use super::text::{Look, Row, Tone, cut_path, ends, masked, rule};
use crate::serve::api::{AlertPart, FiringAlert, Snapshot, Usual};

/// So many cells the curve has.
const CURVE: usize = 20;

pub(super) fn tone_of(severity: &str) -> (Tone, &'static str) {
    match severity {
        "critical" => (Tone::Critical, "▲ CRITICAL"),
        "warning" => (Tone::Warning, "◆ WARNING"),
        _ => (Tone::Accent, "● INFO"),
    }
}

/// What is usual: `usual 20 to 46`.
pub(super) fn usual_text(usual: &Usual) -> String {
    format!("usual {} to {}", count(usual.lo), count(usual.hi))
}

/// All rules together: lines a minute, what is usual if that is known of all, and the last hour.
pub(super) fn total(snapshot: &Snapshot) -> (u64, Option<Usual>, Vec<u64>) {
    let now = snapshot.rules.iter().map(|rule| rule.per_min).sum();
    let known: Option<Vec<Usual>> = snapshot.rules.iter().map(|rule| rule.usual).collect();
    let sum = |of: fn(&Usual) -> f64, known: &[Usual]| known.iter().map(of).sum();
    let usual = known.filter(|known| !known.is_empty()).map(|known| Usual {
        lo: sum(|usual| usual.lo, &known),
        mid: sum(|usual| usual.mid, &known),
        hi: sum(|usual| usual.hi, &known),
    });
    let mut trend = vec![0; 60];
    for rule in &snapshot.rules {
        trend.iter_mut().zip(&rule.trend).for_each(|(sum, n)| *sum += n);
    }
    (now, usual, trend)
}

/// The curve of the range that is chosen.
pub(super) fn curve(model: &Model, trend: &[u64]) -> Vec<u64> {
    let series = model.series.as_ref().filter(|_| model.range != "1h");
    series.map_or_else(
        || trend.to_vec(),
        |series| series.mean.iter().map(|mean| mean.unwrap_or(0.0).round() as u64).collect(),
    )
}

/// The block, of at most `rows_max` lines.
pub(super) fn block(
    model: &Model,
    snapshot: &Snapshot,
    look: Look,
    width: usize,
    rows_max: usize,
) -> Vec<Line<'static>> {
    let firing = snapshot.alerts.len() as u64 + snapshot.alerts_more;
    let says = match (firing, snapshot.groups.len()) {
        (0, _) => {
            if snapshot.agent.learning.is_some() {
                "learning".to_owned()
            } else {
                "calm".to_owned()
            }
        }
        (1, _) => "1 firing".to_owned(),
        (firing, 1) => format!("{firing} firing"),
        (firing, groups) => format!("{firing} firing in {groups} groups"),
    };
    let mut lines = vec![rule(look, "Now", &says, width)];
    lines.extend(match (firing, snapshot.alerts.first()) {
        (0, _) => calm(model, snapshot, look, width),
        (1, Some(alert)) => one(model, snapshot, alert, look, width),
        _ => several(model, snapshot, look, width),
    });
    lines.truncate(rows_max);
    lines
}

pub(super) fn since(at: f64, now: f64) -> String {
    let form = if now - at < 86_400.0 { "%H:%M:%S" } else { "%a %H:%M" };
    format!("since {} ({})", time(at, form), duration(now - at))
}

/// How much an alert counts, what is usual or allowed, and the peak. `times` follows the ratio to the usual.
pub(super) fn figures(alert: &FiringAlert, look: Look, times: &str) -> Row {
    let mut figures = Row::new(look);
    let window = if (alert.window_s - 60.0).abs() < 0.5 {
        "/min".to_owned()
    } else {
        format!(" in {}", duration(alert.window_s))
    };
    figures.add(format!("  {}{window}", grouped(alert.count)), Tone::Critical);
    if let Some(expected) = &alert.expected {
        figures.add(format!("   {}", usual_text(expected)), Tone::Dim);
    } else if alert.threshold > 0.0 {
        figures.add(format!("   fires above {}", count(alert.threshold)), Tone::Dim);
    }
    if let Some(ratio) = alert.ratio {
        figures.add(format!("   {ratio}{times}"), Tone::Plain);
    }
    figures.add(format!("   peak {}", grouped(alert.peak)), Tone::Plain);
    figures
}

fn one(
    model: &Model,
    snapshot: &Snapshot,
    alert: &FiringAlert,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let (tone, badge) = tone_of(&alert.severity);
    let mut head = Row::new(look);
    head.add(badge, tone).add(" ", Tone::Plain).add(&alert.name, Tone::Bold);
    let mut lines = vec![ends(head, &[(since(alert.since, snapshot.now), Tone::Plain)], width)];
    let figures = figures(alert, look, "×");
    let (_, _, trend) = total(snapshot);
    lines.push(ends(figures, &[(spark(&curve(model, &trend), CURVE), Tone::Critical)], width));
    lines.extend(alert.patterns.iter().take(3).map(|pattern| part(pattern, look, width)));
    lines.extend(alert.places.iter().take(2).map(|place| {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(&place.kind, 5, Tone::Dim);
        let room = width.saturating_sub(7 + 17);
        row.left(cut_path(&place.name, room), room, Tone::Plain).right(
            format!("{}/min", count(place.count as f64)),
            10,
            Tone::Bold,
        );
        row.gap(1).add(bar(place.count as f64 / alert.count.max(1) as f64, 6), Tone::Plain);
        row.line(width)
    }));
    lines.extend(samples(snapshot, Some(alert), look, width, 3));
    lines
}

/// One pattern of an alert: `NEW  text  0 → 318  83 %`.
fn part(part: &AlertPart, look: Look, width: usize) -> Line<'static> {
    let (state, tone) = state_of(&part.state, Some(part.now as f64 / part.usual.max(1.0)), part.now);
    let mut row = Row::new(look);
    row.add("  ", Tone::Plain).add(&state, tone).to(13);
    let room = width.saturating_sub(13 + 24);
    row.left(masked(&part.parts), room, Tone::Plain);
    row.right(count(part.usual), 8, Tone::Dim).add(" → ", Tone::Dim).left(
        count(part.now as f64),
        5,
        Tone::Bold,
    );
    row.right(format!("{:.0} %", part.share * 100.0), 7, Tone::Plain);
    row.line(width)
}

/// The newest lines of an alert, or of all rules.
fn samples(
    snapshot: &Snapshot,
    alert: Option<&FiringAlert>,
    look: Look,
    width: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let of_alert =
        snapshot.lines.iter().rev().filter(|line| alert.is_none_or(|alert| alert.rule == line.rule));
    let newest: Vec<(String, String)> =
        of_alert.take(rows).map(|line| (time(line.at, "%H:%M:%S"), line.text.clone())).collect();
    let known = if newest.is_empty() {
        let samples = alert.map(|alert| alert.samples.iter().take(rows)).into_iter().flatten();
        samples.map(|text| (String::new(), text.clone())).collect()
    } else {
        newest
    };
    known
        .into_iter()
        .map(|(at, text)| {
            let mut row = Row::new(look);
            row.add("  ", Tone::Plain).left(at, 9, Tone::Dim).left(
                text,
                width.saturating_sub(13),
                Tone::Plain,
            );
            row.line(width)
        })
        .collect()
}

fn several(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Vec<Line<'static>> {
    let (now, known, trend) = total(snapshot);
    let firing = snapshot.alerts.len() as u64 + snapshot.alerts_more;
    let (tone, badge) = tone_of(snapshot.groups.first().map_or("critical", |group| &group.severity));
    let excess = |part: &AlertPart| part.now as f64 - part.usual;
    let lead = snapshot
        .groups
        .iter()
        .filter_map(|group| group.pattern.as_ref())
        .max_by(|a, b| excess(a).total_cmp(&excess(b)))
        .filter(|part| part.share >= 0.8);
    let mut head = Row::new(look);
    head.add(badge, tone).add(format!(" {firing} alerts"), Tone::Bold);
    if let Some(lead) = lead {
        head.add(format!(", one error explains {:.0} %", lead.share * 100.0), Tone::Plain);
    }
    let first = snapshot.groups.iter().map(|group| group.first).fold(f64::INFINITY, f64::min);
    let mut lines = vec![ends(head, &[(since(first.min(snapshot.now), snapshot.now), Tone::Plain)], width)];
    let mut figures = Row::new(look);
    figures.add(format!("  {}/min", grouped(now)), Tone::Critical);
    if let Some(known) = &known {
        figures.add(format!("   {}", usual_text(known)), Tone::Dim);
        figures.add(format!("   {:.0}×", now as f64 / known.mid.max(1.0)), Tone::Plain);
    }
    lines.push(ends(figures, &[(spark(&curve(model, &trend), CURVE), Tone::Critical)], width));
    lines.extend(lead.map(|lead| part(lead, look, width)));
    for group in snapshot.groups.iter().take(3) {
        let (tone, badge) = tone_of(&group.severity);
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).add(badge.split(' ').next().unwrap_or_default(), tone).gap(1);
        row.left(&group.name, 14, Tone::Bold).gap(1);
        let whose =
            if group.by == "watch" { group.watch.clone() } else { format!("{} {}s", group.alerts, group.by) };
        row.left(whose, 12, Tone::Plain).right(
            format!("{} in windows", grouped(group.count)),
            22,
            Tone::Plain,
        );
        lines.push(ends(row, &[(time(group.first, "%H:%M:%S"), Tone::Dim)], width));
    }
    lines.extend(samples(snapshot, None, look, width, 3));
    lines
}

fn calm(model: &Model, snapshot: &Snapshot, look: Look, width: usize) -> Vec<Line<'static>> {
    let (now, known, trend) = total(snapshot);
    let last = snapshot.history.first();
    let since = last.map_or(snapshot.started, |last| last.to);
    let mut head = Row::new(look);
    match &snapshot.agent.learning {
        Some(learning) => head
            .add("… LEARNING", Tone::Accent)
            .add(format!(" what is usual, until {}", time(learning.until, "%H:%M")), Tone::Plain),
        None => head.add("✓ CALM", Tone::Accent).add(" nothing is firing", Tone::Plain),
    };
    let mut lines =
        vec![ends(head, &[(format!("for {}", duration(snapshot.now - since)), Tone::Plain)], width)];
    let mut figures = Row::new(look);
    figures.add(format!("  {}/min", grouped(now)), Tone::Bold);
    if let Some(known) = &known {
        figures.add(format!("   {}", usual_text(known)), Tone::Dim);
    }
    let today: Option<u64> = snapshot.rules.iter().map(|rule| rule.today).sum();
    if let Some(today) = today.filter(|_| !snapshot.rules.is_empty()) {
        figures.add(format!("   {} today", grouped(today)), Tone::Plain);
    }
    let is_fresh = |first: Option<f64>| first.is_some_and(|first| snapshot.now - first < 86_400.0);
    let fresh =
        snapshot.patterns.iter().filter(|pattern| pattern.state != "seen" && is_fresh(pattern.first)).count();
    figures.add(format!("   {fresh} new errors in 24 h"), Tone::Plain);
    let silenced = snapshot.silenced.len() as u64 + snapshot.silenced_more;
    if silenced > 0 {
        figures.add(format!("   {silenced} silenced"), Tone::Warning);
    }
    lines.push(figures.line(width));
    let says = match model.range {
        "24h" => "last 24 h",
        "7d" => "last 7 d",
        _ => "last hour",
    };
    let mut row = Row::new(look);
    row.add("  ", Tone::Plain)
        .add(spark(&curve(model, &trend), width.saturating_sub(says.len() + 4)), Tone::Accent);
    lines.push(ends(row, &[(says.to_owned(), Tone::Dim)], width));
    if let Some(last) = last {
        let (tone, badge) = tone_of(&last.severity);
        let mut row = Row::new(look);
        row.add("  last: ", Tone::Dim).add(badge.split(' ').next().unwrap_or_default(), tone);
        row.add(
            format!(
                " {}  {} for {}, {} in its worst window",
                last.name,
                time(last.from, "%a %H:%M"),
                duration(last.to - last.from),
                last.peak
            ),
            Tone::Plain,
        );
        lines.push(row.line(width));
    }
    lines
}
