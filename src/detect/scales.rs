//! Whether buckets of a series are higher than they ever are, at several time scales at once.
//!
//! A bucket's *ratio* is the logarithm of its count to a slow level. A window's is the mean of those of its buckets, so that one
//! huge bucket does not fill a long window. It is judged twice, and the better reason counts.
//!
//! | reason | compared with | finds |
//! |---|---|---|
//! | new | a fading record of the scale's own past: a soft maximum | the first incident of its height, also in bursty series |
//! | beyond chance | the [daily peaks](super::peaks) of the window's count to the level | an incident that repeats, in steady series |
//!
//! The result is *odds*, a logarithm: 2.5 more than what is remembered is an alert. What follows within half a day belongs to it,
//! unless it is far higher. Buckets of a [pause](super::pause) teach nothing.
//!
//! **Choice.** Logs, several scales, a soft record and the quiet time are what matters; every parameter may be off by 30%
//! (`cargo bench --bench nab`). Ratios of sums, EWMAs in place of windows, a correction by the hour and a division by the spread
//! of the series were tried and find less.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::fading::keep;
use crate::detect::pause::{Pause, PauseBucket};
use crate::detect::peaks::{Peaks, packed, unpacked};

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;
/// Windows that are judged.
const SCALES: usize = 3;
/// A silence longer than this is gone through no further.
const GAP_MS_MAX: Millis = 28 * DAY_MS;
/// A record of nothing.
const RECORD_NONE: f64 = -50.0;
/// The least that days reach: a window without events.
const PEAK_MIN: f64 = -9.0;
/// An empty bucket is at most so unlikely, as `-ln p`.
const UNLIKELY_MAX: f64 = 3.5;

/// The parameters. The defaults are those that `benches/nab.rs` varies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleSettings {
    /// Windows, in buckets.
    pub windows: [usize; SCALES],
    /// Odds for a mean log ratio of 1 in a window of one bucket.
    pub gain: f64,
    /// The power of a window's length by which that grows.
    pub gain_power: f64,
    /// Added to counts, so that small numbers make no great ratios.
    pub floor: f64,
    /// The most that a bucket's log ratio counts.
    pub ratio_max: f64,
    /// The least log ratio of an alert.
    pub ratio_min: f64,
    /// The most that the level falls for, as a log ratio.
    pub fall_max: f64,
    /// Half-life of the level.
    pub level_half_life_ms: Millis,
    /// What was seen once so long ago is half as likely to come again.
    pub rare_half_life_ms: Millis,
    /// Half-life of a record's height.
    pub record_half_life_ms: Millis,
    /// A younger memory counts for less.
    pub young_ms: Millis,
    /// Time until the first judgement.
    pub learn_ms: Millis,
    /// Odds of an alert.
    pub odds: f64,
    /// What follows within this time belongs to an alert.
    pub quiet_ms: Millis,
    /// Unless its odds are greater by this.
    pub escalation: f64,
    /// What the score of such is multiplied by.
    pub damping: f64,
    /// Alerts a month that are accepted as chance.
    pub budget: f64,
    /// How far above the daily peaks beyond chance is, as a log ratio.
    pub margin: f64,
    /// Odds for a log ratio of 1 above that.
    pub margin_gain: f64,
    /// A bucket counts in the level at most so many times it.
    pub clip: f64,
}

impl Default for ScaleSettings {
    fn default() -> ScaleSettings {
        ScaleSettings {
            windows: [1, 12, 72],
            gain: 12.0,
            gain_power: 0.65,
            floor: 5.0,
            ratio_max: 4.0,
            ratio_min: 0.5,
            fall_max: 1.0,
            level_half_life_ms: DAY_MS,
            rare_half_life_ms: 4 * DAY_MS,
            record_half_life_ms: 90 * DAY_MS,
            young_ms: 20 * DAY_MS,
            learn_ms: 2 * DAY_MS,
            odds: 2.5,
            quiet_ms: 12 * HOUR_MS,
            escalation: 5.0,
            damping: 0.02,
            budget: 2.0,
            margin: 0.35,
            margin_gain: 12.0,
            clip: 3.0,
        }
    }
}

/// What a bucket is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odds {
    /// By how much it outdoes what is remembered, as a logarithm.
    pub odds: f64,
    /// The window that is the reason, in buckets.
    pub window: usize,
    /// How many times the usual it has.
    pub times: f64,
    /// The count of a bucket that this is.
    pub risen: f64,
    /// In so many days there was none as high.
    pub days: u32,
}

impl Odds {
    const NONE: Odds = Odds { odds: RECORD_NONE, window: 0, times: 1.0, risen: 0.0, days: 0 };

    /// The score in [0, 1), which ranks as the odds do.
    #[must_use]
    pub fn score(&self) -> f64 {
        1.0 / (1.0 + (-self.odds / 4.0).exp())
    }
}

