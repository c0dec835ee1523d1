//! The highest value of each of the last four weeks, and with it the height that is exceeded by chance a few times a month.
//!
//! The maximum of many values has about a Gumbel distribution (E. Gumbel, *Statistics of Extremes*, 1958). Median and upper quartile
//! of the days fix it; an incident every fifth day moves neither. A bursty series has widely spread days and asks for much, a
//! steady one for little.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Days that are remembered.
const DAYS: usize = 28;
/// With fewer days nothing is known of their spread.
const DAYS_MIN: usize = 5;
const DAYS_OF_MONTH: f64 = 30.0;
/// Values are kept as multiples of this.
const STEP: f64 = 1.0 / 1_024.0;

/// A value as it is kept, to a thousandth and between -32 and 32.
pub(super) fn packed(value: f64) -> i16 {
    (value / STEP).round() as i16
}

/// A kept value, or a sum of some.
pub(super) fn unpacked(value: impl Into<i32>) -> f64 {
    f64::from(value.into()) * STEP
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Peaks {
    days: VecDeque<i16>,
    today: i16,
}

impl Peaks {
    /// Values are never below `least`.
    pub(super) fn new(least: f64) -> Peaks {
        Peaks { days: VecDeque::new(), today: packed(least) }
    }

    pub(super) fn add(&mut self, value: f64) {
        self.today = self.today.max(packed(value));
    }

    pub(super) fn close_day(&mut self, least: f64) {
        if self.days.len() >= DAYS {
            self.days.pop_front();
        }
        self.days.push_back(self.today);
        self.today = packed(least);
    }

    /// The height that is exceeded by chance about `budget` times a month. `None` until some days are known.
    pub(super) fn usual(&self, budget: f64) -> Option<f64> {
        if self.days.len() < DAYS_MIN {
            return None;
        }
        let mut sorted: Vec<i16> = self.days.iter().copied().collect();
        sorted.sort_unstable();
        let (median, upper) = (quantile(&sorted, 0.5), quantile(&sorted, 0.75));
        let height = gumbel(1.0 - (budget / DAYS_OF_MONTH).clamp(0.001, 0.5));
        let spread = (upper - median) / (gumbel(0.75) - gumbel(0.5));
        Some(upper + spread * (height - gumbel(0.75)))
    }

    /// The height that about `budget` of a month's days exceed. `None` before the first day is over.
    pub(super) fn exceeded(&self, budget: f64) -> Option<f64> {
        let mut sorted: Vec<i16> = self.days.iter().copied().collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let rank = (budget * sorted.len() as f64 / DAYS_OF_MONTH) as usize;
        sorted.get(rank).or(sorted.last()).map(|day| unpacked(*day))
    }

    /// How many days back nothing was as high, this one included.
    pub(super) fn days_below(&self, value: f64) -> u32 {
        let value = packed(value);
        1 + self.days.iter().rev().take_while(|day| **day < value).count() as u32
    }
}

/// The quantile of the standard Gumbel distribution.
fn gumbel(p: f64) -> f64 {
    -(-p.ln()).ln()
}

fn quantile(sorted: &[i16], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (below, above) = (unpacked(sorted[at.floor() as usize]), unpacked(sorted[at.ceil() as usize]));
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(days: &[f64]) -> Peaks {
        let mut peaks = Peaks::new(0.0);
        for day in days {
            peaks.add(*day);
            peaks.close_day(0.0);
        }
        peaks
    }

    #[test]
    fn an_incident_every_fifth_day_is_not_usual_and_bursts_every_other_day_are() {
        let days =
            |every: usize| (0..28).map(|day| if day % every == 0 { 2.3 } else { 0.1 }).collect::<Vec<_>>();
        let (rare, often) =
            (peaks(&days(5)).usual(2.0).unwrap_or(9.0), peaks(&days(2)).usual(2.0).unwrap_or(0.0));
        assert!(rare < 0.2 && often > 2.3, "{rare} {often}");
    }

    #[test]
    fn about_the_budget_exceeds_it_by_chance() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut day = || gumbel(rng.f64().clamp(1e-9, 1.0 - 1e-9));
        for budget in [1.0, 2.0, 6.0] {
            let mut exceeded = 0;
            for _ in 0..2_000 {
                let usual = peaks(&(0..28).map(|_| day()).collect::<Vec<_>>()).usual(budget).unwrap_or(0.0);
                exceeded += u32::from(day() > usual);
            }
            let a_month = f64::from(exceeded) / 2_000.0 * 30.0;
            assert!((0.5 * budget..2.0 * budget).contains(&a_month), "{budget}: {a_month}");
        }
    }

    #[test]
    fn memory_is_bounded_and_too_few_days_say_nothing() {
        assert_eq!(peaks(&[1.0; 4]).usual(2.0), None);
        let all = peaks(&[1.0; 100]);
        assert_eq!((all.exceeded(2.0), peaks(&[]).exceeded(2.0)), (Some(1.0), None));
        assert_eq!(peaks(&[3.0, 2.0]).exceeded(2.0), Some(3.0));
        let rare: Vec<f64> = (0..28).map(|day| if day == 3 { 2.0 } else { 0.0 }).collect();
        assert_eq!(peaks(&rare).exceeded(2.0), Some(0.0));
        assert_eq!((all.days.len(), all.days_below(1.1), all.days_below(1.0)), (28, 29, 1));
    }
}
