//! The output of a replay: for people, or as JSON lines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Level;

use crate::cli::cells::{cut, wrapped};
use crate::cli::replay::merge::{Replayed, ReplayedAlert, RulePatterns};
use crate::cli::replay::plot;
use crate::detect::Millis;
use crate::detect::condition::Span;
use crate::engine::plan::CompiledPlan;
use crate::event::{AlertEvent, AlertState, Event};
use crate::fmt::{self, display_path, printable};
use crate::output::json::Json;
use crate::output::line_format::LineFormat;

/// How the result is printed.
pub(super) struct Style {
    pub(super) zone: TimeZone,
    /// How wide the terminal is, if it is one.
    pub(super) terminal: Option<usize>,
    pub(super) plots: bool,
}

/// An alert from its beginning to its end.
pub(super) struct Episode<'t> {
    pub(super) fired: &'t AlertEvent,
    /// What was reported at its end.
    pub(super) resolved: Option<&'t AlertEvent>,
    pub(super) fired_ms: Millis,
    pub(super) resolved_ms: Option<Millis>,
}

/// How wide a plot is where no terminal says it.
const PLOT_WIDTH: usize = 80;
/// Between these it is on a terminal.
const PLOT_WIDTHS: (usize, usize) = (40, 200);
/// In less than this, an alert stands below its times.
const BESIDE_MIN: usize = 100;
/// Where the alert stands beside its times.
const BESIDE: usize = 52;

impl Style {
    /// How wide a plot is.
    pub(super) fn width(&self) -> usize {
        self.terminal.unwrap_or(PLOT_WIDTH).clamp(PLOT_WIDTHS.0, PLOT_WIDTHS.1)
    }

    fn time(&self, at_ms: Millis) -> String {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// Pairs each beginning with its end.
pub(super) fn episodes(alerts: &[ReplayedAlert]) -> Vec<Episode<'_>> {
    let mut episodes: Vec<Episode<'_>> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for ReplayedAlert { at_ms, event } in alerts {
        match event.state {
            AlertState::Firing => {
                open.insert(&event.fingerprint, episodes.len());
                episodes.push(Episode { fired: event, resolved: None, fired_ms: *at_ms, resolved_ms: None });
            }
            AlertState::Resolved => {
                let episode = open.remove(event.fingerprint.as_str()).and_then(|at| episodes.get_mut(at));
                if let Some(episode) = episode {
                    (episode.resolved, episode.resolved_ms) = (Some(event), Some(*at_ms));
                }
            }
        }
    }
    episodes
}

/// Writes the table of alerts, the totals and the plot.
pub(super) fn write_text(
    out: &mut impl Write,
    plan: &CompiledPlan,
    replayed: &Replayed,
    style: &Style,
) -> io::Result<()> {
    let Some((from_ms, to_ms)) = replayed.range_ms else {
        return writeln!(out, "no line matched");
    };
    let episodes = episodes(&replayed.alerts);
    write_episodes(out, &episodes, style)?;
    let logs = if replayed.logs == 1 { "log" } else { "logs" };
    let read = format!(
        "{} bytes of {} {logs}, {} to {}",
        replayed.bytes,
        replayed.logs,
        style.time(from_ms),
        style.time(to_ms)
    );
    for line in wrapped(&read, style.terminal.unwrap_or(usize::MAX)) {
        writeln!(out, "{line}")?;
    }
    for (of, counted) in &replayed.counted {
        let watch = &plan.watches[of.0];
        let rule = &watch.rules.names()[of.1];
        let lines = fmt::counted(counted.total, "lines");
        writeln!(out, "\n{rule} in {}: {lines}", watch.name)?;
        if let Some(patterns) = replayed.patterns.get(of) {
            write_patterns(out, patterns, style.terminal)?;
        }
        if style.plots {
            let columns = counted.rate.columns(from_ms, to_ms, style.width());
            write_plot(out, &columns, (from_ms, to_ms), style)?;
            let of_rule = |e: &&Episode<'_>| e.fired.watch == watch.name && e.fired.rule == *rule;
            write_spans(out, episodes.iter().filter(of_rule), (from_ms, to_ms), style)?;
        }
    }
    Ok(())
}

/// Writes which errors the lines of a rule are.
fn write_patterns(out: &mut impl Write, patterns: &RulePatterns, terminal: Option<usize>) -> io::Result<()> {
    for pattern in &patterns.shown {
        let text = printable(&pattern.text).into_owned();
        let text = terminal.map_or(text.clone(), |width| cut(&text, width.saturating_sub(11)));
        writeln!(out, "{:>9}  {text}", pattern.lines)?;
    }
    match (patterns.more, patterns.more_lines) {
        (_, 0) => Ok(()),
        (1, lines) => writeln!(out, "{lines:>9}  1 other pattern"),
        (0, lines) => writeln!(out, "{lines:>9}  other patterns"),
        (more, lines) => writeln!(out, "{lines:>9}  {more} other patterns"),
    }
}

