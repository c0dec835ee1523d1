//! Counts over a sliding window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::detect::Millis;

/// Buckets of a window; counts expire a bucket at a time.
const BUCKETS: Millis = 60;

/// Counts within the last `window_ms` milliseconds, to a sixtieth of the window: counts cover at least the
/// window and at most one bucket more. Takes at most 61 buckets of 16 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    window_ms: Millis,
    bucket_ms: Millis,
    /// Number of the bucket since the epoch and the count in it, oldest first; empty buckets are left out.
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

    /// Adds `n` at `at`, which may be before the last call. Counts older than the window are ignored.
    pub fn add(&mut self, at: Millis, n: u64) {
        let bucket = at.div_euclid(self.bucket_ms);
        let newest = self.buckets.back().map_or(bucket, |(newest, _)| *newest);
        if n == 0 || at <= (newest * self.bucket_ms).saturating_sub(self.window_ms) {
            return;
        }
        // Late counts are mostly only a little late, so search from the back.
        let later = self.buckets.iter().rev().take_while(|(other, _)| *other > bucket).count();
        let place = self.buckets.len() - later;
        match place.checked_sub(1).and_then(|before| self.buckets.get_mut(before)) {
            Some((same, count)) if *same == bucket => *count += n,
            _ => self.buckets.insert(place, (bucket, n)),
        }
        self.sum += n;
        self.expire(at.max(newest * self.bucket_ms));
    }

    /// When the oldest count leaves the window, in milliseconds since the epoch.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Millis> {
        self.buckets.front().map(|(bucket, _)| (bucket + 1) * self.bucket_ms + self.window_ms)
    }

    /// The count within the window that ends at `now`.
    pub fn count(&mut self, now: Millis) -> u64 {
        self.expire(now);
        self.sum
    }

    /// The count within the window, as of the last call.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Whether nothing is within the window.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sum == 0
    }

    /// Moves all counts by `by_ms`, as exactly as buckets allow: the clock was set.
    pub fn shift(&mut self, by_ms: Millis) {
        let buckets = whole_buckets(by_ms, self.bucket_ms);
        for (bucket, _) in &mut self.buckets {
            *bucket = bucket.saturating_add(buckets);
        }
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

/// The number of buckets that is nearest to `ms`.
pub(super) fn whole_buckets(ms: Millis, bucket_ms: Millis) -> Millis {
    ms.saturating_add(bucket_ms / 2).div_euclid(bucket_ms)
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
    fn late_counts_expire_by_their_own_time() {
        let mut series = Series::new(6_000);
        for (at, n) in [(5_000, 1), (1_000, 2), (5_050, 4), (3_000, 8), (3_020, 16), (-2_000, 32)] {
            series.add(at, n);
        }
        assert_eq!(series.count(5_500), 31);
        assert_eq!(series.next_expiry(), Some(7_100));
        assert_eq!(series.count(7_100), 29);
        assert_eq!(series.count(9_100), 5);
        assert_eq!(series.count(11_100), 0);
        assert_eq!(series.next_expiry(), None);
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