/// The usual count of a bucket: a fading mean of its logarithm, and one of itself.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Level {
    logs: f64,
    events: f64,
    buckets: f64,
}

impl Level {
    fn mean(&self) -> f64 {
        self.events / self.buckets.max(1.0)
    }
}

/// One window's sums, and what it remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Scale {
    ratios: i32,
    count: u64,
    record: f64,
    peaks: Peaks,
    /// The daily peak that chance exceeds within the budget.
    usual: Option<f64>,
}

/// See the [module](self). Takes about 1 KB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scales {
    bucket_ms: Millis,
    level: Level,
    pause: Pause<Level>,
    /// Log ratio and count of the buckets of the longest window, oldest first.
    recent: VecDeque<(i16, u32)>,
    scales: Vec<Scale>,
    /// Buckets that were learned.
    seen: u64,
    quiet_ms: Millis,
    /// The highest odds of the alert that is quiet.
    highest: f64,
}

impl Scales {
    /// Nothing known, of buckets of `bucket_ms`.
    #[must_use]
    pub fn new(bucket_ms: Millis) -> Scales {
        let scale =
            Scale { ratios: 0, count: 0, record: RECORD_NONE, peaks: Peaks::new(PEAK_MIN), usual: None };
        Scales {
            bucket_ms: bucket_ms.max(1),
            level: Level::default(),
            pause: Pause::default(),
            recent: VecDeque::new(),
            scales: vec![scale; SCALES],
            seen: 0,
            quiet_ms: 0,
            highest: 0.0,
        }
    }

    /// Length of a bucket in milliseconds.
    #[must_use]
    pub fn bucket_ms(&self) -> Millis {
        self.bucket_ms
    }

    /// The usual count of a bucket.
    #[must_use]
    pub fn usual(&self) -> f64 {
        self.level.mean()
    }

    /// The count of the last `buckets` closed buckets.
    #[must_use]
    pub fn count(&self, buckets: usize) -> u64 {
        self.recent.iter().rev().take(buckets).map(|(_, count)| u64::from(*count)).sum()
    }

    /// Whether it is still too early for a judgement.
    #[must_use]
    pub fn is_learning(&self, settings: &ScaleSettings) -> bool {
        self.seen_ms() < settings.learn_ms
    }

    /// Judges the open bucket by its `count` so far. Learns nothing.
    #[must_use]
    pub fn judge(&self, count: u64, settings: &ScaleSettings) -> Odds {
        if self.is_learning(settings) {
            return Odds::NONE;
        }
        let ratio = self.ratio(count, settings);
        let windows = self.scales.iter().zip(settings.windows);
        let of = |(at, (scale, window)): (usize, (&Scale, usize))| {
            let oldest =
                if self.recent.len() >= window { self.recent[self.recent.len() - window] } else { (0, 0) };
            let ratios = scale.ratios - i32::from(oldest.0) + i32::from(packed(ratio));
            let sum = (scale.count - u64::from(oldest.1)).saturating_add(count);
            self.odds(at, (ratios, sum), window, settings)
        };
        windows.enumerate().map(of).fold(Odds::NONE, higher)
    }

    /// Whether an alert begins with these odds. What follows belongs to it for a while.
    pub fn is_news(&mut self, odds: &Odds, settings: &ScaleSettings) -> bool {
        if self.quiet_ms > 0 && odds.odds <= self.highest + settings.escalation {
            self.highest = self.highest.max(odds.odds);
            if odds.odds >= settings.odds {
                self.quiet_ms = settings.quiet_ms;
            }
            return false;
        }
        let is_news = odds.odds >= settings.odds && !self.is_learning(settings);
        if is_news {
            self.quiet_ms = settings.quiet_ms;
            self.highest = odds.odds;
        }
        is_news
    }

    /// Whether what is seen now belongs to an alert that began before.
    #[must_use]
    pub fn is_quiet(&self, odds: &Odds, settings: &ScaleSettings) -> bool {
        self.quiet_ms > 0 && odds.odds <= self.highest + settings.escalation
    }

    /// Learns a closed bucket of `count`. Returns how many days it closed.
    pub fn learn(&mut self, count: u64, settings: &ScaleSettings) -> u64 {
        let is_pause = self.is_pause(count);
        let ratio = self.ratio(count, settings);
        self.push(packed(ratio), count, settings);
        self.quiet_ms = (self.quiet_ms - self.bucket_ms).max(0);
        if is_pause {
            return 0;
        }
        self.record(settings);
        let log = (count as f64 + settings.floor).ln();
        let base = self.base(log);
        let kept = keep(self.bucket_ms, settings.level_half_life_ms);
        let most = settings.clip * self.level.mean() + settings.floor;
        let event = if self.level.buckets > 3.0 { (count as f64).min(most) } else { count as f64 };
        self.level = Level {
            logs: self.level.logs * kept + log.max(base - settings.fall_max),
            events: self.level.events * kept + event,
            buckets: self.level.buckets * kept + 1.0,
        };
        self.seen = self.seen.saturating_add(1);
        if !self.seen.is_multiple_of((DAY_MS / self.bucket_ms).max(1) as u64) {
            return 0;
        }
        for scale in &mut self.scales {
            scale.peaks.close_day(PEAK_MIN);
            scale.usual = scale.peaks.usual(settings.budget);
        }
        1
    }

