//! Rules that score each bucket of a series by those before it. A score of at least the threshold is an alert.

use spiketail::detect::buckets::{bucket_ms, judge};
use spiketail::detect::spike::SpikeSettings;

use crate::data::ALERT_SCORE;
use crate::spectral;

const HOUR: usize = 12;
const DAY: usize = 24 * HOUR;
const WEEK_HOURS: usize = 168;
const DAY_MS: i64 = 86_400_000;

/// A rule by its scores.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    /// The threshold that it is used with, if there is a usual one.
    pub(crate) default: Option<f64>,
    /// Scores of counts by when their buckets begin.
    pub(crate) scores: fn(&[i64], &[u64]) -> Vec<f64>,
}

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "fixed threshold", default: None, scores: fixed },
    Rule { name: "ElastAlert spike, 1 h, 3 times", default: Some(3.0), scores: elastalert },
    Rule { name: "mean + 3 deviations of a day", default: Some(3.0), scores: deviations },
    Rule { name: "Sentry escalating, sliding hour", default: Some(1.0), scores: escalating },
    Rule { name: "burn rate 6, 5 m and 1 h, of a day", default: Some(6.0), scores: burn_rate },
    Rule { name: "spectral residual, 256, rises, 3", default: Some(3.0), scores: spectral::residual },
    Rule { name: "spiketail", default: Some(ALERT_SCORE), scores: spikes },
];

fn fixed(_: &[i64], counts: &[u64]) -> Vec<f64> {
    counts.iter().map(|count| *count as f64).collect()
}

/// `spike_type: up` of ElastAlert: the last hour by the hour before it.
fn elastalert(_: &[i64], counts: &[u64]) -> Vec<f64> {
    let sums = Sums::new(counts);
    let ratio = |at: usize| {
        let (now, before) = (sums.last(at, HOUR), sums.last(at.saturating_sub(HOUR), HOUR));
        if before > 0.0 { now / before } else { 0.0 }
    };
    (0..counts.len()).map(|at| if at < 2 * HOUR { 0.0 } else { ratio(at) }).collect()
}

/// Standard deviations above the mean of the day before.
fn deviations(_: &[i64], counts: &[u64]) -> Vec<f64> {
    let of = |at: usize| {
        let day: Vec<f64> = counts[at - DAY..at].iter().map(|count| *count as f64).collect();
        let (mean, deviation) = moments(&day);
        if deviation > 0.0 { (counts[at] as f64 - mean) / deviation } else { 0.0 }
    };
    (0..counts.len()).map(|at| if at < DAY { 0.0 } else { of(at) }).collect()
}

/// Sentry's rule for issues that escalate, by its published description, with an hour that slides: the hour by the limit from
/// the hours of the week before it.
fn escalating(starts_ms: &[i64], counts: &[u64]) -> Vec<f64> {
    let sums = Sums::new(counts);
    let weekday = |at: usize| starts_ms[at].div_euclid(DAY_MS).rem_euclid(7);
    let limit = |at: usize| {
        let ends: Vec<usize> = (1..=WEEK_HOURS).map(|hour| at - hour * HOUR).collect();
        let hours: Vec<f64> = ends.iter().map(|end| sums.last(*end, HOUR)).collect();
        let (mean, deviation) = moments(&hours);
        if mean <= 0.0 {
            return f64::INFINITY;
        }
        let most = hours.iter().copied().fold(0.0, f64::max);
        let bursty = most * (5.0 * (-0.65 * deviation / mean).exp()).clamp(2.0, 5.0);
        let spike = mean * ((mean + 5.0 * deviation) / mean).clamp(5.0, 8.0);
        let weight = |end: &usize| if weekday(*end) == weekday(at) { 2.0 } else { 1.0 };
        let weights: f64 = ends.iter().map(weight).sum();
        let weighted: f64 = ends.iter().zip(&hours).map(|(end, hour)| weight(end) * hour).sum();
        bursty.max(weighted / weights + spike)
    };
    let first = (WEEK_HOURS + 1) * HOUR;
    (0..counts.len()).map(|at| if at < first { 0.0 } else { sums.last(at, HOUR) / limit(at) }).collect()
}

/// The lesser of bucket and hour, as times the mean of a day: a count has no share of failures, so the day is the allowance.
fn burn_rate(_: &[i64], counts: &[u64]) -> Vec<f64> {
    let sums = Sums::new(counts);
    let of = |at: usize| {
        let mean = sums.last(at - 1, DAY) / DAY as f64;
        let rate = (counts[at] as f64).min(sums.last(at, HOUR) / HOUR as f64);
        if mean > 0.0 { rate / mean } else { 0.0 }
    };
    (0..counts.len()).map(|at| if at <= DAY { 0.0 } else { of(at) }).collect()
}

fn spikes(starts_ms: &[i64], counts: &[u64]) -> Vec<f64> {
    let bucket_ms = bucket_ms(starts_ms);
    let settings = SpikeSettings::default().judge(bucket_ms, bucket_ms);
    judge(starts_ms, counts, &settings).iter().map(|judgement| judgement.score).collect()
}

/// Sums of the counts up to each.
struct Sums(Vec<f64>);

impl Sums {
    fn new(counts: &[u64]) -> Sums {
        let mut sum = 0.0;
        let mut sums = vec![0.0];
        sums.extend(counts.iter().map(|count| {
            sum += *count as f64;
            sum
        }));
        Sums(sums)
    }

    /// The sum of the last `n` counts, that at `at` included.
    fn last(&self, at: usize, n: usize) -> f64 {
        self.0[at + 1] - self.0[(at + 1).saturating_sub(n)]
    }
}

/// Mean and standard deviation.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}
