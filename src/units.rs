//! Identifiers and times as types: a watch is not an index that a reload renumbers, and the engine's time is not the wall clock's.

use std::collections::HashMap;
use std::fmt;
use std::ops::{Add, Sub};

use jiff::Timestamp;

/// A watch. Watches of one name have one id for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(u32);

/// An alert definition. Definitions of one name have one id for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertSpecId(u32);

/// A watched path, by a number that is never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u64);

/// Returns names their ids.
#[derive(Debug, Clone, Default)]
pub struct NameIds {
    watches: HashMap<String, WatchId>,
    alerts: HashMap<String, AlertSpecId>,
}

impl NameIds {
    /// The id of the watch `name`; a new one at the first call.
    pub fn watch(&mut self, name: &str) -> WatchId {
        let next = WatchId(self.watches.len() as u32);
        *self.watches.entry(name.to_owned()).or_insert(next)
    }

    /// The id of the alert `name`; a new one at the first call.
    pub fn alert(&mut self, name: &str) -> AlertSpecId {
        let next = AlertSpecId(self.alerts.len() as u32);
        *self.alerts.entry(name.to_owned()).or_insert(next)
    }
}

/// A point on the engine's time line, in milliseconds: it starts at the wall clock's time and then follows the monotonic clock, so
/// that a step of the wall clock neither empties nor stretches a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineTime(pub i64);

/// A point in time by the wall clock, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

/// How far the wall clock is ahead of the engine's time line, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockShift(pub i64);

impl EngineTime {
    /// The same point by the wall clock.
    #[must_use]
    pub fn to_wall(self, shift: ClockShift) -> WallTime {
        WallTime(self.0.saturating_add(shift.0))
    }
}

impl WallTime {
    /// The same point on the engine's time line.
    #[must_use]
    pub fn to_engine(self, shift: ClockShift) -> EngineTime {
        EngineTime(self.0.saturating_sub(shift.0))
    }
}

/// RFC 3339, UTC.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp::from_millisecond(self.0).unwrap_or_default().fmt(f)
    }
}

impl Add<i64> for EngineTime {
    type Output = EngineTime;

    fn add(self, ms: i64) -> EngineTime {
        EngineTime(self.0.saturating_add(ms))
    }
}

impl Add<i64> for WallTime {
    type Output = WallTime;

    fn add(self, ms: i64) -> WallTime {
        WallTime(self.0.saturating_add(ms))
    }
}

/// The time between two points, in milliseconds.
impl Sub for WallTime {
    type Output = i64;

    fn sub(self, earlier: WallTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time between two points, in milliseconds.
impl Sub for EngineTime {
    type Output = i64;

    fn sub(self, earlier: EngineTime) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_id() {
        let mut ids = NameIds::default();
        let (app, db) = (ids.watch("app"), ids.watch("db"));
        assert!(app != db && ids.watch("app") == app && ids.watch("db") == db);
        assert_eq!(ids.alert("spike"), ids.alert("spike"));
    }

    #[test]
    fn times_convert_by_the_shift_of_the_clocks() {
        let (at, shift) = (EngineTime(1_000), ClockShift(500));
        assert_eq!(at.to_wall(shift), WallTime(1_500));
        assert_eq!(at.to_wall(shift).to_engine(shift), at);
        assert_eq!(WallTime(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(EngineTime(5) + 3 - EngineTime(1), 7);
    }
}
