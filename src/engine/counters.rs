//! Counts per path and rule, and the alerts over them. Every event leaves the engine from here, in order.

mod alert_clock;
mod alerting;
mod events;
mod journal_counters;
mod journals;
mod live;
mod patterns;
mod pending;
mod reporting;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::alert::manager::{AlertManager, AlertStatus, CountedPath, SavedAlert};
use crate::engine::activity::{Activity, PathActivity};
use crate::engine::alert_hook::AlertHook;
use crate::engine::clock::EngineClock;
use crate::engine::entry::{FileStatus, RemovedFile};
use crate::engine::path_counters::{NEVER, PathCounters, PathFigures, PathTotals};
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::recent_lines::RecentLines;
use crate::engine::suspect_times::SuspectTimes;
use crate::event::{EventOrigin, FOUND_AT_START, FileEventKind};
use crate::file::checkpoint::TailCheckpoint;
use crate::file::tailer::Turn;
use crate::store::{Batch, FileRecord, PatternsRecord, TransitionRecord, WatchRecord, WatchedPath};
use crate::units::{EngineTime, PathId, WallTime, WatchId};

use alert_clock::AlertClock;
use journal_counters::JournalCounters;
pub(super) use journal_counters::JournalSource;
use patterns::PatternCounters;
pub use patterns::RulePatterns;
use pending::PendingChanges;

/// How soon something that waits is looked at again, in milliseconds.
const TICK_MS: i64 = 100;

/// What remains to be done after a turn or a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DueWork {
    /// When something has to be done later.
    pub later: Option<EngineTime>,
    /// Something is to be committed.
    pub commit: bool,
    /// It is to be committed at once.
    pub urgent: bool,
}

/// Where lines come from.
#[derive(Clone, Copy)]
pub(super) struct CountedSource<'a> {
    /// The path, or what stands for it.
    pub(super) path: &'a Arc<Path>,
    /// How many files have stood there.
    pub(super) generation: u64,
}

/// All counts and alerts.
pub(super) struct Counters {
    clock: EngineClock,
    report_interval_ms: i64,
    paths: HashMap<PathId, Box<PathCounters>>,
    /// Paths with counts that were not reported yet.
    unreported: HashSet<PathId>,
    alerts: AlertManager,
    alert_clock: AlertClock,
    patterns: PatternCounters,
    /// Since when each watch has had its paths.
    watched_since: HashMap<WatchId, EngineTime>,
    /// What the machine is called in alerts.
    origin: Arc<EventOrigin>,
    pending: PendingChanges,
    suspect_times: SuspectTimes,
    activity: Activity,
    journals: JournalCounters,
    recent_lines: RecentLines,
    /// Is called when alerts fired or resolved.
    alerted: AlertHook,
    torn_reported: u64,
    torn_reported_at: EngineTime,
    /// Whether all files that existed at the start have been read.
    is_started: bool,
}

impl Counters {
    /// Counters that start at zero. With `is_kept`, changes are gathered for [`Counters::take_batch`].
    pub(super) fn new(
        plan: &CompiledPlan,
        report_interval_ms: i64,
        is_kept: bool,
        clock: EngineClock,
    ) -> Counters {
        let alert_clock = AlertClock::new(clock.clone());
        Counters {
            alerts: AlertManager::new(plan.alerts())
                .settling_from(alert_clock.now())
                .booted_at(clock.booted()),
            alert_clock,
            clock,
            report_interval_ms,
            paths: HashMap::new(),
            unreported: HashSet::new(),
            patterns: PatternCounters::default(),
            watched_since: HashMap::new(),
            origin: Arc::default(),
            pending: PendingChanges::new(is_kept),
            suspect_times: SuspectTimes::default(),
            activity: Activity::default(),
            journals: JournalCounters::default(),
            recent_lines: RecentLines::new(),
            alerted: AlertHook::default(),
            torn_reported: 0,
            torn_reported_at: NEVER,
            is_started: false,
        }
    }

    /// Alerts come from `origin` from now on.
    pub(super) fn set_origin(&mut self, origin: Arc<EventOrigin>) {
        self.origin = origin;
    }

    pub(super) fn origin(&self) -> Arc<EventOrigin> {
        Arc::clone(&self.origin)
    }

