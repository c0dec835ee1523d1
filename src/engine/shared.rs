//! What the threads of the engine share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::engine::clock::EngineClock;
use crate::engine::counters::{Counters, DueWork};
use crate::engine::durations::Durations;
use crate::engine::entry::FileEntry;
use crate::engine::file_report::FileReport;
use crate::engine::gone::ForgottenTotals;
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::scanners::Scanners;
use crate::engine::scheduler::Scheduler;
use crate::engine::settings::EngineSettings;
use crate::engine::signals::{CommitRequests, FileQueue, TickSchedule, lock};
use crate::file::tailer::{FileOrigin, TurnScope};
use crate::file::vfs::Filesystem;
use crate::store::{Batch, StoredState, WatchRecord, WatchedPath};
use crate::units::{EngineTime, PathId, WallTime};

pub(super) struct Shared {
    pub(super) settings: EngineSettings,
    pub(super) clock: EngineClock,
    pub(super) files: FileQueue,
    counters: Mutex<Counters>,
    pub(super) ticks: TickSchedule,
    pub(super) commits: CommitRequests,
    pub(super) metrics: EngineMetrics,
    startup: Startup,
    watched_since: WatchedSince,
    /// Whether the turns that are taken are the last ones.
    is_stopping: AtomicBool,
    /// For the turns that are taken by the thread that receives the kernel's events.
    pub(super) inline_scanners: Mutex<Scanners>,
}

/// What the engine measures of itself.
#[derive(Default)]
pub(super) struct EngineMetrics {
    pub(super) torn_scans: AtomicU64,
    pub(super) sweeps: AtomicU64,
    pub(super) turns: Durations,
    pub(super) commits: Durations,
    /// When all that had changed was last committed, in milliseconds since the epoch.
    pub(super) committed_ms: AtomicI64,
    /// Why the state cannot be saved.
    pub(super) state_error: Mutex<Option<String>>,
}

/// How far the first look at all files has come.
#[derive(Default)]
struct Startup {
    /// All files that existed at the start have been added.
    is_discovered: AtomicBool,
    /// All of them have been read.
    is_read: AtomicBool,
    /// Whether a journal is still to be read up to the present.
    reads_journal: AtomicBool,
}

/// A file that went unseen at a path that is watched was made less than so long ago, in nanoseconds: paths that are gone are
/// remembered for a little longer.
const UNSEEN_MAX_NS: i64 = 23 * 3_600 * 1_000_000_000;

/// Since when each watch has had its paths, in nanoseconds since the epoch, if that was before the start.
#[derive(Default)]
struct WatchedSince {
    /// As the store remembers it.
    kept: Mutex<Vec<WatchRecord>>,
    /// Watches that began in this process.
    begun: Mutex<Vec<WatchRecord>>,
    /// How far the state is ahead of the clock, in milliseconds: the clock was set back, or is old at the boot.
    ahead_ms: i64,
}

impl WatchedSince {
    fn of(&self, watch: &CompiledWatch) -> Option<i64> {
        find_since(&lock(&self.kept), watch)
    }

    /// The same, also for a watch that began in this process.
    fn of_any(&self, watch: &CompiledWatch) -> Option<i64> {
        self.of(watch).or_else(|| find_since(&lock(&self.begun), watch))
    }

    /// The watches of `plan` that are not known with their paths, as watched since `now_ns`.
    fn fresh(&self, plan: &CompiledPlan, now_ns: i64) -> Vec<WatchRecord> {
        let fresh = plan.watches.iter().filter(|watch| self.of(watch).is_none());
        let record = |watch: &Arc<CompiledWatch>| WatchRecord {
            watch: watch.name.clone(),
            paths: watch.paths.clone(),
            since_ns: now_ns,
        };
        let fresh: Vec<WatchRecord> = fresh.map(record).collect();
        let mut begun = lock(&self.begun);
        let is_new = |fresh: &&WatchRecord| {
            !begun.iter().any(|known| (&known.watch, &known.paths) == (&fresh.watch, &fresh.paths))
        };
        let new: Vec<WatchRecord> = fresh.iter().filter(is_new).cloned().collect();
        begun.extend(new);
        fresh
    }
}

fn find_since(records: &[WatchRecord], watch: &CompiledWatch) -> Option<i64> {
    let is_it = |known: &&WatchRecord| known.watch == watch.name && known.paths == watch.paths;
    records.iter().find(is_it).map(|known| known.since_ns)
}

impl Shared {
    /// Shares over what `state` restores. With `is_kept`, changes are gathered for a store.
    pub(super) fn new(
        settings: EngineSettings,
        plan: &Arc<CompiledPlan>,
        (filesystem, clock): (Arc<dyn Filesystem>, EngineClock),
        state: StoredState,
        is_kept: bool,
    ) -> Shared {
        let ahead_ms = state.ahead_ms(clock.wall());
        let mut scheduler = Scheduler::new(Arc::clone(plan), filesystem);
        scheduler.restore(state.files, &state.marks);
        let mut counters = Counters::new(plan, settings.report_interval_ms, is_kept, clock.clone());
        counters.restore_alerts(state.alerts, state.firing);
        counters.restore_patterns(plan, state.patterns);
        counters.restore_journals(state.journals);
        let shared = Shared {
            settings,
            clock,
            files: FileQueue::new(scheduler),
            counters: Mutex::new(counters),
            ticks: TickSchedule::new(),
            commits: CommitRequests::default(),
            metrics: EngineMetrics::default(),
            startup: Startup::default(),
            watched_since: WatchedSince {
                kept: Mutex::new(state.watches),
                begun: Mutex::default(),
                ahead_ms,
            },
            is_stopping: AtomicBool::new(false),
            inline_scanners: Mutex::default(),
        };
        shared.note_watches(plan);
        shared
    }

