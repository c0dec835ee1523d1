//! What a store has to remember, modelled with plain lists: the oracle for [`SqliteStore`](super::SqliteStore).

use std::collections::BTreeMap;

use super::{Batch, FileRecord, Limits, RuleTotal, StoredState};
use super::{PatternsRecord, TransitionRecord, WatchRecord};
use crate::alert::manager::SavedAlert;

/// The records that a store would hold, without the history of counts.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// What `load` returns.
    pub(super) state: StoredState,
    /// The transitions, in order.
    pub(super) outbox: Vec<TransitionRecord>,
}

impl Model {
    pub(super) fn apply(&mut self, batch: &Batch, limits: &Limits) {
        let state = &mut self.state;
        state.files.retain(|file| !batch.forgotten.contains(&file.id));
        for file in &batch.files {
            put(&mut state.files, in_order(file), |file: &FileRecord| file.id.clone());
        }
        for mark in &batch.marks {
            state.marks.retain(|other| (&other.watch, other.identity) != (&mark.watch, mark.identity));
            state.marks.push(mark.clone());
        }
        drop_oldest(&mut state.marks, limits.marks_max);
        state.alerts.retain(|alert| !batch.ended_alerts.contains(&alert.id));
        for alert in &batch.alerts {
            put(&mut state.alerts, alert.clone(), |alert: &SavedAlert| alert.id.clone());
        }
        for watch in &batch.watches {
            put(&mut state.watches, watch.clone(), |watch: &WatchRecord| {
                (watch.watch.clone(), watch.paths.clone())
            });
        }
        for record in &batch.patterns {
            let key = |record: &PatternsRecord| (record.watch.clone(), record.rule.clone());
            let old = state.patterns.iter().find(|old| key(old) == key(record)).cloned();
            let mut sum = old.map_or_else(
                || record.clone(),
                |old| PatternsRecord { patterns: old.patterns.followed_by(record.patterns.clone()), ..old },
            );
            sum.patterns.patterns.sort_by_key(|pattern| pattern.id);
            put(&mut state.patterns, sum, key);
        }
        for (n, transition) in batch.transitions.iter().enumerate() {
            let key = |t: &TransitionRecord| (t.event.fingerprint.clone(), t.at_ms, t.event.state);
            if !self.outbox.iter().any(|other| key(other) == key(transition)) {
                self.outbox.push(transition.clone());
                let pending = batch.outputs[n].iter().map(|output| (output.clone(), transition.clone()));
                state.pending.extend(pending);
            }
        }
        if let Some(silences) = &batch.silences {
            state.silences.clone_from(silences);
        }
        for delivered in &batch.delivered {
            state.pending.retain(|(output, t)| {
                let of = (output, &t.event.fingerprint, t.at_ms, t.event.state);
                of != (&delivered.output, &delivered.fingerprint, delivered.at_ms, delivered.state)
            });
        }
        drop_oldest(&mut self.outbox, usize::try_from(limits.outbox_rows_max).unwrap_or(usize::MAX));
        state.pending.retain(|(_, transition)| self.outbox.contains(transition));
        state.pending.sort_by(|(a, _), (b, _)| a.cmp(b));
        let is_last = |at: usize, t: &TransitionRecord| {
            !self.outbox[at + 1..].iter().any(|later| later.event.fingerprint == t.event.fingerprint)
        };
        let firing = self.outbox.iter().enumerate().filter(|(at, t)| t.event.is_firing() && is_last(*at, t));
        state.firing = firing.map(|(_, t)| t.clone()).collect();
    }
}

/// Puts `item` into a list that is sorted by `key`, in place of the one with the same key.
fn put<T, K: Ord>(list: &mut Vec<T>, item: T, key: impl Fn(&T) -> K) {
    match list.binary_search_by(|other| key(other).cmp(&key(&item))) {
        Ok(at) => list[at] = item,
        Err(at) => list.insert(at, item),
    }
}

/// The record with its totals in the order of their names, of equal ones the last.
fn in_order(file: &FileRecord) -> FileRecord {
    let totals: BTreeMap<&String, &RuleTotal> =
        file.totals.iter().map(|total| (&total.rule, total)).collect();
    FileRecord { totals: totals.into_values().cloned().collect(), ..file.clone() }
}

fn drop_oldest<T>(list: &mut Vec<T>, max: usize) {
    list.drain(..list.len().saturating_sub(max));
}