    /// The time of the alerts, which follow the clock if it was set.
    fn alert_time(&mut self) -> WallTime {
        let by_ms = self.alert_clock.follow();
        if by_ms != 0 {
            self.alerts.follow_clock(by_ms);
        }
        self.alert_clock.now()
    }

    /// Restores the alerts, and which of them were announced to be firing.
    pub(super) fn restore_alerts(&mut self, alerts: Vec<SavedAlert>, firing: Vec<TransitionRecord>) {
        let firing = firing.into_iter().map(|transition| transition.event).collect();
        let now = self.alert_time();
        self.alerts.restore(alerts, firing, now);
    }

    /// Restores the patterns of the watches of `plan`.
    pub(super) fn restore_patterns(&mut self, plan: &CompiledPlan, saved: Vec<PatternsRecord>) {
        self.patterns.restore(plan, saved);
    }

    /// The patterns of each rule; of each at most `patterns_max`.
    pub(super) fn pattern_reports(&self, patterns_max: usize) -> Vec<RulePatterns> {
        self.patterns.reports(patterns_max)
    }

    /// Restores the counts of a path, which has been watched since `since`. True if something is due later.
    pub(super) fn restore(
        &mut self,
        id: PathId,
        watch: &Arc<CompiledWatch>,
        path: &Arc<Path>,
        record: &FileRecord,
        since: EngineTime,
    ) -> bool {
        let counters = PathCounters::restored(watch, path, record, since);
        if counters.has_unreported() {
            self.unreported.insert(id);
        }
        self.paths.insert(id, Box::new(counters));
        let now = self.alert_time();
        self.alerts.restore_path(&watch.alerts, id, path, now);
        if record.tail.current.is_some() {
            self.alerts.watch_path(&watch.alerts, id, path, now);
        }
        !self.unreported.is_empty()
    }

    /// All files were looked at once.
    pub(super) fn all_is_read(&mut self) {
        self.is_started = true;
        let now = self.alert_time();
        self.alerts.all_is_read(now);
        self.emit_transitions();
    }

    /// Tells since when the watch `id` has had its paths.
    pub(super) fn note_since(&mut self, id: WatchId, since: EngineTime) {
        self.watched_since.entry(id).or_insert(since);
    }

    /// Remembers since when watches have had their paths.
    pub(super) fn note_watches(&mut self, watches: Vec<WatchRecord>) {
        self.pending.watches.extend(watches);
    }

    /// Adds what one turn found, and emits what is due at once.
    pub(super) fn apply(
        &mut self,
        id: PathId,
        watch: &Arc<CompiledWatch>,
        source: CountedSource<'_>,
        turn: &Turn,
        now: EngineTime,
    ) -> DueWork {
        let CountedSource { path, generation } = source;
        self.emit_file_events(id, watch, path, turn);
        if !self.paths.contains_key(&id) {
            let now_wall = self.alert_time();
            self.alerts.watch_path(&watch.alerts, id, path, now_wall);
            self.paths.insert(id, Box::new(PathCounters::new(watch, path, now)));
        }
        let Some(counters) = self.paths.get_mut(&id) else { return DueWork::default() };
        counters.generation = generation;
        counters.bytes_read += turn.bytes;
        counters.bytes_missed += turn.missed();
        for (counter, n) in counters.rules.iter_mut().zip(&turn.tally.matched) {
            counter.total += n;
            counter.unreported += n;
        }
        let watch_since = self.watched_since.get(&watch.id).copied().unwrap_or(counters.since);
        let [since, watch_since] = [counters.since, watch_since].map(|at| self.alert_clock.to_wall(at));
        let at = CountedPath { id, path, since, watch_since };
        let patterns = self.patterns.count(watch, turn);
        self.report(id, now);
        self.evaluate(watch, at, turn, &patterns);
        self.suspect_times.note(&turn.tally, path, now);
        if turn.tally.matched.iter().any(|n| *n > 0) {
            let times = turn.tally.times.iter().flatten().map(|(at_ms, n)| (WallTime(*at_ms), *n));
            self.activity.count(id, times, self.clock.wall());
            self.note_lines(watch, path, turn, now);
        }
        self.follow_path(id, watch, path, turn);
        self.pending.note_turn(id, watch, turn);
        if !self.pending.is_kept() {
            self.patterns.discard_changes();
        }
        let soon = (turn.torn > 0 || !self.unreported.is_empty()).then_some(now + TICK_MS);
        self.due(soon)
    }

