//! Silences that a receiver has by itself, as it said last. They hold nothing back here: the receiver does that, and others are notified.

use std::path::Path;

use super::NotificationQueue;
use crate::notify::silence::{SilencedBy, SilencedElsewhere};

impl NotificationQueue {
    /// Notes what the receiver of `output` silences now.
    pub(in crate::notify) fn set_silenced_elsewhere(&self, output: &str, silenced: Vec<SilencedElsewhere>) {
        if let Some(queue) = self.lock().queues.get_mut(output) {
            queue.silenced_elsewhere = silenced;
        }
    }

    /// Which receiver silences an alert, if one does.
    pub(super) fn silenced_elsewhere(
        &self,
        alert: &str,
        path: Option<&Path>,
        pattern: Option<&str>,
    ) -> Option<SilencedBy> {
        let state = self.lock();
        let mut all = state.queues.values().flat_map(|queue| &queue.silenced_elsewhere);
        let found = all.find(|silenced| silenced.is_of(alert, path, pattern))?;
        Some(SilencedBy { id: None, name: found.by.clone(), since_ms: 0 })
    }

    /// Has `is_alive` decide whether receivers are notified that the daemon works. Without it, it does.
    pub fn set_alive(&self, is_alive: impl Fn() -> bool + Send + Sync + 'static) {
        let _ = self.is_alive.set(Box::new(is_alive));
    }

    pub(in crate::notify) fn is_alive(&self) -> bool {
        self.is_alive.get().is_none_or(|is_alive| is_alive())
    }
}
