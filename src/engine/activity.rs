//! What happened to each path recently: matching lines by minute over the last hour, and the last few changes of the file.
//!
//! Only paths at which something happened have an entry, and each entry is bounded.

use std::collections::{HashMap, VecDeque};

use crate::event::FileEventKind;
use crate::units::{PathId, WallTime};

/// How many minutes are kept.
pub const MINUTES: i64 = 60;
/// How many changes are kept.
const CHANGES_MAX: usize = 8;
/// A reason is cut to so many characters.
const REASON_CHARS_MAX: usize = 200;

/// Something that happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastChange {
    /// When.
    pub at: WallTime,
    /// What.
    pub change: FileEventKind,
    /// How that was found out.
    pub reason: String,
}

/// Lines by minute since the epoch, oldest first; minutes without any are not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Minutes(VecDeque<(i64, u64)>);

impl Minutes {
    /// Lines in each of the last [`MINUTES`] minutes up to `now`, oldest first.
    pub(super) fn up_to(&self, now: WallTime) -> Vec<u64> {
        let first = now.0.div_euclid(60_000) - MINUTES + 1;
        let mut counts = vec![0; MINUTES as usize];
        for (minute, n) in &self.0 {
            if let Some(count) = usize::try_from(minute - first).ok().and_then(|at| counts.get_mut(at)) {
                *count += n;
            }
        }
        counts
    }

    pub(super) fn add(&mut self, minute: i64, n: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == minute) {
            Some((_, count)) => *count += n,
            None => {
                let at = self.0.partition_point(|(known, _)| *known < minute);
                self.0.insert(at, (minute, n));
                if self.0.len() as i64 > MINUTES {
                    self.0.pop_front();
                }
            }
        }
    }

    /// Lines in the minute of `now` and the one before it.
    fn of_last_two(&self, now: WallTime) -> u64 {
        let last = now.0.div_euclid(60_000);
        let recent = self.0.iter().rev().skip_while(|(minute, _)| *minute > last);
        recent.take_while(|(minute, _)| *minute >= last - 1).map(|(_, n)| n).sum()
    }

    /// The last minute in which there were any.
    pub(super) fn newest(&self) -> Option<i64> {
        self.0.back().map(|(minute, _)| *minute)
    }
}

/// What happened at one path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathActivity {
    /// Matching lines of all rules.
    minutes: Minutes,
    /// The last changes, oldest first.
    pub changes: VecDeque<PastChange>,
}

impl PathActivity {
    /// Matching lines in each of the last [`MINUTES`] minutes up to `now`, oldest first.
    #[must_use]
    pub fn per_minute(&self, now: WallTime) -> Vec<u64> {
        self.minutes.up_to(now)
    }

    /// Matching lines a second over this minute and the one before it.
    #[must_use]
    pub fn rate(&self, now: WallTime) -> f64 {
        let lines = self.minutes.of_last_two(now);
        lines as f64 / (60.0 + now.0.rem_euclid(60_000) as f64 / 1e3)
    }
}

/// What happened at all paths.
#[derive(Debug, Default)]
pub(super) struct Activity(HashMap<PathId, PathActivity>);

impl Activity {
    /// Adds `n` matching lines at each of `times`.
    pub(super) fn count(&mut self, key: PathId, times: impl Iterator<Item = (WallTime, u64)>, now: WallTime) {
        let first = now.0.div_euclid(60_000) - MINUTES + 1;
        for (at, n) in times {
            let minute = at.0.div_euclid(60_000);
            if minute >= first {
                self.0.entry(key).or_default().minutes.add(minute, n);
            }
        }
    }

    pub(super) fn happened(&mut self, key: PathId, at: WallTime, change: FileEventKind, reason: &str) {
        let changes = &mut self.0.entry(key).or_default().changes;
        if changes.len() == CHANGES_MAX {
            changes.pop_front();
        }
        let reason = reason.chars().take(REASON_CHARS_MAX).collect();
        changes.push_back(PastChange { at, change, reason });
    }

    pub(super) fn forget(&mut self, key: PathId) {
        self.0.remove(&key);
    }

    pub(super) fn shrink(&mut self) {
        self.0.shrink_to(2 * self.0.len());
    }

    pub(super) fn all(&self) -> Vec<PathActivity> {
        self.0.values().cloned().collect()
    }

    pub(super) fn get(&self, key: PathId) -> Option<&PathActivity> {
        self.0.get(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_kept_for_an_hour() {
        let mut recent = PathActivity::default();
        (0..100).for_each(|minute| recent.minutes.add(minute, 2));
        recent.minutes.add(99, 1);
        let now = WallTime(99 * 60_000 + 30_000);
        let counts = recent.per_minute(now);
        assert_eq!((counts.len(), counts[0], counts[59]), (60, 2, 3));
        assert!((recent.rate(now) - 5.0 / 90.0).abs() < 1e-9);
        assert_eq!(recent.per_minute(WallTime(now.0 + 59 * 60_000)).iter().sum::<u64>(), 3);
    }
}
