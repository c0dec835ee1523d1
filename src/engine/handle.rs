//! How the engine hears of files: found, changed, or looked at because time has passed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::entry::WakeReason;
use crate::engine::gone::FORGET_AFTER_MS;
use crate::engine::scanners::Scanners;
use crate::engine::shared::Shared;
use crate::engine::signals::lock;
use crate::engine::sweep::Sweep;
use crate::engine::worker;
use crate::file::tailer::FileOrigin;
use crate::store::{FileRecord, WatchedPath};
use crate::units::{EngineTime, PathId};

/// A handle through which hints reach the engine.
#[derive(Clone)]
pub struct EngineHandle(pub(super) Arc<Shared>);

impl EngineHandle {
    /// Adds a path to a watch. Returns its id; a path that the watch has already keeps its own. `None` if the plan has no such
    /// watch any longer.
    pub fn add(&self, watch: &str, path: &Arc<Path>, origin: FileOrigin) -> Option<PathId> {
        let shared = &self.0;
        let (id, has_counts) = {
            let mut scheduler = shared.files.lock();
            let watch = scheduler.watch_named(watch)?;
            let origin = match origin {
                FileOrigin::Existing => shared.came_meanwhile(&watch),
                FileOrigin::Appeared => shared.appeared(&watch),
                FileOrigin::CameMeanwhile { .. } => origin,
            };
            let (id, record) = scheduler.add(&watch, path, origin);
            // Before any turn of it is taken.
            let since = shared.watched_since(&watch);
            let restore = |record: FileRecord| shared.counters().restore(id, &watch, path, &record, since);
            (id, record.is_some_and(restore))
        };
        shared.files.wake(1);
        if has_counts {
            shared.ticks.wake_at(shared.clock.now());
        }
        Some(id)
    }

    /// Whether a daemon before this one had the paths of the watch.
    #[must_use]
    pub fn was_kept(&self, watch: &str) -> bool {
        let watch = self.0.files.lock().watch_named(watch);
        watch.is_some_and(|watch| self.0.came_meanwhile(&watch) != FileOrigin::Existing)
    }

    /// Adds a path at which nothing is at the start, if the watch was kept before: files may have stood there since then.
    pub fn expect(&self, watch: &str, path: &Arc<Path>) -> Option<PathId> {
        if self.was_kept(watch) { self.add(watch, path, FileOrigin::Existing) } else { None }
    }

    /// Adds the paths that are remembered but were not found, if they are still `wanted`: their files were rotated away or removed
    /// meanwhile. With this, all files that exist at the start have been added.
    pub fn adopt(&self, wanted: impl Fn(&WatchedPath) -> bool) {
        let paths = self.0.files.lock().remembered(wanted);
        for (watch, path) in paths {
            self.add(&watch, &Arc::from(path), FileOrigin::Appeared);
        }
        self.0.note_discovered();
    }

    /// These files changed: the kernel reported it just now. If it had nothing else to report, the calling thread reads what is new
    /// itself, which takes no longer than to wake a worker.
    pub fn heard(&self, paths: &[PathId], is_alone: bool) {
        let mut scanners = is_alone.then(|| lock(&self.0.inline_scanners));
        self.heard_by(paths, scanners.as_deref_mut());
    }

    pub(super) fn heard_by(&self, paths: &[PathId], scanners: Option<&mut Scanners>) {
        let now = self.0.clock.now();
        let Some(scanners) = scanners else { return self.queue(paths, WakeReason::Event(now)) };
        for path in paths {
            if !worker::take_inline(&self.0, scanners, *path, now) {
                self.queue(&[*path], WakeReason::Event(now));
            }
        }
    }

    /// These files may have changed at some time.
    pub fn look(&self, paths: &[PathId]) {
        self.queue(paths, WakeReason::Other);
    }

    /// A file was written at this path and removed again.
    pub fn removed(&self, path: PathId) {
        let queued = self.0.files.lock().note_removal(path);
        self.0.files.wake(usize::from(queued));
    }

    fn queue(&self, paths: &[PathId], reason: WakeReason) {
        let mut scheduler = self.0.files.lock();
        let queued = paths.iter().filter(|path| scheduler.enqueue(**path, reason)).count();
        drop(scheduler);
        self.0.files.wake(queued);
    }

    /// Every file may have changed.
    pub fn look_at_all(&self) {
        self.0.files.lock().enqueue_all();
        self.0.files.wake_all();
    }

    /// Looks at the stat of every file, or only of those that changed recently and some of the others, and queues those that changed.
    /// Of files that are gone keeps only what they had, forgets those that are gone for good, and unmaps windows that are not
    /// used. Returns the paths that are known no longer.
    pub fn sweep(&self, everything: bool) -> HashSet<PathId> {
        let now = self.0.clock.now();
        let number = self.0.metrics.sweeps.fetch_add(1, Ordering::Relaxed);
        let sweep = if everything { Sweep::All } else { Sweep::Lively(number) };
        let paths = {
            let scheduler = self.0.files.lock();
            scheduler.forget_listings();
            scheduler.paths()
        };
        let mut gone = HashMap::new();
        for paths in paths.chunks(AT_ONCE) {
            let probes: Vec<_> = {
                let mut scheduler = self.0.files.lock();
                paths.iter().filter_map(|path| Some((*path, scheduler.probe(*path, now, sweep)?))).collect()
            };
            // Without the lock: a dead network filesystem may hold up a stat for minutes.
            let (due, quiet): (Vec<_>, Vec<_>) =
                probes.into_iter().partition(|(_, probe)| probe.needs_turn());
            let due: Vec<PathId> = due.into_iter().map(|(path, _)| path).collect();
            self.queue(&due, WakeReason::Other);
            let mut scheduler = self.0.files.lock();
            gone.extend(quiet.iter().filter_map(|(path, _)| Some((*path, scheduler.was_quiet(*path, now)?))));
        }
        self.retire(gone, now)
    }

    /// Keeps of paths that have been gone for so long, in milliseconds, only what they had. Returns those that it does no longer know.
    fn retire(&self, gone: HashMap<PathId, i64>, now: EngineTime) -> HashSet<PathId> {
        let (mut retired, mut forgotten) = (HashSet::new(), Vec::new());
        // Those for which an alert waits are kept as they are for longer.
        let needed = self.0.counters().needed_paths(&gone);
        let gone: Vec<PathId> = gone
            .into_iter()
            .filter(|(path, gone_ms)| *gone_ms > FORGET_AFTER_MS || !needed.contains(path))
            .map(|(path, _)| path)
            .collect();
        for paths in gone.chunks(AT_ONCE) {
            let mut scheduler = self.0.files.lock();
            let mut counters = self.0.counters();
            for path in paths {
                let Some(removed) = scheduler.retire(*path) else { continue };
                retired.insert(*path);
                let is_needed = needed.contains(path);
                let Some(record) = counters.retire(removed, is_needed) else { continue };
                if is_needed || !scheduler.gone().put(&record, now) {
                    scheduler.gone().add_forgotten(&record);
                    forgotten.push(record.id);
                }
            }
        }
        let mut scheduler = self.0.files.lock();
        forgotten.extend(scheduler.gone().forget_old(now));
        let mut counters = self.0.counters();
        if retired.len() > AT_ONCE {
            scheduler.shrink();
            counters.shrink();
        }
        let is_changed = !retired.is_empty() || !forgotten.is_empty();
        counters.forget(forgotten);
        drop((counters, scheduler));
        if is_changed {
            self.0.commits.request(false);
        }
        retired
    }
}

/// So many files are dealt with before others may have the lock.
const AT_ONCE: usize = 256;
