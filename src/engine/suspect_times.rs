//! Tells of stamps that cannot be right, once a minute at most.

use crate::detect::Millis;
use crate::engine::alarms::CountedTurn;
use crate::event::{HealthEvent, HealthKind};
use crate::fmt::display_path;

/// See the [module](self).
#[derive(Default)]
pub(super) struct SuspectTimes {
    late: u64,
    future: u64,
    told: Option<Millis>,
}

const INTERVAL_MS: Millis = 60_000;

impl SuspectTimes {
    /// Takes in what one turn counted.
    pub(super) fn note(&mut self, counted: &CountedTurn<'_>, now: Millis) {
        self.late += counted.tally.late;
        self.future += counted.tally.future;
        let is_quiet = self.told.is_none_or(|told| now - told >= INTERVAL_MS);
        if self.late + self.future == 0 || !is_quiet {
            return;
        }
        self.told = Some(now);
        let path = display_path(counted.path);
        if self.future > 0 {
            let message = format!(
                "stamps are more than 5 minutes ahead of the clock, lately in {path}; such lines are taken to be written \
                 when they came; set `time.zone` of the watch to the zone of its stamps, or mend the clock"
            );
            HealthEvent::warning(HealthKind::StampsAhead, message)
                .counting(std::mem::take(&mut self.future))
                .emit();
        }
        if self.late > 0 {
            let message = format!(
                "stamps are more than 7 days old, lately in {path}; such lines are counted, but no alert looks at them"
            );
            HealthEvent::warning(HealthKind::StampsOld, message)
                .counting(std::mem::take(&mut self.late))
                .emit();
        }
    }
}
