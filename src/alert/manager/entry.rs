//! One series of one alert, and the forms in which it leaves the manager.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::AlertSpec;
use crate::alert::breakdown::{Breakdown, PatternLines};
use crate::alert::fingerprint::of_pattern;
use crate::alert::instance::{AlertChange, AlertInstance};
use crate::detect::condition::Condition;
use crate::event::{AlertEvent, AlertState, Severity};
use crate::fmt::display_path;
use crate::pattern::PatternId;
use crate::units::{AlertSpecId, WallTime, WatchId};

/// Which series: the name of the alert, of its watch, and the path if it is by path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertSeriesId {
    /// Name of the alert.
    pub alert: String,
    /// Name of the watch.
    pub watch: String,
    /// The path, for an alert by path.
    pub path: Option<PathBuf>,
    /// The pattern, for an alert by pattern.
    pub pattern: Option<PatternId>,
}

/// The alerts of one watch.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchAlerts {
    /// The watch.
    pub id: WatchId,
    /// Its name.
    pub name: String,
    /// For each rule of the watch, the alerts that count it.
    pub by_rule: Vec<Vec<(AlertSpecId, Arc<AlertSpec>)>>,
}

/// Keeps the newest `max` of `samples`.
fn keep_newest<T>(samples: &mut VecDeque<T>, max: usize) {
    let surplus = samples.len().saturating_sub(max);
    samples.drain(..surplus);
}

/// For so many times as many lines as an alert shows are kept while it is not known which burst they belong to.
const SAMPLES_ASIDE: usize = 16;

/// An alert that fired or resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertTransition {
    /// When.
    pub at: WallTime,
    /// What is reported.
    pub event: AlertEvent,
}

/// The state of a series, as it is saved and restored.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedAlert {
    /// Which series.
    pub id: AlertSeriesId,
    /// Its counts, and whether it is pending, firing or cooling down.
    pub instance: AlertInstance,
    /// The newest matching lines, oldest first.
    pub samples: Vec<String>,
    /// What makes up the count, and what is still to be reported.
    pub parts: AlertParts,
}

/// What is known of a series beside its state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertParts {
    breakdown: Breakdown,
    /// That it fired, while more of the same is awaited.
    held: Option<AlertChange>,
    /// When the newest matching lines were written.
    sample_times: Vec<i64>,
    /// Since it fired: matching lines, and the greatest count within the window.
    total: u64,
    peak: u64,
}

impl AlertParts {
    /// The lines that were saved with it, with their times; a former version did not save these, so that the lines are of any time.
    fn timed(&self, samples: Vec<String>) -> VecDeque<(i64, String)> {
        let unknown = samples.len().saturating_sub(self.sample_times.len());
        let times = std::iter::repeat_n(i64::MAX, unknown).chain(self.sample_times.iter().copied());
        times.zip(samples).collect()
    }
}

/// The state of a series, for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertStatus {
    /// Name of the alert.
    pub alert: String,
    /// Name of its watch.
    pub watch: String,
    /// Name of its rule.
    pub rule: String,
    /// The path, for an alert by path.
    pub path: Option<PathBuf>,
    /// The pattern, for an alert by pattern.
    pub pattern: Option<PatternId>,
    /// Its severity.
    pub severity: Severity,
    /// `inactive`, `pending` or `firing`.
    pub state: &'static str,
    /// Since when it is pending or firing.
    pub since: Option<WallTime>,
    /// Matching lines within its window.
    pub count: u64,
}

#[derive(Debug)]
pub(super) struct AlertEntry {
    pub(super) spec: Arc<AlertSpec>,
    watch: Arc<WatchAlerts>,
    pub(super) path: Option<PathBuf>,
    pub(super) pattern: Option<PatternId>,
    pub(super) instance: AlertInstance,
    /// The newest matching lines, and when they were written.
    samples: VecDeque<(i64, String)>,
    parts: AlertParts,
    /// When it was first and last heard of while a report is held.
    pub(super) held_at: Option<(WallTime, WallTime)>,
}

/// Lines that were written so long before the condition began to hold belong to it, in milliseconds.
const SAMPLE_REACH_MS: i64 = 1_000;

impl AlertEntry {
    pub(super) fn new(
        spec: &Arc<AlertSpec>,
        watch: &Arc<WatchAlerts>,
        since: Option<WallTime>,
        path: Option<&Path>,
    ) -> AlertEntry {
        AlertEntry {
            instance: AlertInstance::new(spec, since.map(|since| since.0)),
            spec: Arc::clone(spec),
            watch: Arc::clone(watch),
            path: path.map(Path::to_owned),
            pattern: None,
            samples: VecDeque::new(),
            parts: AlertParts::default(),
            held_at: None,
        }
    }

