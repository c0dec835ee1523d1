//! What is due by time alone. Sleeps without a time-out when nothing is.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::engine::{Shared, lock};

/// How often time is looked at while anything waits for it.
const TICK: Duration = Duration::from_millis(100);

pub(super) fn run(shared: &Shared) {
    loop {
        {
            let ticks = lock(&shared.ticks);
            let mut ticks =
                shared.tick.wait_while(ticks, |t| !t.due && !t.stop).unwrap_or_else(PoisonError::into_inner);
            if ticks.stop {
                return;
            }
            ticks.due = false;
            let (ticks, _) = shared
                .tick
                .wait_timeout_while(ticks, TICK, |t| !t.stop)
                .unwrap_or_else(PoisonError::into_inner);
            if ticks.stop {
                return;
            }
        }
        let torn = shared.torn_scans.load(Ordering::Relaxed);
        let is_waiting = shared.book().tick(shared.clock.now(), torn);
        let (has_draining, queued) = {
            let mut registry = shared.registry();
            (registry.has_draining(), registry.enqueue_draining())
        };
        for _ in 0..queued {
            shared.work.notify_one();
        }
        if is_waiting || has_draining {
            shared.wake_ticker();
        }
    }
}