    fn due(&self, soon: Option<EngineTime>) -> DueWork {
        let commit = self.pending.is_kept() && (self.pending.has_changes() || self.alerts.has_changes());
        DueWork {
            later: self.alerts.due().map(|at| self.alert_clock.to_engine(at)).into_iter().chain(soon).min(),
            commit,
            urgent: commit && !self.pending.transitions.is_empty(),
        }
    }

    /// Emits what has become due.
    pub(super) fn tick(&mut self, now: EngineTime, torn_scans: u64) -> DueWork {
        for id in self.unreported.iter().copied().collect::<Vec<_>>() {
            self.report(id, now);
        }
        let now_wall = self.alert_time();
        self.alerts.tick(now_wall);
        self.emit_transitions();
        self.report_torn(now, torn_scans);
        let is_waiting = !self.unreported.is_empty() || torn_scans > self.torn_reported;
        self.due(is_waiting.then_some(now + TICK_MS))
    }

    /// Everything that has changed since the last call, in its present state.
    pub(super) fn take_batch(&mut self) -> Batch {
        let at = self.alert_time();
        self.pending.name_minutes(&self.paths);
        let pending = self.pending.take();
        let rates = self.rate_records(&pending.named_minutes);
        let alerts = self.alerts.take_changes();
        let mut files = pending.unwatched;
        files.reserve_exact(pending.files.len());
        files.extend(pending.files.into_iter().filter_map(|(id, tail)| self.record(id, tail)));
        Batch {
            at_ms: at.0,
            minutes: pending.named_minutes,
            rates,
            files,
            forgotten: pending.forgotten,
            marks: pending.positions,
            alerts: alerts.saved,
            ended_alerts: alerts.ended,
            transitions: pending.transitions,
            watches: pending.watches,
            patterns: self.patterns.take_changes(),
            journals: pending.journals,
            ..Batch::default()
        }
    }

    /// Makes the next batch hold everything: `tails` is the state of every file.
    pub(super) fn change_all(
        &mut self,
        tails: Vec<(PathId, TailCheckpoint)>,
        gone: impl Iterator<Item = FileRecord>,
    ) {
        if self.pending.is_kept() {
            self.pending.unwatched.extend(gone);
        }
        self.pending.files.extend(tails);
        self.change_journals();
        self.alerts.change_all();
        self.patterns.change_all();
    }

    fn record(&self, id: PathId, tail: TailCheckpoint) -> Option<FileRecord> {
        let counters = self.paths.get(&id)?;
        let (bytes_read, bytes_missed) = (counters.bytes_read, counters.bytes_missed);
        Some(FileRecord { id: counters.id(), tail, totals: counters.totals(), bytes_read, bytes_missed })
    }

    /// What was counted of a path.
    pub(super) fn path_totals(&self, id: PathId) -> Option<PathTotals> {
        Some(self.paths.get(&id)?.path_totals(self.activity.get(id)))
    }

    /// The figures of a path by which files are ordered.
    pub(super) fn path_figures(&self, id: PathId, now: WallTime) -> PathFigures {
        let rate = self.activity.get(id).map_or(0.0, |activity| activity.rate(now));
        self.paths.get(&id).map(|counters| counters.figures(rate)).unwrap_or_default()
    }

    /// What happened recently, by path.
    pub(super) fn activity(&self) -> Vec<PathActivity> {
        self.activity.all()
    }

    /// The state of every alert.
    pub(super) fn alerts(&self) -> Vec<AlertStatus> {
        self.alerts.statuses()
    }

    /// Emits every count that was not reported yet.
    pub(super) fn flush(&mut self) {
        self.alerts.report_all_refused();
        self.emit_overflows();
        for id in std::mem::take(&mut self.unreported) {
            self.report_all(id);
        }
    }

