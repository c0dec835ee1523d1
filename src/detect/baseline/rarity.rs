//! How rare a bucket is compared with all remembered ones: the score in [0, 1).
//!
//! A bucket's height is its count relative to the level of the last days, with a floor for small counts. Its score is its
//! share of the sum of the fourth powers of all heights, itself included; old ones weigh less. By Markov's inequality the
//! mean fourth power over a height's own bounds how often such a height is reached, whatever the distribution; at the
//! power's limit the score is the comparison with a record that decays, which serves as well. A level that has been
//! reached often is no longer rare, one that has not been for weeks is again.
//!
//! What happened within the last hours weighs more, so that a spike is news when it begins and not as long as it lasts.

use serde::{Deserialize, Serialize};

use super::fading::{faded, keep};
use crate::detect::Millis;

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;

/// The parameters of the score. `cargo bench --bench nab` shows what changing each does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaritySettings {
    /// Half-life of the level, in milliseconds.
    pub level_half_life_ms: Millis,
    /// Half-life of the heights, in milliseconds.
    pub heights_half_life_ms: Millis,
    /// Additional weight of the newest heights, which halves every `recent_half_life_ms`.
    pub recent_weight: f64,
    /// See `recent_weight`; in milliseconds.
    pub recent_half_life_ms: Millis,
    /// Added to counts and levels, so that small numbers make no great heights.
    pub floor: f64,
    /// The power of heights.
    pub power: f64,
}

impl Default for RaritySettings {
    fn default() -> RaritySettings {
        RaritySettings {
            level_half_life_ms: DAY_MS,
            heights_half_life_ms: 14 * DAY_MS,
            recent_weight: 8.0,
            recent_half_life_ms: HOUR_MS,
            floor: 5.0,
            power: 4.0,
        }
    }
}

/// The sums behind the score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Rarity {
    events: f64,
    buckets: f64,
    heights: f64,
    recent: f64,
}

impl Rarity {
    /// The score of a bucket of `count`.
    #[must_use]
    pub fn score(&self, count: u64, settings: &RaritySettings) -> f64 {
        let own = self.power(count as f64, settings);
        own / (own + self.heights + settings.recent_weight * self.recent)
    }

    /// Learns `n` consecutive buckets of `count`, each `bucket_ms` long.
    pub fn learn(&mut self, count: f64, bucket_ms: Millis, settings: &RaritySettings, n: f64) {
        let power = if self.buckets > 0.0 { self.power(count, settings) } else { 1.0 };
        let level = keep(bucket_ms, settings.level_half_life_ms);
        self.heights = faded(self.heights, power, keep(bucket_ms, settings.heights_half_life_ms), n);
        self.recent = faded(self.recent, power, keep(bucket_ms, settings.recent_half_life_ms), n);
        self.events = faded(self.events, count, level, n);
        self.buckets = faded(self.buckets, 1.0, level, n);
    }

    fn power(&self, count: f64, settings: &RaritySettings) -> f64 {
        let level = self.events / self.buckets.max(1.0);
        ((count + settings.floor) / (level + settings.floor)).powf(settings.power)
    }
}
