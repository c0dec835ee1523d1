//! The engine without threads, for tests that decide the order of things: the caller says when a turn is taken.

use std::path::Path;
use std::sync::Arc;

use crate::engine::RulePatterns;
use crate::engine::committer::Committer;
use crate::engine::dependencies::Dependencies;
use crate::engine::plan::CompiledPlan;
use crate::engine::scanners::Scanners;
use crate::engine::settings::EngineSettings;
use crate::engine::shared::Shared;
use crate::engine::{EngineHandle, FileReport, ticker, worker};
use crate::file::tailer::FileOrigin;
use crate::store::{StoreError, WatchedPath};
use crate::units::PathId;

/// An engine that does nothing by itself.
pub struct TestEngine {
    handle: EngineHandle,
    plan: Arc<CompiledPlan>,
    shared: Arc<Shared>,
    committer: Option<Committer>,
    scanners: Scanners,
}

impl TestEngine {
    /// An engine over what the store of `dependencies` restores.
    #[must_use]
    pub fn new(settings: EngineSettings, plan: &Arc<CompiledPlan>, dependencies: Dependencies) -> TestEngine {
        let (shared, committer) = dependencies.share(settings, plan);
        let shared = Arc::new(shared);
        let handle = EngineHandle(Arc::clone(&shared));
        TestEngine { handle, plan: Arc::clone(plan), shared, committer, scanners: Scanners::default() }
    }

    /// Adds a path that was found for the watch at this index of the plan.
    ///
    /// # Panics
    /// If the plan has no such watch.
    pub fn add(&mut self, watch: usize, path: &Path, origin: FileOrigin) -> PathId {
        let added = self.handle.add(&self.plan.watches[watch].name, &Arc::from(path), origin);
        added.unwrap_or_else(|| unreachable!("the watch was just looked up"))
    }

    /// Adds a path at which nothing is at the start, if the watch was kept before.
    pub fn expect(&self, watch: &str, path: &Path) -> Option<PathId> {
        self.handle.expect(watch, &Arc::from(path))
    }

    /// Adds the remembered paths that were not found, if they are still `wanted`.
    pub fn adopt(&mut self, wanted: impl Fn(&str, &Path) -> bool) {
        self.handle.adopt(|id: &WatchedPath| wanted(&id.watch, &id.path));
    }

    /// The kernel reported a change of these files, and whether it had nothing else to report.
    pub fn heard(&mut self, paths: &[PathId], is_alone: bool) {
        self.handle.heard_by(paths, is_alone.then_some(&mut self.scanners));
    }

    /// Looks at the stat of every file.
    pub fn sweep(&mut self) {
        self.handle.sweep(true);
    }

    /// Takes one turn. False if there is none to take.
    pub fn turn(&mut self) -> bool {
        worker::step(&self.shared, &mut self.scanners)
    }

    /// Does what is due by time.
    pub fn tick(&mut self) {
        ticker::tick(&self.shared);
    }

    /// Commits what has changed.
    ///
    /// # Errors
    /// What the store returns.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.committer.as_mut().map_or(Ok(()), |committer| committer.commit(&self.shared))
    }

    /// The state of every file.
    #[must_use]
    pub fn files(&self) -> Vec<FileReport> {
        self.shared.file_reports().0
    }

    /// Whether every path had a turn, so that the daemon would say that it has started.
    #[must_use]
    pub fn is_all_seen(&self) -> bool {
        self.shared.files.lock().is_all_seen()
    }

    /// How many paths have a state of their own; of others only what they had is remembered.
    #[must_use]
    pub fn live_paths(&self) -> usize {
        self.shared.files.lock().len()
    }

    /// The patterns of each rule.
    #[must_use]
    pub fn patterns(&self) -> Vec<RulePatterns> {
        self.shared.counters().pattern_reports(usize::MAX)
    }

    /// How many files have a window mapped.
    #[must_use]
    pub fn mapped_windows(&self) -> usize {
        self.shared.files.lock().entries().filter(|(_, entry)| entry.holds_window()).count()
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.shared.files.lock().entries().map(|(_, entry)| entry.open_files()).sum()
    }

    /// The scanners, for the next engine over the same plan: they take long to build.
    #[must_use]
    pub fn into_scanners(self) -> Scanners {
        self.scanners
    }

    /// Works with the scanners of another engine over the same plan.
    #[must_use]
    pub fn with_scanners(mut self, scanners: Scanners) -> TestEngine {
        self.scanners = scanners;
        self
    }
}
