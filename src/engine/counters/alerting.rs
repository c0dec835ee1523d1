//! Where counts become alerts: what a turn counted is given to them, and what they did is emitted.

use std::path::Path;

use super::{Counters, events};
use crate::alert::breakdown::PatternLines;
use crate::alert::manager::{AlertTransition, CountedLines, CountedPath, by_time};
use crate::engine::plan::CompiledWatch;
use crate::event::AlertEvent;
use crate::file::tailer::{TailEvent, Turn};
use crate::file::tally::Sample;
use crate::fmt::sample;
use crate::store::TransitionRecord;
use crate::units::{PathId, WallTime};

impl Counters {
    /// Runs the alerts over what one turn counted.
    pub(super) fn evaluate(
        &mut self,
        watch: &CompiledWatch,
        at: CountedPath<'_>,
        turn: &Turn,
        patterns: &[Vec<PatternLines>],
    ) {
        let now = self.alert_time();
        let clock = &self.alert_clock;
        let written = |times: &[(i64, u64)]| -> Vec<(WallTime, u64)> {
            times.iter().map(|(at_ms, n)| (clock.of_stamp(*at_ms), *n)).collect()
        };
        let tally = &turn.tally;
        let lines = written(&tally.lines);
        for (rule, alerts) in watch.alerts.by_rule.iter().enumerate() {
            if alerts.is_empty() || (lines.is_empty() && tally.matched[rule] == 0) {
                continue;
            }
            let matched = written(&tally.times[rule]);
            let of_pattern =
                |lines: &PatternLines| PatternLines { at_ms: clock.of_stamp(lines.at_ms).0, ..*lines };
            let patterns: Vec<PatternLines> =
                patterns.get(rule).into_iter().flatten().map(of_pattern).collect();
            let of_sample = |s: &Sample| (clock.of_stamp(s.at_ms), sample(&s.line));
            let samples: Vec<(WallTime, String)> = tally.samples[rule].iter().map(of_sample).collect();
            for alert in alerts {
                let needs_lines = alert.1.condition.needs_lines();
                if !matched.is_empty() || needs_lines {
                    let times = by_time(&matched, if needs_lines { &lines } else { &[] });
                    let lines = CountedLines { times: &times, samples: &samples, patterns: &patterns };
                    self.alerts.count(&watch.alerts, alert, at, lines, now);
                }
            }
        }
        self.emit_transitions();
    }

    /// Has the alerts on silence of a path begin when something is at it, and end when nothing is any longer.
    pub(super) fn follow_path(&mut self, id: PathId, watch: &CompiledWatch, path: &Path, turn: &Turn) {
        let is_there = |(what, _): &(TailEvent, u64)| match what {
            TailEvent::Opened | TailEvent::Rotated(_) => Some(true),
            TailEvent::Removed(_) => Some(false),
            _ => None,
        };
        let Some(is_there) = turn.news.iter().rev().find_map(is_there) else { return };
        let now = self.alert_time();
        if is_there {
            self.alerts.watch_path(&watch.alerts, id, path, now);
        } else {
            self.alerts.end_silence(id, now);
        }
    }

    pub(super) fn emit_overflows(&mut self) {
        for overflow in self.alerts.take_overflows() {
            events::series_overflow(&overflow);
        }
    }

    /// The present numbers of alerts that are firing.
    pub(in crate::engine) fn current_alerts(&mut self) -> Vec<AlertEvent> {
        let mut current = self.alerts.current();
        for event in &mut current {
            self.patterns.describe(event);
            self.sign(event);
        }
        current
    }

    /// Emits what the alerts did, and keeps it for the next commit.
    pub(super) fn emit_transitions(&mut self) {
        self.emit_overflows();
        let transitions = self.alerts.take_transitions();
        let is_news = !transitions.is_empty();
        for AlertTransition { at, mut event } in transitions {
            self.patterns.describe(&mut event);
            self.sign(&mut event);
            event.emit();
            if self.pending.is_kept() {
                self.pending.transitions.push(TransitionRecord { at_ms: at.0, event });
            }
        }
        if is_news {
            self.alerted.call();
        }
        if !self.pending.is_kept() {
            self.alerts.discard_changes();
        }
    }

    /// Says where an alert comes from.
    pub(super) fn sign(&self, event: &mut AlertEvent) {
        event.host.clone_from(&self.origin.host);
        event.labels = self.origin.labels_with(std::mem::take(&mut event.labels));
    }

    /// Has alerts wait for more of the same before they are emitted.
    pub(in crate::engine) fn hold_alerts(&mut self) {
        self.alerts.hold_reports();
    }

    /// Prepares the alerts for the last commit.
    pub(in crate::engine) fn end_alerts(&mut self) {
        let now = self.alert_time();
        self.alerts.bring_up_to(now);
        self.release_alerts();
    }

    /// Emits every alert that is held.
    pub(in crate::engine) fn release_alerts(&mut self) {
        let now = self.alert_time();
        self.alerts.release_all(now);
        self.emit_transitions();
    }
}
