//! What a condition remembers of one series of matching lines. It is persisted as a whole.
//!
//! | condition | memory | bytes at most |
//! |---|---|---|
//! | `count`, `rate` | 62 buckets | 1,000 |
//! | `share` | twice that | 2,000 |
//! | `burn_rate` | 4 times that, with two pairs of windows | 8,000 |
//! | `spike` | 62 buckets and what is usual | 5,000 |
//! | `silence`, `new` | when the newest line was written | 32 |

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::baseline::Usual;
use crate::detect::burn::{Burn, BurnObservation};
use crate::detect::condition::{Condition, Observation, per_second, share};
use crate::detect::judge::SpikeReason;
use crate::detect::series::Series;
use crate::detect::spike::Spike;

/// See the [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionState {
    /// Counts within a sliding window.
    Window(Series),
    /// The same for matching lines and for all lines.
    Share {
        /// Matching lines.
        matched: Series,
        /// All lines.
        lines: Series,
    },
    /// The same over pairs of windows.
    Burn(Burn),
    /// Counts within a sliding window, and the baseline.
    Spike(Box<Spike>),
    /// When the newest matching line was written, or when the watching began.
    Silence {
        /// In milliseconds since the epoch.
        last_ms: Millis,
    },
    /// When the newest matching line was written, if there ever was one.
    New {
        /// In milliseconds since the epoch.
        last_ms: Option<Millis>,
        /// How many lines were written at that time if they were new, else 0.
        fresh: u64,
    },
}

impl ConditionState {
    /// The state of a series that has been watched since `since_ms` without a line.
    #[must_use]
    pub fn new(condition: &Condition, since_ms: Millis) -> ConditionState {
        match condition {
            Condition::Count { window_ms, .. } | Condition::Rate { window_ms, .. } => {
                ConditionState::Window(Series::new(*window_ms))
            }
            Condition::Share { window_ms, .. } => {
                ConditionState::Share { matched: Series::new(*window_ms), lines: Series::new(*window_ms) }
            }
            Condition::BurnRate(settings) => ConditionState::Burn(Burn::new(settings)),
            Condition::Spike(settings) => {
                let mut spike = Spike::new(*settings);
                spike.add(since_ms, 0);
                ConditionState::Spike(Box::new(spike))
            }
            Condition::Silence { .. } => ConditionState::Silence { last_ms: since_ms },
            Condition::New { .. } | Condition::NewPattern { .. } => {
                ConditionState::New { last_ms: None, fresh: 0 }
            }
        }
    }

    /// Continues under a condition that may have changed at `now_ms`. A state that does not fit it is replaced.
    #[must_use]
    pub fn resume(self, condition: &Condition, now_ms: Millis) -> ConditionState {
        let window_ms = condition.window_ms();
        match (self, condition) {
            (ConditionState::Spike(spike), Condition::Spike(settings)) => {
                ConditionState::Spike(Box::new(spike.resume(*settings)))
            }
            (ConditionState::Burn(burn), Condition::BurnRate(settings)) if burn.fits(settings) => {
                ConditionState::Burn(burn)
            }
            (state @ ConditionState::Window(_), Condition::Count { .. } | Condition::Rate { .. })
            | (state @ ConditionState::Share { .. }, Condition::Share { .. })
                if state.window_ms() == window_ms =>
            {
                state
            }
            (state @ ConditionState::Silence { .. }, Condition::Silence { .. })
            | (state @ ConditionState::New { .. }, Condition::New { .. } | Condition::NewPattern { .. }) => {
                state
            }
            _ => ConditionState::new(condition, now_ms),
        }
    }

    /// A state to judge lines written at `at_ms` and later, long before the last ones seen: only the baseline is kept.
    #[must_use]
    pub fn rewound(&self, condition: &Condition, at_ms: Millis) -> ConditionState {
        match self {
            ConditionState::Spike(spike) => ConditionState::Spike(Box::new(spike.rewound(at_ms))),
            _ => ConditionState::new(condition, at_ms),
        }
    }

    /// Moves everything by `by_ms`: the clock was set.
    pub fn shift(&mut self, by_ms: Millis) {
        match self {
            ConditionState::Window(series) => series.shift(by_ms),
            ConditionState::Share { matched, lines } => {
                matched.shift(by_ms);
                lines.shift(by_ms);
            }
            ConditionState::Burn(burn) => burn.shift(by_ms),
            ConditionState::Spike(spike) => spike.shift(by_ms),
            ConditionState::Silence { last_ms } => *last_ms = last_ms.saturating_add(by_ms),
            ConditionState::New { last_ms, .. } => *last_ms = last_ms.map(|last| last.saturating_add(by_ms)),
        }
    }

    /// Adds `matched` matching lines, of `lines` lines in all, that were written at `at_ms`, to what was evaluated up to
    /// `judged_ms`.
    pub fn add(&mut self, condition: &Condition, at_ms: Millis, judged_ms: Millis, matched: u64, lines: u64) {
        let now_ms = at_ms.max(judged_ms);
        match self {
            ConditionState::Window(series) => series.add(at_ms, matched),
            ConditionState::Share { matched: series, lines: all } => {
                series.add(at_ms, matched);
                all.add(at_ms, lines);
            }
            ConditionState::Burn(burn) => burn.add(at_ms, matched, lines),
            ConditionState::Spike(spike) => spike.add(at_ms, matched),
            ConditionState::Silence { last_ms } if matched > 0 => *last_ms = at_ms.max(*last_ms),
            ConditionState::New { last_ms, fresh } if matched > 0 => {
                let quiet_ms = if let Condition::New { quiet_ms } = condition { *quiet_ms } else { None };
                let is_quiet = |last: Millis| quiet_ms.is_some_and(|quiet| now_ms - last > quiet);
                *fresh = match *last_ms {
                    Some(last) if last == now_ms && *fresh > 0 => *fresh + matched,
                    last if last.is_none_or(is_quiet) => matched,
                    _ => 0,
                };
                *last_ms = Some(now_ms);
            }
            ConditionState::Silence { .. } | ConditionState::New { .. } => {}
        }
    }

