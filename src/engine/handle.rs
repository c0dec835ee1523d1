//! How the engine hears of files: found, changed, or looked at because time has passed.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::entry::{FileKey, RemovedFile, WakeReason};
use crate::engine::shared::{Shared, lock};
use crate::engine::sweep::Sweep;
use crate::engine::worker;
use crate::file::tailer::FileOrigin;
use crate::store::PathId;

/// A handle through which hints reach the engine.
#[derive(Clone)]
pub struct EngineHandle(pub(super) Arc<Shared>);

impl EngineHandle {
    /// Adds a path to watch number `watch`. Gives its key; a path that the watch has already keeps its own.
    pub fn add(&self, watch: usize, path: &Arc<Path>, origin: FileOrigin) -> FileKey {
        let shared = &self.0;
        let origin = if origin == FileOrigin::Existing { shared.came_meanwhile(watch) } else { origin };
        let (key, record) = {
            let mut registry = shared.registry();
            let (key, record) = registry.add(watch, path, origin);
            // Before any turn of it is taken.
            let since_ms = shared.watched_since_ms(registry.watch(watch));
            let later =
                record.is_some_and(|record| shared.book().restore(key, watch, path, &record, since_ms));
            (key, later)
        };
        shared.work.notify_one();
        if record {
            shared.wake_ticker(shared.clock.now());
        }
        key
    }

    /// Takes up the paths that are remembered but were not found, if they are `wanted` still: their files were rotated
    /// away or removed meanwhile. Says too that all files that there are were added.
    pub fn adopt(&self, wanted: impl Fn(&PathId) -> bool) {
        let paths = self.0.registry().remembered(wanted);
        for (watch, path) in paths {
            self.add(watch, &Arc::from(path), FileOrigin::Appeared);
        }
        self.0.is_discovered.store(true, Ordering::Relaxed);
        self.0.note_if_all_is_read(&self.0.registry());
    }

    /// Says that these files changed, because the kernel told so just now. If it had nothing else to tell, whoever brings
    /// the news reads what is new himself: that takes no longer than to wake a worker.
    pub fn heard(&self, keys: &[FileKey], is_alone: bool) {
        let mut scanners = is_alone.then(|| lock(&self.0.scanners));
        self.heard_by(keys, scanners.as_deref_mut());
    }

    pub(super) fn heard_by(&self, keys: &[FileKey], scanners: Option<&mut worker::Scanners>) {
        let now = self.0.clock.now();
        let Some(scanners) = scanners else { return self.queue(keys, WakeReason::Event(now)) };
        for key in keys {
            if !worker::at_once(&self.0, scanners, *key, now) {
                self.queue(&[*key], WakeReason::Event(now));
            }
        }
    }

    /// Says that these files may have changed, some time or other.
    pub fn look(&self, keys: &[FileKey]) {
        self.queue(keys, WakeReason::Other);
    }

    fn queue(&self, keys: &[FileKey], cause: WakeReason) {
        let mut registry = self.0.registry();
        let queued = keys.iter().filter(|key| registry.enqueue(**key, cause)).count();
        drop(registry);
        for _ in 0..queued {
            self.0.work.notify_one();
        }
    }

    /// Says that every file may have changed.
    pub fn look_at_all(&self) {
        self.0.registry().enqueue_all();
        self.0.work.notify_all();
    }

    /// Looks at the stat of every file, or of those that were not quiet for long and some of the others, and queues those
    /// where it tells of a change. Forgets files that are gone for good, and gives up windows that nobody uses. Gives the keys
    /// that were forgotten.
    pub fn sweep(&self, everything: bool) -> HashSet<FileKey> {
        let now = self.0.clock.now();
        let number = self.0.sweeps.fetch_add(1, Ordering::Relaxed);
        let sweep = if everything { Sweep::All } else { Sweep::Lively(number) };
        let keys = self.0.registry().keys();
        let mut forgotten: Vec<RemovedFile> = Vec::new();
        for keys in keys.chunks(256) {
            let probes: Vec<_> = {
                let mut registry = self.0.registry();
                keys.iter().filter_map(|key| Some((*key, registry.probe(*key, now, sweep)?))).collect()
            };
            // Outside of the lock: a dead network filesystem may hold up a stat for minutes.
            let (due, quiet): (Vec<_>, Vec<_>) =
                probes.into_iter().partition(|(_, probe)| probe.needs_turn());
            let due: Vec<FileKey> = due.into_iter().map(|(key, _)| key).collect();
            self.queue(&due, WakeReason::Other);
            let mut registry = self.0.registry();
            forgotten.extend(quiet.iter().filter_map(|(key, _)| registry.was_quiet(*key, now)));
        }
        let keys = forgotten.iter().map(|removed| removed.key).collect();
        if !forgotten.is_empty() {
            self.0.book().forget(forgotten, now);
            self.0.want_commit(false);
        }
        keys
    }
}
