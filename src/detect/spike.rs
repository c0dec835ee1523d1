//! Spikes: a sliding window of counts and the buckets behind it, judged at every evaluation.
//!
//! Closed buckets are learned; the window slides between them and the open bucket counts, so that a spike is detected at the line
//! that makes it and not when its bucket ends.

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::baseline::{BaselineSettings, BaselineState, Usual};
use crate::detect::judge::{Counts, Judge, JudgeSettings, SpikeReason};
use crate::detect::scales::ScaleSettings;
use crate::detect::series::{Series, whole_buckets};

/// A clock that goes back further than this was reset; counts at such times are not merely late.
const LATE_MS_MAX: Millis = 86_400_000;
/// Times are clamped to this, so that arithmetic on them cannot overflow.
const NOW_MS_MAX: Millis = 1 << 55;
/// Buckets of a window.
const WINDOW_BUCKETS: Millis = 6;
/// The buckets of longer scales are at least so long: five minutes.
const LONG_BUCKET_MS_MIN: Millis = 300_000;

/// What makes a spike, see [`BaselineSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpikeSettings {
    /// Length of the sliding window in milliseconds.
    pub window_ms: Millis,
    /// At least this many times the expected count in the window.
    pub factor: f64,
    /// At least this many times the usual over longer times.
    pub long_factor: f64,
    /// Alerts a month that are accepted as chance.
    pub budget: f64,
    /// At least this many events in the window.
    pub at_least: u64,
    /// At least this unlikely, as `-log10 p`.
    pub unlikely: f64,
    /// Time until the first judgement, in milliseconds.
    pub learn_ms: Millis,
    /// A level that stays is adopted by doubling in this time, in milliseconds.
    pub adopt_ms: Millis,
}

impl Default for SpikeSettings {
    fn default() -> SpikeSettings {
        let window_ms = 60_000;
        let BaselineSettings { factor, at_least, unlikely, learn_ms, adopt_ms, .. } =
            BaselineSettings::new(window_ms / WINDOW_BUCKETS, window_ms);
        let ScaleSettings { ratio_min, budget, .. } = ScaleSettings::default();
        let long_factor = ratio_min.exp();
        SpikeSettings { window_ms, factor, long_factor, budget, at_least, unlikely, learn_ms, adopt_ms }
    }
}

impl SpikeSettings {
    /// Length of a bucket in milliseconds: a sixth of the window.
    #[must_use]
    pub fn bucket_ms(&self) -> Millis {
        (self.window_ms / WINDOW_BUCKETS).max(1)
    }

    /// The same for a baseline of buckets of `bucket_ms` that judges windows of `window_ms`.
    #[must_use]
    pub fn baseline(&self, bucket_ms: Millis, window_ms: Millis) -> BaselineSettings {
        let SpikeSettings { factor, at_least, unlikely, learn_ms, adopt_ms, .. } = *self;
        BaselineSettings { bucket_ms, window_ms, factor, at_least, unlikely, learn_ms, adopt_ms }
    }

    /// The same for a judge of buckets of `bucket_ms` and windows of `window_ms`.
    #[must_use]
    pub fn judge(&self, bucket_ms: Millis, window_ms: Millis) -> JudgeSettings {
        let default = ScaleSettings::default();
        let scales = ScaleSettings {
            ratio_min: self.long_factor.max(1.0).ln(),
            budget: self.budget,
            learn_ms: self.learn_ms.max(default.learn_ms),
            ..default
        };
        JudgeSettings { baseline: self.baseline(bucket_ms, window_ms), scales }
    }

    fn own(&self) -> JudgeSettings {
        self.judge(self.bucket_ms(), self.window_ms)
    }

    /// Buckets of the window in one of the longer scales: five minutes, or a window.
    fn long_buckets(&self) -> Millis {
        (LONG_BUCKET_MS_MIN + self.bucket_ms() - 1).div_euclid(self.bucket_ms()).max(WINDOW_BUCKETS)
    }

    /// The longer times that are judged.
    #[must_use]
    pub fn long_windows_ms(&self) -> [Millis; 3] {
        ScaleSettings::default().windows.map(|window| self.long_bucket_ms().saturating_mul(window as Millis))
    }

    fn long_bucket_ms(&self) -> Millis {
        self.long_buckets() * self.bucket_ms()
    }
}

/// The result of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpikeObservation {
    /// Whether there is a spike, or one continues.
    pub holds: bool,
    /// Whether too little is known.
    pub is_learning: bool,
    /// The count within the window.
    pub count: u64,
    /// The expected count in it.
    pub expected: f64,
    /// `-log10` of the probability of such a count or a greater one.
    pub unlikely: f64,
    /// Why there is a spike.
    pub reason: Option<SpikeReason>,
}

/// The counts of one series and what is usual of it. It is persisted as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spike {
    settings: SpikeSettings,
    series: Series,
    #[serde(flatten)]
    judge: Judge,
    /// Number of the open bucket since the epoch.
    bucket: Option<Millis>,
    /// The count in the open bucket.
    open: u64,
    /// The count in the closed buckets of the open one of the longer scales.
    #[serde(default)]
    open_long: u64,
}

