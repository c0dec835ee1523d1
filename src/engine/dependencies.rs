//! What the engine depends on: files, time, and what survives a restart.

use std::sync::Arc;

use crate::engine::clock::EngineClock;
use crate::engine::committer::{self, Committer};
use crate::engine::plan::CompiledPlan;
use crate::engine::settings::EngineSettings;
use crate::engine::shared::Shared;
use crate::file::disk::Disk;
use crate::file::vfs::Filesystem;
use crate::store::{CheckpointStore, Dispatcher, StoredState};

/// See the [module](self).
pub struct Dependencies {
    /// Where files are.
    pub filesystem: Arc<dyn Filesystem>,
    /// What time it is.
    pub clock: EngineClock,
    /// Keeps what must survive a restart; nothing does without it.
    pub store: Option<Box<dyn CheckpointStore>>,
    /// Delivers alerts; without it they are events only.
    pub dispatcher: Option<Arc<dyn Dispatcher>>,
}

impl Dependencies {
    /// The real files and the real time.
    #[must_use]
    pub fn real(
        store: Option<Box<dyn CheckpointStore>>,
        dispatcher: Option<Arc<dyn Dispatcher>>,
    ) -> Dependencies {
        Dependencies { filesystem: Arc::new(Disk), clock: EngineClock::new(), store, dispatcher }
    }

    /// Restores the state of the store, and returns what the engine's threads share and the committer of the store.
    pub(super) fn share(
        self,
        settings: EngineSettings,
        plan: &Arc<CompiledPlan>,
    ) -> (Shared, Option<Committer>) {
        let Dependencies { filesystem, clock, store, dispatcher } = self;
        let is_kept = store.is_some();
        let mut store = store;
        let mut state =
            store.as_mut().map_or_else(StoredState::default, |store| committer::load(&mut **store));
        state.follow_devices(&*filesystem);
        if let Some(dispatcher) = &dispatcher {
            let silences = std::mem::take(&mut state.silences);
            dispatcher.restore(std::mem::take(&mut state.pending), state.firing.clone(), silences);
        }
        let shared = Shared::new(settings, plan, (filesystem, clock), state, is_kept);
        (shared, store.map(|store| Committer::new(store, dispatcher)))
    }
}
