//! The recent level of a series, as a rate per bucket.

use serde::{Deserialize, Serialize};

use crate::detect::fading::faded;

/// The prior: half an event, Jeffreys' prior for a Poisson rate.
const PRIOR_EVENTS: f64 = 0.5;

/// Of fewer events nothing is missed.
const MISSED_EVENTS_MIN: f64 = 20.0;

/// Events and buckets, both forgotten by the same factor a bucket.
///
/// This is the gamma–Poisson model with a discount (A. Harvey and C. Fernandes, "Time Series Models for Count or Qualitative
/// Observations", *Journal of Business and Economic Statistics* 7, 1989): what is known of the rate is a gamma distribution
/// whose shape is the number of events remembered, so that the next count is negative binomial with a dispersion of one over
/// that number. Little known is thus little trusted, and no events are no certainty of none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SlowLevel {
    events: f64,
    buckets: f64,
    /// The sum of the daily factors of the buckets.
    rhythm: f64,
}

impl SlowLevel {
    pub(super) fn new() -> SlowLevel {
        SlowLevel { events: 0.0, buckets: 0.0, rhythm: 0.0 }
    }

    /// Learns `n` consecutive buckets of `count`, each of which keeps `keep` of the past.
    pub(super) fn learn(&mut self, count: f64, rhythm: f64, keep: f64, n: f64) {
        self.events = faded(self.events, count, keep, n);
        self.buckets = faded(self.buckets, 1.0, keep, n);
        self.rhythm = faded(self.rhythm, rhythm, keep, n);
    }

    /// Raises the level by `factor`, from `floor` per bucket at least.
    pub(super) fn raise(&mut self, factor: f64, floor: f64) {
        self.events = self.events.max(floor * self.buckets) * factor;
    }

    /// The expected count of a bucket as [`SlowLevel::expected`], or 0 if too few events were learned to miss any.
    pub(super) fn missed(&self, rhythm: f64, fall_max: f64) -> f64 {
        if self.events < MISSED_EVENTS_MIN { 0.0 } else { self.expected(rhythm, fall_max) }
    }

    /// The expected count of a bucket with the factor `rhythm`, which can lower it to `fall_max` times the level: a
    /// rhythm that is not kept today must not make an ordinary hour a spike.
    pub(super) fn expected(&self, rhythm: f64, fall_max: f64) -> f64 {
        let plain = (self.events + PRIOR_EVENTS) / self.buckets.max(1.0);
        let usual = if self.rhythm > 0.0 { self.rhythm / self.buckets.max(1.0) } else { 1.0 };
        plain * (rhythm / usual).max(fall_max)
    }

    /// The dispersion from the uncertainty of the level.
    pub(super) fn dispersion(&self) -> f64 {
        1.0 / (self.events + PRIOR_EVENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_buckets_at_once_are_as_many_in_turn() {
        let mut one_by_one = SlowLevel::new();
        one_by_one.learn(40.0, 1.0, 0.99, 1.0);
        let mut at_once = one_by_one;
        for _ in 0..500 {
            one_by_one.learn(0.0, 0.5, 0.99, 1.0);
        }
        at_once.learn(0.0, 0.5, 0.99, 500.0);
        assert!((one_by_one.expected(1.0, 0.6) - at_once.expected(1.0, 0.6)).abs() < 1e-9);
    }

    #[test]
    fn nothing_seen_is_not_nothing_expected() {
        let mut level = SlowLevel::new();
        assert!(level.expected(1.0, 0.6) > 0.0);
        level.learn(0.0, 1.0, 0.99, 100.0);
        assert!(level.expected(1.0, 0.6) > 0.0 && level.expected(1.0, 0.6) < 0.1);
        assert_eq!(level.dispersion(), 2.0);
    }

    #[test]
    fn the_rhythm_raises_the_level_and_lowers_it_to_a_bound() {
        let mut level = SlowLevel::new();
        level.learn(10.0, 1.0, 0.99, 400.0);
        let usual = level.expected(1.0, 0.6);
        assert!((level.expected(2.0, 0.6) / usual - 2.0).abs() < 1e-9);
        assert!((level.expected(0.5, 0.6) / usual - 0.6).abs() < 1e-9);
    }
}