    /// Those of `paths` of which an alert has more to remember than a new one.
    pub(super) fn needed_paths(&self, paths: &HashMap<PathId, i64>) -> HashSet<PathId> {
        if paths.is_empty() { HashSet::new() } else { self.alerts.needed_paths(self.alert_clock.now()) }
    }

    /// Drops a file at whose path nothing is. `is_needed`: an alert has something to remember of it, and ends. Returns what is to be
    /// remembered of the file.
    pub(super) fn retire(&mut self, removed: RemovedFile, is_needed: bool) -> Option<FileRecord> {
        if is_needed {
            let now = self.alert_time();
            self.alerts.forget_path(removed.key, now);
            self.emit_transitions();
        }
        let record = self.unwatch(removed)?;
        self.pending.keep_unwatched(std::slice::from_ref(&record));
        Some(record)
    }

    /// Forgets paths for good.
    pub(super) fn forget(&mut self, paths: Vec<WatchedPath>) {
        if self.pending.is_kept() && !paths.is_empty() {
            self.pending.forget(paths);
        }
    }

    /// Gives back memory after many paths were dropped.
    pub(super) fn shrink(&mut self) {
        self.paths.shrink_to(2 * self.paths.len());
        self.unreported.shrink_to(2 * self.unreported.len());
        self.activity.shrink();
    }

    /// Drops a file that is no longer watched. Returns what is to be remembered of it.
    pub(super) fn unwatch(&mut self, removed: RemovedFile) -> Option<FileRecord> {
        self.report_all(removed.key);
        self.pending.name_minutes(&self.paths);
        self.pending.files.remove(&removed.key);
        self.unreported.remove(&removed.key);
        self.activity.forget(removed.key);
        let record = self.record(removed.key, removed.tail);
        let counters = self.paths.remove(&removed.key)?;
        self.pending.release(&counters.watch, removed.marks);
        record
    }

    /// Switches to another plan: totals continue by the name of the rule, alerts by their name and definition. Returns what is to be
    /// remembered of the files that are no longer watched.
    pub(super) fn replan(&mut self, plan: &CompiledPlan, removed: Vec<RemovedFile>) -> Vec<FileRecord> {
        self.flush();
        let removed: Vec<_> = removed.into_iter().chain(self.remove_units(plan)).collect();
        let gone: HashSet<PathId> = removed.iter().map(|removed| removed.key).collect();
        let unwatched: Vec<_> = removed.into_iter().filter_map(|removed| self.unwatch(removed)).collect();
        self.pending.keep_unwatched(&unwatched);
        // Rules change their order: what was counted by rule gets its name first.
        self.pending.name_minutes(&self.paths);
        for counters in self.paths.values_mut() {
            if let Some(watch) = plan.watch(counters.watch.id) {
                counters.redefine(watch);
            }
        }
        self.patterns.replan(plan);
        let now = self.alert_time();
        self.alerts.reload(plan.alerts(), &gone, now);
        self.emit_transitions();
        unwatched
    }

    /// Emits a status event for one file.
    pub(super) fn emit_status(&self, id: PathId, watch: &str, path: &Path, status: &FileStatus) {
        let total = self.paths.get(&id).map_or(0, |counters| counters.rules.iter().map(|c| c.total).sum());
        events::status(watch, path, status, total);
    }

    fn report_torn(&mut self, now: EngineTime, torn_scans: u64) {
        if torn_scans == self.torn_reported || now - self.torn_reported_at < self.report_interval_ms {
            return;
        }
        events::torn_scans(torn_scans - self.torn_reported);
        (self.torn_reported, self.torn_reported_at) = (torn_scans, now);
    }

    fn emit_file_events(&mut self, id: PathId, watch: &CompiledWatch, path: &Path, turn: &Turn) {
        for (what, generation) in &turn.news {
            let mut event = events::file(&watch.name, path, what, *generation);
            if !self.is_started && event.event == FileEventKind::Opened {
                FOUND_AT_START.clone_into(&mut event.reason);
            }
            event.emit();
            // The first opening of every file says nothing, and a hundred thousand of them would cost memory.
            if event.event != FileEventKind::Opened || *generation > 1 {
                self.activity.happened(id, self.clock.wall(), event.event, &event.reason);
            }
        }
    }
}
