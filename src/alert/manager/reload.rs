//! What continues under other definitions, and what ends with its path.

use std::collections::HashSet;
use std::sync::Arc;

use super::{AlertKey, AlertManager, WatchAlerts};
use crate::alert::AlertSpec;
use crate::alert::instance::AlertChange;
use crate::alert::lifecycle::Transition;
use crate::detect::condition::{Condition, Observation};
use crate::units::{PathId, WallTime};

impl AlertManager {
    /// Switches to other definitions: a series continues if the name and what it counts are the same. `gone` are paths that are no
    /// longer watched.
    pub fn reload(&mut self, watches: Vec<Arc<WatchAlerts>>, gone: &HashSet<PathId>, now: WallTime) {
        self.watches = watches;
        self.room.reload();
        self.changed.clear();
        for key in self.keys() {
            let successor = self.successor(key, gone);
            match (successor, self.entries.get_mut(&key)) {
                (Some((watch, spec)), Some(entry)) => {
                    entry.redefine(&watch, &spec, now);
                    self.changed.insert(key);
                }
                _ => {
                    self.resolve(key, now);
                    self.remove(key);
                }
            }
        }
        self.add_watch_series(None);
        self.due = Some(now);
    }

    /// The definition by which a series continues after a reload.
    fn successor(&self, key: AlertKey, gone: &HashSet<PathId>) -> Option<(Arc<WatchAlerts>, Arc<AlertSpec>)> {
        let entry = self.entries.get(&key)?;
        if key.path.is_some_and(|path| gone.contains(&path)) {
            return None;
        }
        let watch = self.watches.iter().find(|watch| watch.id == key.watch)?;
        let (_, spec) = watch.all().find(|(alert, _)| *alert == key.alert)?;
        counts_the_same(spec, &entry.spec).then(|| (Arc::clone(watch), Arc::clone(spec)))
    }

    /// Ends the series of a path that is no longer watched.
    pub fn forget_path(&mut self, path: PathId, now: WallTime) {
        self.room.forget_path(path);
        for key in self.keys() {
            if key.path == Some(path) {
                self.resolve(key, now);
                self.remove(key);
            }
        }
    }

    /// Nothing is at a path any longer: an alert that waits for its lines ends.
    pub fn end_silence(&mut self, path: PathId, now: WallTime) {
        for key in self.keys() {
            let Some(entry) = self.entries.get(&key) else { continue };
            if key.path == Some(path) && entry.spec.condition.expects_lines() {
                self.resolve(key, now);
                self.remove(key);
            }
        }
    }

    /// Resolves a firing alert whose series ends: nothing else ever would.
    fn resolve(&mut self, key: AlertKey, now: WallTime) {
        let Some(entry) = self.entries.get(&key) else { return };
        let Some(since) = entry.instance.lifecycle().firing_since() else { return };
        let change = AlertChange {
            transition: Transition::Resolved { since },
            at_ms: now.0,
            seen: Observation::default(),
        };
        self.record(key, &[change], now);
    }
}

/// Whether an alert continues as `new`: it counts the same. What is usual took long to learn and stays valid whatever threshold the
/// alert compares it with.
fn counts_the_same(new: &AlertSpec, old: &AlertSpec) -> bool {
    let is_same_count = match (&new.condition, &old.condition) {
        (Condition::Spike(new), Condition::Spike(old)) => new.window_ms == old.window_ms,
        (new, old) => new == old,
    };
    new.name == old.name && new.rule == old.rule && new.scope == old.scope && is_same_count
}
