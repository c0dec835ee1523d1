//! The page of a replay: the snapshot and the rates that the page of the daemon would ask for, in one file with it.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::app::shown;
use crate::cli::replay::histogram::Histogram;
use crate::cli::replay::merge::{Recording, Replayed};
use crate::cli::replay::recorder::{Recorder, RuleKey, UsualSeries};
use crate::cli::replay::report::{Episode, episodes};
use crate::detect::Millis;
use crate::engine::plan::CompiledPlan;
use crate::event::AlertEvent;
use crate::fmt::{display_path, printable};
use crate::pattern::{Pattern, Registry};
use crate::serve::api::{
    Agent, FileRate, PastAlert, PatternRate, RuleRate, SeriesAlert, SeriesAnswer, Snapshot, VERSION,
};
use crate::serve::parts::parts;
use crate::serve::recorded;

/// So many alerts and files are in the page.
const ROWS_MAX: usize = 1_000;
/// So many patterns of a rule are in the page.
const PATTERNS_MAX: usize = 200;
/// The columns of the small curves.
const TREND: usize = 60;

/// What the page holds.
#[derive(Serialize)]
struct Recorded {
    #[serde(flatten)]
    snapshot: Snapshot,
    /// By what the page asks for: nothing for all, `WATCH RULE`, or the id of a pattern.
    series: BTreeMap<String, SeriesAnswer>,
}

/// Writes the page to `path`.
pub(super) fn write(
    path: &Path,
    plan: &CompiledPlan,
    replayed: &Replayed,
    recording: &Recording,
) -> anyhow::Result<()> {
    let Recording { recorder, patterns } = recording;
    let page = Page { plan, replayed, recorder, range_ms: replayed.range_ms.unwrap_or_default() };
    let recorded = page.recorded(patterns);
    let page = recorded::page(&serde_json::to_string(&recorded)?);
    let mut file =
        std::fs::File::create(path).with_context(|| format!("cannot write {}", display_path(path)))?;
    file.write_all(page.as_bytes()).with_context(|| format!("cannot write {}", display_path(path)))
}

struct Page<'r> {
    plan: &'r CompiledPlan,
    replayed: &'r Replayed,
    recorder: &'r Recorder,
    range_ms: (Millis, Millis),
}

fn seconds(ms: Millis) -> f64 {
    ms as f64 / 1e3
}

