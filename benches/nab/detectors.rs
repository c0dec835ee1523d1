//! Detectors: functions that score each point of a series.

use spiketail::detect::buckets::{bucket_ms, judge};
use spiketail::detect::scales::ScaleSettings;
use spiketail::detect::spike::SpikeSettings;

use crate::data::Series;

/// The decision that makes an alert, with its defaults; a window is one bucket.
pub(crate) fn spikes(series: &Series) -> Vec<f64> {
    with(series, &ScaleSettings::default())
}

/// The same with other parameters.
pub(crate) fn with(series: &Series, scales: &ScaleSettings) -> Vec<f64> {
    let bucket_ms = bucket_ms(&series.starts_ms);
    let mut settings = SpikeSettings::default().judge(bucket_ms, bucket_ms);
    settings.scales = *scales;
    judge(&series.starts_ms, &series.counts, &settings).iter().map(|judgement| judgement.score).collect()
}

/// The benchmark's windowed Gaussian, whose published score shows that the scorer is right: the score is the probability of
/// a value nearer to the mean of the last 6,400, of which mean and deviation are taken anew every 100.
pub(crate) fn windowed_gaussian(series: &Series) -> Vec<f64> {
    const WINDOW: usize = 6_400;
    const STEP: usize = 100;
    let mut window: Vec<f64> = Vec::new();
    let mut waiting = Vec::new();
    let (mut mean, mut deviation) = (0.0, 1.0);
    let step = |count: &u64| {
        let value = *count as f64;
        let score =
            if window.is_empty() { 0.0 } else { 1.0 - upper_tail(((value - mean) / deviation).abs()) };
        if window.len() < WINDOW {
            window.push(value);
            (mean, deviation) = moments(&window);
        } else {
            waiting.push(value);
            if waiting.len() == STEP {
                window.drain(..STEP);
                window.append(&mut waiting);
                (mean, deviation) = moments(&window);
            }
        }
        score
    };
    series.counts.iter().map(step).collect()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1e-6 })
}

/// `P(Z > z)` for a standard normal and z ≥ 0: the series of the lower half for small z, Laplace's continued fraction for
/// great (Abramowitz and Stegun 26.2.11 and 26.2.14).
fn upper_tail(z: f64) -> f64 {
    let density = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if z < 3.0 {
        let (mut term, mut sum, mut n) = (z, z, 1.0);
        while term > 1e-17 {
            n += 2.0;
            term *= z * z / n;
            sum += term;
        }
        return 0.5 - density * sum;
    }
    let fraction = (1..=60).rev().fold(z, |fraction, n| z + f64::from(n) / fraction);
    density / fraction
}
