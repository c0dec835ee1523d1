//! The alerts over the counts.
//!
//! After a start, and as long as files are read that came while no daemon ran, lines come in no order of time. They are set
//! aside until all is read (or [`SETTLE_MS_MAX`] has passed), and then go through the alarms by time.

mod restore;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::alert::instance::{AlertChange, AlertInstance};
use crate::alert::lifecycle::Transition;
use crate::alert::{AlertSpec, Scope};
use crate::detect::Millis;
use crate::detect::condition::{Condition, Observation};
use crate::engine::clock::EngineClock;
use crate::engine::entry::FileKey;
use crate::engine::plan::CompiledPlan;
use crate::engine::report::AlertReport;
use crate::event::{AlertEvent, HealthEvent, HealthKind};
use crate::file::tally::{Sample, Tally};
use crate::fmt::sample;
use crate::store::{AlertId, AlertRecord, TransitionRecord};

/// No longer than this are lines set aside after the start, in milliseconds.
const SETTLE_MS_MAX: Millis = 5_000;
/// Lines that came out of order later wait for others like them for so long, in milliseconds.
const QUIET_MS: Millis = 1_000;
/// A transition of longer ago is late, in milliseconds.
const LATE_MS: Millis = 60_000;
/// At most so many series by path are kept for one alert. The ones that are at rest for longest go first.
const SERIES_MAX: usize = 10_000;

/// Which alert, over which watch, and over which path if it is by path.
type AlertKey = (usize, usize, Option<FileKey>);

struct AlertEntry {
    alarm: AlertInstance,
    path: Option<PathBuf>,
    samples: VecDeque<String>,
}

/// What has changed among the alerts since it was last asked.
#[derive(Default)]
pub(super) struct AlertChanges {
    pub(super) alerts: Vec<AlertRecord>,
    pub(super) ended: Vec<AlertId>,
    pub(super) transitions: Vec<TransitionRecord>,
}

/// What one turn counted.
pub(super) struct CountedTurn<'a> {
    pub(super) file: FileKey,
    pub(super) path: &'a Path,
    /// Since when the path has been watched, in milliseconds since the epoch.
    pub(super) since_ms: Millis,
    pub(super) watch: usize,
    pub(super) tally: &'a Tally,
}

/// All alerts of which something is known.
pub(super) struct AlertManager {
    clock: EngineClock,
    alerts: HashMap<AlertKey, AlertEntry>,
    /// Alerts by path from before the start, whose path was not found yet.
    waiting: HashMap<AlertId, AlertRecord>,
    /// What was told to be firing before the start, by fingerprint, as long as that is not known to be so.
    told: BTreeMap<String, AlertEvent>,
    changed: HashSet<AlertKey>,
    ended: Vec<AlertId>,
    transitions: Vec<TransitionRecord>,
    /// Until when all lines are set aside, as the first look at all files is not over.
    settling: Option<Millis>,
    /// When lines were set aside first and last, if they are set aside still.
    aside: Option<(Millis, Millis)>,
    /// When time alone may change something.
    due: Option<Millis>,
}

impl AlertManager {
    pub(super) fn new(clock: EngineClock) -> AlertManager {
        let settling = Some(clock.now() + SETTLE_MS_MAX);
        AlertManager {
            clock,
            alerts: HashMap::new(),
            waiting: HashMap::new(),
            told: BTreeMap::new(),
            changed: HashSet::new(),
            ended: Vec::new(),
            transitions: Vec::new(),
            settling,
            aside: None,
            due: settling,
        }
    }

    /// When time alone may change something.
    pub(super) fn due(&self) -> Option<Millis> {
        self.due
    }

    /// Whether an alert fired or resolved and nobody was told of it yet.
    pub(super) fn has_transitions(&self) -> bool {
        !self.transitions.is_empty()
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.ended.is_empty() || self.has_transitions()
    }

