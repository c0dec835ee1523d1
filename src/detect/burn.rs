//! Burn rates: how fast a share of failed lines uses up what an objective allows, over two windows at once.
//!
//! With an objective of 99.9% one line of a thousand may fail; a burn rate of 14.4 is 1.44% failed lines, which use up two
//! percent of a month's allowance in an hour. The long window says that it matters, the short one that it still goes on, so that the
//! alert ends soon (*The Site Reliability Workbook*, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts").

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::burn_settings::{BurnSettings, BurnWindow};
use crate::detect::condition::share;
use crate::detect::series::Series;

/// Matching lines and all lines within one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Counted {
    matched: Series,
    lines: Series,
}

impl Counted {
    fn new(window_ms: Millis) -> Counted {
        Counted { matched: Series::new(window_ms), lines: Series::new(window_ms) }
    }

    /// Matching lines and all lines in the window that ends at `at_ms`.
    fn at(&mut self, at_ms: Millis) -> (u64, u64) {
        let (matched, lines) = (self.matched.count(at_ms), self.lines.count(at_ms));
        (matched, lines.max(matched))
    }
}

/// What is counted for a burn rate: a long window and a short one for each [`BurnWindow`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Burn {
    windows: Vec<(Counted, Counted)>,
}

/// How fast it burns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnObservation {
    /// Whether one of the windows burns too fast.
    pub holds: bool,
    /// Matching lines in the long window of the one that burns fastest for its limit.
    pub count: u64,
    /// All lines in it.
    pub lines: u64,
    /// How long that is, in milliseconds.
    pub window_ms: Millis,
    /// How many times the allowed share matched in it.
    pub rate: f64,
}

impl Burn {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(settings: &BurnSettings) -> Burn {
        let both = |window: &BurnWindow| (Counted::new(window.long_ms), Counted::new(window.short_ms));
        Burn { windows: settings.windows.iter().map(both).collect() }
    }

    /// Whether it counts over the windows of `settings`.
    #[must_use]
    pub fn fits(&self, settings: &BurnSettings) -> bool {
        let same = |((long, short), window): (&(Counted, Counted), &BurnWindow)| {
            (long.lines.window_ms(), short.lines.window_ms()) == (window.long_ms, window.short_ms)
        };
        self.windows.len() == settings.windows.len() && self.windows.iter().zip(&settings.windows).all(same)
    }

    /// Adds `matched` matching lines of `lines` at `at_ms`.
    pub fn add(&mut self, at_ms: Millis, matched: u64, lines: u64) {
        for counted in self.all() {
            counted.matched.add(at_ms, matched);
            counted.lines.add(at_ms, lines);
        }
    }

    /// Moves the windows by `by_ms`: the clock was set.
    pub fn shift(&mut self, by_ms: Millis) {
        for counted in self.all() {
            counted.matched.shift(by_ms);
            counted.lines.shift(by_ms);
        }
    }

    /// How fast it burns at `at_ms`.
    pub fn observe(&mut self, settings: &BurnSettings, at_ms: Millis) -> BurnObservation {
        let allowed = settings.allowed().max(f64::MIN_POSITIVE);
        let one = |((long, short), window): (&mut (Counted, Counted), &BurnWindow)| {
            let ((count, lines), (short_count, short_lines)) = (long.at(at_ms), short.at(at_ms));
            let rate = share(count, lines) / allowed;
            let is_over = rate > window.rate && share(short_count, short_lines) / allowed > window.rate;
            let holds = is_over && count >= settings.at_least;
            (rate / window.rate, BurnObservation { holds, count, lines, window_ms: window.long_ms, rate })
        };
        let all = self.windows.iter_mut().zip(&settings.windows).map(one);
        let worst = all.max_by(|(a, a_seen), (b, b_seen)| {
            a_seen.holds.cmp(&b_seen.holds).then(a.total_cmp(b)).then(b_seen.window_ms.cmp(&a_seen.window_ms))
        });
        worst.map_or(
            BurnObservation { holds: false, count: 0, lines: 0, window_ms: 0, rate: 0.0 },
            |(_, seen)| seen,
        )
    }

    /// When the observation may next change although nothing is added, in milliseconds since the epoch.
    #[must_use]
    pub fn next_change(&self) -> Option<Millis> {
        let all = self.windows.iter().flat_map(|(long, short)| [long, short]);
        all.filter(|counted| !counted.matched.is_empty())
            .flat_map(|counted| counted.matched.next_expiry().into_iter().chain(counted.lines.next_expiry()))
            .min()
    }

    /// Whether nothing is within any window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.iter().all(|(long, short)| long.lines.is_empty() && short.lines.is_empty())
    }

    /// Matching lines within the first long window, as of the last evaluation.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.windows.first().map_or(0, |(long, _)| long.matched.sum())
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Counted> {
        self.windows.iter_mut().flat_map(|(long, short)| [long, short])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::burn_settings::BURN_WINDOWS;

    const MINUTE_MS: Millis = 60_000;

    fn settings() -> BurnSettings {
        BurnSettings { objective: 0.999, at_least: 20, windows: BURN_WINDOWS.to_vec() }
    }

    /// A minute of 1,000 lines with `matched` failed ones each, and the minutes at which it holds.
    fn holds(burn: &mut Burn, minutes: std::ops::Range<Millis>, matched: u64) -> Vec<Millis> {
        let mut holds = Vec::new();
        for minute in minutes {
            burn.add(minute * MINUTE_MS, matched, 1_000);
            if burn.observe(&settings(), minute * MINUTE_MS).holds {
                holds.push(minute);
            }
        }
        holds
    }

    #[test]
    fn a_fast_burn_holds_when_the_hour_says_so_and_ends_with_the_five_minutes() {
        let mut burn = Burn::new(&settings());
        assert_eq!(holds(&mut burn, 0..600, 1), [0; 0]);
        // 10% failed: 14.4 times the allowed 0.1% of an hour are reached after 9 minutes.
        let during = holds(&mut burn, 600..630, 100);
        assert!((605..612).contains(&during[0]) && during.last() == Some(&629), "{during:?}");
        let after = holds(&mut burn, 630..1_200, 1);
        let fast = after.iter().filter(|minute| **minute < 636).count();
        // The slow window, 6 times over 6 hours and half an hour, goes on for less than half an hour.
        assert!(fast >= 4 && after.iter().all(|minute| *minute < 662), "{after:?}");
    }

    #[test]
    fn a_slow_burn_holds_by_the_six_hours() {
        let mut burn = Burn::new(&settings());
        assert_eq!(holds(&mut burn, 0..600, 0), [0; 0]);
        let during = holds(&mut burn, 600..1_200, 10);
        assert!((800..860).contains(&during[0]), "{during:?}");
        let seen = burn.observe(&settings(), 1_199 * MINUTE_MS);
        assert!(seen.window_ms == 21_600_000 && (9.0..11.0).contains(&seen.rate), "{seen:?}");
    }

    #[test]
    fn a_handful_of_lines_and_silence_do_not_burn() {
        let mut burn = Burn::new(&settings());
        for minute in 0..19 {
            burn.add(minute * MINUTE_MS, 1, 1);
            assert!(!burn.observe(&settings(), minute * MINUTE_MS).holds);
        }
        assert!(!burn.observe(&settings(), 100 * 3_600_000).holds);
        assert!(burn.is_empty() && burn.next_change().is_none());
    }
}
