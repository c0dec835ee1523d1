//! The time by which alerts live: the wall clock, which stamps lines. It goes on with the engine's clock and steps when the wall clock
//! was set, so that what is known of alerts can step with it, once.

use crate::engine::clock::EngineClock;
use crate::units::{ClockShift, EngineTime, WallTime};

/// Lines that were written so long before the clock was set, in milliseconds, bear stamps of the clock as it was then.
const STAMPED_BEFORE_MS: i64 = 60_000;

/// See the [module](self).
pub(super) struct AlertClock {
    clock: EngineClock,
    shift: ClockShift,
    last_step: Option<ClockStep>,
}

/// That the wall clock was set.
#[derive(Debug, Clone, Copy)]
struct ClockStep {
    /// What it showed then.
    from: WallTime,
    /// How far ahead it was set, in milliseconds.
    by_ms: i64,
}

impl AlertClock {
    pub(super) fn new(clock: EngineClock) -> AlertClock {
        let shift = clock.shift();
        AlertClock { clock, shift, last_step: None }
    }

    pub(super) fn now(&self) -> WallTime {
        self.clock.now().to_wall(self.shift)
    }

    /// How far ahead the wall clock was set since the last call, in milliseconds.
    pub(super) fn follow(&mut self) -> i64 {
        let shift = self.clock.shift();
        let by_ms = shift.0.saturating_sub(self.shift.0);
        if by_ms != 0 {
            self.last_step = Some(ClockStep { from: self.now(), by_ms });
            self.shift = shift;
        }
        by_ms
    }

    pub(super) fn to_engine(&self, at: WallTime) -> EngineTime {
        at.to_engine(self.shift)
    }

    pub(super) fn to_wall(&self, at: EngineTime) -> WallTime {
        at.to_wall(self.shift)
    }

    /// When a line with this stamp was written. One that was written just before the clock was set ahead bears a stamp of the time before.
    pub(super) fn of_stamp(&self, at_ms: i64) -> WallTime {
        let is_of_before = |step: &ClockStep| {
            (step.from.0 - STAMPED_BEFORE_MS..=step.from.0).contains(&at_ms) && step.by_ms > 0
        };
        let by_ms = self.last_step.filter(is_of_before).map_or(0, |step| step.by_ms);
        WallTime(at_ms) + by_ms
    }
}
