//! What was counted of one path.

use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::detect::Millis;
use crate::engine::activity::PathActivity;
use crate::store::RuleTotal;

/// Counts of one path.
pub(super) struct PathCounters {
    pub(super) watch: usize,
    pub(super) path: Arc<Path>,
    pub(super) generation: u64,
    pub(super) rules: SmallVec<[RuleCounter; 1]>,
    /// Totals of rules that are not in the plan, by name.
    pub(super) other_rules: Box<[RuleTotal]>,
    pub(super) bytes_read: u64,
    pub(super) bytes_missed: u64,
    /// Since when the path has been watched, in milliseconds since the epoch.
    pub(super) since_ms: Millis,
}

/// Matching lines of one path and rule.
#[derive(Clone, Copy)]
pub(super) struct RuleCounter {
    pub(super) total: u64,
    pub(super) unreported: u64,
    pub(super) reported: Millis,
}

pub(super) const NEVER: Millis = Millis::MIN / 2;

impl Default for RuleCounter {
    fn default() -> RuleCounter {
        RuleCounter { total: 0, unreported: 0, reported: NEVER }
    }
}

impl RuleCounter {
    pub(super) fn told(&self, name: &str) -> RuleTotal {
        let reported = self.total - self.unreported;
        RuleTotal { rule: name.to_owned(), matched: self.total, reported }
    }
}

impl PathCounters {
    /// Goes on from `totals` by the rules of these `names`.
    pub(super) fn take_over(&mut self, totals: &[RuleTotal], names: &[String]) {
        let known = |name: &String| totals.iter().find(|total| total.rule == *name);
        let count = |total: &RuleTotal| RuleCounter {
            total: total.matched,
            unreported: total.matched.saturating_sub(total.reported),
            reported: NEVER,
        };
        self.rules = names.iter().map(|name| known(name).map(count).unwrap_or_default()).collect();
        self.other_rules = totals.iter().filter(|total| !names.contains(&total.rule)).cloned().collect();
    }
}

/// What was counted of one path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathTotals {
    /// Matching lines, by name of the rule.
    pub totals: Vec<(String, u64)>,
    /// Bytes that were judged.
    pub bytes_read: u64,
    /// Bytes that were gone before they could be judged.
    pub bytes_missed: u64,
    /// What happened lately, if anything did.
    pub recent: PathActivity,
}
