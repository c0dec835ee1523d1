//! Runs the alerts over the counts: which alerts there are for which series, and what came of them. Pure: time is an argument,
//! and what fired or resolved is returned. The engine and `replay` both run it.
//!
//! After a start, and as long as files are read that were written while no daemon ran, lines come in no order of time. They are
//! set aside until everything is read (or [`SETTLE_MS_MAX`] has passed) and then evaluated by time.
//!
//! All times are those of the wall clock, as they are saved and shown. When that clock is set, [`AlertManager::follow_clock`] moves what
//! is known along once.

mod admission;
mod by_pattern;
mod clock;
mod entry;
mod hold;
mod live;
mod reload;
mod restore;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::alert::breakdown::PatternLines;
use crate::alert::{AlertSpec, Scope};
use crate::pattern::PatternId;
use crate::units::{AlertSpecId, PathId, WallTime, WatchId};

use entry::AlertEntry;

pub use entry::{AlertParts, AlertSeriesId, AlertStatus, AlertTransition, SavedAlert, WatchAlerts};
pub use live::{FiringAlert, RuleUsual};
pub use restore::AnnouncedAlert;
use room::SeriesRoom;
pub use room::{SERIES_MAX, SeriesFate, SeriesOverflow};

/// Longest time for which lines are set aside after the start, in milliseconds.
const SETTLE_MS_MAX: i64 = 5_000;
/// Lines that came out of order later wait this long for others like them, in milliseconds.
const QUIET_MS: i64 = 1_000;

impl WatchAlerts {
    /// Every alert of the watch, by its rules.
    pub fn all(&self) -> impl Iterator<Item = &(AlertSpecId, Arc<AlertSpec>)> {
        self.by_rule.iter().flatten()
    }
}

/// One series of one alert: over a watch, or over one path of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct AlertKey {
    alert: AlertSpecId,
    watch: WatchId,
    path: Option<PathId>,
    pattern: Option<PatternId>,
}

/// Where lines were counted.
#[derive(Debug, Clone, Copy)]
pub struct CountedPath<'a> {
    /// The path.
    pub id: PathId,
    /// The path.
    pub path: &'a Path,
    /// Since when it has been watched.
    pub since: WallTime,
    /// Since when its watch has been.
    pub watch_since: WallTime,
}

/// Lines of one rule: when they were written, how many matched, and how many there were in all.
#[derive(Debug, Clone, Copy)]
pub struct CountedLines<'a> {
    /// Times, matching lines, all lines; the last only where an alert needs them.
    pub times: &'a [(WallTime, u64, u64)],
    /// The newest of the matching lines, oldest first, escaped.
    /// And when they were written.
    pub samples: &'a [(WallTime, String)],
    /// The patterns of the matching lines.
    pub patterns: &'a [PatternLines],
}

/// Everything that changed since it was asked for last.
#[derive(Debug, Default)]
pub struct ManagerChanges {
    /// Series whose state changed.
    pub saved: Vec<SavedAlert>,
    /// Series that no longer exist.
    pub ended: Vec<AlertSeriesId>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct AlertManager {
    watches: Vec<Arc<WatchAlerts>>,
    entries: HashMap<AlertKey, AlertEntry>,
    room: SeriesRoom,
    /// Alerts by path from before the start, whose path has not been found yet.
    unclaimed: HashMap<AlertSeriesId, SavedAlert>,
    /// What was announced to be firing before the start, by fingerprint, until it is known whether it still is.
    announced: BTreeMap<String, AnnouncedAlert>,
    changed: HashSet<AlertKey>,
    ended: Vec<AlertSeriesId>,
    transitions: Vec<AlertTransition>,
    overflows: Vec<SeriesOverflow>,
    /// Until when all lines are set aside, while the first look at all files is not over.
    settling: Option<WallTime>,
    /// Whether a report waits for more of the same.
    holds: bool,
    /// How many new patterns were reported one by one, by alert and watch, in which minute.
    notified: HashMap<(AlertSpecId, WatchId), (i64, u32)>,
    /// When the machine was booted, if that is known.
    booted: Option<WallTime>,
    /// When lines were set aside first and last, if any still are.
    aside: Option<(WallTime, WallTime)>,
    /// When time alone may change something.
    due: Option<WallTime>,
}

impl AlertManager {
    /// A manager of the alerts of `watches` that evaluates lines at once, by their times, and reports at once.
    #[must_use]
    pub fn new(watches: Vec<Arc<WatchAlerts>>) -> AlertManager {
        AlertManager { watches, ..AlertManager::default() }
    }

    /// Sets all lines aside until [`AlertManager::all_is_read`], but no longer than [`SETTLE_MS_MAX`] from `now`.
    #[must_use]
    pub fn settling_from(mut self, now: WallTime) -> AlertManager {
        self.settling = Some(now + SETTLE_MS_MAX);
        self.due = self.settling;
        self
    }

