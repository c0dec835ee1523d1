//! What others may see of the running engine: figures, never the means to change anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::alert::manager::{AlertStatus, FiringAlert, RuleUsual};
use crate::engine::activity::PathActivity;
use crate::engine::durations::Durations;
use crate::engine::file_report::{EngineTotals, FileReport};
use crate::engine::gone::ForgottenTotals;
use crate::engine::overview::FilesOverview;
use crate::engine::shared::Shared;
use crate::engine::signals::lock;
use crate::engine::{RecentLine, RulePatterns, RuleRates};
use crate::event::EventOrigin;
use crate::units::WallTime;

/// See the [module](self).
#[derive(Clone)]
pub struct Reporter(pub(super) Arc<Shared>);

impl Reporter {
    /// Every watched path, in no order, and what paths had that were forgotten.
    #[must_use]
    pub fn files(&self) -> (Vec<FileReport>, Vec<ForgottenTotals>) {
        self.0.file_reports()
    }

    /// How all files stand, with the `files_max` of them that say most.
    #[must_use]
    pub fn overview(&self, files_max: usize) -> FilesOverview {
        self.0.overview(files_max)
    }

    /// What happened recently, at each path at which something did.
    #[must_use]
    pub fn activity(&self) -> Vec<PathActivity> {
        self.0.counters().activity()
    }

    /// The patterns of each rule, the most frequent first; of each at most `patterns_max`.
    #[must_use]
    pub fn patterns(&self, patterns_max: usize) -> Vec<RulePatterns> {
        self.0.counters().pattern_reports(patterns_max)
    }

    /// The state of every alert, in order.
    #[must_use]
    pub fn alerts(&self) -> Vec<AlertStatus> {
        self.0.counters().alerts()
    }

    /// Where alerts come from.
    #[must_use]
    pub fn origin(&self) -> Arc<EventOrigin> {
        self.0.counters().origin()
    }

    /// How fast the lines of each rule are written; of each at most `patterns_max` patterns.
    #[must_use]
    pub fn rates(&self, patterns_max: usize) -> Vec<RuleRates> {
        self.0.counters().rates(patterns_max)
    }

    /// What is usual of each rule now, where an alert learns it.
    #[must_use]
    pub fn usual(&self) -> Vec<RuleUsual> {
        self.0.counters().usual()
    }

    /// The alerts that fire with their present numbers, the worst first, at most `alerts_max`, and how many there are.
    #[must_use]
    pub fn firing(&self, alerts_max: usize) -> (Vec<FiringAlert>, usize) {
        self.0.counters().firing(alerts_max)
    }

    /// The newest matching lines with a number above `after`, how many were kept so far, and how many matched. They are kept for as
    /// long as someone asks.
    #[must_use]
    pub fn lines_after(&self, after: u64) -> (Vec<RecentLine>, u64, u64) {
        self.0.counters().lines_after(after)
    }

    /// Has `hook` called, from any thread, whenever alerts fired or resolved.
    pub fn on_alert(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.0.counters().on_alert(Box::new(hook));
    }

    /// When all that had changed was last committed.
    #[must_use]
    pub fn committed(&self) -> Option<WallTime> {
        let at_ms = self.0.metrics.committed_ms.load(Ordering::Relaxed);
        (at_ms > 0).then_some(WallTime(at_ms))
    }

    /// The time by the wall clock.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        self.0.clock.wall()
    }

    /// Figures about the engine as a whole.
    #[must_use]
    pub fn totals(&self) -> EngineTotals {
        let files = self.0.files.lock().len();
        EngineTotals { files, torn_scans: self.0.metrics.torn_scans.load(Ordering::Relaxed) }
    }

    /// The path whose turn has been running for longest, and for how long.
    #[must_use]
    pub fn longest_turn(&self) -> Option<(PathBuf, Duration)> {
        let now = self.0.clock.now();
        let scheduler = self.0.files.lock();
        let (path, began) = scheduler.longest_turn()?;
        Some((path.to_owned(), Duration::from_millis((now - began).max(0).unsigned_abs())))
    }

    /// Why the state cannot be saved, if it cannot.
    #[must_use]
    pub fn state_error(&self) -> Option<String> {
        lock(&self.0.metrics.state_error).clone()
    }

    /// How long turns took.
    #[must_use]
    pub fn turns(&self) -> &Durations {
        &self.0.metrics.turns
    }

    /// How long commits took.
    #[must_use]
    pub fn commits(&self) -> &Durations {
        &self.0.metrics.commits
    }
}