impl Spike {
    /// An empty series.
    #[must_use]
    pub fn new(settings: SpikeSettings) -> Spike {
        let judge = Judge::new(&settings.own(), settings.long_bucket_ms());
        Spike {
            settings,
            series: Series::new(settings.window_ms),
            judge,
            bucket: None,
            open: 0,
            open_long: 0,
        }
    }

    /// Continues under settings that may have changed. Another window makes a new baseline.
    #[must_use]
    pub fn resume(self, settings: SpikeSettings) -> Spike {
        if self.settings.window_ms != settings.window_ms {
            return Spike::new(settings);
        }
        Spike { settings, judge: self.judge.resume(&settings.own(), settings.long_bucket_ms()), ..self }
    }

    /// Adds `n` events at `now_ms`. Late events are learned with the newest bucket, if they are within the window.
    pub fn add(&mut self, now_ms: Millis, n: u64) {
        let now_ms = self.advance(now_ms);
        let newest_ms = self.bucket.unwrap_or(0) * self.settings.bucket_ms();
        if now_ms <= newest_ms - self.settings.window_ms {
            return;
        }
        self.open = self.open.saturating_add(n);
        self.series.add(now_ms, n);
    }

    /// Judges the window that ends at `now_ms`.
    pub fn observe(&mut self, now_ms: Millis) -> SpikeObservation {
        let now_ms = self.advance(now_ms);
        let count = self.series.count(now_ms);
        let counts = Counts { window: count, open: self.open_long.saturating_add(self.open) };
        let judgement = self.judge.look(now_ms, counts, &self.settings.own());
        let window = judgement.window;
        SpikeObservation {
            holds: judgement.reason.is_some(),
            is_learning: window.state == BaselineState::Learning,
            count,
            expected: window.expected,
            unlikely: window.unlikely,
            reason: judgement.reason,
        }
    }

    /// Which counts a minute are usual at `at_ms`, or how much is known so far.
    #[must_use]
    pub fn usual_per_minute(&self, at_ms: Millis) -> Usual {
        match self.judge.usual(clamped(at_ms)) {
            Usual::Band(band) => Usual::Band(band.per_minute(self.settings.window_ms)),
            learning @ Usual::Learning { .. } => learning,
        }
    }

    /// The count within the window, as of the last call.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.series.sum()
    }

    /// When the observation may next change although nothing is added, in milliseconds since the epoch.
    #[must_use]
    pub fn next_change(&self) -> Option<Millis> {
        let bucket_ms = self.settings.bucket_ms();
        let closing = self.bucket.map(|open| (open + 1) * bucket_ms);
        match self.series.next_expiry() {
            Some(expiry) => Some(closing.map_or(expiry, |closing| closing.min(expiry))),
            // A spike of a longer scale may outlast the window's lines.
            None => closing.filter(|_| self.judge.is_spike()),
        }
    }

    /// The same baseline, to judge events long before the last ones seen.
    #[must_use]
    pub fn rewound(&self, at_ms: Millis) -> Spike {
        let bucket = clamped(at_ms).div_euclid(self.settings.bucket_ms());
        let series = Series::new(self.settings.window_ms);
        Spike { series, bucket: Some(bucket), open: 0, open_long: 0, judge: self.judge.rewound(), ..*self }
    }

    /// Moves the window by `by_ms`: the clock was set. What is usual at which time of the day stays where it is.
    pub fn shift(&mut self, by_ms: Millis) {
        self.series.shift(by_ms);
        let buckets = whole_buckets(by_ms, self.settings.bucket_ms());
        self.bucket = self.bucket.map(|open| open.saturating_add(buckets));
    }

    /// Closes the buckets that ended before `now_ms`. Returns the clamped time.
    fn advance(&mut self, now_ms: Millis) -> Millis {
        let now_ms = clamped(now_ms);
        let bucket_ms = self.settings.bucket_ms();
        let bucket = now_ms.div_euclid(bucket_ms);
        let Some(open) = self.bucket else {
            self.bucket = Some(bucket);
            return now_ms;
        };
        if bucket < open - LATE_MS_MAX / bucket_ms {
            self.bucket = Some(bucket);
            self.open = 0;
            self.open_long = 0;
            self.series = Series::new(self.settings.window_ms);
        } else if bucket > open {
            self.close(open, bucket);
        }
        now_ms
    }

    /// Closes the bucket `open` and the empty ones up to `bucket`, which is open then.
    fn close(&mut self, open: Millis, bucket: Millis) {
        let bucket_ms = self.settings.bucket_ms();
        self.judge.learn(open * bucket_ms, self.open);
        self.judge.learn_empty((open + 1) * bucket_ms, (bucket - open - 1) as u64);
        self.open_long = self.open_long.saturating_add(self.open);
        let long_buckets = self.settings.long_buckets();
        let closed = bucket.div_euclid(long_buckets) - open.div_euclid(long_buckets);
        if closed > 0 {
            self.judge.learn_long(self.open_long, (closed - 1) as u64, &self.settings.own());
            self.open_long = 0;
        }
        self.bucket = Some(bucket);
        self.open = 0;
    }
}

fn clamped(now_ms: Millis) -> Millis {
    now_ms.clamp(-NOW_MS_MAX, NOW_MS_MAX)
}

#[cfg(test)]
mod tests;
