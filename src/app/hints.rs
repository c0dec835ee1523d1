//! Passes what watching finds to the engine.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::own_files::OwnFiles;
use crate::engine::EngineHandle;
use crate::event::{HealthEvent, HealthKind};
use crate::file::tailer::FileOrigin;
use crate::fmt::display_path;
use crate::sys::memory::give_back_free;
use crate::units::PathId;
use crate::watch::{HintSink, Incident};

/// When so many files are dropped at once, their memory is given back.
const MANY: usize = 256;

/// After so many sweeps, free memory is given back anyway: long answers take much of it for a moment.
const GIVE_BACK_SWEEPS: u64 = 6;

/// Passes hints on to the engine.
pub(super) struct WatchSink {
    hints: EngineHandle,
    /// Files born after this are new even if they are there when watching begins.
    new_since: Option<SystemTime>,
    own: OwnFiles,
    /// The files that were there when watching began.
    found: Mutex<HashSet<PathId>>,
    overflows: Arc<AtomicU64>,
    sweeps: AtomicU64,
}

impl WatchSink {
    pub(super) fn new(
        hints: EngineHandle,
        new_since: Option<SystemTime>,
        own: OwnFiles,
        overflows: Arc<AtomicU64>,
    ) -> WatchSink {
        WatchSink { hints, new_since, own, found: Mutex::default(), overflows, sweeps: AtomicU64::new(1) }
    }

    /// Whether the daemon itself writes the file at `path`.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        self.own.contain(path, false)
    }

    /// The files that were there when watching began.
    pub(super) fn take_found(&self) -> HashSet<PathId> {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn origin(&self, path: &Path, existing: bool) -> FileOrigin {
        let born = || std::fs::metadata(path).and_then(|meta| meta.created()).ok();
        let is_new = self.new_since.is_some_and(|since| born().is_some_and(|born| born > since));
        if existing && !is_new { FileOrigin::Existing } else { FileOrigin::Appeared }
    }
}

impl HintSink for WatchSink {
    fn found(&self, watch: &str, path: &Arc<Path>, existing: bool) -> Option<PathId> {
        if self.own.contain(path, !existing) {
            tracing::debug!(path = %display_path(path), "not watched: the daemon writes to it itself");
            return None;
        }
        let key = self.hints.add(watch, path, self.origin(path, existing))?;
        if existing && self.new_since.is_some() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        Some(key)
    }

    fn heard(&self, files: &[PathId], is_alone: bool) {
        self.hints.heard(files, is_alone);
    }

    fn look(&self, files: &[PathId]) {
        self.hints.look(files);
    }

    fn removed(&self, file: PathId) {
        self.hints.removed(file);
    }

    fn sweep(&self, everything: bool) -> Vec<PathId> {
        let gone: Vec<PathId> = self.hints.sweep(everything).into_iter().collect();
        let sweeps = self.sweeps.fetch_add(1, Ordering::Relaxed);
        if gone.len() >= MANY || sweeps.is_multiple_of(GIVE_BACK_SWEEPS) {
            give_back_free();
        }
        gone
    }

    fn trouble(&self, trouble: Incident) {
        match trouble {
            Incident::Polled(message) => HealthEvent::warning(HealthKind::Polling, message).emit(),
            Incident::Waiting(message) => HealthEvent::info(HealthKind::Waiting, message).emit(),
            Incident::Unlisted(message) => HealthEvent::warning(HealthKind::Unlisted, message).emit(),
            Incident::Mended(message) => HealthEvent::info(HealthKind::Mended, message).emit(),
            Incident::Overflow => {
                self.overflows.fetch_add(1, Ordering::Relaxed);
                let message = "the kernel lost events, so every file is looked at; if this comes often, raise fs.inotify.max_queued_events";
                HealthEvent::warning(HealthKind::WatchOverflow, message).emit();
            }
        }
    }
}
