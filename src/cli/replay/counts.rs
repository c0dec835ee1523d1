//! `spiketail replay --counts`: the spike detector over series that are counted already.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::alert::AlertSpec;
use crate::alert::instance::AlertChange;
use crate::alert::lifecycle::Lifecycle;
use crate::cli::replay::args::{ReplayArgs, unusual};
use crate::cli::replay::merge::{Replayed, ReplayedAlert, RuleCount};
use crate::cli::replay::report;
use crate::config;
use crate::detect::Millis;
use crate::detect::baseline::BaselineState;
use crate::detect::buckets::{bucket_ms, judge};
use crate::detect::condition::{Condition, Observation};
use crate::detect::judge::{JudgeSettings, Judgement};
use crate::detect::spike::SpikeSettings;
use crate::fmt::display_path;

/// The most rows: one a second for a year.
const ROWS_MAX: usize = 40_000_000;

struct CountSeries {
    /// Times as written in the file.
    times: Vec<String>,
    starts_ms: Vec<Millis>,
    counts: Vec<u64>,
}

pub(super) fn run(args: &ReplayArgs, path: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let series = read(path)?;
    let bucket_ms = bucket_ms(&series.starts_ms);
    let mut spec = spec(args.config.as_deref())?;
    // Nothing is known between two buckets.
    spec.keep_firing_for_ms = spec.keep_firing_for_ms.max(bucket_ms);
    let judgements = judge(&series.starts_ms, &series.counts, &settings(&spec, bucket_ms));
    if args.scores {
        return write_scores(out, &series, &judgements);
    }
    let replayed = alerts(path, &spec, &series, &judgements, bucket_ms);
    if args.json {
        return Ok(report::write_json(out, &replayed)?);
    }
    let style = args.style()?;
    let episodes = report::episodes(&replayed.alerts);
    report::write_episodes(out, &episodes, &style)?;
    let (Some(range_ms), Some(counted)) = (replayed.range_ms, replayed.counted.values().next()) else {
        return Ok(());
    };
    writeln!(out, "{}: {} rows, {} in all", display_path(path), series.counts.len(), counted.total)?;
    if style.plots {
        let columns = counted.rate.columns(range_ms.0, range_ms.1, style.width());
        report::write_plot(out, &columns, range_ms, &style)?;
        report::write_spans(out, episodes.iter(), range_ms, &style)?;
    }
    Ok(())
}

/// The configuration's first alert for spikes, or the default one.
fn spec(config: Option<&Path>) -> anyhow::Result<AlertSpec> {
    let Some(path) = config else {
        return Ok(AlertSpec { rule: "events".to_owned(), ..unusual("counts") });
    };
    let is_spike = |alert: &AlertSpec| matches!(alert.condition, Condition::Spike(_));
    let found = config::load(&[path.to_owned()])?.plan.alerts.into_iter().find(is_spike);
    found.with_context(|| {
        format!("{} has no alert with `when = \"spike\"`, which --counts would use", display_path(path))
    })
}

fn settings(spec: &AlertSpec, bucket_ms: Millis) -> JudgeSettings {
    let spike = if let Condition::Spike(spike) = spec.condition { spike } else { SpikeSettings::default() };
    spike.judge(bucket_ms, bucket_ms)
}

#[allow(clippy::disallowed_methods, reason = "the file is named by who runs the command")]
fn read(path: &Path) -> anyhow::Result<CountSeries> {
    let shown = display_path(path);
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut series = CountSeries { times: Vec::new(), starts_ms: Vec::new(), counts: Vec::new() };
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let right = "write a row as `timestamp,value`, such as `2026-11-22 10:00:00,57`";
        let row = line.split_once(',').and_then(|(time, value)| {
            let value = value.trim().trim_matches('"').parse::<f64>().ok();
            Some((time, time_ms(time)?, value.filter(|value| value.is_finite() && *value >= 0.0)?))
        });
        let Some((time, start_ms, value)) = row else {
            if at == 0 {
                // The column names.
                continue;
            }
            anyhow::bail!("{shown}:{}: no time and count: {}; {right}", at + 1, line.escape_debug());
        };
        if series.starts_ms.last().is_some_and(|last| *last >= start_ms) {
            anyhow::bail!(
                "{shown}:{}: the row is not later than the one before it; sort the rows by time",
                at + 1
            );
        }
        if series.counts.len() == ROWS_MAX {
            anyhow::bail!("{shown} has more than {ROWS_MAX} rows; cut it into parts");
        }
        series.times.push(time.trim().to_owned());
        series.starts_ms.push(start_ms);
        series.counts.push(value.round() as u64);
    }
    if series.counts.is_empty() {
        anyhow::bail!("{shown} has no rows; write rows as `timestamp,value`");
    }
    Ok(series)
}

fn time_ms(text: &str) -> Option<Millis> {
    let text = text.trim().trim_matches('"');
    if let Ok(number) = text.parse::<f64>() {
        // Seconds until the year 5138.
        return Some(if number.abs() < 1e11 { (number * 1_000.0) as Millis } else { number as Millis });
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn write_scores(out: &mut impl Write, series: &CountSeries, judgements: &[Judgement]) -> anyhow::Result<()> {
    writeln!(out, "timestamp,value,expected,score,state")?;
    for ((time, count), judgement) in series.times.iter().zip(&series.counts).zip(judgements) {
        let state = match (judgement.reason, judgement.window.state) {
            (Some(_), _) => "spike",
            (None, BaselineState::Learning) => "learning",
            (None, _) => "normal",
        };
        writeln!(out, "{time},{count},{:.3},{:.6},{state}", judgement.window.expected, judgement.score)?;
    }
    Ok(())
}

/// Runs the alert lifecycle over the buckets, each of which is judged when it ends.
fn alerts(
    path: &Path,
    spec: &AlertSpec,
    series: &CountSeries,
    judgements: &[Judgement],
    bucket_ms: Millis,
) -> Replayed {
    let mut replayed = Replayed { logs: 1, ..Replayed::default() };
    let mut life = Lifecycle::default();
    let counted: &mut RuleCount = replayed.counted.entry((0, 0)).or_default();
    for ((start_ms, count), judgement) in series.starts_ms.iter().zip(&series.counts).zip(judgements) {
        counted.total += count;
        counted.rate.add(*start_ms, *count);
        let at_ms = start_ms + bucket_ms;
        let seen = Observation {
            holds: judgement.reason.is_some(),
            count: *count,
            expected: Some(judgement.window.expected),
            unlikely: Some(judgement.window.unlikely),
            lines: None,
            reason: judgement.reason,
        };
        if let Some(transition) = life.step(spec, seen.holds, at_ms) {
            let change = AlertChange { transition, at_ms, seen };
            let time = |at_ms| Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string();
            let mut event = change.event(spec, "counts", Some(path), &VecDeque::new(), time);
            event.window_s = bucket_ms as f64 / 1_000.0;
            replayed.alerts.push(ReplayedAlert { at_ms, event });
        }
        replayed.range_ms = Some((series.starts_ms[0], at_ms));
    }
    replayed
}