    /// Takes in what one turn counted.
    pub(super) fn count(&mut self, plan: &CompiledPlan, counted: &CountedTurn<'_>) {
        let shift_ms = self.clock.shift_ms();
        let in_engine_time =
            |times: &[(i64, u64)]| times.iter().map(|(at, n)| (at - shift_ms, *n)).collect::<Vec<_>>();
        let lines = in_engine_time(&counted.tally.lines);
        for (rule, numbers) in plan.watches[counted.watch].alerts_by_rule.iter().enumerate() {
            if numbers.is_empty() || (lines.is_empty() && counted.tally.matched[rule] == 0) {
                continue;
            }
            let times = in_engine_time(&counted.tally.times[rule]);
            for number in numbers.iter().copied() {
                let needs_lines = plan.alerts[number].condition.needs_lines();
                if !times.is_empty() || needs_lines {
                    let lines = if needs_lines { lines.as_slice() } else { &[] };
                    self.count_for(
                        plan,
                        number,
                        counted,
                        &by_time(&times, lines),
                        &counted.tally.samples[rule],
                    );
                }
            }
        }
    }

    fn count_for(
        &mut self,
        plan: &CompiledPlan,
        number: usize,
        counted: &CountedTurn<'_>,
        times: &[(Millis, u64, u64)],
        samples: &VecDeque<Sample>,
    ) {
        let spec = &plan.alerts[number];
        let by_path = spec.scope == Scope::Path;
        let key = (number, counted.watch, by_path.then_some(counted.file));
        if by_path && !self.alerts.contains_key(&key) {
            self.make_room(plan, number);
            let first_ms = times.first().map_or(counted.since_ms, |(at_ms, ..)| *at_ms);
            let since_ms = (counted.since_ms <= first_ms).then_some(counted.since_ms);
            self.alerts.insert(key, AlertEntry::new(spec, since_ms, Some(counted.path)));
        }
        let Some(alert) = self.alerts.get_mut(&key) else { return };
        let newest = samples.len().saturating_sub(spec.samples_max);
        alert.samples.extend(samples.iter().skip(newest).map(|s| sample(&s.line)));
        let surplus = alert.samples.len().saturating_sub(spec.samples_max);
        alert.samples.drain(..surplus);
        let (mut changes, mut is_full) = (Vec::new(), false);
        for (at_ms, matched, lines) in times.iter().copied() {
            if self.settling.is_some() || alert.alarm.is_late(spec, at_ms) {
                is_full |= !alert.alarm.set_aside(spec, at_ms, matched, lines);
            } else {
                alert.alarm.add(spec, at_ms, matched, lines, &mut |change| changes.push(change));
            }
        }
        if is_full {
            alert.alarm.settle(spec, &mut |change| changes.push(change));
        }
        if alert.alarm.has_backlog() {
            let now = self.clock.now();
            let first = self.aside.map_or(now, |(first, _)| first);
            self.aside = Some((first, now));
            self.is_due_at(Some(now + QUIET_MS));
        } else {
            let due = alert.alarm.due_ms(spec);
            self.is_due_at(due);
        }
        self.changed.insert(key);
        self.tell(plan, key, &changes);
    }

    /// Says that all files were looked at once.
    pub(super) fn all_is_read(&mut self, plan: &CompiledPlan) {
        if self.settling.take().is_some() {
            self.settle(plan);
        }
    }

    fn settle(&mut self, plan: &CompiledPlan) {
        self.aside = None;
        self.end_what_is_gone(plan);
        let now = self.clock.now();
        for key in self.alerts.keys().copied().collect::<Vec<_>>() {
            let Some(alert) = self.alerts.get_mut(&key) else { continue };
            let mut changes = Vec::new();
            if alert.alarm.has_backlog() {
                alert.alarm.settle(&plan.alerts[key.0], &mut |change| changes.push(change));
                self.changed.insert(key);
            }
            if alert.alarm.judged_ms().is_none() {
                alert.alarm.advance(&plan.alerts[key.0], now, &mut |_| {});
                self.changed.insert(key);
            }
            self.tell(plan, key, &changes);
        }
        self.due = Some(now);
    }

    /// Goes on to now. Alerts of which nothing is to be remembered are dropped.
    pub(super) fn tick(&mut self, plan: &CompiledPlan) {
        let now = self.clock.now();
        if self.settling.is_some_and(|until| now >= until) {
            self.all_is_read(plan);
        }
        if self.due.is_none_or(|due| due > now) || self.settling.is_some() {
            return;
        }
        let is_quiet = |(first, last)| now - last >= QUIET_MS || now - first >= SETTLE_MS_MAX;
        if self.aside.is_some_and(is_quiet) {
            self.settle(plan);
        }
        self.due = self.aside.map(|(_, last)| last + QUIET_MS);
        for key in self.alerts.keys().copied().collect::<Vec<_>>() {
            let spec = &plan.alerts[key.0];
            let Some(alert) = self.alerts.get_mut(&key) else { continue };
            let mut changes = Vec::new();
            if alert.alarm.due_ms(spec).is_some_and(|due| due <= now) {
                alert.alarm.advance(spec, now, &mut |change| changes.push(change));
            }
            let due = alert.alarm.due_ms(spec);
            self.is_due_at(due);
            self.tell(plan, key, &changes);
        }
        self.drop_blank(plan, now);
    }

