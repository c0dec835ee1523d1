//! One alert over one series: what is counted, whether the condition holds, and what came of it. Pure: time is an argument.
//!
//! An alert lives by the times at which lines were written, not at which they were read, and takes every step of the way:
//! whoever calls late gets the same transitions with the same times as whoever calls at every moment. So a live run and a
//! replay of the same lines agree.
//!
//! What is read from several files after a while comes in no order. It is put into the [`ReorderBuffer`] until all of it is there, and
//! then gone through by time. If the alert has meanwhile gone on beyond it, a copy of what is usual judges it by itself.

use std::collections::VecDeque;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::alert::AlertSpec;
use crate::alert::fingerprint::fingerprint;
use crate::alert::lifecycle::{Lifecycle, Transition};
use crate::alert::reorder::ReorderBuffer;
use crate::detect::Millis;
use crate::detect::condition::{Observation, Why};
use crate::detect::condition_state::ConditionState;
use crate::event::{AlertEvent, AlertState};

/// A transition, when it happened, and what was seen then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlertChange {
    /// What happened.
    pub transition: Transition,
    /// When, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// What the condition saw. For an end: what it saw when it ended.
    pub seen: Observation,
}

impl AlertChange {
    /// When the condition began to hold, in milliseconds since the epoch.
    #[must_use]
    pub fn since_ms(&self) -> Millis {
        match self.transition {
            Transition::Fired { since } | Transition::Resolved { since } => since,
        }
    }

    /// Moves its times by `by_ms`: the clock was set.
    pub(super) fn shift(&mut self, by_ms: Millis) {
        let (Transition::Fired { since } | Transition::Resolved { since }) = &mut self.transition;
        *since = since.saturating_add(by_ms);
        self.at_ms = self.at_ms.saturating_add(by_ms);
    }

    /// Why the alert of `spec` fired, in a few words.
    #[must_use]
    pub fn why(&self, spec: &AlertSpec) -> String {
        Why(&spec.condition, &self.seen).to_string()
    }

    /// The event for this change of the alert of `spec` over `watch`, or over one path of it. `time` formats milliseconds since
    /// the epoch.
    #[must_use]
    pub fn event(
        &self,
        spec: &AlertSpec,
        watch: &str,
        path: Option<&Path>,
        samples: &VecDeque<String>,
        time: impl Fn(Millis) -> String,
    ) -> AlertEvent {
        let bytes = path.map(|path| path.as_os_str().as_encoded_bytes());
        AlertEvent {
            alert: spec.name.clone(),
            state: match self.transition {
                Transition::Fired { .. } => AlertState::Firing,
                Transition::Resolved { .. } => AlertState::Resolved,
            },
            severity: spec.severity,
            watch: watch.to_owned(),
            rule: spec.rule.clone(),
            path: path.map(Path::to_owned),
            condition: spec.condition.name().to_owned(),
            count: self.seen.count,
            window_s: self.seen.window_ms(&spec.condition) as f64 / 1000.0,
            threshold: spec.condition.threshold(),
            expected: self.seen.expected.map(|expected| (expected * 1_000.0).round() / 1_000.0),
            lines: self.seen.lines,
            why: self.why(spec),
            since: time(self.since_ms()),
            at: time(self.at_ms),
            late: false,
            fingerprint: fingerprint(&spec.name, watch, &spec.rule, bytes),
            samples: samples.iter().cloned().collect(),
            outputs: spec.notes.outputs.clone(),
            labels: spec.notes.labels.clone(),
            annotations: spec.notes.annotations.clone(),
            runbook: spec.notes.runbook.clone(),
            ..AlertEvent::default()
        }
    }
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertInstance {
    gauge: ConditionState,
    lifecycle: Lifecycle,
    /// Up to when it was judged; nothing before the first line or the first look.
    judged_ms: Option<Millis>,
    #[serde(default, skip_serializing_if = "ReorderBuffer::is_empty")]
    backlog: ReorderBuffer,
}

impl AlertInstance {
    /// An alert over a series that has been watched since `since_ms`, or since its first line or look.
    #[must_use]
    pub fn new(spec: &AlertSpec, since_ms: Option<Millis>) -> AlertInstance {
        let gauge = ConditionState::new(&spec.condition, since_ms.unwrap_or(0));
        AlertInstance {
            gauge,
            lifecycle: Lifecycle::default(),
            judged_ms: since_ms,
            backlog: ReorderBuffer::default(),
        }
    }

    /// Goes on from before under a definition that may have changed, at `now_ms`.
    #[must_use]
    pub fn resume(self, spec: &AlertSpec, now_ms: Millis) -> AlertInstance {
        AlertInstance { gauge: self.gauge.resume(&spec.condition, now_ms), ..self }
    }

    /// Moves every time by `by_ms`: the clock was set, which neither empties a window nor stretches it.
    pub fn shift(&mut self, by_ms: Millis) {
        self.gauge.shift(by_ms);
        self.lifecycle.shift(by_ms);
        self.backlog.shift(by_ms);
        self.judged_ms = self.judged_ms.map(|judged| judged.saturating_add(by_ms));
    }

