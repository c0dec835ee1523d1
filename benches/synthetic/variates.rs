//! Random variates for series that are made up.

use fastrand::Rng;

/// With at least this many expected events, the normal distribution is used.
const NORMAL_FROM: f64 = 500.0;

pub(crate) fn poisson(mean: f64, rng: &mut Rng) -> u64 {
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
pub(crate) fn gamma(shape: f64, rng: &mut Rng) -> f64 {
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

pub(crate) fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (rng.f64() * std::f64::consts::TAU).cos()
}
