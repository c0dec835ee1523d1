//! The state of watched paths and of the engine, as reported to others.

use std::path::PathBuf;

use crate::engine::entry::FileStatus;
use crate::engine::path_counters::PathTotals;
use crate::store::FileRecord;

/// How each unit of the journal stands: nothing is known of where reading is.
pub(super) const UNIT_STATUS: FileStatus =
    FileStatus { offset: 0, size: 0, generation: 1, trouble: None, is_absent: false };

/// Figures about the engine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EngineTotals {
    /// Watched paths.
    pub files: usize,
    /// Scans that were thrown away because the file changed under them.
    pub torn_scans: u64,
}

/// How one watched path stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Name of its watch.
    pub watch: String,
    /// The path.
    pub path: PathBuf,
    /// What was counted.
    pub figures: PathTotals,
    /// Where reading stands.
    pub status: FileStatus,
}

impl FileReport {
    /// What is remembered of a path at which nothing is, under these rules of its watch.
    pub(super) fn of_gone(record: FileRecord, rules: &[String]) -> FileReport {
        let total = |rule: &String| {
            let known = record.totals.iter().find(|total| total.rule == *rule);
            (rule.clone(), known.map_or(0, |total| total.matched))
        };
        FileReport {
            figures: PathTotals {
                totals: rules.iter().map(total).collect(),
                bytes_read: record.bytes_read,
                bytes_missed: record.bytes_missed,
                ..PathTotals::default()
            },
            status: FileStatus {
                generation: record.tail.generation,
                is_absent: true,
                ..FileStatus::default()
            },
            watch: record.id.watch,
            path: record.id.path,
        }
    }
}
