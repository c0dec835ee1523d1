//! The state of watched paths and of the engine, as reported to others.

use std::path::PathBuf;

use crate::engine::entry::FileStatus;
use crate::engine::path_counters::PathTotals;
use crate::units::PathId;

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
    /// Its id.
    pub key: PathId,
    /// Name of its watch.
    pub watch: String,
    /// The path.
    pub path: PathBuf,
    /// What was counted.
    pub figures: PathTotals,
    /// Where reading stands.
    pub status: FileStatus,
}
