//! Counts made up: Poisson or negative binomial about a rate that is flat, has a daily rhythm or ramps.

use std::fmt;

use fastrand::Rng;

const DAY_MS: i64 = 86_400_000;
/// With at least this many expected events, the normal distribution is used.
const NORMAL_FROM: f64 = 500.0;

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

fn poisson(mean: f64, rng: &mut Rng) -> u64 {
    if mean >= NORMAL_FROM {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0) as u64;
    }
    // Knuth's product of uniforms, in pieces that do not underflow.
    let (mut left, mut n) = (mean, 0);
    while left > 0.0 {
        let limit = (-left.min(30.0)).exp();
        left -= 30.0;
        let mut product = rng.f64();
        while product > limit {
            n += 1;
            product *= rng.f64();
        }
    }
    n
}

/// A gamma variate of `shape` ≥ 1 and scale 1 (Marsaglia and Tsang 2000).
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = normal(rng);
        let v = (1.0 + c * z).powi(3);
        if v > 0.0 && rng.f64().ln() < z * z / 2.0 + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (rng.f64() * std::f64::consts::TAU).cos()
}
