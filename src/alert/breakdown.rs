//! What makes up the count of an alert: which patterns and which paths, now and usually. Pure: time is an argument.
//!
//! The windows are those of the alert's own count, so that the parts add up to it. What is usual of a pattern is the mean over
//! former windows, and is left alone while the condition holds, so that a long spike does not become usual.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::series::Series;
use crate::event::{AlertEvent, AlertPath, AlertPattern};
use crate::pattern::{News, Pattern, PatternId};
use crate::units::WallTime;

/// Patterns that are counted separately within one alert; the lines of further ones count as `other`.
const PATTERNS_MAX: usize = 64;
/// The same for paths.
const PATHS_MAX: usize = 32;
/// How many an event carries.
const SHOWN_MAX: usize = 5;
/// Where an alert has no window, lines of so long are looked at, in milliseconds.
const DEFAULT_WINDOW_MS: Millis = 60_000;
/// What is usual is the mean of about so many windows.
const WINDOWS_USUAL: u32 = 10;
/// Less than this is not usual.
const USUAL_MIN: f64 = 0.05;

/// Lines of one pattern that were written at one time. Without an id they belong to no pattern that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternLines {
    /// When, in milliseconds on the time line of the alerts.
    pub at_ms: Millis,
    /// Which pattern.
    pub pattern: Option<PatternId>,
    /// How many lines.
    pub lines: u64,
    /// Whether the pattern was known.
    pub news: PatternNews,
}

/// Whether a pattern was known before its lines came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PatternNews {
    /// It was.
    #[default]
    Known,
    /// It never was seen before.
    New,
    /// It is the first of all patterns of its rule.
    First,
}

