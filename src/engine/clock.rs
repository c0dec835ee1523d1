//! The engine's time line.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use crate::detect::Millis;
use crate::file::tail::Moment;

/// Anchored to the wall clock once, then carried on by the monotonic clock: a step of the wall clock neither empties
/// nor stretches a window.
#[derive(Debug, Clone)]
pub struct Clock {
    begun_ms: Millis,
    time: Time,
}

#[derive(Debug, Clone)]
enum Time {
    Real(Instant),
    /// Nanoseconds since the epoch, as someone else sets them.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that is right now.
    #[must_use]
    pub fn new() -> Clock {
        Clock { begun_ms: Timestamp::now().as_millisecond(), time: Time::Real(Instant::now()) }
    }

    /// A clock that says what `now_ns` holds: nanoseconds since the epoch, which never go back.
    #[must_use]
    pub fn manual(now_ns: Arc<AtomicI64>) -> Clock {
        Clock { begun_ms: 0, time: Time::Manual(now_ns) }
    }

    /// Now, on the engine's time line.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.begun_ms + self.elapsed_ms()
    }

    /// Now, on the clock that stamps files, in nanoseconds since the epoch.
    #[must_use]
    pub fn wall_ns(&self) -> i64 {
        match &self.time {
            Time::Real(_) => i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            Time::Manual(now_ns) => now_ns.load(Ordering::Relaxed),
        }
    }

    /// Now, as a turn of a file needs it.
    #[must_use]
    pub fn moment(&self, is_prompt: bool) -> Moment {
        Moment { monotonic_ms: self.elapsed_ms().unsigned_abs(), wall_ns: self.wall_ns(), is_prompt }
    }

    fn elapsed_ms(&self) -> Millis {
        match &self.time {
            Time::Real(begun) => Millis::try_from(begun.elapsed().as_millis()).unwrap_or(Millis::MAX),
            Time::Manual(now_ns) => now_ns.load(Ordering::Relaxed) / 1_000_000,
        }
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
