//! Counts made up: Poisson or negative binomial about a rate that is flat, has a daily rhythm or ramps.

use std::fmt;

use fastrand::Rng;

use crate::variates::{gamma, poisson};

const DAY_MS: i64 = 86_400_000;

/// How the rate goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The same for ever.
    Flat,
    /// A sine of a day: from 0.3 to 1.7 times the rate.
    Daily,
    /// From the rate to 10 times it within 30 days, evenly.
    Ramp,
}

/// A series to draw from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// Events per 10 seconds.
    pub(crate) rate: f64,
    /// How that goes on.
    pub(crate) shape: Shape,
    /// The variance of 10 seconds is the mean, and this times the mean's square.
    pub(crate) dispersion: f64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noise = if self.dispersion > 0.0 { "over-disp." } else { "Poisson" };
        write!(f, "{:?} {noise} {}", self.shape, self.rate)
    }
}

impl Counts {
    /// The mean of the 10 seconds at `at_ms`.
    pub(crate) fn mean(&self, at_ms: i64) -> f64 {
        let days = at_ms as f64 / DAY_MS as f64;
        self.rate
            * match self.shape {
                Shape::Flat => 1.0,
                Shape::Daily => 1.0 + 0.7 * (days * std::f64::consts::TAU).sin(),
                Shape::Ramp => 1.0 + 9.0 * days / 30.0,
            }
    }

    /// A rate for 10 seconds about `mean`, and with it the events of each of `parts` of them.
    pub(crate) fn draw(&self, mean: f64, parts: u32, rng: &mut Rng) -> Vec<u64> {
        let rate = if self.dispersion > 0.0 {
            mean * self.dispersion * gamma(1.0 / self.dispersion, rng)
        } else {
            mean
        };
        (0..parts).map(|_| poisson(rate / f64::from(parts), rng)).collect()
    }
}