impl PatternNews {
    /// What a registry says of a line; `is_first` says whether it is the first of all.
    #[must_use]
    pub fn of(news: News, is_first: bool) -> PatternNews {
        match news {
            News::New if is_first => PatternNews::First,
            News::New => PatternNews::New,
            News::Known | News::Variant => PatternNews::Known,
        }
    }
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Breakdown {
    patterns: Vec<PatternPart>,
    paths: Vec<PathPart>,
    /// Up to when it is known what is usual.
    sampled_ms: Option<Millis>,
    /// From how many windows that is known.
    windows: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PatternPart {
    id: Option<PatternId>,
    series: Series,
    usual: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PathPart {
    path: String,
    series: Series,
}

impl Breakdown {
    /// Adds the lines of one turn at `path`. `is_usual` says whether what came before was nothing to alert of.
    pub(super) fn add(&mut self, window_ms: Millis, path: &str, lines: &[PatternLines], is_usual: bool) {
        let window_ms = if window_ms > 0 { window_ms } else { DEFAULT_WINDOW_MS };
        for PatternLines { at_ms, pattern, lines, .. } in lines.iter().copied() {
            self.sample(window_ms, at_ms, is_usual);
            self.part(window_ms, pattern).series.add(at_ms, lines);
            if let Some(part) = self.path(window_ms, at_ms, path) {
                part.series.add(at_ms, lines);
            }
        }
    }

    /// Moves everything by `by_ms`: the clock was set.
    pub(super) fn shift(&mut self, by_ms: Millis) {
        self.patterns.iter_mut().for_each(|part| part.series.shift(by_ms));
        self.paths.iter_mut().for_each(|part| part.series.shift(by_ms));
        self.sampled_ms = self.sampled_ms.map(|at_ms| at_ms.saturating_add(by_ms));
    }

    /// Takes the window that has ended by `at_ms` into what is usual.
    fn sample(&mut self, window_ms: Millis, at_ms: Millis, is_usual: bool) {
        let sampled_ms = *self.sampled_ms.get_or_insert(at_ms);
        let windows = (at_ms - sampled_ms).div_euclid(window_ms);
        if windows <= 0 {
            return;
        }
        self.sampled_ms = Some(sampled_ms + windows * window_ms);
        if !is_usual {
            return;
        }
        let first_end = sampled_ms + window_ms;
        self.windows = (self.windows + 1).min(WINDOWS_USUAL);
        let share = 1.0 / f64::from(self.windows);
        // In the windows between, nothing came.
        let idle = (1.0 - 1.0 / f64::from(WINDOWS_USUAL)).powi((windows - 1).clamp(0, 1_000) as i32);
        for part in &mut self.patterns {
            let count = part.series.count(first_end) as f64;
            part.usual = (part.usual + (count - part.usual) * share) * idle;
        }
    }

    fn part(&mut self, window_ms: Millis, id: Option<PatternId>) -> &mut PatternPart {
        let is_full = self.patterns.len() >= PATTERNS_MAX;
        let known = self.patterns.iter().position(|part| part.id == id);
        let at = match known {
            Some(at) => at,
            None if is_full && id.is_some() => {
                // The one that says the least makes room, if it says nothing; else the line is one of the others.
                let blank = |part: &PatternPart| part.series.is_empty() && part.usual < USUAL_MIN;
                match self.patterns.iter().position(blank) {
                    Some(at) => {
                        self.patterns[at] = PatternPart { id, series: Series::new(window_ms), usual: 0.0 };
                        at
                    }
                    None => return self.part(window_ms, None),
                }
            }
            None => {
                self.patterns.push(PatternPart { id, series: Series::new(window_ms), usual: 0.0 });
                self.patterns.len() - 1
            }
        };
        let part = &mut self.patterns[at];
        if part.series.window_ms() != window_ms {
            part.series = Series::new(window_ms);
        }
        part
    }

    /// The part of a path, unless there are too many with lines in the window.
    fn path(&mut self, window_ms: Millis, at_ms: Millis, path: &str) -> Option<&mut PathPart> {
        let known = self.paths.iter().position(|part| part.path == path);
        if known.is_none() && self.paths.len() >= PATHS_MAX {
            self.paths.retain_mut(|part| part.series.count(at_ms) > 0);
        }
        let at = match known {
            Some(at) => at,
            None if self.paths.len() >= PATHS_MAX => return None,
            None => {
                self.paths.push(PathPart { path: path.to_owned(), series: Series::new(window_ms) });
                self.paths.len() - 1
            }
        };
        let part = &mut self.paths[at];
        if part.series.window_ms() != window_ms {
            part.series = Series::new(window_ms);
        }
        Some(part)
    }

    /// What there is in the window that ends at `at_ms`: patterns by how much more there is of them than usual, without their
    /// texts, and paths by their counts.
    pub(super) fn take(&mut self, at_ms: Millis) -> (Vec<AlertPattern>, Vec<AlertPath>) {
        let pattern = |part: &mut PatternPart| {
            let count = part.series.count(at_ms);
            let before = part.usual.round() as u64;
            (count > 0).then(|| AlertPattern {
                id: part.id.map_or_else(|| OTHER.to_owned(), |id| id.to_string()),
                count,
                before,
                ..AlertPattern::default()
            })
        };
        let patterns = self.patterns.iter_mut().filter_map(pattern).collect();
        let path = |part: &mut PathPart| {
            let count = part.series.count(at_ms);
            (count > 0).then(|| AlertPath { path: part.path.clone(), count })
        };
        let mut paths: Vec<AlertPath> = self.paths.iter_mut().filter_map(path).collect();
        paths.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.path.cmp(&b.path)));
        paths.truncate(SHOWN_MAX);
        (patterns, paths)
    }
}

/// What the lines are called that belong to no pattern that is kept.
const OTHER: &str = "other";

/// Completes what `event` says of patterns by what a registry knows of them: those that became one are added up, and the ones that
/// matter most are kept. A pattern is new if its first line was written since the window began.
pub fn complete<'p>(event: &mut AlertEvent, known: impl Fn(PatternId) -> Option<&'p Pattern>) {
    let window_ms = if event.window_s > 0.0 { (event.window_s * 1e3) as Millis } else { DEFAULT_WINDOW_MS };
    let since = event.since.parse::<jiff::Timestamp>().ok();
    let new_from_ms = since.map_or(Millis::MAX, |since| since.as_millisecond() - window_ms);
    let mut merged: HashMap<String, AlertPattern> = HashMap::new();
    for part in std::mem::take(&mut event.patterns) {
        let pattern = PatternId::parse(&part.id).and_then(&known);
        let id = pattern.map_or_else(|| OTHER.to_owned(), |pattern| pattern.id.to_string());
        let whole =
            merged.entry(id.clone()).or_insert_with(|| AlertPattern { id, ..AlertPattern::default() });
        whole.count += part.count;
        whole.before += part.before;
        if let Some(pattern) = pattern {
            whole.text.clone_from(&pattern.text);
            whole.sample.clone_from(&pattern.sample);
            whole.first_seen = pattern.first_ms.map(|at_ms| WallTime(at_ms).to_string());
            whole.new = pattern.first_ms.is_some_and(|first_ms| first_ms >= new_from_ms);
        }
    }
    let mut patterns: Vec<AlertPattern> = merged.into_values().collect();
    let excess = |pattern: &AlertPattern| pattern.count.saturating_sub(pattern.before);
    let all: u64 = patterns.iter().map(excess).sum();
    for pattern in &mut patterns {
        pattern.share = (excess(pattern) as f64 / all.max(1) as f64 * 1e3).round() / 1e3;
    }
    patterns.sort_by(|a, b| {
        (excess(b), b.new, b.count).cmp(&(excess(a), a.new, a.count)).then_with(|| a.id.cmp(&b.id))
    });
    event.patterns = keep_most(patterns);
    complete_own(event, known);
}

