//! Times that jump: the clock is set, or the machine was off.

use super::AlertManager;
use crate::units::WallTime;

const MINUTE_MS: i64 = 60_000;

impl AlertManager {
    /// The machine was booted at `at`: what was saved before did not run on until then.
    #[must_use]
    pub fn booted_at(mut self, at: Option<WallTime>) -> AlertManager {
        self.booted = at;
        self
    }

    /// Follows the clock, which was set `by_ms` ahead: every time that is known moves along, so that nothing becomes older or younger.
    pub fn follow_clock(&mut self, by_ms: i64) {
        self.entries.values_mut().for_each(|entry| entry.shift(by_ms));
        self.room.shift(by_ms);
        let times = [&mut self.settling, &mut self.due];
        times.into_iter().flatten().for_each(|at| *at = *at + by_ms);
        self.aside = self.aside.map(|(first, last)| (first + by_ms, last + by_ms));
        self.shift_told(by_ms);
        self.change_all();
    }

    /// Moves the minutes in which patterns were reported: the clock was set.
    fn shift_told(&mut self, by_ms: i64) {
        let minutes = by_ms.saturating_add(MINUTE_MS / 2).div_euclid(MINUTE_MS);
        self.notified.values_mut().for_each(|(minute, _)| *minute = minute.saturating_add(minutes));
    }
}
