//! Counts over a sliding window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::detect::Millis;

/// A window is cut into this many buckets; counts leave it a bucket at a time.
const BUCKETS: Millis = 60;

/// Counts within the last `window_ms` milliseconds, to a sixtieth of the window: what is counted reaches back at least
/// the window and at most a bucket more. Takes at most 61 buckets of 16 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    window_ms: Millis,
    bucket_ms: Millis,
    /// Number of the bucket since the epoch and the count in it, oldest first; empty buckets take no place.
    buckets: VecDeque<(Millis, u64)>,
    sum: u64,
}

impl Series {
    /// An empty series over a window of `window_ms` milliseconds.
    #[must_use]
    pub fn new(window_ms: Millis) -> Series {
        let bucket_ms = (window_ms / BUCKETS).max(1);
        Series { window_ms, bucket_ms, buckets: VecDeque::new(), sum: 0 }
    }

    /// Length of the window in milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> Millis {
        self.window_ms
    }

    /// Adds `n` at `now`. A `now` that lies before the newest bucket counts for that one.
    pub fn add(&mut self, now: Millis, n: u64) {
        let bucket = now.div_euclid(self.bucket_ms);
        match self.buckets.back_mut() {
            Some((newest, count)) if *newest >= bucket => *count += n,
            _ => self.buckets.push_back((bucket, n)),
        }
        self.sum += n;
        self.expire(now);
    }

    /// The count within the window that ends at `now`.
    pub fn count(&mut self, now: Millis) -> u64 {
        self.expire(now);
        self.sum
    }

    /// Whether nothing is within the window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sum == 0
    }

    fn expire(&mut self, now: Millis) {
        let begin = now - self.window_ms;
        while let Some((bucket, count)) = self.buckets.front() {
            if (bucket + 1) * self.bucket_ms > begin {
                break;
            }
            self.sum -= count;
            self.buckets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_leave_after_the_window_and_at_most_a_bucket() {
        let mut series = Series::new(60_000);
        series.add(500, 3);
        series.add(30_000, 4);
        assert_eq!(series.count(60_499), 7);
        assert_eq!(series.count(61_000), 4);
        assert_eq!(series.count(91_000), 0);
        assert!(series.is_empty());
    }

    #[test]
    fn time_that_goes_back_loses_nothing() {
        let mut series = Series::new(1_000);
        series.add(5_000, 1);
        series.add(4_000, 1);
        assert_eq!(series.count(5_500), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut series = Series::new(60_000);
        for now in 0..1_000_000 {
            series.add(now, 1);
        }
        assert!(series.buckets.len() <= 62);
        let count = series.count(1_000_000);
        assert!((60_000..=61_000).contains(&count), "{count}");
    }
}