    /// When time alone may change something.
    #[must_use]
    pub fn due(&self) -> Option<WallTime> {
        self.due
    }

    /// Whether [`AlertManager::take_changes`] has something to return.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.ended.is_empty()
    }

    /// The alerts that fired or resolved since the last call, in order.
    pub fn take_transitions(&mut self) -> Vec<AlertTransition> {
        std::mem::take(&mut self.transitions)
    }

    /// The alerts that ran into [`SERIES_MAX`] since the last call.
    pub fn take_overflows(&mut self) -> Vec<SeriesOverflow> {
        std::mem::take(&mut self.overflows)
    }

    /// The state of every series that changed since the last call.
    pub fn take_changes(&mut self) -> ManagerChanges {
        let changed = std::mem::take(&mut self.changed);
        let saved = changed.into_iter().filter_map(|key| Some(self.entries.get(&key)?.save())).collect();
        ManagerChanges { saved, ended: std::mem::take(&mut self.ended) }
    }

    /// Forgets what changed, where nothing is saved.
    pub fn discard_changes(&mut self) {
        self.changed.clear();
        self.ended.clear();
    }

    /// Makes the next [`AlertManager::take_changes`] return every series.
    pub fn change_all(&mut self) {
        self.changed = self.entries.keys().copied().collect();
    }

    /// The state of every series, in order.
    #[must_use]
    pub fn statuses(&self) -> Vec<AlertStatus> {
        let mut statuses: Vec<AlertStatus> = self.entries.values().map(AlertEntry::status).collect();
        statuses.sort();
        statuses
    }

    /// The paths with series that say more than new ones would.
    #[must_use]
    pub fn needed_paths(&self, now: WallTime) -> HashSet<PathId> {
        let needed = self.entries.iter().filter(|(_, entry)| !entry.instance.is_blank(now.0));
        needed.filter_map(|(key, _)| key.path).collect()
    }

    /// Creates the series that exist without any line: those over a whole watch learn what is usual from silence too. With `since`,
    /// they have been watched since then, else since the first line or tick.
    pub fn add_watch_series(&mut self, since: Option<WallTime>) {
        for watch in &self.watches {
            for (alert, spec) in watch.all().filter(|(_, spec)| spec.scope == Scope::Watch) {
                let key = AlertKey { alert: *alert, watch: watch.id, path: None, pattern: None };
                let new = || AlertEntry::new(spec, watch, since, None);
                self.entries.entry(key).or_insert_with(new);
            }
        }
    }

    /// Creates the series of a path that report its silence: silence can be noticed only at a path that is known.
    pub fn watch_path(&mut self, watch: &Arc<WatchAlerts>, path: PathId, at: &Path, now: WallTime) {
        let expects = |spec: &AlertSpec| spec.scope == Scope::Path && spec.condition.expects_lines();
        for (alert, spec) in watch.all().filter(|(_, spec)| expects(spec)) {
            let key = AlertKey { alert: *alert, watch: watch.id, path: Some(path), pattern: None };
            if !self.entries.contains_key(&key) && self.make_room(key, spec, now) {
                self.insert(key, AlertEntry::new(spec, watch, None, Some(at)));
            }
        }
    }

    /// Evaluates `lines` of one alert.
    pub fn count(
        &mut self,
        watch: &Arc<WatchAlerts>,
        definition: &(AlertSpecId, Arc<AlertSpec>),
        at: CountedPath<'_>,
        lines: CountedLines<'_>,
        now: WallTime,
    ) {
        let (alert, spec) = definition;
        let key = AlertKey { alert: *alert, watch: watch.id, path: None, pattern: None };
        match spec.scope {
            Scope::Watch => self.count_series(key, spec, at, lines, now),
            Scope::Pattern => self.count_patterns(watch, definition, at, lines, now),
            Scope::Path => {
                let key = AlertKey { path: Some(at.id), ..key };
                if !self.entries.contains_key(&key) {
                    if !self.make_room(key, spec, now) {
                        return;
                    }
                    let first = lines.times.first().map_or(at.since, |(at, ..)| *at);
                    let since = (at.since <= first).then_some(at.since);
                    self.insert(key, AlertEntry::new(spec, watch, since, Some(at.path)));
                }
                self.count_series(key, spec, at, lines, now);
            }
        }
    }

