//! Conditions: what must hold of a series for an alert to be active.

use crate::detect::Millis;
use crate::detect::series::Series;

/// What must hold of a rule's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// More than `over` matching lines arrived within the last `window_ms` milliseconds.
    Count {
        /// The condition holds when the count is greater than this.
        over: u64,
        /// Length of the sliding window in milliseconds.
        window_ms: Millis,
    },
}

/// What a condition saw when it was evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Whether the condition holds.
    pub holds: bool,
    /// The count that was compared.
    pub count: u64,
}

impl Condition {
    /// Length of the window that the condition looks back over, in milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> Millis {
        match self {
            Condition::Count { window_ms, .. } => *window_ms,
        }
    }

    /// Evaluates the condition over `series` as of `now`.
    pub fn observe(&self, series: &mut Series, now: Millis) -> Observation {
        match self {
            Condition::Count { over, .. } => {
                let count = series.count(now);
                Observation { holds: count > *over, count }
            }
        }
    }
}
