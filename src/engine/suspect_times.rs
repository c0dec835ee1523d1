//! Reports timestamps that cannot be right, at most once a minute.

use std::path::Path;

use crate::event::{HealthEvent, HealthKind};
use crate::file::tally::Tally;
use crate::fmt::display_path;
use crate::units::EngineTime;

/// See the [module](self).
#[derive(Default)]
pub(super) struct SuspectTimes {
    late: u64,
    future: u64,
    reported_at: Option<EngineTime>,
}

const INTERVAL_MS: i64 = 60_000;

impl SuspectTimes {
    /// Notes what one turn of the file at `path` counted.
    pub(super) fn note(&mut self, tally: &Tally, path: &Path, now: EngineTime) {
        self.late += tally.late;
        self.future += tally.future;
        let is_quiet = self.reported_at.is_none_or(|at| now - at >= INTERVAL_MS);
        if self.late + self.future == 0 || !is_quiet {
            return;
        }
        self.reported_at = Some(now);
        let path = display_path(path);
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