    /// Evaluates `lines` of one series, if there is such a series.
    fn count_series(
        &mut self,
        key: AlertKey,
        spec: &AlertSpec,
        at: CountedPath<'_>,
        lines: CountedLines<'_>,
        now: WallTime,
    ) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.add_samples(lines.samples);
        entry.add_parts(at.path, lines.patterns);
        if let Some((_, last)) = &mut entry.held_at {
            *last = now;
        }
        let (mut changes, mut is_full) = (Vec::new(), false);
        for (at, matched, all) in lines.times.iter().copied() {
            is_full |= !entry.add(at, matched, all, self.settling.is_some(), &mut changes);
        }
        if is_full {
            entry.instance.settle(spec, &mut |change| changes.push(change));
        }
        let due = if entry.instance.has_backlog() {
            let first = self.aside.map_or(now, |(first, _)| first);
            self.aside = Some((first, now));
            Some(now + QUIET_MS)
        } else {
            entry.instance.due_ms(spec).map(WallTime)
        };
        self.is_due_at(due);
        self.changed.insert(key);
        self.record(key, &changes, now);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.trim_samples();
        }
    }

    /// Ends the settling: all files have been read once.
    pub fn all_is_read(&mut self, now: WallTime) {
        if self.settling.take().is_some() {
            self.settle(now);
        }
    }

    fn settle(&mut self, now: WallTime) {
        self.aside = None;
        self.resolve_undefined(now);
        for key in self.keys() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let mut changes = Vec::new();
            if entry.instance.has_backlog() {
                entry.instance.settle(&entry.spec, &mut |change| changes.push(change));
                self.changed.insert(key);
            }
            if entry.instance.judged_ms().is_none() {
                entry.instance.advance(&entry.spec, now.0, &mut |_| {});
                self.changed.insert(key);
            }
            self.record(key, &changes, now);
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.trim_samples();
            }
        }
        self.due = Some(now);
    }

    /// Advances to `now`. Series of which nothing is to be remembered are dropped.
    pub fn tick(&mut self, now: WallTime) {
        if self.settling.is_some_and(|until| now >= until) {
            self.all_is_read(now);
        }
        if self.due.is_none_or(|due| due > now) || self.settling.is_some() {
            return;
        }
        let is_quiet = |(first, last)| now - last >= QUIET_MS || now - first >= SETTLE_MS_MAX;
        if self.aside.is_some_and(is_quiet) {
            self.settle(now);
        }
        self.due = self.aside.map(|(_, last)| last + QUIET_MS);
        for key in self.keys() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let mut changes = Vec::new();
            if entry.instance.due_ms(&entry.spec).is_some_and(|due| due <= now.0) {
                let before = *entry.instance.lifecycle();
                entry.instance.advance(&entry.spec, now.0, &mut |change| changes.push(change));
                if *entry.instance.lifecycle() != before {
                    self.changed.insert(key);
                }
            }
            let due = entry.instance.due_ms(&entry.spec).map(WallTime);
            self.is_due_at(due);
            self.record(key, &changes, now);
        }
        self.release_due(now);
        self.drop_blank(now);
        self.report_refused(now);
    }

    /// Evaluates what was set aside and advances every series to `end`, whatever is due. For logs that have ended.
    pub fn finish(&mut self, end: WallTime) {
        for key in self.keys() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let mut changes = Vec::new();
            entry.instance.settle(&entry.spec, &mut |change| changes.push(change));
            entry.instance.advance(&entry.spec, end.0, &mut |change| changes.push(change));
            self.record(key, &changes, end);
        }
        self.report_all_refused();
    }

    fn is_due_at(&mut self, due: Option<WallTime>) {
        self.due = self.due.into_iter().chain(due).min();
    }

    fn drop_blank(&mut self, now: WallTime) {
        let is_blank =
            |(key, entry): &(&AlertKey, &AlertEntry)| key.is_one_of_many() && entry.is_blank(now.0);
        let blank: Vec<AlertKey> = self.entries.iter().filter(is_blank).map(|(key, _)| *key).collect();
        for key in blank {
            self.remove(key);
        }
    }

    fn insert(&mut self, key: AlertKey, entry: AlertEntry) {
        if self.entries.insert(key, entry).is_none()
            && let Some(member) = key.member()
        {
            self.room.added(key.alert, member);
        }
    }

    fn remove(&mut self, key: AlertKey) {
        self.changed.remove(&key);
        if let Some(entry) = self.entries.remove(&key) {
            if key.is_one_of_many() {
                self.room.removed(key.alert);
            }
            self.ended.push(entry.series_id());
        }
    }

    /// Every series, in a fixed order, so that what happens at one moment is reported in the same order each time.
    fn keys(&self) -> Vec<AlertKey> {
        let mut keys: Vec<AlertKey> = self.entries.keys().copied().collect();
        keys.sort_unstable();
        keys
    }
}

/// Merges matching lines and all lines by time: when, and how many of either.
#[must_use]
pub fn by_time(matched: &[(WallTime, u64)], lines: &[(WallTime, u64)]) -> Vec<(WallTime, u64, u64)> {
    let mut times: Vec<_> = lines.iter().map(|(at, n)| (*at, 0, *n)).collect();
    times.extend(matched.iter().map(|(at, n)| (*at, *n, 0)));
    if !lines.is_empty() {
        // All lines of a moment come before those of them that match.
        times.sort_by_key(|(at, ..)| *at);
    }
    times
}