impl Page<'_> {
    fn recorded(&self, registries: &HashMap<RuleKey, Registry>) -> Recorded {
        let episodes = episodes(&self.replayed.alerts);
        let mut series = self.series(&episodes);
        let (mut patterns, mut patterns_more) = (Vec::new(), 0);
        // In an order that is the same each time.
        let registries: BTreeMap<&RuleKey, &Registry> = registries.iter().collect();
        for (key, registry) in registries {
            let mut all: Vec<&Pattern> = registry.patterns().iter().collect();
            all.sort_by_key(|pattern| (std::cmp::Reverse(pattern.lines), pattern.id));
            patterns_more += all.len().saturating_sub(PATTERNS_MAX) as u64;
            for pattern in all.into_iter().take(PATTERNS_MAX) {
                let rate = self.recorder.rate_of(*key, pattern, |id| registry.resolve(id));
                series.insert(pattern.id.to_string(), self.answer(rate.clone(), &[], Vec::new()));
                patterns.push(self.pattern(*key, pattern, &rate, &episodes));
            }
        }
        patterns
            .sort_by_key(|pattern: &PatternRate| (pattern.state != "new", std::cmp::Reverse(pattern.total)));
        let logs = &self.recorder.logs;
        let minutes = (self.range_ms.1 - self.range_ms.0) as f64 / 60_000.0;
        let mut files: Vec<FileRate> = logs
            .iter()
            .map(|log| FileRate {
                path: display_path(&log.path),
                watch: self.plan.watches[log.watch].name.clone(),
                per_min: log.matched as f64 / minutes.max(1.0),
                size: log.bytes,
                generation: log.files as u64,
                matched: log.matched,
                ..FileRate::default()
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.matched));
        files.truncate(ROWS_MAX);
        let snapshot = Snapshot {
            v: VERSION,
            now: seconds(self.range_ms.1),
            started: seconds(self.range_ms.0),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            agent: Agent { health: "ok".to_owned(), files: logs.len() as u64, ..Agent::default() },
            rules: self
                .replayed
                .counted
                .iter()
                .map(|(key, counted)| self.rule(*key, counted.total))
                .collect(),
            history: episodes.iter().rev().take(ROWS_MAX).map(|episode| self.past(episode)).collect(),
            files_more: logs.len().saturating_sub(ROWS_MAX) as u64,
            patterns,
            patterns_more,
            files,
            ..Snapshot::default()
        };
        Recorded { snapshot, series }
    }

    fn names(&self, (watch, rule): RuleKey) -> (String, String) {
        let watch = &self.plan.watches[watch];
        (watch.name.clone(), watch.rules.names()[rule].clone())
    }

    fn rule(&self, key: RuleKey, total: u64) -> RuleRate {
        let (watch, rule) = self.names(key);
        RuleRate { rule, watch, per_min: total, ..RuleRate::default() }
    }

    fn past(&self, episode: &Episode<'_>) -> PastAlert {
        let resolved_ms = episode.resolved_ms.unwrap_or(self.range_ms.1);
        PastAlert {
            from: seconds(episode.fired_ms),
            to: seconds(resolved_ms),
            peak: episode.resolved.and_then(|event| event.peak).unwrap_or(episode.fired.count),
            total: episode.resolved.and_then(|event| event.total).unwrap_or(episode.fired.count),
            ..shown::past(episode.fired)
        }
    }

    fn pattern(
        &self,
        key: RuleKey,
        pattern: &Pattern,
        rate: &Histogram,
        episodes: &[Episode<'_>],
    ) -> PatternRate {
        let (watch, rule) = self.names(key);
        let id = pattern.id.to_string();
        let is_new = |event: &AlertEvent| event.patterns.iter().any(|part| part.new && part.id == id);
        let state = if episodes.iter().any(|episode| is_new(episode.fired)) { "new" } else { "seen" };
        PatternRate {
            id,
            watch,
            rule,
            parts: parts(&printable(&pattern.text)),
            state: state.to_owned(),
            now: pattern.lines,
            total: pattern.lines,
            first: pattern.first_ms.map(seconds),
            last: pattern.last_ms.map(seconds),
            trend: rate.columns(self.range_ms.0, self.range_ms.1, TREND),
            sample: pattern.sample.clone(),
            ..PatternRate::default()
        }
    }

    /// The rates of all lines together, and of each rule.
    fn series(&self, episodes: &[Episode<'_>]) -> BTreeMap<String, SeriesAnswer> {
        let alert = |episode: &Episode<'_>| SeriesAlert {
            from: seconds(episode.fired_ms),
            to: seconds(episode.resolved_ms.unwrap_or(self.range_ms.1)),
            severity: episode.fired.severity.as_str().to_owned(),
            name: episode.fired.alert.clone(),
        };
        let mut series = BTreeMap::new();
        let mut all: Option<Histogram> = None;
        let mut bands: Vec<&UsualSeries> = Vec::new();
        for (key, rate) in &self.recorder.rates {
            let names = self.names(*key);
            let band = self.recorder.usual.get(&names);
            bands.extend(band);
            let of_rule =
                |episode: &&Episode<'_>| (&episode.fired.watch, &episode.fired.rule) == (&names.0, &names.1);
            let alerts = episodes.iter().filter(of_rule).take(ROWS_MAX).map(alert).collect();
            let answer = self.answer(rate.clone(), band.as_slice(), alerts);
            series.insert(format!("{} {}", names.0, names.1), answer);
            match &mut all {
                Some(all) => all.add_all(rate),
                None => all = Some(rate.clone()),
            }
        }
        // What is usual of all together is known if it is of each.
        let bands = if bands.len() == self.recorder.rates.len() { &bands[..] } else { &[] };
        let alerts = episodes.iter().take(ROWS_MAX).map(alert).collect();
        series.insert(String::new(), self.answer(all.unwrap_or_default(), bands, alerts));
        series
    }

    /// A rate from the first line that was read to the last, with the sum of `bands`.
    fn answer(&self, mut rate: Histogram, bands: &[&UsualSeries], alerts: Vec<SeriesAlert>) -> SeriesAnswer {
        rate.add(self.range_ms.0, 0);
        rate.add(self.range_ms.1, 0);
        let (start_ms, bucket_ms, counts) = rate.buckets();
        let minutes = bucket_ms as f64 / 60_000.0;
        let tenth = |number: f64| (number * 10.0).round() / 10.0;
        let band = |at: usize| -> Option<(f64, f64)> {
            let middle = start_ms + at as Millis * bucket_ms + bucket_ms / 2;
            let known: Option<Vec<(f64, f64)>> = bands.iter().map(|band| band.at(middle)).collect();
            known
                .filter(|known| !known.is_empty())
                .map(|known| known.iter().fold((0.0, 0.0), |(lo, hi), band| (lo + band.0, hi + band.1)))
        };
        let bands: Vec<Option<(f64, f64)>> = (0..counts.len()).map(band).collect();
        SeriesAnswer {
            start: seconds(start_ms),
            step: (bucket_ms / 1_000).unsigned_abs(),
            mean: counts.iter().map(|count| Some(tenth(*count as f64 / minutes))).collect(),
            max: vec![None; counts.len()],
            lo: bands.iter().map(|band| band.map(|(lo, _)| tenth(lo))).collect(),
            hi: bands.iter().map(|band| band.map(|(_, hi)| tenth(hi))).collect(),
            alerts,
        }
    }
}
