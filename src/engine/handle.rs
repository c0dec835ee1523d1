//! How the engine hears of files: found, changed, or looked at because time has passed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::entry::{RemovedFile, WakeReason};
use crate::engine::scanners::Scanners;
use crate::engine::shared::Shared;
use crate::engine::signals::lock;
use crate::engine::sweep::Sweep;
use crate::engine::worker;
use crate::file::tailer::FileOrigin;
use crate::store::{FileRecord, WatchedPath};
use crate::units::PathId;

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
            let origin = if origin == FileOrigin::Existing { shared.came_meanwhile(&watch) } else { origin };
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
    /// Forgets files that are gone for good, and unmaps windows that are not used. Returns the paths that were forgotten.
    pub fn sweep(&self, everything: bool) -> HashSet<PathId> {
        let now = self.0.clock.now();
        let number = self.0.metrics.sweeps.fetch_add(1, Ordering::Relaxed);
        let sweep = if everything { Sweep::All } else { Sweep::Lively(number) };
        let paths = self.0.files.lock().paths();
        let mut forgotten: Vec<RemovedFile> = Vec::new();
        for paths in paths.chunks(256) {
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
            forgotten.extend(quiet.iter().filter_map(|(path, _)| scheduler.was_quiet(*path, now)));
        }
        let paths = forgotten.iter().map(|removed| removed.key).collect();
        if !forgotten.is_empty() {
            self.0.counters().forget(forgotten);
            self.0.commits.request(false);
        }
        paths
    }
}
