//! When a line was written of which it is known when it was received.

use super::{Detector, EventTime, TimeOrigin};

/// Zones differ by multiples of this, in milliseconds.
const ZONE_STEP_MS: i64 = 15 * 60_000;
/// And never by more than this, in milliseconds.
const ZONE_MAX_MS: i64 = 14 * 3_600_000;
/// A line that was written just now is stamped no longer ago than this, in milliseconds.
const STAMP_AGE_MS: i64 = 20_000;

impl Detector {
    /// When what `line` tells of happened, which a container runtime got at `received_ms`, in milliseconds since 1970: when the line
    /// says, if it says it. Where that is off as zones are, the zone of the program is another one than is thought.
    pub fn read_received(&mut self, line: &[u8], received_ms: i64) -> EventTime {
        let time = self.read(line, received_ms);
        match time.source {
            TimeOrigin::Stamped if zone_steps_ms(received_ms - time.at_ms).is_none() => time,
            TimeOrigin::Late => time,
            _ => EventTime { at_ms: received_ms, source: TimeOrigin::Stamped },
        }
    }
}

/// How far a stamp is off that is `lag_ms` old because it is of another zone than is thought, if that is the reason: some
/// quarters of an hour, no more and no less.
#[must_use]
pub fn zone_steps_ms(lag_ms: i64) -> Option<i64> {
    let steps_ms = lag_ms.div_euclid(ZONE_STEP_MS) * ZONE_STEP_MS;
    let is_shift = steps_ms != 0 && steps_ms.abs() <= ZONE_MAX_MS && lag_ms - steps_ms <= STAMP_AGE_MS;
    is_shift.then_some(steps_ms)
}
