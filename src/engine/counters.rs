//! Counts per path and rule, and the alerts over them. Everything that leaves the engine leaves from here, in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::detect::Millis;
use crate::engine::activity::{Activity, PathActivity};
use crate::engine::alarms::{AlertManager, CountedTurn};
use crate::engine::clock::EngineClock;
use crate::engine::entry::{FileKey, FileStatus, RemovedFile};
use crate::engine::path_counters::{NEVER, PathCounters, PathTotals, RuleCounter};
use crate::engine::plan::CompiledPlan;
use crate::engine::report::AlertReport;
use crate::engine::suspect_times::SuspectTimes;
use crate::event::{CountEvent, FileEvent, FileEventKind, HealthEvent, HealthKind};
use crate::file::checkpoint::TailCheckpoint;
use crate::file::tailer::{TailEvent, Tailer, Turn};
use crate::store::{
    AlertRecord, Batch, FileRecord, MinuteCount, PathId, PositionRecord, TransitionRecord, WatchRecord,
};

const MINUTE_MS: Millis = 60_000;

/// How soon something that waits is looked at again, in milliseconds.
const TICK_MS: Millis = 100;

/// What has changed since the last commit.
#[derive(Default)]
struct PendingChanges {
    /// Whether anyone will ever ask.
    is_kept: bool,
    files: HashMap<FileKey, TailCheckpoint>,
    left: Vec<FileRecord>,
    forgotten: Vec<PathId>,
    marks: Vec<PositionRecord>,
    watches: Vec<WatchRecord>,
    /// Matching lines by minute, path and rule.
    minutes: BTreeMap<(i64, FileKey, usize), u64>,
    /// The same with their names, for when keys and numbers change.
    named_minutes: Vec<MinuteCount>,
}

/// What remains to be done after something was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DueWork {
    /// When something has to be done later, in milliseconds on the engine's time line.
    pub later: Option<Millis>,
    /// Something is to be committed.
    pub commit: bool,
    /// It is to be committed at once.
    pub urgent: bool,
}

/// All counts and alerts.
pub struct Counters {
    plan: Arc<CompiledPlan>,
    clock: EngineClock,
    report_interval_ms: Millis,
    counts: HashMap<FileKey, Box<PathCounters>>,
    /// Paths with counts that were not reported yet.
    unreported: HashSet<FileKey>,
    alarms: AlertManager,
    changes: PendingChanges,
    odd_stamps: SuspectTimes,
    recents: Activity,
    torn_reported: u64,
    torn_at: Millis,
}

impl Counters {
    pub(super) fn new(
        plan: Arc<CompiledPlan>,
        report_interval_ms: Millis,
        is_kept: bool,
        clock: EngineClock,
    ) -> Counters {
        Counters {
            plan,
            clock: clock.clone(),
            report_interval_ms,
            counts: HashMap::new(),
            unreported: HashSet::new(),
            alarms: AlertManager::new(clock),
            changes: PendingChanges { is_kept, ..PendingChanges::default() },
            odd_stamps: SuspectTimes::default(),
            recents: Activity::default(),
            torn_reported: 0,
            torn_at: NEVER,
        }
    }

    /// Takes up what was remembered of alerts, and which were told to be firing.
    pub(super) fn restore_alerts(&mut self, alerts: Vec<AlertRecord>, firing: Vec<TransitionRecord>) {
        self.alarms.restore(&self.plan, alerts, firing);
    }

    /// Takes up what was remembered of a path, which has been watched since `since_ms`. True if something is due later.
    pub(super) fn restore(
        &mut self,
        key: FileKey,
        watch: usize,
        path: &Arc<Path>,
        record: &FileRecord,
        since_ms: Millis,
    ) -> bool {
        let mut counts = PathCounters {
            watch,
            path: Arc::clone(path),
            generation: record.tail.generation,
            rules: SmallVec::new(),
            other_rules: Box::default(),
            bytes_read: record.bytes_read,
            bytes_missed: record.bytes_missed,
            since_ms,
        };
        counts.take_over(&record.totals, self.plan.watches[watch].rules.names());
        if counts.rules.iter().any(|count| count.unreported > 0) {
            self.unreported.insert(key);
        }
        self.counts.insert(key, Box::new(counts));
        self.alarms.restore_path(&self.plan, watch, key, &record.id.path);
        self.alarms.watch_path(&self.plan, watch, key, &record.id.path);
        !self.unreported.is_empty()
    }

