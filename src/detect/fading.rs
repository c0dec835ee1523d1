//! Exponential decay.

use crate::detect::Millis;

/// The factor by which a sum with `half_life_ms` decays in a bucket.
pub(super) fn keep(bucket_ms: Millis, half_life_ms: Millis) -> f64 {
    (-(bucket_ms.max(1) as f64) / half_life_ms.max(1) as f64).exp2()
}

/// A decaying `sum` after `n` more terms of `term`, each of which keeps `keep` of the sum before it.
pub(super) fn faded(sum: f64, term: f64, keep: f64, n: f64) -> f64 {
    if n == 1.0 {
        return sum * keep + term;
    }
    let kept = keep.powf(n);
    sum * kept + term * (1.0 - kept) / (1.0 - keep)
}
