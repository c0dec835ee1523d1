//! The decision whether a series has a spike, and why: a burst within the window, or more than ever at a longer scale.
//!
//! | part | judges | finds |
//! |---|---|---|
//! | [`Baseline`] | the sliding window, at every line, by chance alone | steep rises in steady series, at once |
//! | [`Scales`] | buckets of minutes, hours and a quarter of a day, by all that is remembered | all others |
//!
//! In a bursty series every day has a window that chance does not explain. So a burst has to exceed those of all days but two a month
//! (the budget).
//!
//! A spike ends when the newest lines are back at less than half of the rise: within a minute or two in a log that is busy enough to
//! tell, and not when the longest window has forgotten it.

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::baseline::{Baseline, BaselineSettings, BaselineState, Usual, Verdict};
use crate::detect::peaks::Peaks;
use crate::detect::scales::{Odds, ScaleSettings, Scales};

/// The end of a rise is distinguished from chance by this many standard deviations.
const END_DEVIATIONS: f64 = 3.0;
/// Buckets of the longest time over which the end of a spike is judged.
const END_BUCKETS_MAX: usize = 12;
/// A burst of no height.
const BURST_NONE: f64 = 0.0;

/// What the parts of a [`Judge`] go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgeSettings {
    /// Of the sliding window.
    pub baseline: BaselineSettings,
    /// Of the longer ones.
    pub scales: ScaleSettings,
}

/// Why there is a spike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpikeReason {
    /// The window that is too high.
    pub window_ms: Millis,
    /// How many times the usual it has.
    pub times: f64,
    /// In so many days there was none as high, as far as is known.
    pub days: u32,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The sliding window beside its baseline.
    pub window: Verdict,
    /// The one reason, while there is a spike.
    pub reason: Option<SpikeReason>,
    /// What ranks all moments, in [0, 1).
    pub score: f64,
}

/// Counts as of a moment.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// In the sliding window.
    pub window: u64,
    /// In the open bucket of the longer scales.
    pub open: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Episode {
    reason: SpikeReason,
    /// The count of a bucket of the longer scales that it is, if one of those is the reason.
    #[serde(default)]
    risen: f64,
    /// Whether the window is the reason, and not a longer one.
    is_burst: bool,
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    baseline: Baseline,
    #[serde(default = "Judge::no_scales")]
    scales: Box<Scales>,
    /// The heights of bursts, as log ratios.
    #[serde(default = "Judge::no_bursts")]
    bursts: Peaks,
    #[serde(default)]
    episode: Option<Episode>,
}

impl Judge {
    /// Nothing known. Longer scales have buckets of `bucket_ms`.
    #[must_use]
    pub fn new(settings: &JudgeSettings, bucket_ms: Millis) -> Judge {
        Judge {
            baseline: Baseline::new(settings.baseline),
            scales: Box::new(Scales::new(bucket_ms)),
            bursts: Judge::no_bursts(),
            episode: None,
        }
    }

    /// A state of before there were scales.
    fn no_scales() -> Box<Scales> {
        Box::new(Scales::new(0))
    }

    fn no_bursts() -> Peaks {
        Peaks::new(BURST_NONE)
    }

    /// Continues under settings that may have changed.
    #[must_use]
    pub fn resume(self, settings: &JudgeSettings, bucket_ms: Millis) -> Judge {
        let is_same = self.scales.bucket_ms() == bucket_ms;
        let scales = if is_same { self.scales } else { Box::new(Scales::new(bucket_ms)) };
        Judge { baseline: self.baseline.resume(settings.baseline), scales, ..self }
    }

    /// The same knowledge, for another time.
    #[must_use]
    pub fn rewound(&self) -> Judge {
        Judge { episode: None, ..self.clone() }
    }

    /// Whether there was a spike at the last look.
    #[must_use]
    pub fn is_spike(&self) -> bool {
        self.episode.is_some()
    }

