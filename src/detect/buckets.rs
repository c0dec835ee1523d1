//! Series that are counted already, in buckets from a file.

use std::collections::BTreeMap;

use crate::detect::Millis;
use crate::detect::judge::{Counts, Judge, JudgeSettings, Judgement};

/// The length of a bucket in milliseconds: the most frequent distance. A minute if there are fewer than two buckets.
#[must_use]
pub fn bucket_ms(starts_ms: &[Millis]) -> Millis {
    let mut distances: BTreeMap<Millis, usize> = BTreeMap::new();
    for pair in starts_ms.windows(2) {
        *distances.entry(pair[1] - pair[0]).or_default() += 1;
    }
    // The shortest of the most frequent.
    let most = distances.iter().rev().max_by_key(|(_, count)| **count);
    most.map_or(60_000, |(distance, _)| (*distance).max(1))
}

/// Judges each bucket by the previous ones; a window is one bucket. Missing buckets are ignored.
#[must_use]
pub fn judge(starts_ms: &[Millis], counts: &[u64], settings: &JudgeSettings) -> Vec<Judgement> {
    let mut judge = Judge::new(settings, settings.baseline.bucket_ms);
    let step = |(at_ms, count): (&Millis, &u64)| {
        let judgement = judge.look(*at_ms, Counts { window: *count, open: *count }, settings);
        judge.learn(*at_ms, *count);
        judge.learn_long(*count, 0, settings);
        judgement
    };
    starts_ms.iter().zip(counts).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_distance_is_the_length() {
        assert_eq!(bucket_ms(&[0, 300, 600, 900, 2_100, 2_400]), 300);
        assert_eq!(bucket_ms(&[5]), 60_000);
        assert_eq!(bucket_ms(&[0, 10, 30]), 10);
    }
}
