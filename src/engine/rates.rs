//! How fast lines of each pattern of a rule are written: within the last minute, and in each minute of the last hour. What belongs to
//! no pattern that is kept is one of the series, so that they always add up to what the rule matched.

use std::collections::HashMap;

use crate::detect::series::Series;
use crate::engine::activity::{MINUTES, Minutes};
use crate::pattern::{Pattern, PatternId, Registry};
use crate::units::WallTime;

/// The length of the minute that slides, in milliseconds.
const WINDOW_MS: i64 = 60_000;
/// More series than this are looked through for those that ended.
const SWEEP_FROM: usize = 256;

/// How fast the lines of one pattern are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternRates {
    /// The pattern; `None` for lines of patterns that are not kept.
    pub pattern: Option<Pattern>,
    /// Lines within the last minute.
    pub now: u64,
    /// Lines in each of the last 60 minutes, the current one last.
    pub minutes: Vec<u64>,
}

/// How fast the lines of one rule in one watch are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRates {
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Matching lines within the last minute.
    pub now: u64,
    /// Matching lines in each of the last 60 minutes, the current one last.
    pub minutes: Vec<u64>,
    /// The time of the first line that matched, in milliseconds since the epoch.
    pub first_ms: Option<i64>,
    /// The patterns with the most lines now, then those with the most lines of all.
    pub patterns: Vec<PatternRates>,
    /// How many patterns there are beside those.
    pub patterns_more: usize,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Rates {
    series: HashMap<Option<PatternId>, Rate>,
    sweep_from: usize,
}

#[derive(Debug)]
struct Rate {
    recent: Series,
    minutes: Minutes,
}

impl Rate {
    fn is_over(&self, minute: i64) -> bool {
        self.minutes.newest().is_none_or(|newest| newest < minute - MINUTES)
    }
}

impl Rates {
    pub(super) fn add(&mut self, pattern: Option<PatternId>, at_ms: i64, lines: u64) {
        let minute = at_ms.div_euclid(60_000);
        if self.series.len() > self.sweep_from.max(SWEEP_FROM) {
            self.series.retain(|_, rate| !rate.is_over(minute));
            self.sweep_from = 2 * self.series.len();
        }
        let rate = self
            .series
            .entry(pattern)
            .or_insert_with(|| Rate { recent: Series::new(WINDOW_MS), minutes: Minutes::default() });
        rate.recent.add(at_ms, lines);
        rate.minutes.add(minute, lines);
    }

    /// The rates up to `now` of the patterns in `registry`. Those that are not kept any longer are added to the others.
    pub(super) fn report(&mut self, registry: &Registry, now: WallTime, patterns_max: usize) -> RuleRates {
        let mut by_pattern: HashMap<Option<PatternId>, (u64, Vec<u64>)> = HashMap::new();
        for (id, rate) in &mut self.series {
            let id = id.and_then(|id| registry.get(id)).map(|pattern| pattern.id);
            let (recent, minutes) = (rate.recent.count(now.0), rate.minutes.up_to(now));
            let sum = by_pattern.entry(id).or_insert_with(|| (0, vec![0; MINUTES as usize]));
            sum.0 += recent;
            sum.1.iter_mut().zip(minutes).for_each(|(sum, n)| *sum += n);
        }
        let total: u64 = by_pattern.values().map(|(recent, _)| recent).sum();
        let mut minutes = vec![0; MINUTES as usize];
        for (_, of_pattern) in by_pattern.values() {
            minutes.iter_mut().zip(of_pattern).for_each(|(sum, n)| *sum += n);
        }
        let mut known: Vec<&Pattern> = registry.patterns().iter().collect();
        known.sort_by_key(|pattern| {
            let recent = by_pattern
                .get(&Some(pattern.id))
                .map_or((0, 0), |(now, minutes)| (*now, minutes.iter().sum::<u64>()));
            (std::cmp::Reverse((recent, pattern.lines)), pattern.id)
        });
        let patterns_more = known.len().saturating_sub(patterns_max);
        let first_ms = known.iter().filter_map(|pattern| pattern.first_ms).min();
        let of = |pattern: &&Pattern| {
            let (now, minutes) =
                by_pattern.remove(&Some(pattern.id)).unwrap_or_else(|| (0, vec![0; MINUTES as usize]));
            PatternRates { pattern: Some((*pattern).clone()), now, minutes }
        };
        let mut patterns: Vec<PatternRates> = known.iter().take(patterns_max).map(of).collect();
        let other =
            by_pattern.into_values().fold((0, vec![0; MINUTES as usize]), |mut sum, (now, minutes)| {
                sum.0 += now;
                sum.1.iter_mut().zip(minutes).for_each(|(sum, n)| *sum += n);
                sum
            });
        patterns.push(PatternRates { pattern: None, now: other.0, minutes: other.1 });
        let (watch, rule) = (String::new(), String::new());
        RuleRates { watch, rule, now: total, minutes, first_ms, patterns, patterns_more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::PatternSettings;

    #[test]
    fn patterns_and_others_add_up_and_old_lines_leave() {
        let mut registry = Registry::new(&PatternSettings::default());
        let one = registry.observe(b"ERROR disk full", Some(60_000)).id;
        let two = registry.observe(b"ERROR link down", Some(60_000)).id;
        let mut rates = Rates::default();
        for (id, at_ms, lines) in [(Some(one), 60_000, 3), (Some(two), 110_000, 4), (None, 115_000, 5)] {
            rates.add(id, at_ms, lines);
        }
        let report = rates.report(&registry, WallTime(119_000), 1);
        assert_eq!((report.now, report.minutes[59], report.patterns_more), (12, 12, 1));
        assert_eq!(report.patterns.iter().map(|rate| rate.now).sum::<u64>(), 12);
        let later = rates.report(&registry, WallTime(150_000), 5);
        assert_eq!((later.now, later.minutes[58], later.minutes[59]), (9, 12, 0));
        assert_eq!(later.patterns.iter().map(|rate| rate.now).collect::<Vec<_>>(), [4, 0, 5]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut rates = Rates::default();
        for n in 0..100_000_i64 {
            rates.add(Some(PatternId(n as u64)), n * 60_000, 1);
        }
        assert!(rates.series.len() <= 2 * SWEEP_FROM, "{}", rates.series.len());
    }
}
