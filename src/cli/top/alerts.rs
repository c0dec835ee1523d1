//! The section of alerts and silences, and an alert that is opened.

use ratatui::text::Line;

use super::alert_rows::{AlertRow, place_of};
use super::bars::bar;
use super::numbers::{count, duration, grouped, time};
use super::tables::state_of;
use super::text::{Look, Row, Tone, cut_path, masked};
use crate::serve::api::{FiringAlert, Notified, Snapshot};

/// The cells of the last column.
const SAYS: usize = 39;

/// A row.
pub(super) fn row(
    snapshot: &Snapshot,
    alert: AlertRow<'_>,
    is_selected: bool,
    look: Look,
    width: usize,
) -> Line<'static> {
    let (state, tone, name, place, says) = match alert {
        AlertRow::Firing(alert) => (
            alert.severity.to_uppercase(),
            if alert.severity == "critical" { Tone::Critical } else { Tone::Warning },
            alert.name.as_str(),
            place_of(alert).to_owned(),
            format!("since {}, {} in window", time(alert.since, "%H:%M:%S"), alert.count),
        ),
        AlertRow::Silenced(alert) => (
            "silenced".to_owned(),
            Tone::Dim,
            alert.name.as_str(),
            alert.place.clone().unwrap_or_else(|| alert.watch.clone()),
            format!("since {}, {}", time(alert.since, "%H:%M:%S"), alert.by),
        ),
        AlertRow::Silence(silence) => (
            format!("silence {}", silence.id),
            Tone::Accent,
            silence.alert.as_str(),
            silence.path.clone().or_else(|| silence.pattern.clone()).unwrap_or_default(),
            format!(
                "ends in {}{}: {}",
                duration(silence.until - snapshot.now),
                if silence.holds > 0 { format!(", holds back {}", silence.holds) } else { String::new() },
                silence.reason
            ),
        ),
        AlertRow::Past(past) => (
            "over".to_owned(),
            Tone::Dim,
            past.name.as_str(),
            past.watch.clone(),
            format!(
                "{} for {}, peak {}",
                time(past.from, "%a %H:%M"),
                duration(past.to - past.from),
                past.peak
            ),
        ),
    };
    let mut row = Row::new(look);
    row.add(if is_selected { "› " } else { "  " }, Tone::Bold).left(state, 12, tone);
    let room = width.saturating_sub(14 + SAYS + 1);
    let (of_name, of_place) =
        (room.saturating_sub(room / 2).min(24), room - room.saturating_sub(room / 2).min(24));
    row.left(name, of_name.saturating_sub(1), Tone::Bold).gap(1);
    row.left(cut_path(&place, of_place), of_place, Tone::Plain).gap(1).left(says, SAYS, Tone::Plain);
    if is_selected { row.selected(width) } else { row.line(width) }
}

/// The outputs that took a message of an alert: `slack 03:04:11, pagerduty 03:04:12`.
fn notified(outputs: &[Notified]) -> String {
    if outputs.is_empty() {
        return "no output yet".to_owned();
    }
    let one = |notified: &Notified| {
        let at = notified.at.map_or_else(|| "before the start".to_owned(), |at| time(at, "%H:%M:%S"));
        format!("{} {at}", notified.output)
    };
    outputs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What is known of an alert that fires, beside its lines.
pub(super) fn opened(
    snapshot: &Snapshot,
    alert: &FiringAlert,
    look: Look,
    width: usize,
) -> Vec<Line<'static>> {
    let fact = |name: &str, value: String| {
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(name, 10, Tone::Dim).add(value, Tone::Plain);
        row.line(width)
    };
    let mut facts = vec![
        fact("alert", format!("{}, {}", alert.name, alert.severity)),
        fact("of", cut_path(place_of(alert), width.saturating_sub(14))),
        fact("why", alert.why.clone()),
        fact(
            "since",
            format!(
                "{} ({}), {} lines, at most {} in its window",
                time(alert.since, "%Y-%m-%d %H:%M:%S"),
                duration(snapshot.now - alert.since),
                grouped(alert.total),
                grouped(alert.peak)
            ),
        ),
        fact("notified", notified(&alert.notified)),
        fact("id", alert.fingerprint.clone()),
    ];
    facts.extend(alert.patterns.iter().map(|part| {
        let (word, tone) = state_of(&part.state, Some(part.now as f64 / part.usual.max(1.0)), part.now);
        let mut row = Row::new(look);
        row.add("  ", Tone::Plain).left(word, 12, tone);
        let room = width.saturating_sub(14 + 17);
        row.left(masked(&part.parts), room, Tone::Plain).right(count(part.now as f64), 7, Tone::Bold);
        row.gap(1).add(bar(part.share, 8), Tone::Plain);
        row.line(width)
    }));
    facts.extend(alert.places.iter().map(|place| {
        let mut row = Row::new(look);
        let room = width.saturating_sub(14 + 17);
        row.add("  ", Tone::Plain).left(&place.kind, 12, Tone::Dim);
        row.left(cut_path(&place.name, room), room, Tone::Plain).right(
            count(place.count as f64),
            7,
            Tone::Bold,
        );
        row.line(width)
    }));
    facts
}
