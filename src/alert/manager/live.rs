//! What can be seen of alerts while they run: those that fire with their present numbers, and what is usual.

use super::AlertManager;
use super::entry::AlertEntry;
use crate::detect::baseline::Usual;
use crate::event::AlertEvent;
use crate::units::WallTime;

/// An alert that fires, as of now.
#[derive(Debug, Clone, PartialEq)]
pub struct FiringAlert {
    /// What would be reported of it now.
    pub event: AlertEvent,
    /// Matching lines since it fired.
    pub total: u64,
    /// The greatest count within the window.
    pub peak: u64,
    /// What is usual a minute, where the alert learns it.
    pub usual: Option<Usual>,
}

/// What is usual of the lines of a rule in a watch, a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleUsual {
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// What is usual.
    pub usual: Usual,
}

impl AlertManager {
    /// What is usual at `at` of each rule of which an alert learns it over a whole watch.
    #[must_use]
    pub fn usual(&self, at: WallTime) -> Vec<RuleUsual> {
        let of_watches = self.entries.iter().filter(|(key, _)| key.path.is_none() && key.pattern.is_none());
        let mut all: Vec<RuleUsual> = of_watches.filter_map(|(_, entry)| entry.usual(at)).collect();
        all.sort_by(|a, b| (&a.watch, &a.rule).cmp(&(&b.watch, &b.rule)));
        all.dedup_by(|a, b| (&a.watch, &a.rule) == (&b.watch, &b.rule));
        all
    }

    /// The alerts that fire and were reported, with their present numbers: the worst first, at most `alerts_max`, and how many there are.
    pub fn firing(&mut self, alerts_max: usize) -> (Vec<FiringAlert>, usize) {
        let mut keys: Vec<_> = self.entries.iter().filter(|(_, entry)| entry.is_reported()).collect();
        keys.sort_by_key(|(key, entry)| {
            (std::cmp::Reverse(entry.spec.severity), entry.firing_since(), **key)
        });
        let keys: Vec<_> = keys.into_iter().map(|(key, _)| *key).collect();
        let firing = keys.iter().take(alerts_max);
        let firing = firing.filter_map(|key| self.entries.get_mut(key)?.firing()).collect();
        (firing, keys.len())
    }
}

impl AlertEntry {
    fn usual(&self, at: WallTime) -> Option<RuleUsual> {
        let usual = self.instance.gauge().usual_per_minute(at.0)?;
        Some(RuleUsual { watch: self.watch_name().to_owned(), rule: self.spec.rule.clone(), usual })
    }

    fn is_reported(&self) -> bool {
        self.firing_since().is_some() && self.held_at.is_none()
    }

    fn firing_since(&self) -> Option<i64> {
        self.instance.lifecycle().firing_since()
    }

    fn firing(&mut self) -> Option<FiringAlert> {
        let usual = self.instance.judged_ms().and_then(|at_ms| self.instance.gauge().usual_per_minute(at_ms));
        let event = self.current()?;
        let (total, peak) = self.extremes();
        Some(FiringAlert { event, total, peak, usual })
    }
}
