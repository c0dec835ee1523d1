//! What continues after a restart, and what has ended because its definition is gone.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::{AlertEntry, AlertKey, AlertManager, AlertSeriesId, AlertTransition, SavedAlert, WatchAlerts};
use crate::alert::AlertSpec;
use crate::alert::fingerprint::{fingerprint, of_pattern};
use crate::event::{AlertEvent, AlertState};
use crate::units::{PathId, WallTime};

/// An alert that was announced to be firing before the start.
pub type AnnouncedAlert = AlertEvent;

impl AlertManager {
    /// Restores what was saved. Alerts by path wait for their path, see [`AlertManager::restore_path`].
    pub fn restore(&mut self, saved: Vec<SavedAlert>, firing: Vec<AnnouncedAlert>, now: WallTime) {
        self.announced = firing.into_iter().map(|event| (event.fingerprint.clone(), event)).collect();
        for saved in saved {
            if saved.id.path.is_some() {
                self.unclaimed.insert(saved.id.clone(), saved);
            } else {
                self.continue_saved(saved, None, now);
            }
        }
        self.add_watch_series(None);
    }

    /// Restores what was saved of the alerts by the path `at`.
    pub fn restore_path(&mut self, watch: &Arc<WatchAlerts>, path: PathId, at: &Path, now: WallTime) {
        if self.unclaimed.is_empty() {
            return;
        }
        let names: HashSet<String> = watch.all().map(|(_, spec)| spec.name.clone()).collect();
        for alert in names {
            let id =
                AlertSeriesId { alert, watch: watch.name.clone(), path: Some(at.to_owned()), pattern: None };
            if let Some(saved) = self.unclaimed.remove(&id) {
                self.continue_saved(saved, Some(path), now);
            }
        }
    }

    fn continue_saved(&mut self, saved: SavedAlert, path: Option<PathId>, now: WallTime) {
        let Some((watch, alert, spec)) = self.definition(&saved.id) else {
            self.ended.push(saved.id);
            return;
        };
        let key = AlertKey { alert, watch: watch.id, path, pattern: saved.id.pattern };
        let mut entry = AlertEntry::restored(saved, &spec, &watch, now);
        entry.skip_time_off(self.booted);
        self.insert(key, entry);
    }

    fn definition(
        &self,
        id: &AlertSeriesId,
    ) -> Option<(Arc<WatchAlerts>, crate::units::AlertSpecId, Arc<AlertSpec>)> {
        let watch = self.watches.iter().find(|watch| watch.name == id.watch)?;
        let (alert, spec) = watch.all().find(|(_, spec)| spec.name == id.alert)?;
        Some((Arc::clone(watch), *alert, Arc::clone(spec)))
    }

    /// Resolves what was announced to be firing and can no longer resolve by itself, because its alert is no longer defined so.
    pub(super) fn resolve_undefined(&mut self, now: WallTime) {
        let is_defined = |id: &AlertSeriesId| self.definition(id).is_some();
        let undefined: Vec<AlertSeriesId> =
            self.unclaimed.keys().filter(|id| !is_defined(id)).cloned().collect();
        for id in undefined {
            self.unclaimed.remove(&id);
            self.ended.push(id);
        }
        let firing = self.entries.values().filter(|entry| entry.instance.lifecycle().is_firing());
        let mut alive: HashSet<String> =
            firing.map(|entry| identity(&entry.spec, &entry.series_id())).collect();
        // What waits for its path may still be firing.
        for id in self.unclaimed.keys() {
            alive.extend(self.definition(id).map(|(_, _, spec)| identity(&spec, id)));
        }
        for announced in std::mem::take(&mut self.announced).into_values() {
            if !alive.contains(&announced.fingerprint) {
                let event = resolved(announced, now.to_string());
                self.transitions.push(AlertTransition { at: now, event });
            }
        }
    }
}

fn identity(spec: &AlertSpec, id: &AlertSeriesId) -> String {
    let path = id.path.as_deref().map(|path| path.as_os_str().as_encoded_bytes());
    let whole = fingerprint(&spec.name, &id.watch, &spec.rule, path);
    id.pattern.map_or(whole.clone(), |pattern| of_pattern(&whole, pattern))
}

/// The end, at `at`, of an alert of which only is left that it was announced.
fn resolved(announced: AlertEvent, at: String) -> AlertEvent {
    // It fired by a clock that may have been set back since.
    let since = if is_later(&announced.since, &at) { at.clone() } else { announced.since.clone() };
    AlertEvent {
        state: AlertState::Resolved,
        since,
        count: 0,
        expected: None,
        lines: None,
        why: "it is no longer defined so".to_owned(),
        at,
        late: false,
        samples: Vec::new(),
        ..announced
    }
}

fn is_later(time: &str, other: &str) -> bool {
    let parsed = |text: &str| text.parse::<jiff::Timestamp>().ok();
    parsed(time).zip(parsed(other)).is_some_and(|(time, other)| time > other)
}
