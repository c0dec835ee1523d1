//! The alerts over the counts.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;

use crate::alert::fingerprint::fingerprint;
use crate::alert::lifecycle::{Lifecycle, Transition};
use crate::alert::samples::sample;
use crate::alert::{AlertSpec, Scope};
use crate::detect::Millis;
use crate::detect::condition::Condition;
use crate::detect::series::Series;
use crate::engine::clock::wall_time;
use crate::engine::plan::Compiled;
use crate::engine::registry::FileKey;
use crate::file::tally::Sample;
use crate::store::{AlertId, AlertRecord, TransitionRecord};
use crate::telemetry::events::{AlertEvent, AlertState};

/// Which alert, over which watch, and over which path if it is by path.
type AlertKey = (usize, usize, Option<FileKey>);

struct Alert {
    series: Series,
    lifecycle: Lifecycle,
    path: Option<PathBuf>,
    samples: VecDeque<String>,
}

/// What has changed among the alerts since it was last asked.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) alerts: Vec<AlertRecord>,
    pub(super) ended: Vec<AlertId>,
    pub(super) transitions: Vec<TransitionRecord>,
}

/// All alerts that are not at rest.
#[derive(Default)]
pub(super) struct Alarms {
    alerts: HashMap<AlertKey, Alert>,
    /// Alerts by path from before the start, whose path was not found yet.
    waiting: HashMap<AlertId, AlertRecord>,
    changed: HashSet<AlertKey>,
    ended: Vec<AlertId>,
    transitions: Vec<TransitionRecord>,
}

impl Alarms {
    pub(super) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// Whether an alert fired or resolved and nobody was told of it yet.
    pub(super) fn has_transitions(&self) -> bool {
        !self.transitions.is_empty()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.ended.is_empty() || self.has_transitions()
    }

    /// Takes up what was remembered. Alerts by path follow their path, see [`Alarms::restore_path`].
    pub(super) fn restore(&mut self, plan: &Compiled, records: Vec<AlertRecord>) {
        for record in records {
            if record.id.path.is_some() {
                self.waiting.insert(record.id.clone(), record);
            } else {
                self.take_up(plan, record, None);
            }
        }
    }

    /// Takes up what was remembered of the alerts by the path of `file`.
    pub(super) fn restore_path(
        &mut self,
        plan: &Compiled,
        watch: usize,
        file: FileKey,
        path: &std::path::Path,
    ) {
        for alert in &plan.alerts {
            let id = AlertId {
                alert: alert.name.clone(),
                watch: plan.watches[watch].name.clone(),
                path: Some(path.to_owned()),
            };
            if let Some(record) = self.waiting.remove(&id) {
                self.take_up(plan, record, Some(file));
            }
        }
    }

    fn take_up(&mut self, plan: &Compiled, record: AlertRecord, file: Option<FileKey>) {
        let number = plan.alerts.iter().position(|alert| alert.name == record.id.alert);
        let watch = plan.watches.iter().position(|watch| watch.name == record.id.watch);
        let (Some(number), Some(watch)) = (number, watch) else {
            // Its definition is gone.
            self.ended.push(record.id);
            return;
        };
        let window_ms = plan.alerts[number].condition.window_ms();
        let is_same = record.series.window_ms() == window_ms;
        let alert = Alert {
            series: if is_same { record.series } else { Series::new(window_ms) },
            lifecycle: record.lifecycle,
            path: record.id.path,
            samples: record.samples.into(),
        };
        self.alerts.insert((number, watch, file), alert);
    }

    /// Counts `n` matching lines of a rule for every alert that counts them.
    #[expect(clippy::too_many_arguments, reason = "what was counted, where and when")]
    pub(super) fn count(
        &mut self,
        plan: &Compiled,
        file: FileKey,
        path: &std::path::Path,
        watch: usize,
        rule: usize,
        n: u64,
        samples: &VecDeque<Sample>,
        now: Millis,
    ) {
        for number in plan.watches[watch].alerts_by_rule[rule].iter().copied() {
            let spec = &plan.alerts[number];
            let by_path = spec.scope == Scope::Path;
            let key = (number, watch, by_path.then_some(file));
            let alert = self.alerts.entry(key).or_insert_with(|| Alert {
                series: Series::new(spec.condition.window_ms()),
                lifecycle: Lifecycle::default(),
                path: by_path.then(|| path.to_owned()),
                samples: VecDeque::new(),
            });
            alert.series.add(now, n);
            let newest = samples.len().saturating_sub(spec.samples_max);
            alert.samples.extend(samples.iter().skip(newest).map(|s| sample(&s.line)));
            let surplus = alert.samples.len().saturating_sub(spec.samples_max);
            alert.samples.drain(..surplus);
            self.changed.insert(key);
            self.step(plan, key, now);
        }
    }

    /// Goes on to `now`. Alerts that are at rest are dropped.
    pub(super) fn tick(&mut self, plan: &Compiled, now: Millis) {
        for key in self.alerts.keys().copied().collect::<Vec<_>>() {
            self.step(plan, key, now);
        }
        let at_rest = |alert: &Alert| {
            alert.series.is_empty() && alert.lifecycle.is_inactive() && !alert.lifecycle.is_cooling_down(now)
        };
        let ended: Vec<AlertKey> =
            self.alerts.iter().filter(|(_, alert)| at_rest(alert)).map(|(key, _)| *key).collect();
        for key in ended {
            self.changed.remove(&key);
            if let Some(alert) = self.alerts.remove(&key) {
                self.ended.push(alert_id(plan, key, &alert));
            }
        }
    }