    /// Learns `n` buckets without events. Returns how many days they closed.
    pub fn learn_empty(&mut self, n: u64, settings: &ScaleSettings) -> u64 {
        let n = n.min((GAP_MS_MAX / self.bucket_ms).max(1) as u64);
        (0..n).map(|_| self.learn(0, settings)).sum()
    }

    fn seen_ms(&self) -> Millis {
        Millis::try_from(self.seen).unwrap_or(Millis::MAX).saturating_mul(self.bucket_ms)
    }

    fn base(&self, log: f64) -> f64 {
        if self.level.buckets > 0.0 { self.level.logs / self.level.buckets } else { log }
    }

    fn ratio(&self, count: u64, settings: &ScaleSettings) -> f64 {
        let log = (count as f64 + settings.floor).ln();
        (log - self.base(log)).min(settings.ratio_max)
    }

    fn push(&mut self, ratio: i16, count: u64, settings: &ScaleSettings) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let len = self.recent.len();
        for (scale, window) in self.scales.iter_mut().zip(settings.windows) {
            let oldest = if len >= window { self.recent[len - window] } else { (0, 0) };
            scale.ratios += i32::from(ratio) - i32::from(oldest.0);
            scale.count = scale.count - u64::from(oldest.1) + u64::from(count);
        }
        self.recent.push_back((ratio, count));
        let most = settings.windows.iter().copied().max().unwrap_or(1);
        while self.recent.len() > most {
            self.recent.pop_front();
        }
    }

    /// Adds the windows that end now to what is remembered.
    fn record(&mut self, settings: &ScaleSettings) {
        let kept = keep(self.bucket_ms, settings.record_half_life_ms);
        let fade = std::f64::consts::LN_2 * self.bucket_ms as f64 / settings.rare_half_life_ms as f64;
        let mean = self.level.mean();
        for (scale, window) in self.scales.iter_mut().zip(settings.windows) {
            let height = height(scale.ratios, window, settings);
            let faded = if scale.record > 0.0 { scale.record * kept } else { scale.record } - fade;
            scale.record = faded.max(height) + (-(faded - height).abs()).exp().ln_1p();
            scale.peaks.add(excess(scale.count, mean, window, settings));
        }
    }

    /// The odds of one window with the given sums of ratios and counts.
    fn odds(&self, at: usize, (ratios, count): (i32, u64), window: usize, settings: &ScaleSettings) -> Odds {
        let scale = &self.scales[at];
        let excess = excess(count, self.level.mean(), window, settings);
        let days = || scale.peaks.days_below(excess);
        let ratio = unpacked(ratios) / window as f64;
        let mut best = Odds::NONE;
        if ratio >= settings.ratio_min {
            let young = (settings.young_ms as f64 / self.seen_ms().max(1) as f64).ln().max(0.0);
            let odds = height(ratios, window, settings) - scale.record - young;
            let risen = ratio.exp() * (self.level.mean() + settings.floor) - settings.floor;
            best = Odds { odds, window, times: ratio.exp(), risen, days: days() };
        }
        if let Some(usual) = scale.usual.filter(|_| excess >= settings.ratio_min) {
            let odds = settings.odds + settings.margin_gain * (excess - usual - settings.margin);
            let risen = count as f64 / window as f64;
            best = higher(best, Odds { odds, window, times: excess.exp(), risen, days: days() });
        }
        best
    }

    /// Whether a bucket belongs to a pause, in which nothing is learned.
    fn is_pause(&mut self, count: u64) -> bool {
        let expected = self.pause.level_before(&self.level).mean();
        let unlikely = expected.min(UNLIKELY_MAX);
        let bucket = PauseBucket { count: count as f64, expected, unlikely, bucket_ms: self.bucket_ms };
        self.pause.is_pause(&bucket, &mut self.level, 1.0)
    }
}

/// The odds of a window against nothing, of which a record is the soft maximum.
fn height(ratios: i32, window: usize, settings: &ScaleSettings) -> f64 {
    let window = window as f64;
    settings.gain * window.powf(settings.gain_power) * unpacked(ratios) / window
}

/// The logarithm of a window's count to the usual one.
fn excess(count: u64, mean: f64, window: usize, settings: &ScaleSettings) -> f64 {
    ((count as f64 + settings.floor) / (window as f64 * mean + settings.floor)).ln()
}

fn higher(a: Odds, b: Odds) -> Odds {
    if b.odds > a.odds { b } else { a }
}

#[cfg(test)]
mod tests;