    /// Judges the moment `at_ms`.
    pub fn look(&mut self, at_ms: Millis, counts: Counts, settings: &JudgeSettings) -> Judgement {
        let window = self.baseline.judge(at_ms, counts.window);
        let is_burst = window.state == BaselineState::Spike;
        self.baseline.hold(is_burst);
        let odds = self.scales.judge(counts.open, &settings.scales);
        let is_enough = self.scales.count(odds.window.saturating_sub(1)).saturating_add(counts.open)
            >= settings.baseline.at_least;
        let is_high = is_enough && self.is_high(odds.risen, odds.window > 1, counts, settings);
        let score = self.score(&odds, is_high, &settings.scales);
        let is_news = is_high && self.scales.is_news(&odds, &settings.scales);
        let goes_on = self.episode.filter(|episode| match episode.is_burst {
            true => is_burst,
            false => self.is_high(episode.risen, self.is_long(&episode.reason), counts, settings),
        });
        let burst = is_burst.then(|| self.burst(&window, settings)).flatten();
        let begins = match burst {
            Some(reason) => Some(Episode { reason, risen: 0.0, is_burst: true }),
            None => {
                is_news.then(|| Episode { reason: self.reason(&odds), risen: odds.risen, is_burst: false })
            }
        };
        let begins_by_burst = goes_on.is_none() && burst.is_some();
        self.episode = goes_on.or(begins);
        let alert = Odds { odds: settings.scales.odds, ..odds }.score();
        Judgement {
            window,
            reason: self.episode.map(|episode| episode.reason),
            score: if begins_by_burst { score.max(alert) } else { score },
        }
    }

    /// Which counts are usual within the window that ends at about `at_ms`, or how much is known so far.
    #[must_use]
    pub fn usual(&self, at_ms: Millis) -> Usual {
        self.baseline.usual(at_ms)
    }

    /// Learns a closed bucket of the window that began at `start_ms`.
    pub fn learn(&mut self, start_ms: Millis, count: u64) {
        self.baseline.observe(start_ms, count);
    }

    /// Learns `n` of them without events.
    pub fn learn_empty(&mut self, start_ms: Millis, n: u64) {
        self.baseline.observe_empty(start_ms, n);
    }

    /// Learns a closed bucket of the longer scales and `empty` ones after it.
    pub fn learn_long(&mut self, count: u64, empty: u64, settings: &JudgeSettings) {
        let days =
            self.scales.learn(count, &settings.scales) + self.scales.learn_empty(empty, &settings.scales);
        (0..days).for_each(|_| self.bursts.close_day(BURST_NONE));
    }

    /// The reason that a burst is, unless bursts as high come on more days than the budget has.
    fn burst(&mut self, window: &Verdict, settings: &JudgeSettings) -> Option<SpikeReason> {
        let height = window.ratio.max(1.0).ln();
        let usual = self.bursts.exceeded(settings.scales.budget / 4.0);
        let days = self.bursts.days_below(height);
        self.bursts.add(height);
        let window_ms = settings.baseline.window_ms;
        let reason = SpikeReason { window_ms, times: window.ratio, days };
        usual
            .is_none_or(|usual| usual == BURST_NONE || height > usual + settings.scales.margin)
            .then_some(reason)
    }

    fn reason(&self, odds: &Odds) -> SpikeReason {
        let window_ms = self.scales.bucket_ms().saturating_mul(odds.window as Millis);
        SpikeReason { window_ms, times: odds.times, days: odds.days }
    }

    fn is_long(&self, reason: &SpikeReason) -> bool {
        reason.window_ms > self.scales.bucket_ms()
    }

    fn score(&self, odds: &Odds, is_high: bool, settings: &ScaleSettings) -> f64 {
        let is_damped = !is_high || self.scales.is_quiet(odds, settings);
        if is_damped { odds.score() * settings.damping } else { odds.score() }
    }

    /// Whether the newest lines are still above half of a rise to `risen` a bucket, over the shortest time that tells it from chance.
    fn is_high(&self, risen: f64, is_long: bool, counts: Counts, settings: &JudgeSettings) -> bool {
        let usual = self.scales.usual();
        let half = f64::midpoint(usual, risen);
        let rise = (risen - usual).max(0.1 * risen).max(f64::MIN_POSITIVE);
        let enough = (END_DEVIATIONS * 2.0 * risen / rise).powi(2);
        let window = settings.baseline.window_ms as f64 / self.scales.bucket_ms() as f64;
        if risen * window >= enough {
            return counts.window as f64 >= half * window;
        }
        if risen >= enough || !is_long {
            return self.scales.count(1).max(counts.open) as f64 >= half;
        }
        let before = self.scales.count(END_BUCKETS_MAX - 1).saturating_add(counts.open);
        before as f64 >= half * END_BUCKETS_MAX as f64
    }
}
