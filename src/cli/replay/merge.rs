//! Brings logs together by time and runs the alerts over them.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::alert::Scope;
use crate::alert::instance::{AlertChange, AlertInstance};
use crate::cli::replay::histogram::Histogram;
use crate::cli::replay::log_file::Log;
use crate::cli::replay::stream::{LogEvent, LogStream, What};
use crate::detect::Millis;
use crate::engine::plan::CompiledPlan;
use crate::event::AlertEvent;
use crate::fmt::sample;

/// An alert that fired or resolved.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) at_ms: Millis,
    pub(super) event: AlertEvent,
}

/// What a rule counted in a watch.
#[derive(Debug, Default)]
pub(super) struct CountedLines {
    pub(super) total: u64,
    pub(super) rate: Histogram,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// In the order of time.
    pub(super) told: Vec<Told>,
    /// By watch and rule.
    pub(super) counted: BTreeMap<(usize, usize), CountedLines>,
    /// The first and the last time that was read, in milliseconds since the epoch.
    pub(super) range_ms: Option<(Millis, Millis)>,
    pub(super) bytes: u64,
    pub(super) logs: usize,
}

/// Which alert, over which watch, and over which path if it is by path.
type ReplayAlertKey = (usize, usize, Option<PathBuf>);

struct ReplayAlert {
    alarm: AlertInstance,
    samples: VecDeque<String>,
}

struct Replay<'p> {
    plan: &'p CompiledPlan,
    alerts: BTreeMap<ReplayAlertKey, ReplayAlert>,
    begin_ms: Millis,
    replayed: Replayed,
}

/// Runs the alerts of `plan` over `logs`. What cannot be read is told and left out.
pub(super) fn replay(plan: &CompiledPlan, logs: Vec<Log>, problems: &mut Vec<String>) -> Replayed {
    let replayed = Replayed { logs: logs.len(), ..Replayed::default() };
    let of_stamps = logs.iter().filter_map(|log| log.files.first()).map(|file| file.first_ms);
    let begin_ms = of_stamps.min().unwrap_or(Millis::MIN);
    let mut replay = Replay { plan, alerts: BTreeMap::new(), begin_ms, replayed };
    let mut streams: Vec<LogStream> = logs
        .into_iter()
        .map(|log| {
            let watch = log.watch;
            LogStream::new(log, &plan.watches[watch])
        })
        .collect();
    let mut next: Vec<Option<Millis>> = streams.iter_mut().map(|stream| stream.next_ms(problems)).collect();
    replay.begin(next.iter().flatten().min().copied());
    // Of logs that have come to the same time, the first goes on.
    while let Some(at) = (0..streams.len()).filter(|at| next[*at].is_some()).min_by_key(|at| next[*at]) {
        let stream = &mut streams[at];
        if let Some(event) = stream.next() {
            replay.take(stream.watch, &stream.path, event);
        }
        next[at] = stream.next_ms(problems);
    }
    replay.replayed.bytes = streams.iter().map(|stream| stream.bytes).sum();
    replay.end()
}

impl Replay<'_> {
    /// Alerts over a whole watch are there from the beginning.
    fn begin(&mut self, first_ms: Option<Millis>) {
        let Some(first_ms) = first_ms else { return };
        // What the first lines tell, even if none of them matches.
        self.begin_ms = if self.begin_ms == Millis::MIN { first_ms } else { self.begin_ms.min(first_ms) };
        for (watch, compiled) in self.plan.watches.iter().enumerate() {
            for number in compiled.alerts_by_rule.iter().flatten().copied() {
                if self.plan.alerts[number].scope == Scope::Watch {
                    self.have((number, watch, None));
                }
            }
        }
        self.replayed.range_ms = Some((self.begin_ms, self.begin_ms));
    }

    fn have(&mut self, key: ReplayAlertKey) -> &mut ReplayAlert {
        let spec = &self.plan.alerts[key.0];
        let begin_ms = self.begin_ms;
        self.alerts.entry(key).or_insert_with(|| ReplayAlert {
            alarm: AlertInstance::new(spec, Some(begin_ms)),
            samples: VecDeque::new(),
        })
    }

    fn take(&mut self, watch: usize, path: &std::path::Path, event: LogEvent) {
        let at_ms = event.at_ms;
        if let Some((first, last)) = &mut self.replayed.range_ms {
            (*first, *last) = ((*first).min(at_ms), (*last).max(at_ms));
        }
        let by_rule = &self.plan.watches[watch].alerts_by_rule;
        match event.what {
            What::Match(rule, line) => {
                let counted = self.replayed.counted.entry((watch, rule)).or_default();
                counted.total += 1;
                counted.rate.add(at_ms, 1);
                for number in by_rule[rule].clone() {
                    self.count(number, watch, path, at_ms, Some(&line), 0);
                }
            }
            What::Lines(n) => {
                let mut numbers: Vec<usize> = by_rule.iter().flatten().copied().collect();
                numbers.retain(|number| self.plan.alerts[*number].condition.needs_lines());
                for number in numbers {
                    self.count(number, watch, path, at_ms, None, n);
                }
            }
        }
    }

    fn count(
        &mut self,
        number: usize,
        watch: usize,
        path: &std::path::Path,
        at_ms: Millis,
        line: Option<&[u8]>,
        lines: u64,
    ) {
        let spec = &self.plan.alerts[number];
        let by_path = spec.scope == Scope::Path;
        let key = (number, watch, by_path.then(|| path.to_owned()));
        let alert = self.have(key.clone());
        if let Some(line) = line {
            alert.samples.push_back(sample(line));
            let surplus = alert.samples.len().saturating_sub(spec.samples_max);
            alert.samples.drain(..surplus);
        }
        let matched = u64::from(line.is_some());
        let (alarm, mut changes) = (&mut alert.alarm, Vec::new());
        if alarm.is_late(spec, at_ms) {
            if !alarm.set_aside(spec, at_ms, matched, lines) {
                alarm.settle(spec, &mut |change| changes.push(change));
            }
        } else {
            alarm.add(spec, at_ms, matched, lines, &mut |change| changes.push(change));
        }
        self.tell(&key, &changes);
    }

    fn tell(&mut self, key: &ReplayAlertKey, changes: &[AlertChange]) {
        for change in changes {
            let Some(alert) = self.alerts.get_mut(key) else { return };
            let (spec, watch) = (&self.plan.alerts[key.0], &self.plan.watches[key.1].name);
            let time = |at_ms| Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string();
            let event = change.event(spec, watch, key.2.as_deref(), &alert.samples, time);
            self.replayed.told.push(Told { at_ms: change.at_ms, event });
            if matches!(change.transition, crate::alert::lifecycle::Transition::Resolved { .. }) {
                alert.samples.clear();
            }
        }
    }

    /// Goes on to the last time that was read.
    fn end(mut self) -> Replayed {
        let end_ms = self.replayed.range_ms.map(|(_, last)| last);
        for key in self.alerts.keys().cloned().collect::<Vec<_>>() {
            let spec = &self.plan.alerts[key.0];
            let mut changes = Vec::new();
            if let Some(alert) = self.alerts.get_mut(&key) {
                alert.alarm.settle(spec, &mut |change| changes.push(change));
                if let Some(end_ms) = end_ms {
                    alert.alarm.advance(spec, end_ms, &mut |change| changes.push(change));
                }
            }
            self.tell(&key, &changes);
        }
        self.replayed.told.sort_by_key(|told| told.at_ms);
        self.replayed
    }
}
