//! One series of one alert, and the forms in which it leaves the manager.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::AlertSpec;
use crate::alert::instance::{AlertChange, AlertInstance};
use crate::event::{AlertEvent, AlertState, Severity};
use crate::units::{AlertSpecId, ClockShift, EngineTime, WallTime, WatchId};

/// Which series: the name of the alert, of its watch, and the path if it is by path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertSeriesId {
    /// Name of the alert.
    pub alert: String,
    /// Name of the watch.
    pub watch: String,
    /// The path, for an alert by path.
    pub path: Option<PathBuf>,
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
fn keep_newest(samples: &mut VecDeque<String>, max: usize) {
    let surplus = samples.len().saturating_sub(max);
    samples.drain(..surplus);
}

/// An alert that fired or resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertTransition {
    /// When.
    pub at: EngineTime,
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
}

/// The state of a series, for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertStatus {
    /// Name of the alert.
    pub alert: String,
    /// Name of its watch.
    pub watch: String,
    /// The path, for an alert by path.
    pub path: Option<PathBuf>,
    /// Its severity.
    pub severity: Severity,
    /// `inactive`, `pending` or `firing`.
    pub state: &'static str,
    /// Since when it is pending or firing.
    pub since: Option<EngineTime>,
    /// Matching lines within its window.
    pub count: u64,
}

#[derive(Debug)]
pub(super) struct AlertEntry {
    pub(super) spec: Arc<AlertSpec>,
    watch: Arc<WatchAlerts>,
    pub(super) path: Option<PathBuf>,
    pub(super) instance: AlertInstance,
    samples: VecDeque<String>,
}

impl AlertEntry {
    pub(super) fn new(
        spec: &Arc<AlertSpec>,
        watch: &Arc<WatchAlerts>,
        since: Option<EngineTime>,
        path: Option<&Path>,
    ) -> AlertEntry {
        AlertEntry {
            instance: AlertInstance::new(spec, since.map(|since| since.0)),
            spec: Arc::clone(spec),
            watch: Arc::clone(watch),
            path: path.map(Path::to_owned),
            samples: VecDeque::new(),
        }
    }

    pub(super) fn restored(
        saved: SavedAlert,
        spec: &Arc<AlertSpec>,
        watch: &Arc<WatchAlerts>,
        now: EngineTime,
    ) -> AlertEntry {
        AlertEntry {
            instance: saved.instance.resume(spec, now.0),
            spec: Arc::clone(spec),
            watch: Arc::clone(watch),
            path: saved.id.path,
            samples: saved.samples.into(),
        }
    }

    pub(super) fn redefine(&mut self, watch: &Arc<WatchAlerts>, spec: &Arc<AlertSpec>, now: EngineTime) {
        self.instance = self.instance.clone().resume(spec, now.0);
        (self.watch, self.spec) = (Arc::clone(watch), Arc::clone(spec));
    }

    pub(super) fn add_samples(&mut self, samples: &[String]) {
        let newest = samples.len().saturating_sub(self.spec.samples_max);
        self.samples.extend(samples[newest..].iter().cloned());
        keep_newest(&mut self.samples, self.spec.samples_max);
    }

    /// Adds lines that were written at `at`, or sets them aside if they come out of order. False if there is no more room for that.
    pub(super) fn add(
        &mut self,
        at: EngineTime,
        matched: u64,
        lines: u64,
        is_settling: bool,
        changes: &mut Vec<AlertChange>,
    ) -> bool {
        if is_settling || self.instance.is_late(&self.spec, at.0) {
            return self.instance.set_aside(&self.spec, at.0, matched, lines);
        }
        self.instance.add(&self.spec, at.0, matched, lines, &mut |change| changes.push(change));
        true
    }

    /// What is reported of `change`. The samples of an alert that resolved are used up.
    pub(super) fn transition(
        &mut self,
        change: &AlertChange,
        is_late: bool,
        shift: ClockShift,
    ) -> AlertTransition {
        let time = |at_ms| -> WallTime { EngineTime(at_ms).to_wall(shift) };
        let new = change.event(&self.spec, &self.watch.name, self.path.as_deref(), &self.samples, |at_ms| {
            time(at_ms).to_string()
        });
        let event = AlertEvent { late: is_late, ..new };
        if event.state == AlertState::Resolved {
            self.samples.clear();
        }
        AlertTransition { at: EngineTime(change.at_ms), event }
    }

    pub(super) fn series_id(&self) -> AlertSeriesId {
        AlertSeriesId {
            alert: self.spec.name.clone(),
            watch: self.watch.name.clone(),
            path: self.path.clone(),
        }
    }

    pub(super) fn save(&self) -> SavedAlert {
        SavedAlert {
            id: self.series_id(),
            instance: self.instance.clone(),
            samples: self.samples.iter().cloned().collect(),
        }
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
            path: self.path.clone(),
            severity: self.spec.severity,
            state: match (life.is_firing(), life.is_inactive()) {
                (true, _) => "firing",
                (false, false) => "pending",
                (false, true) => "inactive",
            },
            since: life.since().map(EngineTime),
            count: self.instance.gauge().count(),
        }
    }
}
