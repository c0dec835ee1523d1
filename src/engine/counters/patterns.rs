//! The patterns of the lines that match a rule: a registry for each rule of each watch, committed with the counts of the files.

use std::collections::HashMap;

use crate::alert::breakdown::{PatternLines, PatternNews, complete};
use crate::engine::plan::{CompiledPlan, CompiledWatch};
use crate::engine::rates::{Rates, RuleRates};
use crate::event::AlertEvent;
use crate::file::signatures::{FirstLines, SignatureRun};
use crate::file::tailer::Turn;
use crate::pattern::{Pattern, PatternId, PatternSettings, Registry};
use crate::store::PatternsRecord;
use crate::units::{WallTime, WatchId};

/// A rule of a watch has at least so many patterns, however many rules there are.
const PATTERNS_MIN: usize = 100;

/// The patterns of one rule in one watch, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePatterns {
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// How many lines matched.
    pub lines: u64,
    /// How many of them belong to no pattern that is kept.
    pub other: u64,
    /// The patterns, the most frequent first.
    pub patterns: Vec<Pattern>,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct PatternCounters {
    registries: HashMap<WatchId, Vec<RuleRegistry>>,
    /// What was saved of watches that there are not now.
    unclaimed: Vec<PatternsRecord>,
}

struct RuleRegistry {
    watch: String,
    rule: String,
    registry: Registry,
    rates: Rates,
}

impl PatternCounters {
    pub(super) fn restore(&mut self, plan: &CompiledPlan, saved: Vec<PatternsRecord>) {
        self.unclaimed = saved;
        self.replan(plan);
    }

    /// Goes on under another plan. The patterns of rules that it does not have are kept: they may come back.
    pub(super) fn replan(&mut self, plan: &CompiledPlan) {
        for watch in &plan.watches {
            let settings = settings(watch);
            let registries = self.registries.entry(watch.id).or_default();
            registries.iter_mut().for_each(|known| known.registry.set_masks(&settings));
            for rule in watch.rules.names() {
                if registries.iter().any(|known| known.rule == *rule) {
                    continue;
                }
                let is_it = |saved: &PatternsRecord| saved.watch == watch.name && saved.rule == *rule;
                let saved = self.unclaimed.iter().position(is_it).map(|at| self.unclaimed.swap_remove(at));
                let registry = saved.map_or_else(
                    || Registry::new(&settings),
                    |saved| Registry::restored(&settings, saved.patterns),
                );
                let rates = Rates::default();
                registries.push(RuleRegistry {
                    watch: watch.name.clone(),
                    rule: rule.clone(),
                    registry,
                    rates,
                });
            }
        }
    }

    /// Counts what a turn found. Returns, for each rule, when which patterns were seen, by the wall clock.
    pub(super) fn count(&mut self, watch: &CompiledWatch, turn: &Turn) -> Vec<Vec<PatternLines>> {
        let Some(registries) = self.registries.get_mut(&watch.id) else { return Vec::new() };
        let count = |(rule, runs): (&String, &Vec<SignatureRun>)| {
            let known = registries.iter_mut().find(|known| known.rule == *rule);
            known.map(|known| count(known, runs, &turn.first_lines)).unwrap_or_default()
        };
        watch.rules.names().iter().zip(&turn.tally.signatures).map(count).collect()
    }

    /// Completes what an alert says of patterns.
    pub(super) fn describe(&self, event: &mut AlertEvent) {
        let is_it = |known: &&RuleRegistry| known.watch == event.watch && known.rule == event.rule;
        let known = self.registries.values().flatten().find(is_it).map(|known| &known.registry);
        complete(event, |id| known.and_then(|registry| registry.get(id)));
    }

    pub(super) fn take_changes(&mut self) -> Vec<PatternsRecord> {
        let take = |known: &mut RuleRegistry| {
            let patterns = known.registry.take_changes()?;
            Some(PatternsRecord { watch: known.watch.clone(), rule: known.rule.clone(), patterns })
        };
        self.all_mut().filter_map(take).collect()
    }

