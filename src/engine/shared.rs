//! What the threads of the engine share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::detect::Millis;
use crate::engine::FileReport;
use crate::engine::clock::EngineClock;
use crate::engine::committer::{self, CommitRequests, Committer};
use crate::engine::counters::Counters;
use crate::engine::dependencies::Dependencies;
use crate::engine::entry::{FileEntry, FileKey};
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::report::Durations;
use crate::engine::scheduler::Scheduler;
use crate::engine::settings::EngineSettings;
use crate::engine::worker;
use crate::file::tailer::FileOrigin;
use crate::store::{Batch, PathId, StoredState, WatchRecord};

pub(super) struct Shared {
    pub(super) settings: EngineSettings,
    pub(super) clock: EngineClock,
    pub(super) registry: Mutex<Scheduler>,
    /// Since when each watch has had its paths, in nanoseconds since the epoch, if that was before the start.
    pub(super) watched_since: Mutex<Vec<WatchRecord>>,
    /// For the turns of whoever brings news from the kernel.
    pub(super) scanners: Mutex<worker::Scanners>,
    /// Signalled when a slot becomes ready, or the engine stops.
    pub(super) work: Condvar,
    /// Signalled when no worker is busy.
    pub(super) idle: Condvar,
    pub(super) book: Mutex<Counters>,
    pub(super) ticks: Mutex<TickRequests>,
    /// Signalled when the ticker has something to do.
    pub(super) tick: Condvar,
    pub(super) commits: Mutex<CommitRequests>,
    /// Signalled when the committer has something to do.
    pub(super) commit: Condvar,
    pub(super) torn_scans: AtomicU64,
    pub(super) sweeps: AtomicU64,
    pub(super) turns: Durations,
    pub(super) commit_times: Durations,
    /// Why the state cannot be kept.
    pub(super) state_trouble: Mutex<Option<String>>,
    /// Whether all files that there were at the start have been added.
    pub(super) is_discovered: AtomicBool,
    /// Whether all of them have been read.
    pub(super) was_read: AtomicBool,
}

#[derive(Default)]
pub(super) struct TickRequests {
    /// When something has to be done next, in milliseconds on the engine's time line.
    pub(super) next: Option<Millis>,
    pub(super) stop: bool,
}

impl Shared {
    pub(super) fn new(
        settings: EngineSettings,
        plan: &Arc<CompiledPlan>,
        world: Dependencies,
    ) -> (Shared, Option<Committer>) {
        let Dependencies { filesystem, clock, store, courier } = world;
        let is_kept = store.is_some();
        let mut store = store;
        let mut state =
            store.as_mut().map_or_else(StoredState::default, |store| committer::load(&mut **store));
        if let Some(courier) = &courier {
            courier.restore(std::mem::take(&mut state.pending), state.firing.clone());
        }
        let mut registry = Scheduler::new(Arc::clone(plan), filesystem);
        registry.restore(state.files, &state.marks);
        let mut book = Counters::new(Arc::clone(plan), settings.report_interval_ms, is_kept, clock.clone());
        book.restore_alerts(state.alerts, state.firing);
        let shared = Shared {
            settings,
            clock,
            registry: Mutex::new(registry),
            watched_since: Mutex::default(),
            scanners: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            book: Mutex::new(book),
            ticks: Mutex::new(TickRequests { next: Some(Millis::MIN), stop: false }),
            tick: Condvar::new(),
            commits: Mutex::default(),
            commit: Condvar::new(),
            torn_scans: AtomicU64::new(0),
            sweeps: AtomicU64::new(0),
            turns: Durations::default(),
            commit_times: Durations::default(),
            state_trouble: Mutex::default(),
            is_discovered: AtomicBool::new(false),
            was_read: AtomicBool::new(false),
        };
        shared.note_watches(plan, state.watches);
        (shared, store.map(|store| Committer::new(store, courier)))
    }

