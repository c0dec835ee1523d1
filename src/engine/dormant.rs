//! What is remembered of paths that are not watched at the moment.

use std::collections::HashMap;

use crate::engine::entry::FileKey;
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::tailer::Tailer;
use crate::store::{FileRecord, PathId};

/// Records of paths that nobody has found yet, or that no watch means any longer.
#[derive(Default)]
pub(super) struct DormantFiles {
    /// From before the start: their tails hold on to their files until it is known whether they are watched.
    ready: HashMap<PathId, (FileKey, Tailer, FileRecord)>,
    records: HashMap<PathId, FileRecord>,
}

impl DormantFiles {
    pub(super) fn put(&mut self, record: FileRecord) {
        self.records.insert(record.id.clone(), record);
    }

    pub(super) fn put_ready(&mut self, key: FileKey, tail: Tailer, record: FileRecord) {
        self.ready.insert(record.id.clone(), (key, tail, record));
    }

    pub(super) fn take(&mut self, id: &PathId) -> Option<FileRecord> {
        self.records.remove(id)
    }

    pub(super) fn take_ready(&mut self, id: &PathId) -> Option<(FileKey, Tailer, FileRecord)> {
        self.ready.remove(id)
    }

    /// Gives the paths that are `wanted` though nobody found them; the others `release` their files.
    pub(super) fn sort_out(
        &mut self,
        wanted: impl Fn(&PathId) -> bool,
        release: impl Fn(&PathId, Vec<(Identity, ReadPosition)>),
    ) -> Vec<PathId> {
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