    /// Adds `matched` matching lines, of `lines` lines in all, that were written at `at_ms`, and reports the changes.
    pub fn add(
        &mut self,
        spec: &AlertSpec,
        at_ms: Millis,
        matched: u64,
        lines: u64,
        report: &mut dyn FnMut(AlertChange),
    ) {
        self.advance(spec, at_ms, report);
        let judged_ms = self.judged_ms.unwrap_or(at_ms);
        self.gauge.add(&spec.condition, at_ms, judged_ms, matched, lines);
        if matched > 0 {
            self.step(spec, judged_ms, report);
        }
    }

    /// Puts lines aside until [`AlertInstance::settle`]. False if there is no more room, and they are to be settled at once.
    #[must_use]
    pub fn set_aside(&mut self, spec: &AlertSpec, at_ms: Millis, matched: u64, lines: u64) -> bool {
        self.backlog.add(spec.condition.window_ms(), at_ms, matched, lines)
    }

    /// Goes through all that was set aside, by time.
    pub fn settle(&mut self, spec: &AlertSpec, report: &mut dyn FnMut(AlertChange)) {
        let backlog = std::mem::take(&mut self.backlog);
        let mut late: Option<AlertInstance> = None;
        for (at_ms, matched, lines) in backlog.iter() {
            if !self.is_late(spec, at_ms) {
                self.add(spec, at_ms, matched, lines, report);
                continue;
            }
            let judge = late.get_or_insert_with(|| self.rewound(spec, at_ms));
            if !self.lifecycle.is_firing() {
                judge.add(spec, at_ms, matched, lines, report);
            }
        }
        if let Some(mut judge) = late.filter(|late| late.lifecycle.is_firing()) {
            judge.end(spec, report);
        }
    }

    /// Whether what was written at `at_ms` comes too late to be counted with what was judged last.
    #[must_use]
    pub fn is_late(&self, spec: &AlertSpec, at_ms: Millis) -> bool {
        let reach_ms = spec.condition.window_ms().max(LATE_MS_MIN);
        self.gauge.has_window() && self.judged_ms.is_some_and(|judged| at_ms < judged - reach_ms)
    }

    /// Goes on to `to_ms` and reports the changes on the way.
    pub fn advance(&mut self, spec: &AlertSpec, to_ms: Millis, report: &mut dyn FnMut(AlertChange)) {
        let Some(mut judged_ms) = self.judged_ms else {
            // It begins here.
            self.gauge = ConditionState::new(&spec.condition, to_ms);
            self.judged_ms = Some(to_ms);
            return;
        };
        while let Some(next) = self.next_change(spec, judged_ms).filter(|next| *next <= to_ms) {
            judged_ms = next;
            self.step(spec, next, report);
        }
        self.judged_ms = Some(judged_ms.max(to_ms));
    }

    /// When time alone may change something, in milliseconds since the epoch.
    #[must_use]
    pub fn due_ms(&self, spec: &AlertSpec) -> Option<Millis> {
        self.next_change(spec, self.judged_ms?)
    }

    /// Whether it says no more than a new one would at `now_ms`.
    #[must_use]
    pub fn is_blank(&self, now_ms: Millis) -> bool {
        self.lifecycle.is_inactive()
            && !self.lifecycle.is_cooling_down(now_ms)
            && self.backlog.is_empty()
            && self.gauge.is_blank()
    }

    /// What the condition sees now, as far as it was judged.
    pub(super) fn observe(&mut self, spec: &AlertSpec) -> Option<Observation> {
        Some(self.gauge.observe(&spec.condition, self.judged_ms?))
    }

    /// Where it stands in its life.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// What is counted.
    #[must_use]
    pub fn gauge(&self) -> &ConditionState {
        &self.gauge
    }

    /// Up to when it was judged, in milliseconds since the epoch.
    #[must_use]
    pub fn judged_ms(&self) -> Option<Millis> {
        self.judged_ms
    }

    /// Whether lines are set aside.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    fn next_change(&self, spec: &AlertSpec, judged_ms: Millis) -> Option<Millis> {
        let by_gauge = self.gauge.next_change(&spec.condition, judged_ms);
        by_gauge.into_iter().chain(self.lifecycle.next_change(spec)).map(|next| next.max(judged_ms + 1)).min()
    }

    fn step(&mut self, spec: &AlertSpec, at_ms: Millis, report: &mut dyn FnMut(AlertChange)) {
        let seen = self.gauge.observe(&spec.condition, at_ms);
        if let Some(transition) = self.lifecycle.step(spec, seen.holds, at_ms) {
            report(AlertChange { transition, at_ms, seen });
        }
    }

    /// Judges what was written long before what was judged last, by what is usual.
    fn rewound(&self, spec: &AlertSpec, at_ms: Millis) -> AlertInstance {
        AlertInstance {
            gauge: self.gauge.rewound(&spec.condition, at_ms),
            lifecycle: Lifecycle::default(),
            judged_ms: Some(at_ms),
            backlog: ReorderBuffer::default(),
        }
    }

    /// Goes on, without anything more, until it is over.
    fn end(&mut self, spec: &AlertSpec, report: &mut dyn FnMut(AlertChange)) {
        while self.lifecycle.is_firing()
            && let Some(next) = self.next_change(spec, self.judged_ms.unwrap_or(0))
        {
            self.advance(spec, next, report);
        }
    }
}

/// What comes no later than this is not late, however short the window, in milliseconds.
const LATE_MS_MIN: Millis = 1_000;
