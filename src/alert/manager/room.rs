//! Bounds the series by path of each alert. A new series takes the place of one that is at rest; if all of them are pending or
//! firing, it is refused: an alert that fires must be able to resolve. What is refused is counted by path and reported together.

use std::collections::{HashMap, HashSet};

use crate::units::{AlertSpecId, PathId, WallTime};

/// Most series by path of one alert. Those that have been inactive for longest are dropped first.
pub const SERIES_MAX: usize = 10_000;
/// So many are dropped at once.
pub(super) const DROPPED_AT_ONCE: usize = SERIES_MAX / 10;
/// If none was at rest, none is looked for again before this time has passed, in milliseconds.
const RETRY_MS: i64 = 1_000;
/// For so long refused series are gathered before they are reported, in milliseconds.
const GATHER_MS: i64 = 2_000;
/// They are reported at most this often, in milliseconds.
const REPORT_MS: i64 = 60_000;

/// An alert that has more series than are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesOverflow {
    /// Name of the alert.
    pub alert: String,
    /// What became of some of its series.
    pub fate: SeriesFate,
    /// How many.
    pub count: usize,
}

/// What becomes of a series for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesFate {
    /// It was at rest and begins anew with its next line.
    Dropped,
    /// It did not begin, since none was at rest.
    Refused,
}

impl SeriesOverflow {
    /// What happened, and how to fix it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let fate = match self.fate {
            SeriesFate::Dropped => "; those that were quiet for longest are begun anew".to_owned(),
            SeriesFate::Refused => {
                let paths = if self.count == 1 { "path is" } else { "paths are" };
                format!(" and none is at rest: {} more {paths} counted, but cannot fire it now", self.count)
            }
        };
        format!(
            "the alert {} by path has more than {SERIES_MAX} series{fate}; have it look at fewer paths, or by watch",
            self.alert
        )
    }
}

/// The series by path of one alert.
#[derive(Debug, Default)]
struct AlertRoom {
    series: usize,
    /// The paths that have no series because there was no room.
    refused: HashSet<PathId>,
    /// How many of them were not reported, the name of the alert, and since when.
    unreported: Option<(usize, String, WallTime)>,
    reported: Option<WallTime>,
    /// When none was found at rest.
    was_full: Option<WallTime>,
}

impl AlertRoom {
    fn refuse(&mut self, path: PathId, alert: &str, now: WallTime) {
        if self.refused.insert(path) {
            self.unreported.get_or_insert_with(|| (0, alert.to_owned(), now)).0 += 1;
        }
    }

    fn report_at(&self) -> Option<WallTime> {
        let (_, _, since) = self.unreported.as_ref()?;
        Some(
            self.reported
                .map_or(*since + GATHER_MS, |reported| (reported + REPORT_MS).max(*since + GATHER_MS)),
        )
    }
}

/// The series by path of all alerts.
#[derive(Debug, Default)]
pub(super) struct SeriesRoom(HashMap<AlertSpecId, AlertRoom>);

impl SeriesRoom {
    /// The alert has a series for `path`.
    pub(super) fn added(&mut self, alert: AlertSpecId, path: PathId) {
        let room = self.0.entry(alert).or_default();
        room.series += 1;
        room.refused.remove(&path);
    }

    /// The alert has one series by path less.
    pub(super) fn removed(&mut self, alert: AlertSpecId) {
        if let Some(room) = self.0.get_mut(&alert) {
            room.series = room.series.saturating_sub(1);
        }
    }

    /// Whether there is room for another series.
    pub(super) fn has_room(&self, alert: AlertSpecId) -> bool {
        self.0.get(&alert).is_none_or(|room| room.series < SERIES_MAX)
    }

    /// Whether it is worth looking for series at rest. It is looked at once then.
    pub(super) fn is_worth_a_look(&mut self, alert: AlertSpecId, now: WallTime) -> bool {
        let room = self.0.entry(alert).or_default();
        let is_due = room.was_full.is_none_or(|at| !(0..RETRY_MS).contains(&(now - at)));
        if is_due {
            room.was_full = Some(now);
        }
        is_due
    }

    /// There is no room for a series of the alert called `name` for `path`. Returns when that is to be reported.
    pub(super) fn refuse(
        &mut self,
        alert: AlertSpecId,
        path: PathId,
        name: &str,
        now: WallTime,
    ) -> Option<WallTime> {
        let room = self.0.entry(alert).or_default();
        room.refuse(path, name, now);
        room.report_at()
    }

    /// A path is no longer watched.
    pub(super) fn forget_path(&mut self, path: PathId) {
        for room in self.0.values_mut() {
            room.refused.remove(&path);
        }
    }

    /// Moves every time by `by_ms`: the clock was set.
    pub(super) fn shift(&mut self, by_ms: i64) {
        for room in self.0.values_mut() {
            let times = [&mut room.reported, &mut room.was_full];
            times.into_iter().flatten().for_each(|at| *at = *at + by_ms);
            if let Some((_, _, since)) = &mut room.unreported {
                *since = *since + by_ms;
            }
        }
    }

    /// Other definitions may have room.
    pub(super) fn reload(&mut self) {
        for room in self.0.values_mut() {
            room.refused.clear();
            room.was_full = None;
        }
    }

    /// What was refused and is to be reported at `now`, or at all, and when there is more to report.
    pub(super) fn take_refused(&mut self, now: Option<WallTime>) -> (Vec<SeriesOverflow>, Option<WallTime>) {
        let (mut overflows, mut later) = (Vec::new(), None);
        for room in self.0.values_mut() {
            let Some(at) = room.report_at() else { continue };
            if now.is_some_and(|now| now < at) {
                later = later.into_iter().chain([at]).min();
            } else if let Some((count, alert, _)) = room.unreported.take() {
                room.reported = now;
                overflows.push(SeriesOverflow { alert, fate: SeriesFate::Refused, count });
            }
        }
        overflows.sort_by(|a, b| a.alert.cmp(&b.alert));
        (overflows, later)
    }
}