    /// Says that all files were looked at once.
    pub(super) fn all_is_read(&mut self) {
        self.alarms.all_is_read(&self.plan);
    }

    /// Remembers since when watches have had their paths.
    pub(super) fn note_watches(&mut self, watches: Vec<WatchRecord>) {
        self.changes.watches.extend(watches);
    }

    /// Takes in what one turn found, and emits what is due at once.
    pub(super) fn apply(
        &mut self,
        key: FileKey,
        watch: usize,
        tail: &Tailer,
        turn: &Turn,
        now: Millis,
    ) -> DueWork {
        let plan = Arc::clone(&self.plan);
        let rules = plan.watches[watch].rules.names().len();
        for (news, generation) in &turn.news {
            let event = self.file_event(watch, tail.path(), news, *generation);
            event.emit();
            // That every file was opened once says nothing, and a hundred thousand of them would cost.
            if event.event != FileEventKind::Opened || *generation > 1 {
                self.recents.happened(key, self.clock.wall_ns() / 1_000_000, event.event, &event.reason);
            }
        }
        if !self.counts.contains_key(&key) {
            self.alarms.watch_path(&plan, watch, key, tail.path());
        }
        let counts = self.counts.entry(key).or_insert_with(|| {
            Box::new(PathCounters {
                watch,
                path: Arc::clone(tail.path()),
                generation: 0,
                rules: smallvec![RuleCounter::default(); rules],
                other_rules: Box::default(),
                bytes_read: 0,
                bytes_missed: 0,
                since_ms: now,
            })
        });
        counts.generation = tail.generation();
        counts.bytes_read += turn.bytes;
        counts.bytes_missed += turn.missed();
        for (count, n) in counts.rules.iter_mut().zip(&turn.tally.matched) {
            count.total += n;
            count.unreported += n;
        }
        let since_ms = counts.since_ms;
        self.report(key, now);
        let counted = CountedTurn { file: key, path: tail.path(), since_ms, watch, tally: &turn.tally };
        self.alarms.count(&plan, &counted);
        self.odd_stamps.note(&counted, now);
        if turn.tally.matched.iter().any(|n| *n > 0) {
            let times = turn.tally.times.iter().flatten().copied();
            self.recents.count(key, times, self.clock.wall_ns() / 1_000_000);
        }
        if self.changes.is_kept {
            self.note(key, watch, turn);
        }
        let soon = (turn.torn > 0 || !self.unreported.is_empty()).then_some(now + TICK_MS);
        DueWork { later: self.alarms.due().into_iter().chain(soon).min(), ..self.due() }
    }

    fn note(&mut self, key: FileKey, watch: usize, turn: &Turn) {
        let changes = &mut self.changes;
        if let Some(record) = &turn.record {
            changes.files.insert(key, record.clone());
        }
        let watch = &self.plan.watches[watch].name;
        changes.marks.extend(turn.released.iter().map(|(identity, mark)| PositionRecord {
            watch: watch.clone(),
            identity: *identity,
            mark: *mark,
        }));
        for (rule, times) in turn.tally.times.iter().enumerate() {
            for (at_ms, n) in times {
                *changes.minutes.entry((at_ms.div_euclid(MINUTE_MS), key, rule)).or_default() += n;
            }
        }
    }

    fn due(&self) -> DueWork {
        let changes = &self.changes;
        let has_changes = !changes.files.is_empty()
            || !changes.left.is_empty()
            || !changes.forgotten.is_empty()
            || !changes.marks.is_empty()
            || !changes.watches.is_empty()
            || self.alarms.has_changes();
        let commit = changes.is_kept && has_changes;
        DueWork { later: None, commit, urgent: commit && self.alarms.has_transitions() }
    }

    /// Emits what has become due.
    pub(super) fn tick(&mut self, now: Millis, torn_scans: u64) -> DueWork {
        for key in self.unreported.iter().copied().collect::<Vec<_>>() {
            self.report(key, now);
        }
        self.alarms.tick(&self.plan);
        self.report_torn(now, torn_scans);
        let is_waiting = !self.unreported.is_empty() || torn_scans > self.torn_reported;
        let soon = is_waiting.then_some(now + TICK_MS);
        DueWork { later: self.alarms.due().into_iter().chain(soon).min(), ..self.due() }
    }

