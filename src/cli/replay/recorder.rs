//! What the page of a replay shows beside its alerts: rates over time of all lines, of each rule and of each pattern, and what was usual.
//! It is kept in bounded memory, however long the time is.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::alert::manager::RuleUsual;
use crate::cli::replay::histogram::Histogram;
use crate::detect::Millis;
use crate::detect::baseline::Usual;
use crate::pattern::{Pattern, PatternId};

const MINUTE_MS: Millis = 60_000;
/// So many points the rate of a rule has at most, and so many times what was usual is noted.
const POINTS_MAX: usize = 2_048;
/// So many points the rate of a pattern has at most.
const PATTERN_POINTS_MAX: usize = 256;
/// So many patterns of a rule have a rate.
const PATTERNS_MAX: usize = 1_000;

/// By watch and rule.
pub(super) type RuleKey = (usize, usize);

/// What was usual, at times that are at least `every_ms` apart.
#[derive(Debug)]
pub(super) struct UsualSeries {
    every_ms: Millis,
    points: Vec<(Millis, f64, f64)>,
}

impl Default for UsualSeries {
    fn default() -> UsualSeries {
        UsualSeries { every_ms: MINUTE_MS, points: Vec::new() }
    }
}

impl UsualSeries {
    fn note(&mut self, at_ms: Millis, lo: f64, hi: f64) {
        if self.points.last().is_some_and(|(last, ..)| at_ms < last + self.every_ms) {
            return;
        }
        self.points.push((at_ms, lo, hi));
        if self.points.len() > POINTS_MAX {
            self.every_ms *= 2;
            let mut at = 0;
            self.points.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
    }

    /// What was usual at `at_ms`: what was noted last, if anything was.
    pub(super) fn at(&self, at_ms: Millis) -> Option<(f64, f64)> {
        let after = self.points.partition_point(|(noted, ..)| *noted <= at_ms);
        after.checked_sub(1).map(|at| (self.points[at].1, self.points[at].2))
    }
}

/// A log: its path, how many files it has, and what was read of it.
#[derive(Debug, Default)]
pub(super) struct RecordedLog {
    pub(super) watch: usize,
    pub(super) path: PathBuf,
    pub(super) files: usize,
    pub(super) bytes: u64,
    pub(super) matched: u64,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) rates: BTreeMap<RuleKey, Histogram>,
    pub(super) usual: BTreeMap<(String, String), UsualSeries>,
    patterns: HashMap<RuleKey, HashMap<PatternId, Histogram>>,
    pub(super) logs: Vec<RecordedLog>,
    next_ms: Option<Millis>,
}

impl Recorder {
    /// A recorder of these logs, in the order of their numbers.
    pub(super) fn new(logs: Vec<RecordedLog>) -> Recorder {
        Recorder { logs, ..Recorder::default() }
    }

    /// Counts a matching line.
    pub(super) fn count(&mut self, key: RuleKey, log: usize, at_ms: Millis, pattern: PatternId) {
        if let Some(log) = self.logs.get_mut(log) {
            log.matched += 1;
        }
        let rate = self.rates.entry(key).or_insert_with(|| Histogram::new(MINUTE_MS, POINTS_MAX));
        rate.add(at_ms, 1);
        let patterns = self.patterns.entry(key).or_default();
        if patterns.len() < PATTERNS_MAX || patterns.contains_key(&pattern) {
            let rate =
                patterns.entry(pattern).or_insert_with(|| Histogram::new(MINUTE_MS, PATTERN_POINTS_MAX));
            rate.add(at_ms, 1);
        }
    }

    /// Whether it is to be noted at `at_ms` what is usual: once a minute.
    pub(super) fn is_due(&mut self, at_ms: Millis) -> bool {
        let is_due = self.next_ms.is_none_or(|next| at_ms >= next);
        if is_due {
            self.next_ms = Some(at_ms - at_ms.rem_euclid(MINUTE_MS) + MINUTE_MS);
        }
        is_due
    }

    /// Notes what is usual of each rule.
    pub(super) fn note_usual(&mut self, at_ms: Millis, usual: Vec<RuleUsual>) {
        for RuleUsual { watch, rule, usual } in usual {
            if let Usual::Band(band) = usual {
                self.usual.entry((watch, rule)).or_default().note(at_ms, band.lo, band.hi);
            }
        }
    }

    /// The rate of a pattern, which has taken in others meanwhile.
    pub(super) fn rate_of(
        &self,
        key: RuleKey,
        pattern: &Pattern,
        resolve: impl Fn(PatternId) -> PatternId,
    ) -> Histogram {
        let mut rate = Histogram::new(MINUTE_MS, PATTERN_POINTS_MAX);
        let all = self.patterns.get(&key).into_iter().flatten();
        all.filter(|(id, _)| resolve(**id) == pattern.id).for_each(|(_, part)| rate.add_all(part));
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::baseline::Band;

    #[test]
    fn what_was_usual_is_known_at_any_time_in_bounded_memory() {
        let mut recorder = Recorder::new(Vec::new());
        for minute in 0..10_000 {
            let at_ms = minute * MINUTE_MS + 5;
            assert!(recorder.is_due(at_ms) && !recorder.is_due(at_ms + 1_000));
            let band = Band { lo: minute as f64, mid: 0.0, hi: minute as f64 + 1.0 };
            let usual = RuleUsual { watch: "w".into(), rule: "r".into(), usual: Usual::Band(band) };
            recorder.note_usual(at_ms, vec![usual]);
        }
        let series = &recorder.usual[&("w".to_owned(), "r".to_owned())];
        assert!(series.points.len() <= POINTS_MAX);
        assert_eq!(series.at(0), None);
        for minute in [5, 700, 9_999] {
            let (lo, hi) = series.at(minute * MINUTE_MS + 30_000).unwrap();
            let off = minute as f64 - lo;
            assert!((0.0..=8.0).contains(&off) && (hi - lo - 1.0).abs() < 1e-9, "{minute}: {lo}");
        }
    }
}
