//! Bounds and intervals of the engine, and the plan that it works by.

use std::sync::Arc;

use crate::alert::AlertSpec;
use crate::file::settings::FileSettings;
use crate::scan::rules::RuleSpec;
use crate::scan::timestamp::TimeSettings;
use crate::source::journal::JournalSelection;

/// Bounds and intervals of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Worker threads that read files.
    pub workers: usize,
    /// At most one count event per path and rule in this time, in milliseconds.
    pub report_interval_ms: i64,
    /// How many bytes of one file are read before other files get their turn.
    pub turn_bytes_max: u64,
    /// How many windows stay mapped at once.
    pub windows_max: usize,
    /// How many files stay open at once.
    pub open_files_max: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        EngineSettings {
            workers: 2,
            report_interval_ms: 1_000,
            turn_bytes_max: 8 << 20,
            windows_max: 128,
            open_files_max: 1 << 20,
        }
    }
}

/// One watch as the engine sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPlan {
    /// Unique name.
    pub name: String,
    /// The rules that its files are scanned for.
    pub rules: Vec<RuleSpec>,
    /// How its files are read.
    pub file: FileSettings,
    /// How the time of its lines is read.
    pub time: Arc<TimeSettings>,
    /// What it watches, as configured, one a line. With other paths it is another watch.
    pub paths: String,
    /// The journal that it reads, if it reads no files.
    pub journal: Option<Arc<JournalSelection>>,
}

/// What the engine works by: replaced as a whole on reload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The watches.
    pub watches: Vec<WatchPlan>,
    /// The alerts.
    pub alerts: Vec<AlertSpec>,
}
