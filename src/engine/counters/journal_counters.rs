//! What the counters keep of journals.

use std::collections::{HashMap, HashSet};

use crate::store::JournalRecord;
use crate::units::PathId;

/// What of the journal is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum JournalSource {
    /// Its entries as a whole, of which only bytes are counted.
    Whole,
    /// The entries of a unit.
    Unit,
}

/// What is counted of journals besides files.
#[derive(Default)]
pub(super) struct JournalCounters {
    pub(super) units: HashSet<PathId>,
    /// All that is known, by watch.
    pub(super) records: HashMap<String, JournalRecord>,
}
