//! The engine without threads: whoever holds it says when a turn is taken. For tests that decide the order of things.

use std::path::Path;
use std::sync::Arc;

use crate::engine::committer::Committer;
use crate::engine::dependencies::Dependencies;
use crate::engine::entry::FileKey;
use crate::engine::plan::CompiledPlan;
use crate::engine::settings::EngineSettings;
use crate::engine::shared::Shared;
use crate::engine::{EngineHandle, FileReport, worker};
use crate::file::tailer::FileOrigin;
use crate::store::{PathId, StoreError};

/// An engine that does nothing by itself.
pub struct TestEngine {
    hints: EngineHandle,
    shared: Arc<Shared>,
    committer: Option<Committer>,
    scanners: worker::Scanners,
}

impl TestEngine {
    /// An engine over what the store of `world` remembers.
    #[must_use]
    pub fn new(settings: EngineSettings, plan: &Arc<CompiledPlan>, world: Dependencies) -> TestEngine {
        let (shared, committer) = Shared::new(settings, plan, world);
        let shared = Arc::new(shared);
        let hints = EngineHandle(Arc::clone(&shared));
        TestEngine { hints, shared, committer, scanners: worker::Scanners::default() }
    }

    /// Adds a path that was found.
    pub fn add(&mut self, watch: usize, path: &Path, origin: FileOrigin) -> FileKey {
        self.hints.add(watch, &Arc::from(path), origin)
    }

    /// Takes up the remembered paths that were not found, if they are `wanted` still.
    pub fn adopt(&mut self, wanted: impl Fn(&str, &Path) -> bool) {
        self.hints.adopt(|id: &PathId| wanted(&id.watch, &id.path));
    }

    /// Says that the kernel told of a change of these files, and whether it had nothing else to tell.
    pub fn heard(&mut self, keys: &[FileKey], is_alone: bool) {
        self.hints.heard_by(keys, is_alone.then_some(&mut self.scanners));
    }

    /// Looks at the stat of every file.
    pub fn sweep(&mut self) {
        self.hints.sweep(true);
    }

    /// Takes one turn. False if there is none to take.
    pub fn turn(&mut self) -> bool {
        worker::step(&self.shared, &mut self.scanners)
    }

    /// Does what is due by time.
    pub fn tick(&mut self) {
        let _ = self.shared.tick_once();
    }

    /// Commits what has changed.
    ///
    /// # Errors
    /// What the store says.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.committer.as_mut().map_or(Ok(()), |committer| committer.commit(&self.shared))
    }

    /// How things stand.
    #[must_use]
    pub fn files(&self) -> Vec<FileReport> {
        self.shared.files()
    }

    /// The scanners, to be handed to the next stepper over the same plan: they take long to make.
    #[must_use]
    pub fn into_scanners(self) -> worker::Scanners {
        self.scanners
    }

    /// Works with scanners of another stepper over the same plan.
    #[must_use]
    pub fn with_scanners(mut self, scanners: worker::Scanners) -> TestEngine {
        self.scanners = scanners;
        self
    }
}
