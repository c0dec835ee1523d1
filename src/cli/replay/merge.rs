//! Merges logs by time and runs the alerts over them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::alert::breakdown::{PatternLines, PatternNews, complete};
use crate::alert::manager::{AlertManager, CountedLines, CountedPath, SeriesOverflow};
use crate::cli::progress::Progress;
use crate::cli::replay::histogram::Histogram;
use crate::cli::replay::log_file::Log;
use crate::cli::replay::recorder::{RecordedLog, Recorder, RuleKey};
use crate::cli::replay::stream::{LogEvent, LogEventKind, LogStream};
use crate::detect::Millis;
use crate::engine::plan::CompiledPlan;
use crate::event::AlertEvent;
use crate::fmt::sample;
use crate::pattern::{Pattern, Registry};
use crate::units::{PathId, WallTime};

/// So many patterns of a rule are shown.
const PATTERNS_MAX: usize = 5;

/// An alert that fired or resolved.
#[derive(Debug)]
pub(super) struct ReplayedAlert {
    pub(super) at_ms: Millis,
    pub(super) event: AlertEvent,
}

/// The matching lines of a rule in a watch.
#[derive(Debug, Default)]
pub(super) struct RuleCount {
    pub(super) total: u64,
    pub(super) rate: Histogram,
}

/// The patterns of the lines of a rule.
#[derive(Debug, Default)]
pub(super) struct RulePatterns {
    pub(super) watch: String,
    pub(super) rule: String,
    /// The most frequent ones, in this order.
    pub(super) shown: Vec<Pattern>,
    /// How many others there are, with the lines of those that are not kept.
    pub(super) more: usize,
    pub(super) more_lines: u64,
}

impl RulePatterns {
    fn new(watch: &str, rule: &str, registry: &Registry) -> RulePatterns {
        let mut shown = registry.patterns().to_vec();
        shown.sort_by_key(|pattern| (Reverse(pattern.lines), pattern.first_ms));
        let more = shown.len().saturating_sub(PATTERNS_MAX);
        shown.truncate(PATTERNS_MAX);
        let more_lines = registry.lines() - shown.iter().map(|pattern| pattern.lines).sum::<u64>();
        RulePatterns { watch: watch.to_owned(), rule: rule.to_owned(), shown, more, more_lines }
    }
}

/// The outcome of a replay.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// In the order of time.
    pub(super) alerts: Vec<ReplayedAlert>,
    /// By watch and rule.
    pub(super) counted: BTreeMap<(usize, usize), RuleCount>,
    /// The most frequent patterns, by watch and rule.
    pub(super) patterns: BTreeMap<(usize, usize), RulePatterns>,
    /// The first and the last time that was read, in milliseconds since the epoch.
    pub(super) range_ms: Option<(Millis, Millis)>,
    pub(super) bytes: u64,
    pub(super) logs: usize,
}

struct Replay<'p> {
    plan: &'p CompiledPlan,
    manager: AlertManager,
    /// By watch and rule.
    patterns: HashMap<(usize, usize), Registry>,
    begin_ms: Millis,
    /// What a page shows, if there is to be one.
    recorder: Option<Recorder>,
    replayed: Replayed,
}

/// What is kept of a replay for a page.
pub(super) struct Recording {
    pub(super) recorder: Recorder,
    pub(super) patterns: HashMap<RuleKey, Registry>,
}

/// Whether what a page shows is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    ForPage,
    Nothing,
}

/// Runs the alerts of `plan` over `logs` and the events of `read`. Files that cannot be read are reported and skipped.
pub(super) fn replay(
    plan: &CompiledPlan,
    logs: Vec<Log>,
    read: Vec<LogStream>,
    (record, progress): (Record, &Progress),
    problems: &mut Vec<String>,
) -> (Replayed, Option<Recording>) {
    let replayed = Replayed { logs: logs.len() + read.len(), ..Replayed::default() };
    let of_stamps = logs.iter().filter_map(|log| log.files.first()).map(|file| file.first_ms);
    let begin_ms = of_stamps.min().unwrap_or(Millis::MIN);
    let files: Vec<usize> = logs.iter().map(|log| log.files.len()).chain(read.iter().map(|_| 1)).collect();
    let mut replay = Replay {
        plan,
        manager: AlertManager::new(plan.alerts()),
        patterns: HashMap::new(),
        begin_ms,
        recorder: None,
        replayed,
    };
    let mut streams: Vec<LogStream> = logs
        .into_iter()
        .map(|log| {
            let watch = log.watch;
            LogStream::new(log, &plan.watches[watch]).with_progress(progress)
        })
        .chain(read)
        .collect();
    if record == Record::ForPage {
        let log = |(stream, files): (&LogStream, usize)| RecordedLog {
            watch: stream.watch,
            path: stream.path.clone(),
            files,
            ..RecordedLog::default()
        };
        replay.recorder = Some(Recorder::new(streams.iter().zip(files).map(log).collect()));
    }
    let mut next: Vec<Option<Millis>> = streams.iter_mut().map(|stream| stream.next_ms(problems)).collect();
    replay.begin(next.iter().flatten().min().copied());
    // Of logs at the same time, the first continues.
    while let Some(at) = (0..streams.len()).filter(|at| next[*at].is_some()).min_by_key(|at| next[*at]) {
        let stream = &mut streams[at];
        if let Some(event) = stream.next() {
            replay.take(stream.watch, (PathId(at as u64), &stream.path), event);
        }
        next[at] = stream.next_ms(problems);
    }
    for (log, stream) in replay.recorder.iter_mut().flat_map(|recorder| &mut recorder.logs).zip(&streams) {
        log.bytes = stream.bytes;
    }
    replay.replayed.bytes = streams.iter().map(|stream| stream.bytes).sum();
    replay.end(problems)
}

