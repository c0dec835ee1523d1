//! Counts per path and rule, and the alerts over them. Everything that leaves the engine leaves from here, in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alert::fingerprint::fingerprint;
use crate::alert::lifecycle::{Lifecycle, Transition};
use crate::alert::samples::sample;
use crate::alert::{AlertSpec, Scope};
use crate::detect::Millis;
use crate::detect::condition::Condition;
use crate::detect::series::Series;
use crate::engine::clock::wall_time;
use crate::engine::plan::Compiled;
use crate::engine::registry::{FileKey, Status};
use crate::file::tail::{News, Tail, Turn};
use crate::file::tally::Sample;
use crate::telemetry::events::{AlertEvent, AlertState, CountEvent, FileChange, FileEvent, HealthEvent};

/// Counts of one path.
struct Counts {
    watch: usize,
    path: PathBuf,
    generation: u64,
    rules: Vec<Count>,
}

/// Matching lines of one path and rule.
#[derive(Clone, Copy)]
struct Count {
    total: u64,
    unreported: u64,
    reported: Millis,
}

const NEVER: Millis = Millis::MIN / 2;

impl Default for Count {
    fn default() -> Count {
        Count { total: 0, unreported: 0, reported: NEVER }
    }
}

/// Which alert, over which watch, and over which path if it is by path.
type AlertKey = (usize, usize, Option<FileKey>);

struct Alert {
    series: Series,
    lifecycle: Lifecycle,
    path: Option<PathBuf>,
    samples: VecDeque<String>,
}

/// All counts and alerts.
pub struct Book {
    plan: Arc<Compiled>,
    report_interval_ms: Millis,
    counts: HashMap<FileKey, Counts>,
    /// Paths with counts that were not reported yet.
    unreported: HashSet<FileKey>,
    alerts: HashMap<AlertKey, Alert>,
    torn_reported: u64,
    torn_at: Millis,
}

impl Book {
    pub(super) fn new(plan: Arc<Compiled>, report_interval_ms: Millis) -> Book {
        Book {
            plan,
            report_interval_ms,
            counts: HashMap::new(),
            unreported: HashSet::new(),
            alerts: HashMap::new(),
            torn_reported: 0,
            torn_at: NEVER,
        }
    }

    /// Takes in what one turn found, and emits what is due at once. True if something is due later.
    pub(super) fn apply(
        &mut self,
        key: FileKey,
        watch: usize,
        tail: &Tail,
        turn: &Turn,
        now: Millis,
    ) -> bool {
        let rules = self.plan.watches[watch].rules.len();
        for (news, generation) in &turn.news {
            self.file_event(watch, tail.path(), news, *generation).emit();
        }
        let counts = self.counts.entry(key).or_insert_with(|| Counts {
            watch,
            path: tail.path().to_owned(),
            generation: 0,
            rules: vec![Count::default(); rules],
        });
        counts.generation = tail.generation();
        for (count, n) in counts.rules.iter_mut().zip(&turn.tally.matched) {
            count.total += n;
            count.unreported += n;
        }
        self.report(key, now);
        for (rule, n) in turn.tally.matched.iter().enumerate().filter(|(_, n)| **n > 0) {
            self.count_for_alerts(key, watch, rule, *n, &turn.tally.samples[rule], now);
        }
        turn.torn > 0 || !self.unreported.is_empty() || !self.alerts.is_empty()
    }

    /// Emits what has become due. True if something else will be.
    pub(super) fn tick(&mut self, now: Millis, torn_scans: u64) -> bool {
        for key in self.unreported.iter().copied().collect::<Vec<_>>() {
            self.report(key, now);
        }
        for key in self.alerts.keys().copied().collect::<Vec<_>>() {
            self.step(key, now);
        }
        self.alerts.retain(|_, alert| {
            !alert.series.is_empty() || !alert.lifecycle.is_inactive() || alert.lifecycle.is_cooling_down(now)
        });
        self.report_torn(now, torn_scans);
        !self.unreported.is_empty() || !self.alerts.is_empty() || torn_scans > self.torn_reported
    }

