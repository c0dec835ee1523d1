//! Alerts by pattern: a series for each pattern that has lines, or, for new patterns, for each that never was seen before.
//!
//! A release may bring a hundred new messages at once. So many are reported one by one within a minute, and the others together, by a series
//! without a pattern.

use std::sync::Arc;

use super::entry::AlertEntry;
use super::{AlertKey, AlertManager, CountedLines, CountedPath, WatchAlerts};
use crate::alert::AlertSpec;
use crate::alert::breakdown::{PatternLines, PatternNews};
use crate::detect::condition::Condition;
use crate::pattern::PatternId;
use crate::units::{AlertSpecId, PathId, WallTime};

const MINUTE_MS: i64 = 60_000;

impl AlertKey {
    /// Whether there may be many such series, so that those that say nothing are dropped.
    pub(super) fn is_one_of_many(self) -> bool {
        self.member().is_some()
    }

    /// Which of those it is, by a number.
    pub(super) fn member(self) -> Option<PathId> {
        self.path.or(self.pattern.map(|pattern| PathId(pattern.0)))
    }
}

impl AlertManager {
    pub(super) fn count_patterns(
        &mut self,
        watch: &Arc<WatchAlerts>,
        (alert, spec): &(AlertSpecId, Arc<AlertSpec>),
        at: CountedPath<'_>,
        lines: CountedLines<'_>,
        now: WallTime,
    ) {
        let mut patterns: Vec<PatternId> = Vec::new();
        for pattern in lines.patterns.iter().filter_map(|lines| lines.pattern) {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        for pattern in patterns {
            let own: Vec<PatternLines> =
                lines.patterns.iter().filter(|lines| lines.pattern == Some(pattern)).copied().collect();
            let mut key = AlertKey { alert: *alert, watch: watch.id, path: None, pattern: Some(pattern) };
            if let Condition::NewPattern { learn_ms, per_minute_max } = spec.condition {
                let Some(first) = own.iter().find(|lines| is_news(lines, at.watch_since, learn_ms)) else {
                    continue;
                };
                if self.is_too_many(key, first.at_ms, per_minute_max) {
                    key.pattern = None;
                }
            }
            let first_ms = own.first().map_or(now.0, |lines| lines.at_ms);
            if !self.entries.contains_key(&key) {
                if !self.make_room(key, spec, now) {
                    continue;
                }
                let since = at.watch_since.min(WallTime(first_ms));
                let entry = AlertEntry::new(spec, watch, Some(since), None).of_pattern(key.pattern);
                self.insert(key, entry);
            }
            let times: Vec<_> = own.iter().map(|lines| (WallTime(lines.at_ms), lines.lines, 0)).collect();
            let lines = CountedLines { times: &times, samples: lines.samples, patterns: &own };
            self.count_series(key, spec, at, lines, now);
        }
    }

    /// Whether enough patterns were reported one by one in the minute of `at_ms`.
    fn is_too_many(&mut self, key: AlertKey, at_ms: i64, per_minute_max: u32) -> bool {
        let minute = at_ms.div_euclid(MINUTE_MS);
        let notified = self.notified.entry((key.alert, key.watch)).or_insert((minute, 0));
        if notified.0 != minute {
            *notified = (minute, 0);
        }
        notified.1 = notified.1.saturating_add(1);
        notified.1 > per_minute_max
    }
}

/// Whether a pattern is new, and not only new to a watch that is still learning.
fn is_news(lines: &PatternLines, watch_since: WallTime, learn_ms: i64) -> bool {
    match lines.news {
        PatternNews::Known => false,
        PatternNews::First => true,
        PatternNews::New => lines.at_ms - watch_since.0 >= learn_ms,
    }
}