impl Replay<'_> {
    /// Alerts over a whole watch exist from the beginning.
    fn begin(&mut self, first_ms: Option<Millis>) {
        let Some(first_ms) = first_ms else { return };
        // The first lines count even if none of them matches.
        self.begin_ms = if self.begin_ms == Millis::MIN { first_ms } else { self.begin_ms.min(first_ms) };
        self.manager.add_watch_series(Some(WallTime(self.begin_ms)));
        self.replayed.range_ms = Some((self.begin_ms, self.begin_ms));
    }

    fn take(&mut self, watch: usize, (id, path): (PathId, &Path), event: LogEvent) {
        let at_ms = event.at_ms;
        if let Some((first, last)) = &mut self.replayed.range_ms {
            (*first, *last) = ((*first).min(at_ms), (*last).max(at_ms));
        }
        if let Some(recorder) = &mut self.recorder
            && recorder.is_due(at_ms)
        {
            recorder.note_usual(at_ms, self.manager.usual(WallTime(at_ms)));
        }
        let alerts = &self.plan.watches[watch].alerts;
        let at =
            CountedPath { id, path, since: WallTime(self.begin_ms), watch_since: WallTime(self.begin_ms) };
        match event.kind {
            LogEventKind::Match(rule, line, record) => {
                let counted = self.replayed.counted.entry((watch, rule)).or_default();
                counted.total += 1;
                counted.rate.add(at_ms, 1);
                let settings = &self.plan.watches[watch].patterns;
                let registry = self.patterns.entry((watch, rule)).or_insert_with(|| Registry::new(settings));
                let is_first = registry.lines() == 0;
                let sighting = registry.observe(record.as_deref().unwrap_or(&line), Some(at_ms));
                if let Some(recorder) = &mut self.recorder {
                    recorder.count((watch, rule), id.0 as usize, at_ms, sighting.id);
                }
                let news = PatternNews::of(sighting.news, is_first);
                let patterns = [PatternLines { at_ms, pattern: Some(sighting.id), lines: 1, news }];
                let times = [(WallTime(at_ms), 1, 0)];
                let samples = [(WallTime(at_ms), sample(&line))];
                let lines = CountedLines { times: &times, samples: &samples, patterns: &patterns };
                for alert in &alerts.by_rule[rule] {
                    self.manager.count(alerts, alert, at, lines, WallTime(at_ms));
                }
            }
            LogEventKind::Lines(n) => {
                let times = [(WallTime(at_ms), 0, n)];
                let lines = CountedLines { times: &times, samples: &[], patterns: &[] };
                for alert in alerts.all().filter(|(_, spec)| spec.condition.needs_lines()) {
                    self.manager.count(alerts, alert, at, lines, WallTime(at_ms));
                }
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        for transition in self.manager.take_transitions() {
            let mut event = AlertEvent { late: false, ..transition.event };
            let watch = self.plan.watches.iter().position(|watch| watch.name == event.watch);
            let registry = watch.and_then(|at| {
                let rule = self.plan.watches[at].rules.names().iter().position(|name| *name == event.rule)?;
                self.patterns.get(&(at, rule))
            });
            complete(&mut event, |id| registry.and_then(|registry| registry.get(id)));
            self.replayed.alerts.push(ReplayedAlert { at_ms: transition.at.0, event });
        }
    }

    /// Advances the alerts to the last time that was read.
    fn end(mut self, problems: &mut Vec<String>) -> (Replayed, Option<Recording>) {
        if let Some((_, end_ms)) = self.replayed.range_ms {
            self.manager.finish(WallTime(end_ms));
            self.collect();
        }
        problems.extend(self.manager.take_overflows().iter().map(SeriesOverflow::sentence));
        let of_rule = |(of, registry): (&(usize, usize), &Registry)| {
            let watch = &self.plan.watches[of.0];
            (*of, RulePatterns::new(&watch.name, &watch.rules.names()[of.1], registry))
        };
        self.replayed.patterns = self.patterns.iter().map(of_rule).collect();
        self.replayed.alerts.sort_by_key(|alert| alert.at_ms);
        let patterns = self.patterns;
        (self.replayed, self.recorder.map(|recorder| Recording { recorder, patterns }))
    }
}
