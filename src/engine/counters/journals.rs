//! Counts by unit of the journal, and how far the journal was read, which is committed with them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::journal_counters::JournalSource;
use super::{Counters, DueWork};
use crate::engine::entry::RemovedFile;
use crate::engine::file_report::{FileReport, UNIT_STATUS};
use crate::engine::path_counters::PathCounters;
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::stdin::STDIN;
use crate::file::checkpoint::TailCheckpoint;
use crate::store::{FileRecord, JournalRecord, WatchedPath};
use crate::units::{EngineTime, PathId};

/// What is remembered of a unit besides its counts.
fn no_tail() -> TailCheckpoint {
    TailCheckpoint { generation: 1, ..TailCheckpoint::default() }
}

impl Counters {
    pub(in crate::engine) fn restore_journals(&mut self, records: Vec<JournalRecord>) {
        self.journals.records = records.into_iter().map(|record| (record.watch.clone(), record)).collect();
    }

    /// How far the journal of a watch was read.
    pub(in crate::engine) fn journal(&self, watch: &str) -> Option<JournalRecord> {
        self.journals.records.get(watch).cloned()
    }

    /// Notes how far the journal was read. What was found up to there is applied under the same lock.
    pub(in crate::engine) fn note_journal(&mut self, record: JournalRecord) -> DueWork {
        let known = self.journals.records.entry(record.watch.clone()).or_default();
        known.watch.clone_from(&record.watch);
        if self.pending.is_kept() {
            self.pending.note_journal(record.clone());
        }
        known.update(record);
        known.gone.clear();
        self.due(None)
    }

    /// Adds a unit, with what is remembered of it. True if it has counts that are to be reported.
    pub(in crate::engine) fn add_unit(
        &mut self,
        id: PathId,
        watch: &Arc<CompiledWatch>,
        path: &Arc<Path>,
        record: Option<&FileRecord>,
        (since, source): (EngineTime, JournalSource),
    ) -> bool {
        self.journals.units.insert(id);
        match (record, source) {
            (Some(record), JournalSource::Unit) => return self.restore(id, watch, path, record, since),
            (Some(record), JournalSource::Whole) => {
                let counters = PathCounters::restored(watch, path, record, since);
                self.paths.insert(id, Box::new(counters));
            }
            (None, _) => {
                let counters = PathCounters::new(watch, path, self.clock.now());
                self.paths.insert(id, Box::new(counters));
            }
        }
        if source == JournalSource::Unit {
            let now = self.alert_time();
            self.alerts.watch_path(&watch.alerts, id, path, now);
        }
        false
    }

    /// Whether the unit is still counted.
    pub(in crate::engine) fn has_unit(&self, id: PathId) -> bool {
        self.journals.units.contains(&id)
    }

    /// Drops the units of watches that read no journal any longer.
    pub(super) fn remove_units(&mut self, plan: &CompiledPlan) -> Vec<RemovedFile> {
        let is_followed = |id: &PathId| {
            let watch = self.paths.get(id).and_then(|counters| plan.watch(counters.watch.id));
            let is_stdin =
                || self.paths.get(id).is_some_and(|counters| &*counters.id().path == Path::new(STDIN));
            watch.is_some_and(|watch| watch.journal.is_some() || is_stdin())
        };
        let (kept, removed): (HashSet<PathId>, HashSet<PathId>) =
            self.journals.units.iter().partition(|id| is_followed(id));
        self.journals.units = kept;
        removed.into_iter().map(|key| RemovedFile { key, tail: no_tail(), marks: Vec::new() }).collect()
    }

    /// Everything about journals is to be committed again.
    pub(super) fn change_journals(&mut self) {
        if self.pending.is_kept() {
            self.pending.files.extend(self.journals.units.iter().map(|id| (*id, no_tail())));
            self.journals.records.values().for_each(|record| self.pending.note_journal(record.clone()));
        }
    }

    /// The units that are counted.
    pub(in crate::engine) fn units(&self) -> impl Iterator<Item = (PathId, &PathCounters)> {
        self.journals.units.iter().filter_map(|id| Some((*id, &**self.paths.get(id)?)))
    }

    /// Emits a status event for every unit.
    pub(in crate::engine) fn emit_unit_statuses(&self) {
        for (id, unit) in self.units() {
            let WatchedPath { watch, path } = unit.id();
            self.emit_status(id, &watch, &path, &UNIT_STATUS);
        }
    }

    /// How the units stand.
    pub(in crate::engine) fn unit_reports(&self) -> impl Iterator<Item = FileReport> {
        self.units().filter_map(|(id, unit)| {
            let WatchedPath { watch, path } = unit.id();
            Some(FileReport { watch, path, figures: self.path_totals(id)?, status: UNIT_STATUS })
        })
    }
}
