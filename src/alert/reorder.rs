//! Lines that were read out of order, by the time at which they were written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::detect::Millis;

/// At most this many points in time are kept: with a window of a minute, more than two hours in which a line matched in every
/// second. Takes about 40 bytes each.
const POINTS_MAX: usize = 8_192;
/// A window is cut into this many points.
const WINDOW_POINTS: Millis = 60;

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ReorderBuffer {
    /// Matching lines and all lines.
    points: BTreeMap<Millis, (u64, u64)>,
}

impl ReorderBuffer {
    /// Adds lines that were written at `at_ms`, as exactly as a window of `window_ms` needs it. False if it is full now.
    #[must_use]
    pub(super) fn add(&mut self, window_ms: Millis, at_ms: Millis, matched: u64, lines: u64) -> bool {
        let step = (window_ms / WINDOW_POINTS).max(1);
        let at_ms = at_ms.div_euclid(step) * step;
        let point = self.points.entry(at_ms).or_default();
        point.0 += matched;
        point.1 += lines;
        self.points.len() < POINTS_MAX
    }

    /// Moves everything by `by_ms`: the clock was set.
    pub(super) fn shift(&mut self, by_ms: Millis) {
        let points = std::mem::take(&mut self.points);
        self.points =
            points.into_iter().map(|(at_ms, counts)| (at_ms.saturating_add(by_ms), counts)).collect();
    }

    /// Whether nothing is in it.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// When, how many matching lines and how many lines in all, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Millis, u64, u64)> {
        self.points.iter().map(|(at_ms, (matched, lines))| (*at_ms, *matched, *lines))
    }
}