    /// Emits every count that was not reported yet.
    pub(super) fn flush(&mut self, now: Millis) {
        for key in std::mem::take(&mut self.unreported) {
            self.report_all(key, now);
        }
    }

    /// Drops files that are gone for good.
    pub(super) fn forget(&mut self, files: &HashSet<FileKey>, now: Millis) {
        for key in files {
            self.report_all(*key, now);
            self.counts.remove(key);
            self.unreported.remove(key);
        }
    }

    /// Goes over to another plan: totals go on by the name of the rule, alerts by their name and definition.
    pub(super) fn replan(
        &mut self,
        plan: Arc<Compiled>,
        renumbered: &[Option<usize>],
        gone: &HashSet<FileKey>,
        now: Millis,
    ) {
        self.flush(now);
        self.forget(gone, now);
        let old = std::mem::replace(&mut self.plan, plan);
        for counts in self.counts.values_mut() {
            let Some(watch) = renumbered.get(counts.watch).copied().flatten() else { continue };
            let before = &old.watches[counts.watch].rules;
            let total =
                |name: &String| before.names().iter().position(|n| n == name).map(|at| counts.rules[at]);
            counts.rules = self.plan.watches[watch]
                .rules
                .names()
                .iter()
                .map(|name| total(name).unwrap_or_default())
                .collect();
            counts.watch = watch;
        }
        for ((alert, watch, file), state) in std::mem::take(&mut self.alerts) {
            let spec = &old.alerts[alert];
            let new_watch =
                renumbered.get(watch).copied().flatten().filter(|_| !file.is_some_and(|f| gone.contains(&f)));
            let new_alert = self.plan.alerts.iter().position(|new| is_same(new, spec));
            if let (Some(watch), Some(alert)) = (new_watch, new_alert) {
                self.alerts.insert((alert, watch, file), state);
            } else if state.lifecycle.is_firing() {
                // Nobody would ever say that it is over.
                alert_event(spec, &old.watches[watch].name, &state, AlertState::Resolved, 0, now, now).emit();
            }
        }
    }

    /// Emits a status event for one file.
    pub(super) fn emit_status(&mut self, key: FileKey, watch: usize, path: &Path, status: &Status) {
        let total = self.counts.get(&key).map_or(0, |counts| counts.rules.iter().map(|c| c.total).sum());
        let name = self.plan.watches.get(watch).map(|watch| watch.name.clone()).unwrap_or_default();
        FileEvent {
            event: FileChange::Status,
            watch: name,
            path: path.to_owned(),
            reason: status.trouble.clone().unwrap_or_else(|| "asked for".to_owned()),
            generation: status.generation,
            bytes: None,
            offset: Some(status.offset),
            size: Some(status.size),
            total: Some(total),
        }
        .emit();
    }

    /// Reports the counts of a path that have waited long enough.
    fn report(&mut self, key: FileKey, now: Millis) {
        let interval = self.report_interval_ms;
        self.report_if(key, now, |count| now - count.reported >= interval);
    }

    fn report_all(&mut self, key: FileKey, now: Millis) {
        self.report_if(key, now, |_| true);
    }

    fn report_if(&mut self, key: FileKey, now: Millis, is_due: impl Fn(&Count) -> bool) {
        let Some(counts) = self.counts.get_mut(&key) else { return };
        let watch = &self.plan.watches[counts.watch];
        let mut is_waiting = false;
        for (rule, count) in counts.rules.iter_mut().enumerate().filter(|(_, count)| count.unreported > 0) {
            if !is_due(count) {
                is_waiting = true;
                continue;
            }
            CountEvent {
                watch: watch.name.clone(),
                rule: watch.rules.names()[rule].clone(),
                path: counts.path.clone(),
                delta: count.unreported,
                total: count.total,
                generation: counts.generation,
            }
            .emit();
            count.unreported = 0;
            count.reported = now;
        }
        if is_waiting {
            self.unreported.insert(key);
        } else {
            self.unreported.remove(&key);
        }
    }

