//! What is remembered of paths that are not watched at the moment.

use std::collections::HashMap;

use crate::engine::gone::GoneFiles;
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::tailer::Tailer;
use crate::store::{FileRecord, WatchedPath};
use crate::units::PathId;

/// Records of paths that no one has found yet, or that no watch means any longer.
#[derive(Default)]
pub(super) struct DormantFiles {
    /// From before the start: their tails hold on to their files until it is known whether they are watched.
    ready: HashMap<WatchedPath, (PathId, Tailer, FileRecord)>,
    records: HashMap<WatchedPath, FileRecord>,
    /// Of paths that are watched, but at which nothing is.
    pub(super) gone: GoneFiles,
}

impl DormantFiles {
    pub(super) fn put(&mut self, record: FileRecord) {
        self.records.insert(record.id.clone(), record);
    }

    pub(super) fn put_ready(&mut self, key: PathId, tail: Tailer, record: FileRecord) {
        self.ready.insert(record.id.clone(), (key, tail, record));
    }

    pub(super) fn take(&mut self, id: &WatchedPath) -> Option<FileRecord> {
        self.records.remove(id).or_else(|| self.gone.take(id))
    }

    /// What is no path, of those that are remembered for a watch.
    pub(super) fn units_of(&self, watch: &str) -> Vec<String> {
        let units = self.records.keys().filter(|id| id.watch == watch && !id.path.is_absolute());
        units.map(|id| id.path.to_string_lossy().into_owned()).collect()
    }

    pub(super) fn take_ready(&mut self, id: &WatchedPath) -> Option<(PathId, Tailer, FileRecord)> {
        self.ready.remove(id)
    }

    /// Returns the paths that are `wanted` though no one found them; the others `release` their files.
    pub(super) fn sort_out(
        &mut self,
        wanted: impl Fn(&WatchedPath) -> bool,
        release: impl Fn(&WatchedPath, Vec<(Identity, ReadPosition)>),
    ) -> Vec<WatchedPath> {
        let (wanted, unwanted): (HashMap<_, _>, HashMap<_, _>) =
            std::mem::take(&mut self.ready).into_iter().partition(|(id, _)| wanted(id));
        self.ready = wanted;
        for (id, (_, mut tail, record)) in unwanted {
            release(&id, tail.close());
            self.put(record);
        }
        self.ready.keys().cloned().collect()
    }
}
