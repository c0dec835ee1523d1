//! Spikes: a sliding window of counts, judged by the baseline of the series at every evaluation.
//!
//! The baseline learns closed buckets; the window slides between them, so that a spike is detected at the line that makes it
//! and not when its bucket ends.

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::baseline::{Baseline, BaselineSettings, BaselineState};
use crate::detect::series::{Series, whole_buckets};

/// A clock that goes back further than this was reset; counts at such times are not merely late.
const LATE_MS_MAX: Millis = 86_400_000;
/// Times are clamped to this, so that arithmetic on them cannot overflow.
const NOW_MS_MAX: Millis = 1 << 55;
/// Buckets of a window.
const WINDOW_BUCKETS: Millis = 6;

/// What makes a spike, see [`BaselineSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpikeSettings {
    /// Length of the sliding window in milliseconds.
    pub window_ms: Millis,
    /// At least this many times the expected count.
    pub factor: f64,
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
        SpikeSettings { window_ms, factor, at_least, unlikely, learn_ms, adopt_ms }
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

    fn own_baseline(&self) -> BaselineSettings {
        self.baseline(self.bucket_ms(), self.window_ms)
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
}

/// The counts of one series and its baseline. It is persisted as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spike {
    settings: SpikeSettings,
    series: Series,
    baseline: Baseline,
    /// Number of the open bucket since the epoch.
    bucket: Option<Millis>,
    /// The count in the open bucket.
    open: u64,
}

impl Spike {
    /// An empty series.
    #[must_use]
    pub fn new(settings: SpikeSettings) -> Spike {
        let baseline = Baseline::new(settings.own_baseline());
        Spike { settings, series: Series::new(settings.window_ms), baseline, bucket: None, open: 0 }
    }

    /// Continues under settings that may have changed. Another window makes a new baseline.
    #[must_use]
    pub fn resume(self, settings: SpikeSettings) -> Spike {
        if self.settings.window_ms != settings.window_ms {
            return Spike::new(settings);
        }
        Spike { settings, baseline: self.baseline.resume(settings.own_baseline()), ..self }
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
        let verdict = self.baseline.judge(now_ms, count);
        let holds = verdict.state == BaselineState::Spike;
        self.baseline.hold(holds);
        SpikeObservation {
            holds,
            is_learning: verdict.state == BaselineState::Learning,
            count,
            expected: verdict.expected,
            unlikely: verdict.unlikely,
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
        let expiry = self.series.next_expiry()?;
        let bucket_ms = self.settings.bucket_ms();
        let closing = self.bucket.map(|open| (open + 1) * bucket_ms);
        Some(closing.map_or(expiry, |closing| closing.min(expiry)))
    }

    /// The same baseline, to judge events long before the last ones seen.
    #[must_use]
    pub fn rewound(&self, at_ms: Millis) -> Spike {
        let bucket = clamped(at_ms).div_euclid(self.settings.bucket_ms());
        let series = Series::new(self.settings.window_ms);
        Spike { series, bucket: Some(bucket), open: 0, baseline: self.baseline.clone(), ..*self }
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
            self.series = Series::new(self.settings.window_ms);
        } else if bucket > open {
            self.baseline.observe(open * bucket_ms, self.open);
            self.baseline.observe_empty((open + 1) * bucket_ms, (bucket - open - 1) as u64);
            self.bucket = Some(bucket);
            self.open = 0;
        }
        now_ms
    }
}

fn clamped(now_ms: Millis) -> Millis {
    now_ms.clamp(-NOW_MS_MAX, NOW_MS_MAX)
}

#[cfg(test)]
mod tests;