    fn is_due_at(&mut self, due: Option<Millis>) {
        self.due = self.due.into_iter().chain(due).min();
    }

    fn drop_blank(&mut self, plan: &CompiledPlan, now: Millis) {
        let is_blank = |(key, alert): &(&AlertKey, &AlertEntry)| key.2.is_some() && alert.alarm.is_blank(now);
        let blank: Vec<AlertKey> = self.alerts.iter().filter(is_blank).map(|(key, _)| *key).collect();
        for key in blank {
            self.remove(plan, key);
        }
    }

    fn remove(&mut self, plan: &CompiledPlan, key: AlertKey) {
        self.changed.remove(&key);
        if let Some(alert) = self.alerts.remove(&key) {
            self.ended.push(alert_id(plan, key, &alert));
        }
    }

    /// Forgets a tenth of the series of an alert if it has too many.
    fn make_room(&mut self, plan: &CompiledPlan, number: usize) {
        if self.alerts.len() < SERIES_MAX {
            return;
        }
        let of_alert = |(key, alert): (&AlertKey, &AlertEntry)| {
            let is_at_rest = alert.alarm.lifecycle().is_inactive() && !alert.alarm.has_backlog();
            (key.0 == number && key.2.is_some()).then_some((alert.alarm.judged_ms(), *key, is_at_rest))
        };
        let mut series: Vec<_> = self.alerts.iter().filter_map(of_alert).collect();
        if series.len() < SERIES_MAX {
            return;
        }
        series.retain(|(.., is_at_rest)| *is_at_rest);
        series.sort_unstable();
        series.truncate(SERIES_MAX / 10);
        let message = format!(
            "the alert {} by path has more than {SERIES_MAX} series; those that were quiet for longest are begun anew; \
             have it look at fewer paths, or by watch",
            plan.alerts[number].name
        );
        HealthEvent::warning(HealthKind::SeriesForgotten, message).counting(series.len() as u64).emit();
        for (_, key, _) in series {
            self.remove(plan, key);
        }
    }

    /// Ends the alerts by the path of a file that is watched no longer.
    pub(super) fn forget(&mut self, plan: &CompiledPlan, file: FileKey) {
        let keys = self.alerts.keys().copied().filter(|key| key.2 == Some(file));
        for key in keys.collect::<Vec<_>>() {
            self.resolve(plan, key);
            self.remove(plan, key);
        }
    }

    /// Says that an alert is over: nobody else ever would.
    fn resolve(&mut self, plan: &CompiledPlan, key: AlertKey) {
        let Some(alert) = self.alerts.get(&key) else { return };
        let Some(since) = alert.alarm.lifecycle().firing_since() else { return };
        let change = AlertChange {
            transition: Transition::Resolved { since },
            at_ms: self.clock.now(),
            seen: Observation::default(),
        };
        self.tell(plan, key, &[change]);
    }

    fn tell(&mut self, plan: &CompiledPlan, key: AlertKey, changes: &[AlertChange]) {
        for change in changes {
            let Some(alert) = self.alerts.get_mut(&key) else { return };
            let late = self.clock.now() - change.at_ms > LATE_MS;
            let time = |at_ms| self.clock.wall_time(at_ms);
            let watch = &plan.watches[key.1].name;
            let (spec, path) = (&plan.alerts[key.0], alert.path.as_deref());
            let event = AlertEvent { late, ..change.event(spec, watch, path, &alert.samples, time) };
            event.emit();
            self.told.remove(&event.fingerprint);
            self.changed.insert(key);
            if !event.is_firing() {
                alert.samples.clear();
            }
            self.transitions.push(TransitionRecord { at_ms: change.at_ms, event });
        }
    }