    pub(super) fn discard_changes(&mut self) {
        self.all_mut().for_each(|known| known.registry.discard_changes());
    }

    pub(super) fn change_all(&mut self) {
        self.all_mut().for_each(|known| known.registry.change_all());
    }

    /// The patterns of each rule that had lines, in the order of names; of each at most `patterns_max`.
    pub(super) fn reports(&self, patterns_max: usize) -> Vec<RulePatterns> {
        let report = |known: &RuleRegistry| {
            let mut patterns: Vec<&Pattern> = known.registry.patterns().iter().collect();
            patterns.sort_by_key(|pattern| (std::cmp::Reverse(pattern.lines), pattern.id));
            patterns.truncate(patterns_max);
            RulePatterns {
                watch: known.watch.clone(),
                rule: known.rule.clone(),
                lines: known.registry.lines(),
                other: known.registry.other(),
                patterns: patterns.into_iter().cloned().collect(),
            }
        };
        let has_lines = |known: &&RuleRegistry| known.registry.lines() > 0;
        let mut reports: Vec<_> = self.registries.values().flatten().filter(has_lines).map(report).collect();
        reports.sort_by(|a, b| (&a.watch, &a.rule).cmp(&(&b.watch, &b.rule)));
        reports
    }

    /// The pattern of lines with the signature `hash` in a rule.
    pub(super) fn find(&self, watch: WatchId, rule: &str, hash: u64) -> Option<PatternId> {
        self.registries.get(&watch)?.iter().find(|known| known.rule == rule)?.registry.find(hash)
    }

    /// How fast the lines of each rule are written, in the order of names; of each at most `patterns_max` patterns.
    pub(super) fn rates(&mut self, now: WallTime, patterns_max: usize) -> Vec<RuleRates> {
        let report = |known: &mut RuleRegistry| RuleRates {
            watch: known.watch.clone(),
            rule: known.rule.clone(),
            ..known.rates.report(&known.registry, now, patterns_max)
        };
        let mut reports: Vec<RuleRates> = self.all_mut().map(report).collect();
        reports.sort_by(|a, b| (&a.watch, &a.rule).cmp(&(&b.watch, &b.rule)));
        reports
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut RuleRegistry> {
        self.registries.values_mut().flatten()
    }
}

/// The bounds hold for a watch: its rules share them.
fn settings(watch: &CompiledWatch) -> PatternSettings {
    let patterns_max = watch.patterns.patterns_max / watch.rules.names().len().max(1);
    watch.patterns.bounded(patterns_max.max(PATTERNS_MIN))
}

fn count(known: &mut RuleRegistry, runs: &[SignatureRun], first_lines: &FirstLines) -> Vec<PatternLines> {
    let mut seen: Vec<PatternLines> = Vec::new();
    for run in runs {
        let (pattern, news) = count_run(&mut known.registry, run, first_lines);
        known.rates.add(pattern, run.at_ms, u64::from(run.lines));
        if run.is_late {
            continue;
        }
        let (at_ms, lines) = (run.at_ms, u64::from(run.lines));
        match seen.last_mut() {
            Some(last) if (last.at_ms, last.pattern) == (at_ms, pattern) => last.lines += lines,
            _ => seen.push(PatternLines { at_ms, pattern, lines, news }),
        }
    }
    seen
}

fn count_run(
    registry: &mut Registry,
    run: &SignatureRun,
    first_lines: &FirstLines,
) -> (Option<PatternId>, PatternNews) {
    let (lines, at_ms) = (u64::from(run.lines), Some(run.at_ms));
    if let Some(id) = registry.count(run.hash, lines, at_ms) {
        return (Some(id), PatternNews::Known);
    }
    let Some(line) = first_lines.get(run.hash) else {
        registry.count_other(lines);
        return (None, PatternNews::Known);
    };
    let is_first = registry.lines() == 0;
    let sighting = registry.observe_as(run.hash, line, at_ms);
    if lines > 1 && registry.count(run.hash, lines - 1, at_ms).is_none() {
        registry.count_other(lines - 1);
    }
    (Some(sighting.id), PatternNews::of(sighting.news, is_first))
}
