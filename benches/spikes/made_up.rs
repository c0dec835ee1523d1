//! Made-up counts of five minutes: 60 days at four rates, Poisson, negative binomial, or Poisson about a wandering rate.

use fastrand::Rng;

use crate::rules::Rule;
use crate::variates::{gamma, normal, poisson};

const DAY: usize = 288;
const DAYS: usize = 60;
const MONTHS: f64 = DAYS as f64 / 30.0;
const RATES: [f64; 4] = [0.2, 2.0, 20.0, 200.0];
/// The first day with incidents, and how many days lie between two of those that come again.
const FIRST_DAY: usize = 10;
const EVERY_DAYS: usize = 5;
/// When an incident comes that comes once.
const ONCE_DAY: usize = 40;
/// Alerts less than so many buckets apart are one; so many after an incident it still counts as found.
const APART: usize = 12;
const LATE: usize = 3;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Flat,
    /// A sine of a day from 0.3 to 1.7 times the rate, and weekends at 0.4.
    Rhythm,
    /// Twice the rate from day 15 to 28, three times from day 40.
    Deploy,
    /// Nothing for 15 minutes, 3 or 12 hours every five days.
    Holes,
}

pub(crate) const SHAPES: [Shape; 4] = [Shape::Flat, Shape::Rhythm, Shape::Deploy, Shape::Holes];

#[derive(Clone, Copy)]
enum Noise {
    Poisson,
    NegativeBinomial,
    Wandering,
}

pub(crate) struct Incident {
    pub(crate) name: &'static str,
    times: f64,
    buckets: usize,
}

pub(crate) const INCIDENTS: [Incident; 5] = [
    Incident { name: "x4 5 m", times: 4.0, buckets: 1 },
    Incident { name: "x4 15 m", times: 4.0, buckets: 3 },
    Incident { name: "x10 5 m", times: 10.0, buckets: 1 },
    Incident { name: "x2 3 h", times: 2.0, buckets: 36 },
    Incident { name: "x3 3 h", times: 3.0, buckets: 36 },
];

/// False alerts a series and month.
pub(crate) fn false_alerts(rule: &Rule, threshold: f64, shape: Shape) -> f64 {
    let (mut alerts, mut months) = (0, 0.0);
    for (rate, noise, mut rng) in all(&RATES) {
        let counts = drawn(&means(rate, noise, shape, &mut rng), shape, &mut rng);
        let at = alert_rows(rule, threshold, &counts);
        alerts +=
            usize::from(!at.is_empty()) + at.windows(2).filter(|pair| pair[1] - pair[0] > APART).count();
        months += MONTHS;
    }
    alerts as f64 / months
}

/// The shares found of incidents that come once and of those that come again, in percent, at rates of 2 and more.
pub(crate) fn found(rule: &Rule, threshold: f64, incident: &Incident) -> (f64, f64) {
    let (mut once, mut again) = (Vec::new(), Vec::new());
    for (rate, noise, mut rng) in all(&RATES[1..]) {
        let means = means(rate, noise, Shape::Flat, &mut rng);
        let mut with = |days: &[usize]| {
            let begins: Vec<usize> = days.iter().map(|day| day * DAY + rng.usize(..DAY)).collect();
            let mut means = means.clone();
            for begin in &begins {
                means[*begin..begin + incident.buckets].iter_mut().for_each(|mean| *mean *= incident.times);
            }
            let alerts = alert_rows(rule, threshold, &drawn(&means, Shape::Flat, &mut rng));
            let is_found = |begin: &usize| {
                alerts.iter().any(|at| (*begin..begin + incident.buckets + LATE).contains(at))
            };
            begins.iter().map(is_found).collect::<Vec<bool>>()
        };
        once.extend(with(&[ONCE_DAY]));
        let days: Vec<usize> = (FIRST_DAY..DAYS - 1).step_by(EVERY_DAYS).collect();
        again.extend(with(&days).into_iter().skip(1));
    }
    let percent =
        |found: &[bool]| 100.0 * found.iter().filter(|found| **found).count() as f64 / found.len() as f64;
    (percent(&once), percent(&again))
}

/// Each rate with each kind of noise, two of each.
fn all(rates: &[f64]) -> impl Iterator<Item = (f64, Noise, Rng)> {
    let noises = [Noise::Poisson, Noise::NegativeBinomial, Noise::Wandering];
    let each = rates.iter().flat_map(move |rate| noises.map(|noise| (*rate, noise)));
    each.flat_map(|one| [one, one]).zip(0..).map(|((rate, noise), seed)| (rate, noise, Rng::with_seed(seed)))
}

fn alert_rows(rule: &Rule, threshold: f64, counts: &[u64]) -> Vec<usize> {
    let starts_ms: Vec<i64> = (0..).map(|row| row * 300_000).take(counts.len()).collect();
    let scores = (rule.scores)(&starts_ms, counts);
    (0..scores.len()).filter(|at| scores[*at] >= threshold).collect()
}

fn means(rate: f64, noise: Noise, shape: Shape, rng: &mut Rng) -> Vec<f64> {
    let mut wander = 0.0;
    let mut mean = |at: usize| {
        let (day, turn) = (at / DAY, at as f64 / DAY as f64 * std::f64::consts::TAU);
        let level = match shape {
            Shape::Rhythm => (1.0 + 0.7 * turn.sin()) * if day % 7 >= 5 { 0.4 } else { 1.0 },
            Shape::Deploy if (15..28).contains(&day) => 2.0,
            Shape::Deploy if day >= 40 => 3.0,
            _ => 1.0,
        };
        let noise = match noise {
            Noise::Poisson => 1.0,
            Noise::NegativeBinomial => 0.1 * gamma(10.0, rng),
            Noise::Wandering => {
                // A log rate of deviation 0.35 that keeps nine tenths of itself.
                wander = 0.9 * wander + 0.35 * (1.0f64 - 0.81).sqrt() * normal(rng);
                (wander - 0.35f64.powi(2) / 2.0).exp()
            }
        };
        rate * level * noise
    };
    (0..DAYS * DAY).map(&mut mean).collect()
}

fn drawn(means: &[f64], shape: Shape, rng: &mut Rng) -> Vec<u64> {
    const HOLES: [usize; 3] = [3, 36, 144];
    let is_hole = |at: usize| {
        let (period, within) = (at / (5 * DAY), at % (5 * DAY));
        shape == Shape::Holes && period > 0 && (60..60 + HOLES[period % 3]).contains(&within)
    };
    (0..means.len()).map(|at| if is_hole(at) { 0 } else { poisson(means[at], rng) }).collect()
}