    /// All that has changed since the last call, as it stands now.
    pub(super) fn take_batch(&mut self, at_ms: Millis) -> Batch {
        self.name_minutes();
        let changes = std::mem::take(&mut self.changes);
        self.changes.is_kept = changes.is_kept;
        let alarms = self.alarms.take_changes(&self.plan);
        let mut files = changes.left;
        files.reserve_exact(changes.files.len());
        files.extend(changes.files.into_iter().filter_map(|(key, tail)| self.record(key, tail)));
        Batch {
            at_ms,
            minutes: changes.named_minutes,
            files,
            forgotten: changes.forgotten,
            marks: changes.marks,
            alerts: alarms.alerts,
            ended_alerts: alarms.ended,
            transitions: alarms.transitions,
            watches: changes.watches,
            ..Batch::default()
        }
    }

    fn name_minutes(&mut self) {
        let minutes = std::mem::take(&mut self.changes.minutes);
        let named = minutes.into_iter().filter_map(|((minute, key, rule), matched)| {
            let counts = self.counts.get(&key)?;
            let rule = self.plan.watches[counts.watch].rules.names().get(rule)?.clone();
            Some(MinuteCount { minute, file: self.id(counts), rule, matched })
        });
        let named: Vec<_> = named.collect();
        self.changes.named_minutes.extend(named);
    }

    /// Has the next batch hold everything: `tails` is where every file stands.
    pub(super) fn change_all(&mut self, tails: Vec<(FileKey, TailCheckpoint)>) {
        self.changes.files.extend(tails);
        self.alarms.change_all();
    }

    fn record(&self, key: FileKey, tail: TailCheckpoint) -> Option<FileRecord> {
        let counts = self.counts.get(&key)?;
        let names = self.plan.watches[counts.watch].rules.names();
        let mut totals: Vec<_> =
            names.iter().zip(&counts.rules).map(|(name, count)| count.told(name)).collect();
        totals.extend(counts.other_rules.iter().cloned());
        let (bytes_read, bytes_missed) = (counts.bytes_read, counts.bytes_missed);
        Some(FileRecord { id: self.id(counts), tail, totals, bytes_read, bytes_missed })
    }

    fn id(&self, counts: &PathCounters) -> PathId {
        PathId { watch: self.plan.watches[counts.watch].name.clone(), path: counts.path.to_path_buf() }
    }

    /// What was counted of a path.
    #[must_use]
    pub(super) fn figures(&self, key: FileKey) -> Option<PathTotals> {
        let counts = self.counts.get(&key)?;
        let names = self.plan.watches[counts.watch].rules.names();
        Some(PathTotals {
            totals: names.iter().cloned().zip(counts.rules.iter().map(|count| count.total)).collect(),
            bytes_read: counts.bytes_read,
            bytes_missed: counts.bytes_missed,
            recent: self.recents.get(key).cloned().unwrap_or_default(),
        })
    }

    /// What happened lately.
    pub(super) fn recents(&self) -> Vec<PathActivity> {
        self.recents.all()
    }

    /// How every alert stands of which something is known.
    pub(super) fn alerts(&self) -> Vec<AlertReport> {
        self.alarms.reports(&self.plan)
    }

    /// Emits every count that was not reported yet.
    pub(super) fn flush(&mut self, now: Millis) {
        for key in std::mem::take(&mut self.unreported) {
            self.report_all(key, now);
        }
    }

    /// Drops files that are gone for good.
    pub(super) fn forget(&mut self, gone: Vec<RemovedFile>, now: Millis) {
        for removed in gone {
            self.alarms.forget(&Arc::clone(&self.plan), removed.key);
            if let Some(record) = self.leave(removed, now) {
                self.changes.forgotten.push(record.id);
            }
        }
    }

