//! How long things took, as a histogram.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of [`Durations`], in microseconds.
pub const BOUNDS_US: [u64; 12] =
    [100, 250, 1_000, 2_500, 10_000, 25_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000, 60_000_000];

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Durations {
    pub(super) fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(at) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many took no longer than each of [`BOUNDS_US`], how many there were, and how long all took, in seconds.
    #[must_use]
    pub fn cumulative(&self) -> ([u64; BOUNDS_US.len()], u64, f64) {
        let mut sum = 0;
        let up_to = self.buckets.each_ref().map(|bucket| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        });
        let count = self.count.load(Ordering::Relaxed).max(sum);
        (up_to, count, self.sum_us.load(Ordering::Relaxed) as f64 / 1e6)
    }
}
