//! What is reported, and when: a report that an alert fired waits for more of the same. An incident is written to several files at
//! once, and its first lines do not say what it is.

use super::entry::AlertEntry;
use super::{AlertKey, AlertManager};
use crate::alert::instance::AlertChange;
use crate::alert::lifecycle::Transition;
use crate::detect::condition::Condition;
use crate::event::AlertEvent;
use crate::units::WallTime;

/// A report waits until so long nothing more has come, in milliseconds.
const HOLD_MS: i64 = 50;
/// It waits no longer than this, in milliseconds.
const HOLD_MS_MAX: i64 = 1_000;
/// Of so many alerts the numbers are brought up to date at once.
const CURRENT_MAX: usize = 100;
/// A new pattern waits for so long, in milliseconds: the next lines may show that it is a variant of another.
const SETTLE_PATTERN_MS: i64 = 2_000;
/// A transition older than this is late, in milliseconds.
const LATE_MS: i64 = 60_000;

impl AlertManager {
    /// Has reports wait for more of the same. By default they are made at once.
    pub fn hold_reports(&mut self) {
        self.holds = true;
    }

    pub(super) fn record(&mut self, key: AlertKey, changes: &[AlertChange], now: WallTime) {
        for change in changes {
            let Some(entry) = self.entries.get_mut(&key) else { return };
            let is_late = is_late(change, now);
            if self.holds && !is_late && matches!(change.transition, Transition::Fired { .. }) {
                entry.hold(*change, now);
                self.changed.insert(key);
                let until = entry.reported_at();
                self.is_due_at(until);
                continue;
            }
            self.release(key, now);
            self.report(key, change, now);
        }
    }

    /// Reports what was held.
    fn release(&mut self, key: AlertKey, now: WallTime) {
        let held = self.entries.get_mut(&key).and_then(AlertEntry::release);
        if let Some(change) = held {
            self.report(key, &change, now);
        }
    }

    fn report(&mut self, key: AlertKey, change: &AlertChange, now: WallTime) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let transition = entry.transition(change, is_late(change, now));
        self.announced.remove(&transition.event.fingerprint);
        self.transitions.push(transition);
        self.changed.insert(key);
    }

    /// Reports what was held for long enough.
    pub(super) fn release_due(&mut self, now: WallTime) {
        for key in self.keys() {
            let Some(until) = self.entries.get(&key).and_then(AlertEntry::reported_at) else { continue };
            if now >= until {
                self.release(key, now);
            } else {
                self.is_due_at(Some(until));
            }
        }
    }

    /// What there would be to report of series that are firing and have changed since changes were taken, with their present numbers.
    /// Of many, some.
    pub fn current(&mut self) -> Vec<AlertEvent> {
        let keys: Vec<AlertKey> = self.changed.iter().copied().collect();
        let current = |key| self.entries.get_mut(&key).and_then(AlertEntry::current);
        keys.into_iter().filter_map(current).take(CURRENT_MAX).collect()
    }

    /// Reports all that is held.
    pub fn release_all(&mut self, now: WallTime) {
        for key in self.keys() {
            self.release(key, now);
        }
    }

    /// Brings what time changes up to date, so that it is saved as of now.
    pub fn bring_up_to(&mut self, now: WallTime) {
        if self.settling.is_some() {
            return;
        }
        for key in self.keys() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if entry.instance.has_backlog() || entry.instance.is_blank(now.0) {
                continue;
            }
            let mut changes = Vec::new();
            entry.instance.advance(&entry.spec, now.0, &mut |change| changes.push(change));
            self.changed.insert(key);
            self.record(key, &changes, now);
        }
    }
}

impl AlertEntry {
    /// The event of an alert that was reported and is firing still, with what is seen now.
    pub(super) fn current(&mut self) -> Option<AlertEvent> {
        let since = self.instance.lifecycle().firing_since().filter(|_| self.held_at.is_none())?;
        let at_ms = self.instance.judged_ms()?;
        let seen = self.instance.observe(&self.spec)?;
        let change = AlertChange { transition: Transition::Fired { since }, at_ms, seen };
        Some(self.transition(&change, false).event)
    }

    /// When a report that is held is due if nothing more comes.
    fn reported_at(&self) -> Option<WallTime> {
        let (first, last) = self.held_at?;
        Some(match self.spec.condition {
            Condition::NewPattern { .. } => first + SETTLE_PATTERN_MS,
            _ => (last + HOLD_MS).min(first + HOLD_MS_MAX),
        })
    }
}

fn is_late(change: &AlertChange, now: WallTime) -> bool {
    now - WallTime(change.at_ms) > LATE_MS
}
