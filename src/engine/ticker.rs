//! What is due by time alone. Sleeps without a time-out when nothing is.

use std::sync::atomic::Ordering;

use crate::engine::path_counters::NEVER;
use crate::engine::shared::Shared;

/// The ticker looks no more often than this, in milliseconds.
const TICK_MS: i64 = 100;

pub(super) fn run(shared: &Shared) {
    let mut earliest = NEVER;
    while shared.ticks.wait(earliest, &shared.clock) {
        tick(shared);
        earliest = shared.clock.now() + TICK_MS;
    }
}

/// Does what is due.
pub(super) fn tick(shared: &Shared) {
    let torn = shared.metrics.torn_scans.load(Ordering::Relaxed);
    let now = shared.clock.now();
    let due = shared.counters().tick(now, torn);
    let (queued, draining_due) = {
        let mut scheduler = shared.files.lock();
        (scheduler.enqueue_draining(now), scheduler.draining_due())
    };
    shared.files.wake(queued);
    shared.schedule(due);
    if let Some(at) = draining_due {
        shared.ticks.wake_at(at.max(now + TICK_MS));
    }
}