    pub(super) fn of_pattern(self, pattern: Option<PatternId>) -> AlertEntry {
        AlertEntry { pattern, ..self }
    }

    /// What was saved, under the present definition. What lies in the future was saved before the clock was set back, or by a machine
    /// that boots with an old clock: it goes on as if it had been saved just now.
    pub(super) fn restored(
        saved: SavedAlert,
        spec: &Arc<AlertSpec>,
        watch: &Arc<WatchAlerts>,
        now: WallTime,
    ) -> AlertEntry {
        let ahead_ms = saved.instance.judged_ms().map_or(0, |judged| judged.saturating_sub(now.0));
        let mut entry = AlertEntry {
            instance: saved.instance.resume(spec, now.0),
            spec: Arc::clone(spec),
            watch: Arc::clone(watch),
            path: saved.id.path,
            pattern: saved.id.pattern,
            samples: saved.parts.timed(saved.samples),
            held_at: None,
            parts: saved.parts,
        };
        if ahead_ms > 0 {
            entry.shift(-ahead_ms);
        }
        entry.held_at = entry.parts.held.map(|_| (now, now));
        entry
    }

    /// While the machine was off, until it was `booted`, nothing could write a line, so that this time is no silence.
    pub(super) fn skip_time_off(&mut self, booted: Option<WallTime>) {
        let off_ms = booted
            .zip(self.instance.judged_ms())
            .map_or(0, |(booted, judged)| booted.0.saturating_sub(judged));
        let is_firing = self.instance.lifecycle().is_firing();
        if self.spec.condition.expects_lines() && !is_firing && off_ms > 0 {
            self.shift(off_ms);
        }
    }

    /// Moves every time by `by_ms`: the clock was set.
    pub(super) fn shift(&mut self, by_ms: i64) {
        self.instance.shift(by_ms);
        self.parts.breakdown.shift(by_ms);
        self.samples.iter_mut().for_each(|(at_ms, _)| *at_ms = at_ms.saturating_add(by_ms));
        if let Some(held) = &mut self.parts.held {
            held.shift(by_ms);
        }
        self.held_at = self.held_at.map(|(first, last)| (first + by_ms, last + by_ms));
    }

    pub(super) fn redefine(&mut self, watch: &Arc<WatchAlerts>, spec: &Arc<AlertSpec>, now: WallTime) {
        self.instance = self.instance.clone().resume(spec, now.0);
        (self.watch, self.spec) = (Arc::clone(watch), Arc::clone(spec));
    }

    pub(super) fn add_samples(&mut self, samples: &[(WallTime, String)]) {
        let max = self.spec.samples_max * SAMPLES_ASIDE;
        let newest = samples.len().saturating_sub(max);
        self.samples.extend(samples[newest..].iter().map(|(at, line)| (at.0, line.clone())));
        keep_newest(&mut self.samples, max);
    }

    /// Keeps the newest lines, unless lines are set aside: they may belong to several bursts.
    pub(super) fn trim_samples(&mut self) {
        if !self.instance.has_backlog() {
            keep_newest(&mut self.samples, self.spec.samples_max);
        }
    }

    /// The lines that belong to `change`: those that were written while it was so, not before and not later.
    fn own_samples(&self, change: &AlertChange) -> VecDeque<String> {
        // What is held, and what fires still, has lines that came since.
        let is_present = self.instance.lifecycle().firing_since() == Some(change.since_ms());
        let until_ms = if is_present { i64::MAX } else { change.at_ms };
        let reach_ms = self.spec.condition.window_ms().max(SAMPLE_REACH_MS);
        let from_ms = if self.spec.condition.expects_lines() {
            i64::MIN
        } else {
            change.since_ms().saturating_sub(reach_ms)
        };
        let is_own = |(at_ms, _): &&(i64, String)| (from_ms..=until_ms).contains(at_ms);
        let mut own: VecDeque<String> =
            self.samples.iter().filter(is_own).map(|(_, line)| line.clone()).collect();
        keep_newest(&mut own, self.spec.samples_max);
        own
    }

    /// Adds lines that were written at `at`, or sets them aside if they come out of order. False if there is no more room for that.
    pub(super) fn add(
        &mut self,
        at: WallTime,
        matched: u64,
        lines: u64,
        is_settling: bool,
        changes: &mut Vec<AlertChange>,
    ) -> bool {
        if self.instance.lifecycle().is_firing() {
            self.parts.total += matched;
        }
        if is_settling || self.instance.is_late(&self.spec, at.0) {
            return self.instance.set_aside(&self.spec, at.0, matched, lines);
        }
        self.instance.add(&self.spec, at.0, matched, lines, &mut |change| changes.push(change));
        self.parts.peak = self.parts.peak.max(self.instance.gauge().count());
        true
    }