/// Writes a row for each alert that fired, with a sample line below.
pub(super) fn write_episodes(
    out: &mut impl Write,
    episodes: &[Episode<'_>],
    style: &Style,
) -> io::Result<()> {
    if episodes.is_empty() {
        return writeln!(out, "no alert would have fired");
    }
    let below = style.terminal.filter(|width| *width < BESIDE_MIN);
    let heads = format!("{:<19}  {:<19}  {:>8}", "fired", "resolved", "after");
    writeln!(out, "{heads}{}", if below.is_some() { "" } else { "  alert" })?;
    for episode in episodes {
        let Episode { fired, fired_ms, resolved_ms, .. } = episode;
        let resolved = resolved_ms.map_or_else(|| "still firing".to_owned(), |at_ms| style.time(at_ms));
        let after = resolved_ms.map_or_else(String::new, |at_ms| Span(at_ms - fired_ms).to_string());
        write!(out, "{}  {resolved:<19}  {after:>8}", style.time(*fired_ms))?;
        let shown = fired.breakdown().into_iter().chain(fired.samples.last().cloned());
        let shown = shown.map(|line| printable(&line).into_owned());
        if let Some(width) = below {
            writeln!(out)?;
            for line in wrapped(&sentence(fired), width.saturating_sub(2)) {
                writeln!(out, "  {line}")?;
            }
            for line in shown {
                writeln!(out, "    {}", cut(&line, width.saturating_sub(4)))?;
            }
            continue;
        }
        writeln!(out, "  {}", sentence(fired))?;
        let room = style.terminal.map(|width| width.saturating_sub(BESIDE));
        for line in shown {
            writeln!(out, "{:BESIDE$}{}", "", room.map_or(line.clone(), |room| cut(&line, room)))?;
        }
    }
    writeln!(out)
}

/// What fired, where and why.
fn sentence(fired: &AlertEvent) -> String {
    let place = fired.path.as_deref().map_or_else(|| printable(&fired.watch).into_owned(), display_path);
    let (severity, name) = (fired.severity, printable(&fired.alert));
    let (said, why) = (fmt::counted(fired.count, &fired.rule), printable(&fired.why));
    format!("{severity} {name}: {said} in {place} ({why})")
}

/// Draws `columns` with the times of both ends.
pub(super) fn write_plot(
    out: &mut impl Write,
    columns: &[u64],
    (from_ms, to_ms): (Millis, Millis),
    style: &Style,
) -> io::Result<()> {
    for row in plot::bars(columns) {
        writeln!(out, "{row}")?;
    }
    let (from, to) = (style.time(from_ms), style.time(to_ms));
    let most = columns.iter().max().unwrap_or(&0);
    let each = Span((to_ms - from_ms) / columns.len().max(1) as Millis);
    let middle = format!("at most {most} in {each}");
    let gap = style.width().saturating_sub(from.len() + to.len());
    if gap >= middle.len() + 2 {
        return writeln!(out, "{from}{middle:^gap$}{to}");
    }
    // Too narrow for one line.
    writeln!(out, "{from}{:gap$}{to}\n{}", "", format!("{middle:^width$}", width = style.width()).trim_end())
}

/// Draws when each alert was firing.
pub(super) fn write_spans<'e, 't: 'e>(
    out: &mut impl Write,
    episodes: impl Iterator<Item = &'e Episode<'t>>,
    (from_ms, to_ms): (Millis, Millis),
    style: &Style,
) -> io::Result<()> {
    let mut spans: BTreeMap<&str, Vec<(Millis, Millis)>> = BTreeMap::new();
    for episode in episodes {
        let span = (episode.fired_ms, episode.resolved_ms.unwrap_or(to_ms));
        spans.entry(&episode.fired.alert).or_default().push(span);
    }
    for (alert, spans) in spans {
        let line = plot::spans(&spans, from_ms, to_ms, style.width());
        writeln!(out, "{line}\n{} firing", printable(alert))?;
    }
    Ok(())
}

/// Writes one object for each alert that fired or resolved, as the daemon does, and a summary.
pub(super) fn write_json(out: &mut impl Write, replayed: &Replayed) -> io::Result<()> {
    for ReplayedAlert { at_ms, event } in &replayed.alerts {
        let level = if event.state == AlertState::Firing { Level::ERROR } else { Level::INFO };
        let at = Timestamp::from_millisecond(*at_ms).unwrap_or_default();
        out.write_all(&Json::default().encode(&Event::Alert(event.clone()), level, at))?;
    }
    let time = |at_ms| Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string();
    let total: u64 = replayed.counted.values().map(|counted| counted.total).sum();
    let patterns = replayed.patterns.values().flat_map(|patterns| {
        patterns.shown.iter().map(|pattern| {
            serde_json::json!({
                "watch": patterns.watch,
                "rule": patterns.rule,
                "pattern": pattern.id.to_string(),
                "text": pattern.text,
                "lines": pattern.lines,
            })
        })
    });
    let summary = serde_json::json!({
        "target": "spiketail::replay",
        "logs": replayed.logs,
        "bytes": replayed.bytes,
        "lines_matched": total,
        "patterns": patterns.collect::<Vec<_>>(),
        "alerts": replayed.alerts.iter().filter(|alert| alert.event.state == AlertState::Firing).count(),
        "from": replayed.range_ms.map(|(from_ms, _)| time(from_ms)),
        "to": replayed.range_ms.map(|(_, to_ms)| time(to_ms)),
    });
    writeln!(out, "{summary}")
}
