//! What is remembered of paths that are not watched at the moment.

use std::collections::HashMap;

use crate::engine::slot::FileKey;
use crate::file::claims::Mark;
use crate::file::identity::Identity;
use crate::file::tail::Tail;
use crate::store::{FileId, FileRecord};

/// Records of paths that nobody has found yet, or that no watch means any longer.
#[derive(Default)]
pub(super) struct Shelf {
    /// From before the start: their tails hold on to their files until it is known whether they are watched.
    ready: HashMap<FileId, (FileKey, Tail, FileRecord)>,
    records: HashMap<FileId, FileRecord>,
}

impl Shelf {
    pub(super) fn put(&mut self, record: FileRecord) {
        self.records.insert(record.id.clone(), record);
    }

    pub(super) fn put_ready(&mut self, key: FileKey, tail: Tail, record: FileRecord) {
        self.ready.insert(record.id.clone(), (key, tail, record));
    }

    pub(super) fn take(&mut self, id: &FileId) -> Option<FileRecord> {
        self.records.remove(id)
    }

    pub(super) fn take_ready(&mut self, id: &FileId) -> Option<(FileKey, Tail, FileRecord)> {
        self.ready.remove(id)
    }

    /// Gives the paths that are `wanted` though nobody found them; the others `release` their files.
    pub(super) fn sort_out(
        &mut self,
        wanted: impl Fn(&FileId) -> bool,
        release: impl Fn(&FileId, Vec<(Identity, Mark)>),
    ) -> Vec<FileId> {
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
