//! How much more than Poisson the counts of a window vary.

use serde::{Deserialize, Serialize};

use crate::detect::fading::faded;

/// The excess of the squared residuals over the mean, and the squared mean that it is relative to, both slowly forgotten: the
/// moment estimator of a negative binomial's dispersion (J. Hilbe, *Negative Binomial Regression*, section 4).
///
/// It is measured over whole windows, not buckets, so that clumps of events longer than a bucket count as well.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Dispersion {
    excess: f64,
    square: f64,
}

impl Dispersion {
    pub(super) fn new() -> Dispersion {
        Dispersion { excess: 0.0, square: 0.0 }
    }

    /// Learns a window's count and its expected count `n` times, each of which keeps `keep` of the past.
    pub(super) fn learn(&mut self, count: f64, expected: f64, keep: f64, n: f64) {
        let residual = count - expected;
        self.excess = faded(self.excess, residual * residual - expected, keep, n);
        self.square = faded(self.square, expected * expected, keep, n);
    }

    pub(super) fn get(&self) -> f64 {
        if self.square > 0.0 { (self.excess / self.square).max(0.0) } else { 0.0 }
    }
}
