//! What the engine stands on: files, time, and what survives a restart.

use std::sync::Arc;

use crate::engine::clock::Clock;
use crate::file::filesystem::{Disk, Filesystem};
use crate::store::{CheckpointStore, Courier};

/// The engine's surroundings.
pub struct World {
    /// Where files are.
    pub filesystem: Arc<dyn Filesystem>,
    /// What time it is.
    pub clock: Clock,
    /// Keeps what must survive a restart; nothing does without it.
    pub store: Option<Box<dyn CheckpointStore>>,
    /// Carries alerts away; without it they are events only.
    pub courier: Option<Arc<dyn Courier>>,
}

impl World {
    /// The real files and the real time.
    #[must_use]
    pub fn real(store: Option<Box<dyn CheckpointStore>>, courier: Option<Arc<dyn Courier>>) -> World {
        World { filesystem: Arc::new(Disk), clock: Clock::new(), store, courier }
    }
}