    /// Goes over to another plan: alerts go on by their name and definition. `gone` are files that are no longer watched.
    pub(super) fn replan(
        &mut self,
        old: &CompiledPlan,
        new: &CompiledPlan,
        renumbered: &[Option<usize>],
        gone: &HashSet<FileKey>,
    ) {
        self.changed.clear();
        let goes_on = |(alert, watch, file): AlertKey| {
            let is_gone = file.is_some_and(|file| gone.contains(&file));
            let watch = renumbered.get(watch).copied().flatten().filter(|_| !is_gone)?;
            let alert = new.alerts.iter().position(|new| is_same(new, &old.alerts[alert]))?;
            Some((alert, watch, file))
        };
        for key in self.alerts.keys().copied().filter(|key| goes_on(*key).is_none()).collect::<Vec<_>>() {
            self.resolve(old, key);
            self.remove(old, key);
        }
        self.changed.clear();
        for (key, state) in std::mem::take(&mut self.alerts) {
            if let Some(key) = goes_on(key) {
                let alarm = state.alarm.resume(&new.alerts[key.0], self.clock.now());
                self.changed.insert(key);
                self.alerts.insert(key, AlertEntry { alarm, ..state });
            }
        }
        self.add_missing(new);
        self.due = Some(self.clock.now());
    }

    /// What has changed since the last call.
    pub(super) fn take_changes(&mut self, plan: &CompiledPlan) -> AlertChanges {
        let changed = std::mem::take(&mut self.changed);
        let record = |key: AlertKey| {
            let alert = self.alerts.get(&key)?;
            Some(AlertRecord {
                id: alert_id(plan, key, alert),
                alarm: alert.alarm.clone(),
                samples: alert.samples.iter().cloned().collect(),
            })
        };
        AlertChanges {
            alerts: changed.into_iter().filter_map(record).collect(),
            ended: std::mem::take(&mut self.ended),
            transitions: std::mem::take(&mut self.transitions),
        }
    }

    /// How every alert stands of which something is known.
    pub(super) fn reports(&self, plan: &CompiledPlan) -> Vec<AlertReport> {
        let report = |((number, watch, _), alert): (&AlertKey, &AlertEntry)| {
            let (spec, life) = (&plan.alerts[*number], alert.alarm.lifecycle());
            AlertReport {
                alert: spec.name.clone(),
                watch: plan.watches[*watch].name.clone(),
                path: alert.path.clone(),
                severity: spec.severity.as_str().to_owned(),
                state: match (life.is_firing(), life.is_inactive()) {
                    (true, _) => "firing",
                    (false, false) => "pending",
                    (false, true) => "inactive",
                },
                since_ms: life.since(),
                count: alert.alarm.gauge().count(),
            }
        };
        self.alerts.iter().map(report).collect()
    }

    /// Has the next [`AlertManager::take_changes`] give every alert.
    pub(super) fn change_all(&mut self) {
        self.changed = self.alerts.keys().copied().collect();
    }
}

impl AlertEntry {
    fn new(spec: &AlertSpec, since_ms: Option<Millis>, path: Option<&Path>) -> AlertEntry {
        AlertEntry {
            alarm: AlertInstance::new(spec, since_ms),
            path: path.map(Path::to_owned),
            samples: VecDeque::new(),
        }
    }
}

/// Matching lines and all lines, merged: when, and how many of either.
fn by_time(matched: &[(Millis, u64)], lines: &[(Millis, u64)]) -> Vec<(Millis, u64, u64)> {
    let mut times: Vec<_> = lines.iter().map(|(at_ms, n)| (*at_ms, 0, *n)).collect();
    times.extend(matched.iter().map(|(at_ms, n)| (*at_ms, *n, 0)));
    if !lines.is_empty() {
        // All lines of a moment before those of them that match.
        times.sort_by_key(|(at_ms, ..)| *at_ms);
    }
    times
}

fn alert_id(plan: &CompiledPlan, (number, watch, _): AlertKey, alert: &AlertEntry) -> AlertId {
    AlertId {
        alert: plan.alerts[number].name.clone(),
        watch: plan.watches[watch].name.clone(),
        path: alert.path.clone(),
    }
}

/// Whether an alert of the old plan goes on as `new`: its identity and what it counts are the same. What is usual took long to
/// learn, and stays whatever the alert makes of it.
fn is_same(new: &AlertSpec, old: &AlertSpec) -> bool {
    let is_same_count = match (&new.condition, &old.condition) {
        (Condition::Spike(new), Condition::Spike(old)) => new.window_ms == old.window_ms,
        (new, old) => new == old,
    };
    new.name == old.name && new.rule == old.rule && new.scope == old.scope && is_same_count
}
