//! What goes on after a restart, and what is over because its definition is gone.

use std::collections::HashSet;
use std::path::Path;

use super::{AlertEntry, AlertManager};
use crate::alert::fingerprint::fingerprint;
use crate::alert::{AlertSpec, Scope};
use crate::engine::entry::FileKey;
use crate::engine::plan::CompiledPlan;
use crate::event::{AlertEvent, AlertState};
use crate::store::{AlertId, AlertRecord, TransitionRecord};

impl AlertManager {
    /// Takes up what was remembered. Alerts by path follow their path, see [`AlertManager::restore_path`].
    pub(in crate::engine) fn restore(
        &mut self,
        plan: &CompiledPlan,
        records: Vec<AlertRecord>,
        firing: Vec<TransitionRecord>,
    ) {
        self.told = firing.into_iter().map(|told| (told.event.fingerprint.clone(), told.event)).collect();
        for record in records {
            if record.id.path.is_some() {
                self.waiting.insert(record.id.clone(), record);
            } else {
                self.take_up(plan, record, None);
            }
        }
        self.add_missing(plan);
    }

    /// Alerts over a whole watch are there from the beginning: what is usual is learned from silence too.
    pub(super) fn add_missing(&mut self, plan: &CompiledPlan) {
        for (watch, compiled) in plan.watches.iter().enumerate() {
            for number in compiled.alerts_by_rule.iter().flatten().copied() {
                let spec = &plan.alerts[number];
                if spec.scope == Scope::Watch {
                    self.alerts
                        .entry((number, watch, None))
                        .or_insert_with(|| AlertEntry::new(spec, None, None));
                }
            }
        }
    }

    /// Takes up what was remembered of the alerts by the path of `file`.
    pub(in crate::engine) fn restore_path(
        &mut self,
        plan: &CompiledPlan,
        watch: usize,
        file: FileKey,
        path: &Path,
    ) {
        for alert in &plan.alerts {
            let id = AlertId {
                alert: alert.name.clone(),
                watch: plan.watches[watch].name.clone(),
                path: Some(path.to_owned()),
            };
            if let Some(record) = self.waiting.remove(&id) {
                self.take_up(plan, record, Some(file));
            }
        }
    }

    /// Silence can be told only of what is known to be there.
    pub(in crate::engine) fn watch_path(
        &mut self,
        plan: &CompiledPlan,
        watch: usize,
        file: FileKey,
        path: &Path,
    ) {
        for number in plan.watches[watch].alerts_by_rule.iter().flatten().copied() {
            let spec = &plan.alerts[number];
            if spec.scope == Scope::Path && spec.condition.expects_lines() {
                let new = || AlertEntry::new(spec, None, Some(path));
                self.alerts.entry((number, watch, Some(file))).or_insert_with(new);
            }
        }
    }

    fn take_up(&mut self, plan: &CompiledPlan, record: AlertRecord, file: Option<FileKey>) {
        let number = plan.alerts.iter().position(|alert| alert.name == record.id.alert);
        let watch = plan.watches.iter().position(|watch| watch.name == record.id.watch);
        let (Some(number), Some(watch)) = (number, watch) else {
            // Its definition is gone.
            self.ended.push(record.id);
            return;
        };
        let alert = AlertEntry {
            alarm: record.alarm.resume(&plan.alerts[number], self.clock.now()),
            path: record.id.path,
            samples: record.samples.into(),
        };
        self.alerts.insert((number, watch, file), alert);
    }

    /// Resolves what was told to be firing and can resolve no more: its alert is defined no longer, or otherwise.
    pub(super) fn end_what_is_gone(&mut self, plan: &CompiledPlan) {
        let is_defined = |id: &AlertId| {
            plan.alerts.iter().any(|alert| alert.name == id.alert)
                && plan.watches.iter().any(|watch| watch.name == id.watch)
        };
        self.ended.extend(self.waiting.extract_if(|id, _| !is_defined(id)).map(|(id, _)| id));
        let firing = self.alerts.iter().filter(|(_, alert)| alert.alarm.lifecycle().is_firing());
        let mut alive: HashSet<String> = firing
            .map(|((number, watch, _), alert)| {
                let (spec, watch) = (&plan.alerts[*number], &plan.watches[*watch].name);
                identity(spec, watch, alert.path.as_deref())
            })
            .collect();
        // What waits for its file may be firing still.
        for id in self.waiting.keys() {
            let spec = plan.alerts.iter().find(|alert| alert.name == id.alert);
            alive.extend(spec.map(|spec| identity(spec, &id.watch, id.path.as_deref())));
        }
        for told in std::mem::take(&mut self.told).into_values() {
            if !alive.contains(&told.fingerprint) {
                let now = self.clock.now();
                let event = resolved(told, self.clock.wall_time(now));
                event.emit();
                self.transitions.push(TransitionRecord { at_ms: now, event });
            }
        }
    }
}

fn identity(spec: &AlertSpec, watch: &str, path: Option<&Path>) -> String {
    fingerprint(&spec.name, watch, &spec.rule, path.map(|path| path.as_os_str().as_encoded_bytes()))
}

/// The end of an alert of which nothing is known but that `fired` was reported. It ends `at`.
fn resolved(fired: AlertEvent, at: String) -> AlertEvent {
    AlertEvent {
        state: AlertState::Resolved,
        count: 0,
        expected: None,
        lines: None,
        why: "it is no longer defined so".to_owned(),
        at,
        late: false,
        samples: Vec::new(),
        ..fired
    }
}
