//! Passes what watching finds to the engine.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::engine::EngineHandle;
use crate::event::{HealthEvent, HealthKind};
use crate::file::tailer::FileOrigin;
use crate::sys::open::{stat_file, stat_path};
use crate::units::PathId;
use crate::watch::{HintSink, Incident};

/// Passes hints on to the engine.
pub(super) struct WatchSink {
    hints: EngineHandle,
    /// Files born after this are new even if they are there when watching begins.
    new_since: Option<SystemTime>,
    /// The files that this process writes to: to count its own output would never end.
    own: HashSet<(u64, u64)>,
    /// The files that were there when watching began.
    found: Mutex<HashSet<PathId>>,
    overflows: Arc<AtomicU64>,
}

impl WatchSink {
    pub(super) fn new(
        hints: EngineHandle,
        new_since: Option<SystemTime>,
        overflows: Arc<AtomicU64>,
    ) -> WatchSink {
        let fds =
            [std::io::stdout().as_fd().try_clone_to_owned(), std::io::stderr().as_fd().try_clone_to_owned()];
        let stats = fds.into_iter().flatten().filter_map(|fd| stat_file(&File::from(fd)).ok());
        let own = stats.filter(|stat| stat.is_regular()).map(|stat| (stat.dev, stat.ino)).collect();
        WatchSink { hints, new_since, own, found: Mutex::default(), overflows }
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
        if !self.own.is_empty() && stat_path(path).is_ok_and(|stat| self.own.contains(&(stat.dev, stat.ino)))
        {
            tracing::debug!(path = %path.display(), "not watched: the daemon writes to it itself");
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

    fn sweep(&self, everything: bool) -> Vec<PathId> {
        self.hints.sweep(everything).into_iter().collect()
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
