//! Spectral residual: H. Ren et al., "Time-Series Anomaly Detection Service at Microsoft", KDD 2019, for rises only.
//!
//! What of a window's spectrum is unlike its neighbours is transformed back; where that is high, something stands out.

use std::f64::consts::PI;

const WINDOW: usize = 256;
/// The moving average over the logarithms of the spectrum.
const SMOOTH: usize = 3;
/// Points of the saliency that the newest is compared with.
const BEFORE: usize = 21;
/// Points that are added behind the newest, by the slopes to it.
const AHEAD: usize = 5;

pub(crate) fn residual(_: &[i64], counts: &[u64]) -> Vec<f64> {
    let values: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    let known = WINDOW - AHEAD;
    let fourier = Fourier::new();
    let of = |at: usize| {
        let window = &values[at + 1 - known..=at];
        let is_rise = values[at] > window.iter().sum::<f64>() / known as f64;
        if is_rise { newest(&fourier, window) } else { 0.0 }
    };
    (0..values.len()).map(|at| if at + 1 < known { 0.0 } else { of(at) }).collect()
}

/// How far the saliency of the newest value lies above the mean of those before it, in times that mean.
fn newest(fourier: &Fourier, values: &[f64]) -> f64 {
    let saliency = saliency(fourier, extended(values));
    let at = values.len() - 1;
    let mean = saliency[at - BEFORE..at].iter().sum::<f64>() / BEFORE as f64;
    if mean > 0.0 { (saliency[at] - mean) / mean } else { 0.0 }
}

/// The values with one more, as the slopes to the newest say, several times.
fn extended(values: &[f64]) -> [(f64, f64); WINDOW] {
    let last = values.len() - 1;
    let slopes = (1..=AHEAD).map(|back| (values[last] - values[last - back]) / back as f64);
    let next = values[last - AHEAD + 1] + slopes.sum::<f64>();
    std::array::from_fn(|at| (values.get(at).copied().unwrap_or(next), 0.0))
}

fn saliency(fourier: &Fourier, mut values: [(f64, f64); WINDOW]) -> [f64; WINDOW] {
    fourier.transform(&mut values, -1.0);
    let amplitudes = values.map(|(re, im)| re.hypot(im).max(1e-8));
    let logs = amplitudes.map(f64::ln);
    for (at, value) in values.iter_mut().enumerate() {
        let from = (at + 1).saturating_sub(SMOOTH);
        let smooth = logs[from..=at].iter().sum::<f64>() / (at + 1 - from) as f64;
        let scale = (logs[at] - smooth).exp() / amplitudes[at];
        *value = (value.0 * scale, value.1 * scale);
    }
    fourier.transform(&mut values, 1.0);
    values.map(|(re, im)| re.hypot(im))
}

/// The discrete Fourier transform of a window (Cooley and Tukey 1965).
struct Fourier {
    turns: [(f64, f64); WINDOW / 2],
}

impl Fourier {
    fn new() -> Fourier {
        let turn = |at: usize| {
            let (sin, cos) = (2.0 * PI * at as f64 / WINDOW as f64).sin_cos();
            (cos, sin)
        };
        Fourier { turns: std::array::from_fn(turn) }
    }

    fn transform(&self, values: &mut [(f64, f64); WINDOW], sign: f64) {
        let bits = WINDOW.trailing_zeros();
        for at in 0..WINDOW {
            let other = at.reverse_bits() >> (usize::BITS - bits);
            if at < other {
                values.swap(at, other);
            }
        }
        let mut half = 1;
        while half < WINDOW {
            for begin in (0..WINDOW).step_by(2 * half) {
                for at in 0..half {
                    let (cos, sin) = self.turns[at * (WINDOW / 2 / half)];
                    let ((re, im), (other_re, other_im)) = (values[begin + at], values[begin + at + half]);
                    let turned =
                        (other_re * cos - other_im * sin * sign, other_re * sin * sign + other_im * cos);
                    values[begin + at] = (re + turned.0, im + turned.1);
                    values[begin + at + half] = (re - turned.0, im - turned.1);
                }
            }
            half *= 2;
        }
    }
}