    /// Drops a file that is no longer watched. Gives what is to be remembered of it.
    pub(super) fn leave(&mut self, removed: RemovedFile, now: Millis) -> Option<FileRecord> {
        self.report_all(removed.key, now);
        self.name_minutes();
        self.changes.files.remove(&removed.key);
        self.unreported.remove(&removed.key);
        self.recents.forget(removed.key);
        let record = self.record(removed.key, removed.tail);
        let counts = self.counts.remove(&removed.key)?;
        let watch = &self.plan.watches[counts.watch].name;
        self.changes.marks.extend(removed.marks.into_iter().map(|(identity, mark)| PositionRecord {
            watch: watch.clone(),
            identity,
            mark,
        }));
        record
    }

    /// Goes over to another plan: totals go on by the name of the rule, alerts by their name and definition. Gives what is
    /// to be remembered of the files that are no longer watched.
    pub(super) fn replan(
        &mut self,
        plan: Arc<CompiledPlan>,
        renumbered: &[Option<usize>],
        removed: Vec<RemovedFile>,
        now: Millis,
    ) -> Vec<FileRecord> {
        self.flush(now);
        let gone: HashSet<FileKey> = removed.iter().map(|removed| removed.key).collect();
        let left: Vec<_> = removed.into_iter().filter_map(|removed| self.leave(removed, now)).collect();
        if self.changes.is_kept {
            self.changes.left.extend(left.iter().cloned());
        }
        let old = std::mem::replace(&mut self.plan, plan);
        for counts in self.counts.values_mut() {
            let Some(watch) = renumbered.get(counts.watch).copied().flatten() else { continue };
            let before = old.watches[counts.watch].rules.names();
            let totals = before.iter().zip(&counts.rules).map(|(name, count)| count.told(name));
            let totals: Vec<_> = totals.chain(std::mem::take(&mut counts.other_rules)).collect();
            counts.take_over(&totals, self.plan.watches[watch].rules.names());
            counts.watch = watch;
        }
        self.alarms.replan(&old, &self.plan, renumbered, &gone);
        left
    }

    /// Emits a status event for one file.
    pub(super) fn emit_status(&mut self, key: FileKey, watch: usize, path: &Path, status: &FileStatus) {
        let total = self.counts.get(&key).map_or(0, |counts| counts.rules.iter().map(|c| c.total).sum());
        let name = self.plan.watches.get(watch).map(|watch| watch.name.clone()).unwrap_or_default();
        FileEvent {
            event: FileEventKind::Status,
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

    fn report_if(&mut self, key: FileKey, now: Millis, is_due: impl Fn(&RuleCounter) -> bool) {
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
                path: counts.path.to_path_buf(),
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

    fn report_torn(&mut self, now: Millis, torn_scans: u64) {
        if torn_scans == self.torn_reported || now - self.torn_at < self.report_interval_ms {
            return;
        }
        let count = torn_scans - self.torn_reported;
        (self.torn_reported, self.torn_at) = (torn_scans, now);
        let reason = "files changed while they were scanned; those scans were thrown away and made again";
        HealthEvent::info(HealthKind::TornScans, reason).counting(count).emit();
    }

    fn file_event(&self, watch: usize, path: &Path, news: &TailEvent, generation: u64) -> FileEvent {
        let (event, reason) = match news {
            TailEvent::Opened => (FileEventKind::Opened, "being read now".to_owned()),
            TailEvent::Rotated(reason) => (FileEventKind::Rotated, reason.as_str().to_owned()),
            TailEvent::Truncated(reason) => (FileEventKind::Truncated, reason.as_str().to_owned()),
            TailEvent::Rewritten(reason) => (FileEventKind::Rewritten, reason.as_str().to_owned()),
            TailEvent::Removed(reason) => (FileEventKind::Removed, reason.as_str().to_owned()),
            TailEvent::Missed(missed) => {
                (FileEventKind::Missed, format!("bytes from {} on: {}", missed.from, missed.reason.as_str()))
            }
            TailEvent::Unreadable(reason) => (FileEventKind::Unreadable, reason.clone()),
            TailEvent::Recovered => (FileEventKind::Recovered, "it can be read again".to_owned()),
        };
        let bytes = if let TailEvent::Missed(missed) = news { Some(missed.bytes) } else { None };
        let watch = self.plan.watches[watch].name.clone();
        FileEvent { event, watch, path: path.to_owned(), reason, generation, bytes, ..FileEvent::default() }
    }
}
