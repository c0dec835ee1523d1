//! The engine's time line.

use std::time::Instant;

use jiff::Timestamp;

use crate::detect::Millis;
use crate::file::tail::Moment;

/// Anchored to the wall clock once, then carried on by the monotonic clock: a step of the wall clock neither empties
/// nor stretches a window.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    begun: Instant,
    begun_ms: Millis,
}

impl Clock {
    /// A clock that is right now.
    #[must_use]
    pub fn new() -> Clock {
        Clock { begun: Instant::now(), begun_ms: Timestamp::now().as_millisecond() }
    }

    /// Now, on the engine's time line.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.begun_ms + self.elapsed_ms()
    }

    /// Now, as a turn of a file needs it.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let wall_ns = i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        Moment { monotonic_ms: self.elapsed_ms().unsigned_abs(), wall_ns }
    }

    fn elapsed_ms(&self) -> Millis {
        Millis::try_from(self.begun.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// The wall-clock time of `then`, in RFC 3339. The distance from now is what the engine measured; now is what the wall
/// clock says.
#[must_use]
pub fn wall_time(then: Millis, now: Millis) -> String {
    let wall = Timestamp::now().as_millisecond() - (now - then);
    Timestamp::from_millisecond(wall).unwrap_or_default().to_string()
}
