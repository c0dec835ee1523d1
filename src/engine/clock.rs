//! The engine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use crate::file::tailer::TurnTime;
use crate::units::{ClockShift, EngineTime, WallTime};

/// Anchored to the wall clock once, then carried on by the monotonic clock.
#[derive(Debug, Clone)]
pub struct EngineClock {
    begun_ms: i64,
    time: TimeSource,
    /// How far the wall clock is ahead of this one, in milliseconds.
    shift_ms: Arc<AtomicI64>,
}

/// Two clocks are read one after the other: a smaller difference than this is no step of one of them, in milliseconds.
const SHIFT_MS_MIN: i64 = 1_000;

#[derive(Debug, Clone)]
enum TimeSource {
    Real(Instant),
    /// Nanoseconds on the monotonic clock and since the epoch, as a test sets them.
    Manual {
        now_ns: Arc<AtomicI64>,
        wall_ns: Arc<AtomicI64>,
    },
}

impl EngineClock {
    /// A clock that agrees with the wall clock now.
    #[must_use]
    pub fn new() -> EngineClock {
        EngineClock {
            begun_ms: Timestamp::now().as_millisecond(),
            time: TimeSource::Real(Instant::now()),
            shift_ms: Arc::default(),
        }
    }

    /// A clock that shows what `now_ns` holds: nanoseconds since the epoch, which never go back.
    #[must_use]
    pub fn manual(now_ns: Arc<AtomicI64>) -> EngineClock {
        EngineClock::stepped(Arc::clone(&now_ns), now_ns)
    }

    /// A clock that follows `now_ns` after it was started at the time that `wall_ns` holds: nanoseconds, of which the first never go
    /// back.
    #[must_use]
    pub fn stepped(now_ns: Arc<AtomicI64>, wall_ns: Arc<AtomicI64>) -> EngineClock {
        let begun_ms = (wall_ns.load(Ordering::Relaxed) - now_ns.load(Ordering::Relaxed)) / 1_000_000;
        EngineClock { begun_ms, time: TimeSource::Manual { now_ns, wall_ns }, shift_ms: Arc::default() }
    }

    /// The time on the engine's time line.
    #[must_use]
    pub fn now(&self) -> EngineTime {
        EngineTime(self.begun_ms + self.elapsed_ms())
    }

    /// The time by the wall clock.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        WallTime(self.wall_ns() / 1_000_000)
    }

    /// When the machine was booted, by the wall clock; a test does not say.
    #[must_use]
    pub fn booted(&self) -> Option<WallTime> {
        let TimeSource::Real(_) = self.time else { return None };
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let since_boot_ms =
            since_boot.tv_sec.saturating_mul(1_000).saturating_add(since_boot.tv_nsec / 1_000_000);
        Some(WallTime(self.wall().0.saturating_sub(since_boot_ms)))
    }

    /// The time by the clock that stamps files, in nanoseconds since the epoch.
    #[must_use]
    pub fn wall_ns(&self) -> i64 {
        match &self.time {
            TimeSource::Real(_) => i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            TimeSource::Manual { wall_ns, .. } => wall_ns.load(Ordering::Relaxed),
        }
    }

    /// The time, as a turn of a file needs it.
    #[must_use]
    pub fn turn_time(&self, is_prompt: bool) -> TurnTime {
        TurnTime { monotonic_ms: self.elapsed_ms().unsigned_abs(), wall_ns: self.wall_ns(), is_prompt }
    }

    /// How far the wall clock, which stamps lines, is ahead of this one: 0 until it is set.
    #[must_use]
    pub fn shift(&self) -> ClockShift {
        let shift_ms = self.wall().0 - self.now().0;
        let known_ms = self.shift_ms.load(Ordering::Relaxed);
        if (shift_ms - known_ms).abs() < SHIFT_MS_MIN {
            return ClockShift(known_ms);
        }
        self.shift_ms.store(shift_ms, Ordering::Relaxed);
        ClockShift(shift_ms)
    }

    fn elapsed_ms(&self) -> i64 {
        match &self.time {
            TimeSource::Real(begun) => i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            TimeSource::Manual { now_ns, .. } => now_ns.load(Ordering::Relaxed) / 1_000_000,
        }
    }
}

impl Default for EngineClock {
    fn default() -> EngineClock {
        EngineClock::new()
    }
}
