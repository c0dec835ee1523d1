//! When counts are reported in events: at once after a quiet time, then at most once per interval.

use super::Counters;
use crate::event::CountEvent;
use crate::units::{EngineTime, PathId};

impl Counters {
    /// Reports the counts of a path that have waited long enough.
    pub(super) fn report(&mut self, id: PathId, now: EngineTime) {
        let interval = self.report_interval_ms;
        self.report_if(id, now, |reported_at| now - reported_at >= interval);
    }

    pub(super) fn report_all(&mut self, id: PathId) {
        self.report_if(id, self.clock.now(), |_| true);
    }

    fn report_if(&mut self, id: PathId, now: EngineTime, is_due: impl Fn(EngineTime) -> bool) {
        let Some(counters) = self.paths.get_mut(&id) else { return };
        let names = counters.watch.rules.names();
        let mut is_waiting = false;
        for (name, counter) in names.iter().zip(&mut counters.rules).filter(|(_, c)| c.unreported > 0) {
            if !is_due(counter.reported_at) {
                is_waiting = true;
                continue;
            }
            CountEvent {
                watch: counters.watch.name.clone(),
                rule: name.clone(),
                path: counters.path.to_path_buf(),
                delta: counter.unreported,
                total: counter.total,
                generation: counters.generation,
            }
            .emit();
            counter.unreported = 0;
            counter.reported_at = now;
        }
        if is_waiting {
            self.unreported.insert(id);
        } else {
            self.unreported.remove(&id);
        }
    }
}
