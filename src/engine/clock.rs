//! The engine's time line.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use crate::detect::Millis;
use crate::file::tailer::TurnTime;

/// Anchored to the wall clock once, then carried on by the monotonic clock: a step of the wall clock neither empties
/// nor stretches a window.
#[derive(Debug, Clone)]
pub struct EngineClock {
    begun_ms: Millis,
    time: TimeSource,
    /// How far the wall clock is ahead of this one, in milliseconds.
    shift_ms: Arc<AtomicI64>,
}

/// Two clocks are read one after the other: what they differ by less than this is no step of one of them, in milliseconds.
const SHIFT_MS_MIN: Millis = 1_000;

#[derive(Debug, Clone)]
enum TimeSource {
    Real(Instant),
    /// Nanoseconds since the epoch, as someone else sets them.
    Manual(Arc<AtomicI64>),
}

impl EngineClock {
    /// A clock that is right now.
    #[must_use]
    pub fn new() -> EngineClock {
        EngineClock {
            begun_ms: Timestamp::now().as_millisecond(),
            time: TimeSource::Real(Instant::now()),
            shift_ms: Arc::default(),
        }
    }

    /// A clock that says what `now_ns` holds: nanoseconds since the epoch, which never go back.
    #[must_use]
    pub fn manual(now_ns: Arc<AtomicI64>) -> EngineClock {
        EngineClock { begun_ms: 0, time: TimeSource::Manual(now_ns), shift_ms: Arc::default() }
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
            TimeSource::Real(_) => i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            TimeSource::Manual(now_ns) => now_ns.load(Ordering::Relaxed),
        }
    }

    /// Now, as a turn of a file needs it.
    #[must_use]
    pub fn moment(&self, is_prompt: bool) -> TurnTime {
        TurnTime { monotonic_ms: self.elapsed_ms().unsigned_abs(), wall_ns: self.wall_ns(), is_prompt }
    }

    /// How far the wall clock, which stamps lines, is ahead of this one, in milliseconds: 0 until someone sets it.
    #[must_use]
    pub fn shift_ms(&self) -> Millis {
        let shift_ms = self.wall_ns() / 1_000_000 - self.now();
        let known_ms = self.shift_ms.load(Ordering::Relaxed);
        if (shift_ms - known_ms).abs() < SHIFT_MS_MIN {
            return known_ms;
        }
        self.shift_ms.store(shift_ms, Ordering::Relaxed);
        shift_ms
    }

    /// A point on the engine's time line as the wall clock has it: RFC 3339, UTC.
    #[must_use]
    pub fn wall_time(&self, at_ms: Millis) -> String {
        let wall_ms = at_ms.saturating_add(self.shift_ms());
        Timestamp::from_millisecond(wall_ms).unwrap_or_default().to_string()
    }

    fn elapsed_ms(&self) -> Millis {
        match &self.time {
            TimeSource::Real(begun) => Millis::try_from(begun.elapsed().as_millis()).unwrap_or(Millis::MAX),
            TimeSource::Manual(now_ns) => now_ns.load(Ordering::Relaxed) / 1_000_000,
        }
    }
}

impl Default for EngineClock {
    fn default() -> EngineClock {
        EngineClock::new()
    }
}
