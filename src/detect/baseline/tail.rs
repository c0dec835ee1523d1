//! How unlikely a count is: the upper tail of the negative binomial distribution.
//!
//! A count whose rate is itself uncertain or varying follows a negative binomial: mean `m` and variance `m + dispersion m²`,
//! with Poisson as the limit of no dispersion (Johnson, Kemp and Kotz, *Univariate Discrete Distributions*, chapter 5). The
//! tail is the mass at the count times a series of ratios of neighbouring masses, which falls fast where tails matter.

/// Terms of the series that are added; what remains is bounded by a geometric series.
const TERMS_MAX: u32 = 64;
/// Beyond this a negative binomial equals Poisson, and `ln_gamma` would cancel.
const SIZE_MAX: f64 = 1e8;
/// Where the tail is reported to end, as `-log10 p`.
const UNLIKELY_MAX: f64 = 300.0;

/// `-log10 P(X ≥ count)` for a count of mean `mean` and variance `mean + dispersion mean²`: 0 is nothing unusual, 6 is one
/// in a million. A lower bound: near the mean of a large count it may be less than the true value.
pub(super) fn unlikeliness(count: u64, mean: f64, dispersion: f64) -> f64 {
    let k = count as f64;
    if k <= mean {
        return 0.0;
    }
    if mean <= 0.0 {
        return UNLIKELY_MAX;
    }
    let size = (1.0 / dispersion.max(0.0)).min(SIZE_MAX);
    let q = mean / (mean + size);
    let ln_mass =
        ln_gamma(k + size) - ln_gamma(size) - ln_gamma(k + 1.0) + size * -(mean / size).ln_1p() + k * q.ln();
    let ln_tail = ln_mass + ratios(k, size, q).ln();
    (-ln_tail / std::f64::consts::LN_10).clamp(0.0, UNLIKELY_MAX)
}

/// `-ln P(X = 0)` for the same distribution.
pub(super) fn unlikeliness_of_none(mean: f64, dispersion: f64) -> f64 {
    let dispersion = dispersion.max(1.0 / SIZE_MAX);
    (dispersion * mean).ln_1p() / dispersion
}

/// The smallest count above `mean` that is as unlikely as `unlikely`.
pub(super) fn upper_bound(mean: f64, dispersion: f64, unlikely: f64) -> f64 {
    let is_unlikely = |count: u64| unlikeliness(count, mean, dispersion) >= unlikely;
    let mut hi = mean.max(0.0) as u64 + 1;
    let mut lo = hi - 1;
    while !is_unlikely(hi) && hi < 1 << 52 {
        (lo, hi) = (hi, hi.saturating_mul(2));
    }
    while hi - lo > 1 {
        let middle = lo + (hi - lo) / 2;
        if is_unlikely(middle) { hi = middle } else { lo = middle }
    }
    hi as f64
}

/// Below this are few counts: two standard deviations on a logarithmic scale, so that it never is negative.
pub(super) fn lower_bound(mean: f64, dispersion: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let relative_variance = 1.0 / mean + dispersion.max(0.0);
    (mean * (-2.0 * relative_variance.ln_1p().sqrt()).exp()).floor()
}

/// `P(X ≥ k) / P(X = k)`, or a bound above it.
fn ratios(k: f64, size: f64, q: f64) -> f64 {
    let (mut sum, mut term, mut ratio) = (1.0, 1.0, q);
    for j in 0..TERMS_MAX {
        let j = f64::from(j);
        ratio = q * (size + k + j) / (k + 1.0 + j);
        term *= ratio;
        sum += term;
        if term < sum * 1e-10 {
            return sum;
        }
    }
    // The ratios go monotonously towards `q`, so that none of the rest is greater than both.
    let ratio = ratio.max(q);
    if ratio < 1.0 { sum + term * ratio / (1.0 - ratio) } else { f64::INFINITY }
}

/// The logarithm of the gamma function of `x` > 0, to 1e-10: Stirling's series from 8 on (Abramowitz and Stegun 6.1.41), the
/// recurrence below.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 8.0 {
        product *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - f64::ln(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds the masses below the count, so that it is right where the tail is not tiny.
    fn tail_by_sum(count: u64, mean: f64, dispersion: f64) -> f64 {
        let size = 1.0 / dispersion;
        let mut mass = (1.0 + dispersion * mean).powf(-size);
        let mut below = 0.0;
        for k in 0..count {
            below += mass;
            mass *= mean / (mean + size) * (size + k as f64) / (k as f64 + 1.0);
        }
        1.0 - below
    }

    #[test]
    fn logarithms_of_factorials_are_right() {
        let mut factorial = 1.0;
        for n in 1..30 {
            factorial *= f64::from(n);
            let error = ln_gamma(f64::from(n) + 1.0) - f64::ln(factorial);
            assert!(error.abs() < 1e-9, "{n}: {error}");
        }
        let half = std::f64::consts::PI.sqrt().ln();
        assert!((ln_gamma(0.5) - half).abs() < 1e-9);
    }

    #[test]
    fn tails_are_those_of_the_summed_masses() {
        for (count, mean, dispersion) in [
            (1, 0.1, 0.5),
            (12, 6.0, 0.1),
            (20, 6.0, 0.001),
            (9, 1.0, 2.0),
            (90, 60.0, 0.01),
            (150, 60.0, 0.3),
        ] {
            let expected = -tail_by_sum(count, mean, dispersion).log10();
            let got = unlikeliness(count, mean, dispersion);
            assert!((got - expected).abs() < 0.01, "{count} {mean} {dispersion}: {got} {expected}");
        }
    }

    #[test]
    fn without_dispersion_it_is_poisson() {
        // P(X ≥ 20) for a mean of 6 is 5.2e-6.
        let got = unlikeliness(20, 6.0, 0.0);
        assert!((got - 5.285).abs() < 0.01, "{got}");
    }

    #[test]
    fn extremes_stay_numbers() {
        for count in [0, 1, 1_000, u64::MAX] {
            for mean in [0.0, 1e-12, 1.0, 1e9, 1e18] {
                for dispersion in [0.0, 1e-12, 1.0, 1e6] {
                    let got = unlikeliness(count, mean, dispersion);
                    assert!((0.0..=300.0).contains(&got), "{count} {mean} {dispersion}: {got}");
                }
            }
        }
    }

    #[test]
    fn more_is_never_more_likely() {
        for mean in [0.5, 6.0, 600.0, 60_000.0] {
            let all: Vec<f64> =
                (0..40).map(|n| unlikeliness((mean * 0.1 * f64::from(n)) as u64, mean, 0.05)).collect();
            assert!(all.windows(2).all(|pair| pair[0] <= pair[1] + 1e-9), "{all:?}");
        }
    }
}
