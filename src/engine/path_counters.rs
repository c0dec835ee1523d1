//! What was counted of one path.

use std::path::Path;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::engine::activity::PathActivity;
use crate::engine::plan::CompiledWatch;
use crate::store::{FileRecord, RuleTotal, WatchedPath};
use crate::units::EngineTime;

/// Counts of one path.
pub(super) struct PathCounters {
    pub(super) watch: Arc<CompiledWatch>,
    pub(super) path: Arc<Path>,
    pub(super) generation: u64,
    /// In the order of the watch's rules.
    pub(super) rules: SmallVec<[RuleCounter; 1]>,
    /// Totals of rules that the watch no longer has, by name.
    other_rules: Box<[RuleTotal]>,
    pub(super) bytes_read: u64,
    pub(super) bytes_missed: u64,
    /// Since when the path has been watched.
    pub(super) since: EngineTime,
}

/// Matching lines of one path and rule.
#[derive(Clone, Copy)]
pub(super) struct RuleCounter {
    pub(super) total: u64,
    pub(super) unreported: u64,
    pub(super) reported_at: EngineTime,
}

/// Before any time that a clock shows.
pub(super) const NEVER: EngineTime = EngineTime(i64::MIN / 2);

impl Default for RuleCounter {
    fn default() -> RuleCounter {
        RuleCounter { total: 0, unreported: 0, reported_at: NEVER }
    }
}

impl RuleCounter {
    fn save(&self, name: &str) -> RuleTotal {
        let reported = self.total - self.unreported;
        RuleTotal { rule: name.to_owned(), matched: self.total, reported }
    }
}

impl PathCounters {
    pub(super) fn new(watch: &Arc<CompiledWatch>, path: &Arc<Path>, since: EngineTime) -> PathCounters {
        PathCounters {
            watch: Arc::clone(watch),
            path: Arc::clone(path),
            generation: 0,
            rules: smallvec![RuleCounter::default(); watch.rules.names().len()],
            other_rules: Box::default(),
            bytes_read: 0,
            bytes_missed: 0,
            since,
        }
    }

    pub(super) fn restored(
        watch: &Arc<CompiledWatch>,
        path: &Arc<Path>,
        record: &FileRecord,
        since: EngineTime,
    ) -> PathCounters {
        let mut counters = PathCounters {
            generation: record.tail.generation,
            bytes_read: record.bytes_read,
            bytes_missed: record.bytes_missed,
            ..PathCounters::new(watch, path, since)
        };
        counters.adopt(&record.totals);
        counters
    }

    /// Continues under another definition of the watch: totals continue by the name of the rule.
    pub(super) fn redefine(&mut self, watch: &Arc<CompiledWatch>) {
        let totals = self.totals();
        self.watch = Arc::clone(watch);
        self.adopt(&totals);
    }

    fn adopt(&mut self, totals: &[RuleTotal]) {
        let names = self.watch.rules.names();
        let known = |name: &String| totals.iter().find(|total| total.rule == *name);
        let counter = |total: &RuleTotal| RuleCounter {
            total: total.matched,
            unreported: total.matched.saturating_sub(total.reported),
            reported_at: NEVER,
        };
        self.rules = names.iter().map(|name| known(name).map(counter).unwrap_or_default()).collect();
        self.other_rules = totals.iter().filter(|total| !names.contains(&total.rule)).cloned().collect();
    }

    /// The totals of all rules, those that the watch no longer has included.
    pub(super) fn totals(&self) -> Vec<RuleTotal> {
        let names = self.watch.rules.names();
        let own = names.iter().zip(&self.rules).map(|(name, counter)| counter.save(name));
        own.chain(self.other_rules.iter().cloned()).collect()
    }

    pub(super) fn has_unreported(&self) -> bool {
        self.rules.iter().any(|counter| counter.unreported > 0)
    }

    pub(super) fn id(&self) -> WatchedPath {
        WatchedPath { watch: self.watch.name.clone(), path: self.path.to_path_buf() }
    }

    pub(super) fn figures(&self, lines_per_s: f64) -> PathFigures {
        PathFigures { bytes_read: self.bytes_read, bytes_missed: self.bytes_missed, lines_per_s }
    }

    pub(super) fn path_totals(&self, activity: Option<&PathActivity>) -> PathTotals {
        let names = self.watch.rules.names().iter().cloned();
        PathTotals {
            totals: names.zip(self.rules.iter().map(|counter| counter.total)).collect(),
            bytes_read: self.bytes_read,
            bytes_missed: self.bytes_missed,
            recent: activity.cloned().unwrap_or_default(),
        }
    }
}

/// The figures of one path that an overview needs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PathFigures {
    pub(super) bytes_read: u64,
    pub(super) bytes_missed: u64,
    /// Matching lines a second, lately.
    pub(super) lines_per_s: f64,
}

/// What was counted of one path, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathTotals {
    /// Matching lines, by name of the rule.
    pub totals: Vec<(String, u64)>,
    /// Bytes that were scanned.
    pub bytes_read: u64,
    /// Bytes that were gone before they could be scanned.
    pub bytes_missed: u64,
    /// What happened recently.
    pub recent: PathActivity,
}