    /// Remembers since when the watches of `plan` have had their paths; `known` is what is known of that.
    pub(super) fn note_watches(&self, plan: &CompiledPlan, known: Vec<WatchRecord>) {
        let is_known = |name: &str, paths: &str| known.iter().any(|w| w.watch == name && w.paths == paths);
        let fresh = plan.watches.iter().filter(|watch| !is_known(&watch.name, &watch.paths));
        let fresh: Vec<_> = fresh
            .map(|watch| WatchRecord {
                watch: watch.name.clone(),
                paths: watch.paths.clone(),
                since_ns: self.clock.wall_ns(),
            })
            .collect();
        if !fresh.is_empty() {
            self.book().note_watches(fresh);
            self.want_commit(false);
        }
        *lock(&self.watched_since) = known;
    }

    /// What a file that is there at the start, and of which nothing is remembered, has to do with the time before: if the
    /// watch was kept then, the file came while no daemon ran. Whatever was there at the first start is remembered.
    pub(super) fn came_meanwhile(&self, watch: usize) -> FileOrigin {
        let registry = self.registry();
        let since = self.watched_since_ns(registry.watch(watch));
        since.map_or(FileOrigin::Existing, |since_ns| FileOrigin::CameMeanwhile { since_ns })
    }

    pub(super) fn watched_since_ns(&self, watch: &CompiledWatch) -> Option<i64> {
        let known = lock(&self.watched_since);
        let is_it = |known: &&WatchRecord| known.watch == watch.name && known.paths == watch.paths;
        known.iter().find(is_it).map(|known| known.since_ns)
    }

    /// Since when a watch has had its paths, on the engine's time line: at the latest now.
    pub(super) fn watched_since_ms(&self, watch: &CompiledWatch) -> Millis {
        let now = self.clock.now();
        let since_ns = self.watched_since_ns(watch);
        since_ns.map_or(now, |since_ns| (since_ns / 1_000_000 - self.clock.shift_ms()).min(now))
    }

    /// Tells the book once that all files which were there at the start have been read.
    pub(super) fn note_if_all_is_read(&self, registry: &Scheduler) {
        let is_first = self.is_discovered.load(Ordering::Relaxed)
            && registry.is_idle()
            && !self.was_read.swap(true, Ordering::Relaxed);
        if is_first {
            self.book().all_is_read();
            self.wake_ticker(self.clock.now());
        }
    }

    /// A batch with everything that is to be remembered.
    pub(super) fn everything(&self) -> Batch {
        let registry = self.held();
        let tails = registry.records();
        let mut book = self.book();
        book.change_all(tails);
        let batch = book.take_batch(self.clock.now());
        drop(book);
        self.release(registry);
        batch
    }

    /// Every path that is watched.
    pub(super) fn watched(&self) -> HashSet<PathId> {
        let registry = self.registry();
        let id = |(_, slot): (FileKey, &FileEntry)| PathId {
            watch: registry.watch(slot.watch()).name.clone(),
            path: slot.path().to_owned(),
        };
        registry.slots().map(id).collect()
    }

    pub(super) fn files(&self) -> Vec<FileReport> {
        let registry = self.registry();
        let book = self.book();
        let report = |(key, slot): (FileKey, &FileEntry)| FileReport {
            key,
            watch: registry.watch(slot.watch()).name.clone(),
            path: slot.path().to_owned(),
            figures: book.figures(key).unwrap_or_default(),
            status: registry.status(key),
        };
        registry.slots().map(report).collect()
    }

    /// The registry, once no turn is running; none begins until it is released.
    pub(super) fn held(&self) -> MutexGuard<'_, Scheduler> {
        let mut registry = self.registry();
        registry.hold(true);
        self.idle.wait_while(registry, |registry| registry.is_busy()).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn release(&self, mut registry: MutexGuard<'_, Scheduler>) {
        registry.hold(false);
        drop(registry);
        self.work.notify_all();
    }

    pub(super) fn want_commit(&self, urgent: bool) {
        let mut commits = lock(&self.commits);
        let is_new = !commits.due || (urgent && !commits.urgent);
        (commits.due, commits.urgent) = (true, commits.urgent | urgent);
        if is_new {
            self.commit.notify_all();
        }
    }

    pub(super) fn registry(&self) -> MutexGuard<'_, Scheduler> {
        lock(&self.registry)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Counters> {
        lock(&self.book)
    }

    pub(super) fn wake_ticker(&self, at: Millis) {
        let mut ticks = lock(&self.ticks);
        if ticks.next.is_none_or(|next| at < next) {
            ticks.next = Some(at);
            self.tick.notify_one();
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