    /// From now on, each turn may be the last one of its file.
    pub(super) fn begin_to_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// What a turn may do now.
    pub(super) fn scope(&self) -> TurnScope {
        if self.is_stopping.load(Ordering::Relaxed) { TurnScope::Last } else { TurnScope::Everything }
    }

    /// Remembers since when the watches of `plan` have had their paths.
    pub(super) fn note_watches(&self, plan: &CompiledPlan) {
        let fresh = self.watched_since.fresh(plan, self.clock.wall_ns());
        let since: Vec<_> = plan.watches.iter().map(|watch| (watch.id, self.watched_since(watch))).collect();
        since.into_iter().for_each(|(watch, since)| self.counters().note_since(watch, since));
        if !fresh.is_empty() {
            self.counters().note_watches(fresh);
            self.commits.request(false);
        }
    }

    /// How a file that exists at the start, and of which nothing is remembered, relates to the time before: if the watch was kept
    /// then, the file was created while no daemon ran. Whatever existed at the first start is remembered.
    pub(super) fn came_meanwhile(&self, watch: &CompiledWatch) -> FileOrigin {
        let since = self.watched_since.of(watch);
        since.map_or(FileOrigin::Existing, |since_ns| FileOrigin::CameMeanwhile { since_ns })
    }

    /// How a file that came while the daemon runs, and of which nothing is remembered, relates to the time before: those that
    /// stood at its path since the watch began may have gone unseen. Whatever was seen is remembered for longer than that.
    pub(super) fn appeared(&self, watch: &CompiledWatch) -> FileOrigin {
        let since = self.watched_since.of_any(watch);
        let recently_ns = self.clock.wall_ns() - UNSEEN_MAX_NS;
        since.map_or(FileOrigin::Appeared, |since_ns| FileOrigin::CameMeanwhile {
            since_ns: since_ns.max(recently_ns),
        })
    }

    /// Since when a watch has had its paths: at the latest now.
    pub(super) fn watched_since(&self, watch: &CompiledWatch) -> EngineTime {
        let now = self.clock.now();
        let in_engine_time = |ns: i64| WallTime(ns / 1_000_000).to_engine(self.clock.shift());
        let ahead_ms = self.watched_since.ahead_ms;
        self.watched_since.of(watch).map_or(now, |since_ns| (in_engine_time(since_ns) + -ahead_ms).min(now))
    }

    pub(super) fn note_discovered(&self) {
        self.startup.is_discovered.store(true, Ordering::Relaxed);
        self.note_if_all_is_read(&self.files.lock());
    }

    /// Tells the counters, once, that all files which existed at the start have been read.
    pub(super) fn note_if_all_is_read(&self, scheduler: &Scheduler) {
        let startup = &self.startup;
        let is_first = !startup.is_read.load(Ordering::Relaxed)
            && startup.is_discovered.load(Ordering::Relaxed)
            && !startup.reads_journal.load(Ordering::Relaxed)
            && scheduler.is_idle()
            && !startup.is_read.swap(true, Ordering::Relaxed);
        if is_first {
            self.counters().all_is_read();
            self.ticks.wake_at(self.clock.now());
        }
    }

    /// A journal is to be read up to the present before everything is read.
    pub(super) fn await_journal(&self) {
        self.startup.reads_journal.store(true, Ordering::Relaxed);
    }

    /// The journal was read up to the present.
    pub(super) fn note_journal_is_read(&self) {
        if self.startup.reads_journal.swap(false, Ordering::Relaxed) {
            self.note_if_all_is_read(&self.files.lock());
        }
    }

    /// A batch with everything that is to be saved.
    pub(super) fn everything(&self) -> Batch {
        let mut scheduler = self.files.hold();
        let tails = scheduler.records();
        let mut counters = self.counters();
        counters.change_all(tails, scheduler.gone().all());
        let batch = counters.take_batch();
        drop(counters);
        self.files.release(scheduler);
        batch
    }

    /// Every path that is watched.
    pub(super) fn watched(&self) -> HashSet<WatchedPath> {
        let id = |(_, entry): (PathId, &FileEntry)| WatchedPath {
            watch: entry.watch().name.clone(),
            path: entry.path().to_owned(),
        };
        let mut scheduler = self.files.lock();
        let gone: Vec<WatchedPath> = scheduler.gone().all().map(|record| record.id).collect();
        scheduler
            .entries()
            .map(id)
            .chain(gone)
            .chain(self.counters().units().map(|(_, unit)| unit.id()))
            .collect()
    }

    /// Every path, those at which nothing is any longer as well, and what those had that were forgotten.
    pub(super) fn file_reports(&self) -> (Vec<FileReport>, Vec<ForgottenTotals>) {
        let mut scheduler = self.files.lock();
        let counters = self.counters();
        let report = |(id, entry): (PathId, &FileEntry)| FileReport {
            watch: entry.watch().name.clone(),
            path: entry.path().to_owned(),
            figures: counters.path_totals(id).unwrap_or_default(),
            status: scheduler.status(id),
        };
        let mut reports: Vec<FileReport> = scheduler.entries().map(report).collect();
        reports.extend(counters.unit_reports());
        let plan = Arc::clone(scheduler.plan());
        let gone = scheduler.gone();
        reports.extend(gone.all().filter_map(|record| {
            let watch = plan.watch_named(&record.id.watch)?;
            Some(FileReport::of_gone(record, watch.rules.names()))
        }));
        (reports, gone.forgotten())
    }

    pub(super) fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    /// Has the ticker and the committer do what is due.
    pub(super) fn schedule(&self, due: DueWork) {
        if let Some(later) = due.later {
            self.ticks.wake_at(later);
        }
        if due.commit {
            self.commits.request(due.urgent);
        }
    }
}