    /// Adds what the lines of a turn at `path` are made of.
    pub(super) fn add_parts(&mut self, path: &Path, lines: &[PatternLines]) {
        let is_usual = self.instance.lifecycle().is_inactive();
        let window_ms = self.spec.condition.window_ms();
        let path = display_path(path.strip_prefix(".").unwrap_or(path));
        self.parts.breakdown.add(window_ms, &path, lines, is_usual);
    }

    /// Holds the report that it fired until [`AlertEntry::release`].
    pub(super) fn hold(&mut self, change: AlertChange, now: WallTime) {
        self.parts.held = Some(change);
        self.held_at = Some((now, now));
    }

    /// The report that was held, with what is seen now if that is more.
    pub(super) fn release(&mut self) -> Option<AlertChange> {
        self.held_at = None;
        let mut held = self.parts.held.take()?;
        if self.instance.lifecycle().is_firing()
            && let Some(seen) = self.instance.observe(&self.spec).filter(|seen| seen.count > held.seen.count)
        {
            held.seen = seen;
        }
        Some(held)
    }

    /// What is reported of `change`. The samples of an alert that resolved are used up.
    pub(super) fn transition(&mut self, change: &AlertChange, is_late: bool) -> AlertTransition {
        let samples = self.own_samples(change);
        let new = change.event(&self.spec, &self.watch.name, self.path.as_deref(), &samples, |at_ms| {
            WallTime(at_ms).to_string()
        });
        let mut event = AlertEvent { late: is_late, ..new };
        if let Some(pattern) = self.pattern {
            event.pattern = Some(pattern.to_string());
            event.fingerprint = of_pattern(&event.fingerprint, pattern);
        } else if matches!(self.spec.condition, Condition::NewPattern { .. }) && event.is_firing() {
            event.why = "more new patterns than are reported one by one".to_owned();
        }
        match event.state {
            AlertState::Firing => {
                let seen_ms = self.instance.judged_ms().unwrap_or(change.at_ms).max(change.at_ms);
                (event.patterns, event.top_paths) = self.parts.breakdown.take(seen_ms);
                self.parts.total = self.parts.total.max(change.seen.count);
                self.parts.peak = self.parts.peak.max(change.seen.count);
            }
            AlertState::Resolved => {
                self.samples.retain(|(at_ms, _)| *at_ms > change.at_ms);
                event.total = Some(std::mem::take(&mut self.parts.total));
                event.peak = Some(std::mem::take(&mut self.parts.peak));
                event.duration_s = Some(((change.at_ms - change.since_ms()).max(0) / 1_000).unsigned_abs());
            }
        }
        AlertTransition { at: WallTime(change.at_ms), event }
    }

    pub(super) fn watch_name(&self) -> &str {
        &self.watch.name
    }

    /// Since it fired: matching lines, and the greatest count within the window.
    pub(super) fn extremes(&self) -> (u64, u64) {
        (self.parts.total, self.parts.peak)
    }

    pub(super) fn series_id(&self) -> AlertSeriesId {
        AlertSeriesId {
            alert: self.spec.name.clone(),
            watch: self.watch.name.clone(),
            path: self.path.clone(),
            pattern: self.pattern,
        }
    }

    pub(super) fn save(&self) -> SavedAlert {
        SavedAlert {
            id: self.series_id(),
            instance: self.instance.clone(),
            samples: self.samples.iter().map(|(_, line)| line.clone()).collect(),
            parts: AlertParts {
                sample_times: self.samples.iter().map(|(at_ms, _)| *at_ms).collect(),
                ..self.parts.clone()
            },
        }
    }

    /// Whether it says no more than a new one would. What was new once is so no more.
    pub(super) fn is_blank(&self, now_ms: i64) -> bool {
        let was_new = matches!(self.spec.condition, Condition::NewPattern { .. }) && self.is_at_rest();
        was_new || self.instance.is_blank(now_ms)
    }

    /// Whether nothing is lost if the series starts anew later.
    pub(super) fn is_at_rest(&self) -> bool {
        self.instance.lifecycle().is_inactive() && !self.instance.has_backlog()
    }

    pub(super) fn status(&self) -> AlertStatus {
        let life = self.instance.lifecycle();
        AlertStatus {
            alert: self.spec.name.clone(),
            watch: self.watch.name.clone(),
            rule: self.spec.rule.clone(),
            path: self.path.clone(),
            pattern: self.pattern,
            severity: self.spec.severity,
            state: match (life.is_firing(), life.is_inactive()) {
                (true, _) => "firing",
                (false, false) => "pending",
                (false, true) => "inactive",
            },
            since: life.since().map(WallTime),
            count: self.instance.gauge().count(),
        }
    }
}