    fn step(&mut self, plan: &Compiled, key: AlertKey, now: Millis) {
        let (number, watch, _) = key;
        let Some(alert) = self.alerts.get_mut(&key) else { return };
        let spec = &plan.alerts[number];
        let seen = spec.condition.observe(&mut alert.series, now);
        let (state, since) = match alert.lifecycle.step(spec, seen.holds, now) {
            None => return,
            Some(Transition::Fired { since }) => (AlertState::Firing, since),
            Some(Transition::Resolved { since }) => (AlertState::Resolved, since),
        };
        let event = alert_event(spec, &plan.watches[watch].name, alert, state, seen.count, since, now);
        event.emit();
        self.transitions.push(transition(&event, now));
        self.changed.insert(key);
        if state == AlertState::Resolved {
            alert.samples.clear();
        }
    }

    /// Goes over to another plan: alerts go on by their name and definition. `gone` are files that are no longer watched.
    pub(super) fn replan(
        &mut self,
        old: &Compiled,
        new: &Compiled,
        renumbered: &[Option<usize>],
        gone: &HashSet<FileKey>,
        now: Millis,
    ) {
        self.changed.clear();
        for (key, state) in std::mem::take(&mut self.alerts) {
            let (alert, watch, file) = key;
            let spec = &old.alerts[alert];
            let is_gone = file.is_some_and(|file| gone.contains(&file));
            let new_watch = renumbered.get(watch).copied().flatten().filter(|_| !is_gone);
            let new_alert = new.alerts.iter().position(|new| is_same(new, spec));
            if let (Some(watch), Some(alert)) = (new_watch, new_alert) {
                self.changed.insert((alert, watch, file));
                self.alerts.insert((alert, watch, file), state);
                continue;
            }
            self.ended.push(alert_id(old, key, &state));
            if state.lifecycle.is_firing() {
                // Nobody would ever say that it is over.
                let watch = &old.watches[watch].name;
                let event = alert_event(spec, watch, &state, AlertState::Resolved, 0, now, now);
                event.emit();
                self.transitions.push(transition(&event, now));
            }
        }
    }

    /// What has changed since the last call.
    pub(super) fn take_changes(&mut self, plan: &Compiled) -> Changes {
        let changed = std::mem::take(&mut self.changed);
        let record = |key: AlertKey| {
            let alert = self.alerts.get(&key)?;
            Some(AlertRecord {
                id: alert_id(plan, key, alert),
                series: alert.series.clone(),
                lifecycle: alert.lifecycle,
                samples: alert.samples.iter().cloned().collect(),
            })
        };
        Changes {
            alerts: changed.into_iter().filter_map(record).collect(),
            ended: std::mem::take(&mut self.ended),
            transitions: std::mem::take(&mut self.transitions),
        }
    }

    /// Has the next [`Alarms::take_changes`] give every alert.
    pub(super) fn change_all(&mut self) {
        self.changed = self.alerts.keys().copied().collect();
    }
}

fn alert_id(plan: &Compiled, (number, watch, _): AlertKey, alert: &Alert) -> AlertId {
    AlertId {
        alert: plan.alerts[number].name.clone(),
        watch: plan.watches[watch].name.clone(),
        path: alert.path.clone(),
    }
}

fn transition(event: &AlertEvent, now: Millis) -> TransitionRecord {
    TransitionRecord {
        at_ms: now,
        alert: AlertId { alert: event.alert.clone(), watch: event.watch.clone(), path: event.path.clone() },
        rule: event.rule.clone(),
        state: event.state.as_str().to_owned(),
        severity: event.severity.clone(),
        fingerprint: event.fingerprint.clone(),
        count: event.count,
        payload: event.to_json(),
    }
}

/// Whether an alert of the old plan goes on as `new`: its identity and what it counts are the same.
fn is_same(new: &AlertSpec, old: &AlertSpec) -> bool {
    new.name == old.name && new.rule == old.rule && new.scope == old.scope && new.condition == old.condition
}

fn alert_event(
    spec: &AlertSpec,
    watch: &str,
    alert: &Alert,
    state: AlertState,
    count: u64,
    since: Millis,
    now: Millis,
) -> AlertEvent {
    let Condition::Count { over, window_ms } = spec.condition;
    let path = alert.path.as_deref().map(|path| path.as_os_str().as_encoded_bytes());
    AlertEvent {
        alert: spec.name.clone(),
        state,
        severity: spec.severity.as_str().to_owned(),
        watch: watch.to_owned(),
        rule: spec.rule.clone(),
        path: alert.path.clone(),
        count,
        window_s: window_ms as f64 / 1000.0,
        threshold: over,
        since: wall_time(since, now),
        fingerprint: fingerprint(&spec.name, watch, &spec.rule, path),
        samples: alert.samples.iter().cloned().collect(),
    }
}