/// Completes the event of an alert by pattern: its samples are lines of the pattern, and what turned out to be a variant of a pattern
/// that was known before is called so.
fn complete_own<'p>(event: &mut AlertEvent, known: impl Fn(PatternId) -> Option<&'p Pattern>) {
    let Some(id) = event.pattern.as_deref().and_then(PatternId::parse) else { return };
    let Some(pattern) = known(id).filter(|_| event.is_firing()) else { return };
    event.samples = vec![pattern.sample.clone()];
    if event.condition == "new" {
        let what = if pattern.id == id { "a new pattern" } else { "a variant of a known pattern" };
        event.why = format!("{what}: {}", pattern.text);
    }
}

/// The first patterns, and among them the new ones: a single new line may be the cause of all others.
fn keep_most(mut patterns: Vec<AlertPattern>) -> Vec<AlertPattern> {
    let rest = patterns.split_off(patterns.len().min(SHOWN_MAX));
    for new in rest.into_iter().filter(|pattern| pattern.new) {
        match patterns.iter().rposition(|pattern| !pattern.new) {
            Some(at) => {
                patterns.remove(at);
                patterns.push(new);
            }
            None => break,
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::PatternUsage;

    const WINDOW_MS: Millis = 60_000;

    fn lines(at_ms: Millis, pattern: u64, lines: u64) -> PatternLines {
        PatternLines { at_ms, pattern: Some(PatternId(pattern)), lines, news: PatternNews::Known }
    }

    fn counts(breakdown: &mut Breakdown, at_ms: Millis) -> Vec<(String, u64, u64)> {
        let (patterns, _) = breakdown.take(at_ms);
        patterns.into_iter().map(|p| (p.id.trim_start_matches('0').to_owned(), p.before, p.count)).collect()
    }

    #[test]
    fn what_is_usual_stays_as_it_was_while_the_condition_holds() {
        let mut breakdown = Breakdown::default();
        for minute in 0..20 {
            breakdown.add(WINDOW_MS, "/a", &[lines(minute * WINDOW_MS + 500, 1, 30)], true);
        }
        let burst = [lines(19 * WINDOW_MS + 900, 2, 358), lines(19 * WINDOW_MS + 901, 1, 3)];
        breakdown.add(WINDOW_MS, "/b", &burst, true);
        let wanted = [("1".to_owned(), 30, 33), ("2".to_owned(), 0, 358)];
        assert_eq!(counts(&mut breakdown, 19 * WINDOW_MS + 1_000), wanted);
        for minute in 20..40 {
            breakdown.add(WINDOW_MS, "/b", &[lines(minute * WINDOW_MS + 900, 2, 400)], false);
        }
        assert_eq!(counts(&mut breakdown, 39 * WINDOW_MS + 1_000), [("2".to_owned(), 0, 400)]);
    }

    #[test]
    fn too_many_patterns_and_paths_are_bounded_and_nothing_is_lost() {
        let mut breakdown = Breakdown::default();
        for n in 0..1_000 {
            breakdown.add(WINDOW_MS, &format!("/{n}"), &[lines(n as i64, n, 1)], true);
        }
        let (patterns, paths) = breakdown.take(1_000);
        assert_eq!(patterns.iter().map(|pattern| pattern.count).sum::<u64>(), 1_000);
        assert!(patterns.len() <= PATTERNS_MAX + 1 && paths.len() == SHOWN_MAX);
        assert!(breakdown.paths.len() <= PATHS_MAX);
    }

    #[test]
    fn merged_patterns_are_one_and_a_new_line_is_among_those_shown() {
        let known: Vec<Pattern> = (1..=9)
            .map(|n| {
                let usage = PatternUsage::default();
                let mut pattern = Pattern::new(PatternId(n), format!("text {n}"), "line".into(), usage);
                pattern.first_ms = Some(if n == 9 { 5_000 } else { 0 });
                pattern
            })
            .collect();
        // The third has become the second.
        let of = |id: PatternId| known.get(if id.0 == 3 { 1 } else { id.0 as usize - 1 });
        let part = |n: u64, count| AlertPattern {
            id: PatternId(n).to_string(),
            count,
            before: 1,
            ..AlertPattern::default()
        };
        let parts = (1..=8).map(|n| part(n, if n == 3 { 100 } else { 10 * n })).chain([part(9, 2)]).collect();
        let mut event = AlertEvent {
            patterns: parts,
            since: "1970-01-01T00:00:06Z".into(),
            window_s: 1.0,
            ..AlertEvent::default()
        };
        complete(&mut event, of);
        let complete = event.patterns;
        assert_eq!(complete.len(), SHOWN_MAX);
        assert_eq!((&*complete[0].text, &*complete[1].text), ("text 2", "text 8"));
        let two = complete.iter().find(|pattern| pattern.text == "text 2").unwrap();
        assert_eq!((two.count, two.before), (120, 2));
        let last = complete.last().unwrap();
        assert!(
            last.new && last.text == "text 9" && last.first_seen.as_deref() == Some("1970-01-01T00:00:05Z")
        );
    }
}
