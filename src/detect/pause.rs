//! Pauses: a log that stops, a daemon or a machine that is down. What was usual before a pause is usual after it.
//!
//! Buckets with under a tenth of what the level expects raise a doubt by how unlikely they are, as the one-sided cumulative sum
//! of E. Page, "Continuous Inspection Schemes", *Biometrika* 41, 1954; other buckets lower it. At `DOUBT_PAUSE` it is a pause: the
//! level of before the doubt returns, and nothing is learned until lines as usual have removed the doubt.
//!
//! Silence may be usual, as between the runs of a batch job: pauses that come several times a day are learned as all else.

use serde::{Deserialize, Serialize};

use crate::detect::Millis;

/// A doubt of this much, in natural logarithms of probability, is a pause.
const DOUBT_PAUSE: f64 = 10.0;
/// A doubt grows no further than this, so that a pause ends soon after lines return, but not at a few of them.
const DOUBT_MAX: f64 = 40.0;
/// Less than this share of the expected lines is a pause.
const SHARE: f64 = 0.1;
/// What lasts longer than this is no pause but the new level.
const PAUSE_MS_MAX: Millis = 14 * 86_400_000;

/// With more pauses than this in the fading sum of `PAUSES_HALF_LIFE_MS`, about six a day, they are usual.
const PAUSES_MAX: f64 = 8.0;
const PAUSES_HALF_LIFE_MS: f64 = 86_400_000.0;

/// What is known of a pause that may have begun.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Pause<L> {
    doubt: f64,
    is_sure: bool,
    /// Since the doubt began, in milliseconds.
    since_ms: f64,
    /// Fading number of pauses.
    pauses: f64,
    /// The level of before it.
    level: Option<L>,
}

impl<L> Default for Pause<L> {
    fn default() -> Pause<L> {
        Pause { doubt: 0.0, is_sure: false, since_ms: 0.0, pauses: 0.0, level: None }
    }
}

impl<L: Copy> Pause<L> {
    /// The level without the doubtful buckets.
    pub(super) fn level_before<'a>(&'a self, level: &'a L) -> &'a L {
        self.level.as_ref().unwrap_or(level)
    }

    /// Takes `n` buckets of `count` each, where `expected` were expected and `unlikely` is how unlikely an empty one is.
    /// Returns whether they belong to a pause; `level` is then that of before it.
    pub(super) fn is_pause(&mut self, bucket: &PauseBucket, level: &mut L, n: f64) -> bool {
        let PauseBucket { count, expected, unlikely, bucket_ms } = *bucket;
        let step = if expected > 0.0 { unlikely * (1.0 - count / (SHARE * expected)) * n } else { 0.0 };
        self.pauses *= (-n * bucket_ms as f64 / PAUSES_HALF_LIFE_MS).exp2();
        let doubt = (self.doubt + step).min(DOUBT_MAX);
        if doubt <= 0.0 {
            self.pauses += f64::from(u8::from(self.is_sure));
            *self = Pause { pauses: self.pauses, ..Pause::default() };
            return false;
        }
        let before = *self.level.get_or_insert(*level);
        self.doubt = doubt;
        self.is_sure |= doubt >= DOUBT_PAUSE;
        self.since_ms += n * bucket_ms as f64;
        let is_pause = self.is_sure && self.since_ms <= PAUSE_MS_MAX as f64 && self.pauses < PAUSES_MAX;
        if is_pause {
            *level = before;
        }
        is_pause
    }
}

/// A bucket beside what is expected of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PauseBucket {
    pub(super) count: f64,
    pub(super) expected: f64,
    /// `-ln` of the probability of an empty bucket.
    pub(super) unlikely: f64,
    pub(super) bucket_ms: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: PauseBucket = PauseBucket { count: 0.0, expected: 2.0, unlikely: 2.0, bucket_ms: 10_000 };

    #[test]
    fn the_level_of_before_returns_and_usual_lines_end_it() {
        let before = 2.0;
        let mut level = before;
        let mut pause = Pause::default();
        for _ in 0..4 {
            assert!(!pause.is_pause(&BUCKET, &mut level, 1.0));
            level *= 0.9;
        }
        assert!(pause.is_pause(&BUCKET, &mut level, 1.0));
        assert_eq!(level, before);
        assert!(!pause.is_pause(&PauseBucket { count: 2.0, ..BUCKET }, &mut level, 1.0));
        assert_eq!(pause, Pause { pauses: 1.0, ..Pause::default() });
    }

    #[test]
    fn few_lines_are_a_pause_as_well_and_half_of_the_usual_are_not() {
        let mut level = 2.0;
        let (mut few, mut half) = (Pause::default(), Pause::default());
        for bucket in 0..100 {
            let one = |every: i32| f64::from(u8::from(bucket % every == every - 1));
            few.is_pause(&PauseBucket { count: one(10), ..BUCKET }, &mut level, 1.0);
            half.is_pause(&PauseBucket { count: one(1), ..BUCKET }, &mut level, 1.0);
        }
        assert!(few.is_pause(&BUCKET, &mut level, 5.0) && !half.is_pause(&BUCKET, &mut level, 4.0));
    }

    #[test]
    fn two_weeks_are_no_pause() {
        let (mut level, mut pause) = (2.0, Pause::default());
        assert!(pause.is_pause(&BUCKET, &mut level, 13.0 * 8_640.0));
        assert!(!pause.is_pause(&BUCKET, &mut level, 2.0 * 8_640.0));
    }
}
