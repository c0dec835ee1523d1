//! What has changed since the last commit.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::engine::path_counters::PathCounters;
use crate::engine::plan::CompiledWatch;
use crate::file::checkpoint::TailCheckpoint;
use crate::file::identity::Identity;
use crate::file::ownership::ReadPosition;
use crate::file::tailer::Turn;
use crate::store::{
    FileRecord, JournalRecord, MinuteCount, PositionRecord, TransitionRecord, WatchRecord, WatchedPath,
};
use crate::units::PathId;

const MINUTE_MS: i64 = 60_000;

/// See the [module](self).
#[derive(Default)]
pub(super) struct PendingChanges {
    /// Whether a store will ever ask.
    is_kept: bool,
    pub(super) files: HashMap<PathId, TailCheckpoint>,
    pub(super) unwatched: Vec<FileRecord>,
    pub(super) forgotten: Vec<WatchedPath>,
    pub(super) positions: Vec<PositionRecord>,
    pub(super) watches: Vec<WatchRecord>,
    pub(super) transitions: Vec<TransitionRecord>,
    pub(super) journals: Vec<JournalRecord>,
    /// Matching lines by minute, path and rule.
    minutes: BTreeMap<(i64, PathId, usize), u64>,
    /// The same with their names, for when paths and rules change.
    pub(super) named_minutes: Vec<MinuteCount>,
}

impl PendingChanges {
    pub(super) fn new(is_kept: bool) -> PendingChanges {
        PendingChanges { is_kept, ..PendingChanges::default() }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.files.is_empty()
            || !self.unwatched.is_empty()
            || !self.forgotten.is_empty()
            || !self.positions.is_empty()
            || !self.watches.is_empty()
            || !self.transitions.is_empty()
            || !self.journals.is_empty()
    }

    /// Takes everything out.
    pub(super) fn take(&mut self) -> PendingChanges {
        let next = PendingChanges::new(self.is_kept);
        std::mem::replace(self, next)
    }

    pub(super) fn note_turn(&mut self, path: PathId, watch: &CompiledWatch, turn: &Turn) {
        if !self.is_kept {
            return;
        }
        if let Some(record) = &turn.record {
            self.files.insert(path, record.clone());
        }
        self.release(watch, turn.released.iter().copied());
        for (rule, times) in turn.tally.times.iter().enumerate() {
            for (at_ms, n) in times {
                *self.minutes.entry((at_ms.div_euclid(MINUTE_MS), path, rule)).or_default() += n;
            }
        }
    }

    /// Remembers how far files were read that are no longer read by any path.
    pub(super) fn release(
        &mut self,
        watch: &CompiledWatch,
        files: impl IntoIterator<Item = (Identity, ReadPosition)>,
    ) {
        if self.is_kept {
            self.positions.extend(files.into_iter().map(|(identity, mark)| PositionRecord {
                watch: watch.name.clone(),
                identity,
                mark,
            }));
        }
    }

    pub(super) fn note_journal(&mut self, record: JournalRecord) {
        match self.journals.iter_mut().find(|known| known.watch == record.watch) {
            Some(known) => known.update(record),
            None => self.journals.push(record),
        }
    }

    pub(super) fn keep_unwatched(&mut self, records: &[FileRecord]) {
        if self.is_kept {
            self.unwatched.extend_from_slice(records);
        }
    }

    /// Has the store forget paths for good.
    pub(super) fn forget(&mut self, paths: Vec<WatchedPath>) {
        let forgotten: HashSet<&WatchedPath> = paths.iter().collect();
        self.unwatched.retain(|record| !forgotten.contains(&record.id));
        self.forgotten.extend(paths);
    }

    pub(super) fn name_minutes(&mut self, paths: &HashMap<PathId, Box<PathCounters>>) {
        for ((minute, path, rule), matched) in std::mem::take(&mut self.minutes) {
            let Some(counters) = paths.get(&path) else { continue };
            let Some(rule) = counters.watch.rules.names().get(rule).cloned() else { continue };
            self.named_minutes.push(MinuteCount { minute, file: counters.id(), rule, matched });
        }
    }
}
