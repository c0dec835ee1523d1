//! What is due by time alone. Sleeps without a time-out when nothing is.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::detect::Millis;
use crate::engine::shared::{Shared, lock};

/// Time is looked at no more often than this, in milliseconds.
const TICK_MS: Millis = 100;

pub(super) fn run(shared: &Shared) {
    let mut earliest = Millis::MIN;
    while wait(shared, earliest) {
        let later = shared.tick_once();
        earliest = shared.clock.now() + TICK_MS;
        if let Some(later) = later {
            shared.wake_ticker(later);
        }
    }
}

/// Waits until something is due, but not before `earliest`. False if the engine stops.
fn wait(shared: &Shared, earliest: Millis) -> bool {
    let mut ticks = lock(&shared.ticks);
    loop {
        if ticks.stop {
            return false;
        }
        let wait_ms = ticks.next.map(|next| next.max(earliest).saturating_sub(shared.clock.now()));
        ticks = match wait_ms {
            None => shared.tick.wait(ticks).unwrap_or_else(PoisonError::into_inner),
            Some(wait_ms) if wait_ms > 0 => {
                let wait = Duration::from_millis(wait_ms.unsigned_abs());
                shared.tick.wait_timeout(ticks, wait).unwrap_or_else(PoisonError::into_inner).0
            }
            Some(_) => {
                ticks.next = None;
                return true;
            }
        };
    }
}

impl Shared {
    /// Does what is due by time. Gives when something will be.
    pub(super) fn tick_once(&self) -> Option<Millis> {
        let torn = self.torn_scans.load(Ordering::Relaxed);
        let now = self.clock.now();
        let due = self.book().tick(now, torn);
        let (has_draining, queued) = {
            let mut registry = self.registry();
            (registry.has_draining(), registry.enqueue_draining())
        };
        for _ in 0..queued {
            self.work.notify_one();
        }
        if due.commit {
            self.want_commit(due.urgent);
        }
        due.later.into_iter().chain(has_draining.then_some(now + TICK_MS)).min()
    }
}
