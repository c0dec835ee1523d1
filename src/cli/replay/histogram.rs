//! Counts over a time of unknown length, in constant memory: buckets double when the time grows.

use crate::detect::Millis;

/// The most buckets of the default; beyond it, each two become one.
const BUCKETS_MAX: usize = 4_096;

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Histogram {
    bucket_ms: Millis,
    buckets_max: usize,
    /// Number of the first bucket since the epoch.
    first: Millis,
    counts: Vec<u64>,
}

impl Default for Histogram {
    /// Buckets of a second at first.
    fn default() -> Histogram {
        Histogram::new(1_000, BUCKETS_MAX)
    }
}

impl Histogram {
    /// Buckets of `bucket_ms` at first, and at most `buckets_max` of them.
    pub(super) fn new(bucket_ms: Millis, buckets_max: usize) -> Histogram {
        Histogram { bucket_ms, buckets_max, first: 0, counts: Vec::new() }
    }

    /// Adds `n` at `at_ms`.
    pub(super) fn add(&mut self, at_ms: Millis, n: u64) {
        if self.counts.is_empty() {
            self.first = at_ms.div_euclid(self.bucket_ms);
            self.counts.push(0);
        }
        loop {
            let bucket = at_ms.div_euclid(self.bucket_ms);
            let first = bucket.min(self.first);
            let last = bucket.max(self.first + self.counts.len() as Millis - 1);
            if last - first < self.buckets_max as Millis {
                let before = (self.first - first) as usize;
                self.counts.splice(0..0, std::iter::repeat_n(0, before));
                self.first = first;
                self.counts.resize((last - first + 1) as usize, 0);
                self.counts[(bucket - first) as usize] += n;
                return;
            }
            self.double();
        }
    }

    fn double(&mut self) {
        let bucket_ms = self.bucket_ms * 2;
        let first = self.first.div_euclid(2);
        let mut counts = vec![0; self.counts.len() / 2 + 1];
        for (at, count) in self.counts.iter().enumerate() {
            counts[((self.first + at as Millis).div_euclid(2) - first) as usize] += count;
        }
        *self = Histogram { bucket_ms, first, counts, ..*self };
    }

    /// When the first bucket begins, how long each is, and the counts.
    pub(super) fn buckets(&self) -> (Millis, Millis, &[u64]) {
        (self.first * self.bucket_ms, self.bucket_ms, &self.counts)
    }

    /// Adds all counts of another.
    pub(super) fn add_all(&mut self, other: &Histogram) {
        let (start_ms, bucket_ms, counts) = other.buckets();
        for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.add(start_ms + at as Millis * bucket_ms, *count);
        }
    }

    /// The counts of `columns` equal parts of the time from `from_ms` to `to_ms`.
    pub(super) fn columns(&self, from_ms: Millis, to_ms: Millis, columns: usize) -> Vec<u64> {
        let mut sums = vec![0; columns];
        let span = (to_ms - from_ms).max(1);
        for (at, count) in self.counts.iter().enumerate() {
            let start_ms = ((self.first + at as Millis) * self.bucket_ms).max(from_ms);
            let column = ((start_ms - from_ms) as i128 * columns as i128 / i128::from(span)) as usize;
            if let Some(sum) = sums.get_mut(column.min(columns.saturating_sub(1))) {
                *sum += count;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_however_long_the_time() {
        let mut histogram = Histogram::default();
        let times = [5_000_000, 0, 86_400_000 * 30, -7_000, 4_999_999];
        for at in times {
            histogram.add(at, 2);
        }
        assert!(histogram.counts.len() <= BUCKETS_MAX);
        let columns = histogram.columns(-7_000, 86_400_000 * 30, 10);
        assert_eq!(columns.iter().sum::<u64>(), 10);
        assert_eq!((columns[0], columns[9]), (8, 2));
    }
}
