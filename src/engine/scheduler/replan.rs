//! Switching to another plan, and what is left of files that are no longer watched.

use std::collections::HashSet;
use std::sync::Arc;

use super::Scheduler;
use crate::engine::entry::{FileEntry, RemovedFile, TurnPhase};
use crate::engine::gone::GoneFiles;
use crate::engine::plan::CompiledPlan;
use crate::file::checkpoint::TailCheckpoint;
use crate::store::{FileRecord, WatchedPath};
use crate::units::PathId;

impl Scheduler {
    /// Switches to another plan; nothing is running. Returns what is left of the files whose watch is gone.
    pub(in crate::engine) fn replan(&mut self, plan: Arc<CompiledPlan>) -> Vec<RemovedFile> {
        let is_gone = |entry: &FileEntry| plan.watch(entry.watch.id).is_none();
        let gone: HashSet<_> =
            self.entries.iter().filter(|(_, entry)| is_gone(entry)).map(|(path, _)| *path).collect();
        let removed = self.remove_all(&gone);
        self.common.clear();
        for watch in &plan.watches {
            let common = self.common(watch);
            for entry in self.entries.values_mut().filter(|entry| entry.watch.id == watch.id) {
                entry.watch = Arc::clone(watch);
                if let Some(tail) = &mut entry.tail {
                    tail.set_common(Arc::clone(&common));
                }
            }
        }
        self.plan = plan;
        removed
    }

    pub(in crate::engine) fn remove_all(&mut self, keys: &HashSet<PathId>) -> Vec<RemovedFile> {
        keys.iter().filter_map(|key| self.remove(*key)).collect()
    }

    /// Remembers a file that is no longer watched, in case it is again.
    pub(in crate::engine) fn keep_dormant(&mut self, record: FileRecord) {
        self.dormant.put(record);
    }

    /// Removes a path at which nothing is, unless a turn of it is due.
    pub(in crate::engine) fn retire(&mut self, key: PathId) -> Option<RemovedFile> {
        let entry = self.entries.get(&key)?;
        let is_idle = entry.phase == TurnPhase::Idle && entry.gone_since.is_some();
        if is_idle { self.remove(key) } else { None }
    }

    /// Gives back memory after many paths were removed.
    pub(in crate::engine) fn shrink(&mut self) {
        self.entries.shrink_to(2 * self.entries.len());
        self.claims.values().for_each(|claims| claims.shrink());
    }

    /// What is remembered of paths at which nothing is.
    pub(in crate::engine) fn gone(&mut self) -> &mut GoneFiles {
        &mut self.dormant.gone
    }

    /// What is to be remembered of every file. Nothing is running.
    pub(in crate::engine) fn records(&self) -> Vec<(PathId, TailCheckpoint)> {
        let record = |entry: &FileEntry| entry.tail.as_ref().map(|tail| tail.record());
        self.entries().filter_map(|(key, entry)| Some((key, record(entry)?))).collect()
    }

    pub(super) fn remove(&mut self, key: PathId) -> Option<RemovedFile> {
        let mut entry = self.entries.remove(&key)?;
        self.unseen -= usize::from(!entry.is_looked_at);
        self.windows.pop(&key);
        self.open_files.note(key, &mut entry.open, 0);
        self.draining.remove(key);
        if entry.phase == TurnPhase::Queued {
            self.ready.retain(|ready| *ready != key);
        }
        let mut tail = entry.tail.take()?;
        let (record, marks) = (tail.record(), tail.close());
        let claims = self.ownership(&entry.watch.name);
        marks.iter().for_each(|(identity, mark)| claims.release(*identity, *mark));
        Some(RemovedFile { key, tail: record, marks })
    }

    /// A key for a unit of the journal, and what was remembered of it.
    pub(in crate::engine) fn add_unit(&mut self, id: &WatchedPath) -> (PathId, Option<FileRecord>) {
        (self.new_key(), self.dormant.take(id))
    }

    /// The units of the journal that are remembered for a watch.
    pub(in crate::engine) fn remembered_units(&self, watch: &str) -> Vec<String> {
        self.dormant.units_of(watch)
    }
}
