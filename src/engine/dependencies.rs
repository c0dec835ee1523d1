//! What the engine stands on: files, time, and what survives a restart.

use std::sync::Arc;

use crate::engine::clock::EngineClock;
use crate::file::vfs::{Disk, Filesystem};
use crate::store::{CheckpointStore, Dispatcher};

/// The engine's surroundings.
pub struct Dependencies {
    /// Where files are.
    pub filesystem: Arc<dyn Filesystem>,
    /// What time it is.
    pub clock: EngineClock,
    /// Keeps what must survive a restart; nothing does without it.
    pub store: Option<Box<dyn CheckpointStore>>,
    /// Carries alerts away; without it they are events only.
    pub courier: Option<Arc<dyn Dispatcher>>,
}

impl Dependencies {
    /// The real files and the real time.
    #[must_use]
    pub fn real(
        store: Option<Box<dyn CheckpointStore>>,
        courier: Option<Arc<dyn Dispatcher>>,
    ) -> Dependencies {
        Dependencies { filesystem: Arc::new(Disk), clock: EngineClock::new(), store, courier }
    }
}