    /// Evaluates `condition` as of `at_ms`.
    ///
    /// ```
    /// use spiketail::detect::condition::Condition;
    /// use spiketail::detect::condition_state::ConditionState;
    ///
    /// let condition = Condition::Count { over: 2, window_ms: 10_000 };
    /// let mut state = ConditionState::new(&condition, 0);
    /// state.add(&condition, 1_000, 1_000, 3, 3);
    /// assert!(state.observe(&condition, 1_000).holds);
    /// assert!(!state.observe(&condition, 30_000).holds);
    /// ```
    pub fn observe(&mut self, condition: &Condition, at_ms: Millis) -> Observation {
        match (self, condition) {
            (ConditionState::Window(series), Condition::Count { over, .. }) => {
                let count = series.count(at_ms);
                Observation { holds: count > *over, count, ..Observation::default() }
            }
            (ConditionState::Window(series), Condition::Rate { over, at_least, window_ms }) => {
                let count = series.count(at_ms);
                let holds = count >= *at_least && per_second(count, *window_ms) > *over;
                Observation { holds, count, ..Observation::default() }
            }
            (ConditionState::Share { matched, lines }, Condition::Share { over, at_least, .. }) => {
                let (count, lines) = (matched.count(at_ms), lines.count(at_ms));
                let holds = count >= *at_least && share(count, lines) > *over;
                Observation { holds, count, lines: Some(lines.max(count)), ..Observation::default() }
            }
            (ConditionState::Burn(burn), Condition::BurnRate(settings)) => {
                let BurnObservation { holds, count, lines, window_ms, rate } = burn.observe(settings, at_ms);
                let reason = Some(SpikeReason { window_ms, times: rate, days: 0 });
                Observation { holds, count, lines: Some(lines), reason, ..Observation::default() }
            }
            (ConditionState::Spike(spike), Condition::Spike(_)) => {
                let seen = spike.observe(at_ms);
                let is_known = !seen.is_learning;
                Observation {
                    holds: seen.holds,
                    count: seen.count,
                    expected: is_known.then_some(seen.expected),
                    unlikely: is_known.then_some(seen.unlikely),
                    lines: None,
                    reason: seen.reason,
                }
            }
            (ConditionState::Silence { last_ms }, Condition::Silence { window_ms }) => {
                Observation { holds: at_ms - *last_ms >= *window_ms, ..Observation::default() }
            }
            (
                ConditionState::New { last_ms, fresh },
                Condition::New { .. } | Condition::NewPattern { .. },
            ) => {
                let holds = *fresh > 0 && *last_ms == Some(at_ms);
                Observation { holds, count: *fresh, ..Observation::default() }
            }
            // A state is made for its condition.
            _ => Observation::default(),
        }
    }

    /// When the observation may next change after `at_ms` although nothing is added, in milliseconds since the epoch.
    #[must_use]
    pub fn next_change(&self, condition: &Condition, at_ms: Millis) -> Option<Millis> {
        match self {
            ConditionState::Window(series) => series.next_expiry(),
            // Without a match the share is 0.
            ConditionState::Share { matched, .. } if matched.is_empty() => None,
            ConditionState::Share { matched, lines } => {
                matched.next_expiry().into_iter().chain(lines.next_expiry()).min()
            }
            ConditionState::Burn(burn) => burn.next_change(),
            ConditionState::Spike(spike) => spike.next_change(),
            ConditionState::Silence { last_ms } => {
                let silent = last_ms.saturating_add(condition.window_ms());
                (silent > at_ms).then_some(silent)
            }
            ConditionState::New { last_ms, fresh } => last_ms.filter(|_| *fresh > 0).map(|last| last + 1),
        }
        .map(|change| change.max(at_ms + 1))
    }

    /// Whether it equals a new one.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            ConditionState::Window(series) => series.is_empty(),
            ConditionState::Share { matched, lines } => matched.is_empty() && lines.is_empty(),
            ConditionState::Burn(burn) => burn.is_empty(),
            ConditionState::Spike(_) | ConditionState::Silence { .. } => false,
            ConditionState::New { last_ms, .. } => last_ms.is_none(),
        }
    }

    /// Matching lines within the window, as of the last evaluation.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            ConditionState::Window(series) | ConditionState::Share { matched: series, .. } => series.sum(),
            ConditionState::Burn(burn) => burn.count(),
            ConditionState::Spike(spike) => spike.count(),
            ConditionState::Silence { .. } => 0,
            ConditionState::New { fresh, .. } => *fresh,
        }
    }

    /// Which counts a minute are usual at `at_ms`, for a spike.
    #[must_use]
    pub fn usual_per_minute(&self, at_ms: Millis) -> Option<Usual> {
        if let ConditionState::Spike(spike) = self { Some(spike.usual_per_minute(at_ms)) } else { None }
    }

    /// Whether old lines can be distinguished from new ones.
    #[must_use]
    pub fn has_window(&self) -> bool {
        !matches!(self, ConditionState::Silence { .. } | ConditionState::New { .. })
    }

    fn window_ms(&self) -> Millis {
        match self {
            ConditionState::Window(series) | ConditionState::Share { matched: series, .. } => {
                series.window_ms()
            }
            _ => 0,
        }
    }
}
