//! The life of one alert: inactive → pending → firing → resolved, as in Prometheus. Pure: time is an argument.

use serde::{Deserialize, Serialize};

use crate::alert::AlertSpec;
use crate::detect::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AlertPhase {
    Inactive,
    /// The condition holds, but not for long enough, or the cooldown is not over.
    Pending {
        since: Millis,
    },
    Firing {
        since: Millis,
        /// When the condition ceased to hold, if it did.
        #[serde(default)]
        released: Option<Millis>,
    },
}

/// What a step changed that others should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// The alert began; its condition has held since then.
    Fired {
        /// When the condition began to hold.
        since: Millis,
    },
    /// The alert ended.
    Resolved {
        /// When the condition had begun to hold.
        since: Millis,
    },
}

/// Where one alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    phase: AlertPhase,
    quiet_until: Millis,
}

impl Default for Lifecycle {
    fn default() -> Lifecycle {
        Lifecycle { phase: AlertPhase::Inactive, quiet_until: Millis::MIN }
    }
}

impl Lifecycle {
    /// Goes on to `now`, when the condition `holds` or not. A condition that goes on holding keeps the alert firing; one
    /// that still holds when the cooldown ends fires then.
    pub fn step(&mut self, spec: &AlertSpec, holds: bool, now: Millis) -> Option<Transition> {
        match self.phase {
            AlertPhase::Inactive if holds => self.may_fire(spec, now, now),
            AlertPhase::Pending { since } if holds => self.may_fire(spec, since, now),
            AlertPhase::Inactive | AlertPhase::Pending { .. } => {
                self.phase = AlertPhase::Inactive;
                None
            }
            AlertPhase::Firing { since, .. } if holds => {
                self.phase = AlertPhase::Firing { since, released: None };
                None
            }
            AlertPhase::Firing { since, released } => {
                let released = released.unwrap_or(now);
                if now - released < spec.keep_firing_for_ms {
                    self.phase = AlertPhase::Firing { since, released: Some(released) };
                    return None;
                }
                self.phase = AlertPhase::Inactive;
                self.quiet_until = now + spec.cooldown_ms;
                Some(Transition::Resolved { since })
            }
        }
    }

    /// When it may next change if the condition goes on as it is, in milliseconds since the epoch.
    #[must_use]
    pub fn next_change(&self, spec: &AlertSpec) -> Option<Millis> {
        match self.phase {
            AlertPhase::Inactive => None,
            AlertPhase::Pending { since } => Some(self.quiet_until.max(since + spec.for_ms)),
            AlertPhase::Firing { released, .. } => {
                released.map(|released| released + spec.keep_firing_for_ms)
            }
        }
    }

    /// Moves every time by `by_ms`: the clock was set.
    pub fn shift(&mut self, by_ms: Millis) {
        let shifted = |at: Millis| at.saturating_add(by_ms);
        self.phase = match self.phase {
            AlertPhase::Inactive => AlertPhase::Inactive,
            AlertPhase::Pending { since } => AlertPhase::Pending { since: shifted(since) },
            AlertPhase::Firing { since, released } => {
                AlertPhase::Firing { since: shifted(since), released: released.map(shifted) }
            }
        };
        // Without a cooldown there is nothing to move.
        if self.quiet_until != Millis::MIN {
            self.quiet_until = shifted(self.quiet_until);
        }
    }

    /// Whether time alone can change nothing.
    #[must_use]
    pub fn is_inactive(&self) -> bool {
        self.phase == AlertPhase::Inactive
    }

    /// Whether a cooldown is running at `now`.
    #[must_use]
    pub fn is_cooling_down(&self, now: Millis) -> bool {
        now < self.quiet_until
    }

    /// Whether the alert is firing.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        matches!(self.phase, AlertPhase::Firing { .. })
    }

    /// When the condition of a pending or firing alert began to hold.
    #[must_use]
    pub fn since(&self) -> Option<Millis> {
        match self.phase {
            AlertPhase::Inactive => None,
            AlertPhase::Pending { since } | AlertPhase::Firing { since, .. } => Some(since),
        }
    }

    /// When the condition of a firing alert began to hold.
    #[must_use]
    pub fn firing_since(&self) -> Option<Millis> {
        if let AlertPhase::Firing { since, .. } = self.phase { Some(since) } else { None }
    }

    fn may_fire(&mut self, spec: &AlertSpec, since: Millis, now: Millis) -> Option<Transition> {
        if now - since < spec.for_ms || now < self.quiet_until {
            self.phase = AlertPhase::Pending { since };
            return None;
        }
        self.phase = AlertPhase::Firing { since, released: None };
        Some(Transition::Fired { since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertNotes, Scope};
    use crate::detect::condition::Condition;
    use crate::event::Severity;

    fn spec(for_ms: Millis, keep_firing_for_ms: Millis, cooldown_ms: Millis) -> AlertSpec {
        AlertSpec {
            name: "a".into(),
            rule: "r".into(),
            watches: vec!["w".into()],
            scope: Scope::Watch,
            condition: Condition::Count { over: 1, window_ms: 1_000 },
            severity: Severity::Critical,
            for_ms,
            keep_firing_for_ms,
            cooldown_ms,
            samples_max: 1,
            notes: AlertNotes::default(),
        }
    }

    #[test]
    fn it_fires_stays_and_resolves() {
        let spec = spec(10, 20, 0);
        let mut life = Lifecycle::default();
        assert_eq!(life.step(&spec, true, 100), None);
        assert_eq!(life.step(&spec, true, 109), None);
        assert_eq!(life.step(&spec, true, 110), Some(Transition::Fired { since: 100 }));
        assert_eq!(life.step(&spec, true, 500), None);
        assert!(life.is_firing());
        assert_eq!(life.next_change(&spec), None);
        assert_eq!(life.step(&spec, false, 510), None);
        assert_eq!(life.next_change(&spec), Some(530));
        assert_eq!(life.step(&spec, false, 529), None);
        assert_eq!(life.step(&spec, false, 530), Some(Transition::Resolved { since: 100 }));
        assert!(life.is_inactive());
    }

    #[test]
    fn a_short_excursion_stays_pending() {
        let spec = spec(10, 0, 0);
        let mut life = Lifecycle::default();
        for (now, holds) in [(0, true), (9, false), (10, true), (19, true)] {
            assert_eq!(life.step(&spec, holds, now), None);
        }
        assert_eq!(life.step(&spec, true, 20), Some(Transition::Fired { since: 10 }));
    }

    #[test]
    fn a_dip_shorter_than_keep_firing_for_does_not_flap() {
        let spec = spec(0, 30, 0);
        let mut life = Lifecycle::default();
        let mut changes = 0;
        for now in 0..1_000 {
            changes += u32::from(life.step(&spec, now % 25 == 0, now).is_some());
        }
        assert_eq!(changes, 1);
    }

    #[test]
    fn the_cooldown_delays_but_never_silences() {
        let spec = spec(0, 0, 100);
        let mut life = Lifecycle::default();
        assert_eq!(life.step(&spec, true, 0), Some(Transition::Fired { since: 0 }));
        assert_eq!(life.step(&spec, false, 10), Some(Transition::Resolved { since: 0 }));
        assert_eq!(life.step(&spec, true, 50), None);
        assert_eq!(life.step(&spec, true, 110), Some(Transition::Fired { since: 50 }));
    }
}
