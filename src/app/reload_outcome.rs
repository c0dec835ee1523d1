//! Which configuration is in use, and whether the last reload was applied.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::serve::metrics::ConfigurationMetrics;

pub(super) struct ReloadOutcome(Mutex<ConfigurationMetrics>);

impl ReloadOutcome {
    /// The configuration of the start.
    pub(super) fn new(hash: &str) -> ReloadOutcome {
        let outcome = ReloadOutcome(Mutex::default());
        outcome.applied(hash);
        outcome
    }

    pub(super) fn applied(&self, hash: &str) {
        *self.lock() = ConfigurationMetrics {
            hash: hash.to_owned(),
            is_last_reload_applied: true,
            applied_s: Timestamp::now().as_millisecond() as f64 / 1_000.0,
        };
    }

    pub(super) fn refused(&self) {
        self.lock().is_last_reload_applied = false;
    }

    pub(super) fn metrics(&self) -> ConfigurationMetrics {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ConfigurationMetrics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
