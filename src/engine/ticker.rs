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
        if shared.tick_once() {
            shared.wake_ticker();
        }
    }
}

impl Shared {
    /// Does what is due by time. True if something will be.
    pub(super) fn tick_once(&self) -> bool {
        let torn = self.torn_scans.load(Ordering::Relaxed);
        let due = self.book().tick(self.clock.now(), torn);
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
        due.later || has_draining
    }
}