    fn count_for_alerts(
        &mut self,
        file: FileKey,
        watch: usize,
        rule: usize,
        n: u64,
        samples: &VecDeque<Sample>,
        now: Millis,
    ) {
        let plan = Arc::clone(&self.plan);
        for number in plan.watches[watch].alerts_by_rule[rule].iter().copied() {
            let spec = &plan.alerts[number];
            let by_path = spec.scope == Scope::Path;
            let key = (number, watch, by_path.then_some(file));
            let path = || self.counts.get(&file).map(|counts| counts.path.clone()).filter(|_| by_path);
            let alert = self.alerts.entry(key).or_insert_with(|| Alert {
                series: Series::new(spec.condition.window_ms()),
                lifecycle: Lifecycle::default(),
                path: path(),
                samples: VecDeque::new(),
            });
            alert.series.add(now, n);
            let newest = samples.len().saturating_sub(spec.samples_max);
            alert.samples.extend(samples.iter().skip(newest).map(|s| sample(&s.line)));
            let surplus = alert.samples.len().saturating_sub(spec.samples_max);
            alert.samples.drain(..surplus);
            self.step(key, now);
        }
    }

    fn step(&mut self, key: AlertKey, now: Millis) {
        let (number, watch, _) = key;
        let Some(alert) = self.alerts.get_mut(&key) else { return };
        let spec = &self.plan.alerts[number];
        let seen = spec.condition.observe(&mut alert.series, now);
        let (state, since) = match alert.lifecycle.step(spec, seen.holds, now) {
            None => return,
            Some(Transition::Fired { since }) => (AlertState::Firing, since),
            Some(Transition::Resolved { since }) => (AlertState::Resolved, since),
        };
        alert_event(spec, &self.plan.watches[watch].name, alert, state, seen.count, since, now).emit();
        if state == AlertState::Resolved {
            alert.samples.clear();
        }
    }

    fn report_torn(&mut self, now: Millis, torn_scans: u64) {
        if torn_scans == self.torn_reported || now - self.torn_at < self.report_interval_ms {
            return;
        }
        let count = torn_scans - self.torn_reported;
        (self.torn_reported, self.torn_at) = (torn_scans, now);
        HealthEvent {
            event: "torn_scans".to_owned(),
            message: "files changed while they were scanned; those scans were thrown away and made again"
                .to_owned(),
            count: Some(count),
            warning: false,
        }
        .emit();
    }

    fn file_event(&self, watch: usize, path: &Path, news: &News, generation: u64) -> FileEvent {
        let (event, reason) = match news {
            News::Opened => (FileChange::Opened, "being read now".to_owned()),
            News::Rotated(reason) => (FileChange::Rotated, reason.as_str().to_owned()),
            News::Truncated(reason) => (FileChange::Truncated, reason.as_str().to_owned()),
            News::Rewritten(reason) => (FileChange::Rewritten, reason.as_str().to_owned()),
            News::Removed(reason) => (FileChange::Removed, reason.as_str().to_owned()),
            News::Missed(_) => {
                (FileChange::Missed, "gone from the file before they were part of a whole line".to_owned())
            }
            News::Unreadable(reason) => (FileChange::Unreadable, reason.clone()),
            News::Recovered => (FileChange::Recovered, "it can be read again".to_owned()),
        };
        let bytes = if let News::Missed(bytes) = news { Some(*bytes) } else { None };
        let watch = self.plan.watches[watch].name.clone();
        FileEvent { event, watch, path: path.to_owned(), reason, generation, bytes, ..FileEvent::default() }
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
