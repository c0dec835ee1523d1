//! Conditions: what must hold of a rule's counts for an alert to be active.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::detect::Millis;
use crate::detect::burn_settings::{BurnSettings, BurnWindow};
use crate::detect::judge::SpikeReason;
use crate::detect::spike::SpikeSettings;

/// What must hold of a rule's counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// More than `over` matching lines were written within the last `window_ms`.
    Count {
        /// The condition holds when the count is greater than this.
        over: u64,
        /// Length of the sliding window in milliseconds.
        window_ms: Millis,
    },
    /// Matching lines were written faster than `over`.
    Rate {
        /// Lines per second, as the mean over the window. The condition holds when the rate is greater than this.
        over: f64,
        /// The condition holds only with at least this many matching lines in the window.
        at_least: u64,
        /// Length of the sliding window in milliseconds.
        window_ms: Millis,
    },
    /// Of all lines, more than the share `over` matched.
    Share {
        /// Between 0 and 1. The condition holds when the share is greater than this.
        over: f64,
        /// The condition holds only with at least this many matching lines in the window.
        at_least: u64,
        /// Length of the sliding window in milliseconds.
        window_ms: Millis,
    },
    /// Of all lines, more matched than an objective allows, for so long that it matters.
    BurnRate(BurnSettings),
    /// Far more matching lines than usual were written, see [`judge`](crate::detect::judge).
    Spike(SpikeSettings),
    /// No matching line was written for `window_ms`.
    Silence {
        /// How long the silence is, in milliseconds.
        window_ms: Millis,
    },
    /// A line of a pattern matched that was never seen before.
    NewPattern {
        /// For how long a watch is looked at before its patterns are known, in milliseconds.
        learn_ms: Millis,
        /// At most so many are reported one by one within a minute; further ones together.
        per_minute_max: u32,
    },
    /// A line matched, the first one ever or the first after a long time.
    New {
        /// How long no line may have matched before, in milliseconds. `None`: never before.
        quiet_ms: Option<Millis>,
    },
}

/// The result of evaluating a condition.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Observation {
    /// Whether the condition holds.
    pub holds: bool,
    /// Matching lines within the window. For `silence` and `new`: the newest ones.
    pub count: u64,
    /// All lines within the window, for a share.
    pub lines: Option<u64>,
    /// Expected matching lines in the window, for a spike.
    pub expected: Option<f64>,
    /// `-log10` of the probability of such a count or a greater one, for a spike.
    pub unlikely: Option<f64>,
    /// Why there is a spike, or how fast what an objective allows is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<SpikeReason>,
}

impl Observation {
    /// The window whose lines are counted, in milliseconds: of several, the one that is the reason.
    #[must_use]
    pub fn window_ms(&self, condition: &Condition) -> Millis {
        match (condition, self.reason) {
            (Condition::BurnRate(_), Some(reason)) => reason.window_ms,
            _ => condition.window_ms(),
        }
    }
}

impl Condition {
    /// Its name in configuration and output.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Condition::Count { .. } => "count",
            Condition::Rate { .. } => "rate",
            Condition::Share { .. } => "share",
            Condition::BurnRate(_) => "burn_rate",
            Condition::Spike(_) => "spike",
            Condition::Silence { .. } => "silence",
            Condition::New { .. } | Condition::NewPattern { .. } => "new",
        }
    }

    /// Length of the window in milliseconds; 0 if there is none.
    #[must_use]
    pub fn window_ms(&self) -> Millis {
        match self {
            Condition::Count { window_ms, .. }
            | Condition::Rate { window_ms, .. }
            | Condition::Share { window_ms, .. }
            | Condition::Silence { window_ms } => *window_ms,
            Condition::BurnRate(settings) => settings.window_ms(),
            Condition::Spike(settings) => settings.window_ms,
            Condition::New { quiet_ms } => quiet_ms.unwrap_or(0),
            Condition::NewPattern { .. } => 0,
        }
    }

    /// The number that the condition compares with: lines, lines per second, a share, times the usual, or
    /// times what is allowed.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        match self {
            Condition::Count { over, .. } => *over as f64,
            Condition::Rate { over, .. } | Condition::Share { over, .. } => *over,
            Condition::BurnRate(settings) => settings.rate(),
            Condition::Spike(settings) => settings.factor,
            Condition::Silence { .. } | Condition::New { .. } | Condition::NewPattern { .. } => 0.0,
        }
    }

    /// Whether it alerts on missing lines.
    #[must_use]
    pub fn expects_lines(&self) -> bool {
        matches!(self, Condition::Silence { .. })
    }

    /// Whether all lines must be counted.
    #[must_use]
    pub fn needs_lines(&self) -> bool {
        matches!(self, Condition::Share { .. } | Condition::BurnRate(_))
    }
}

/// What a count was compared with, in short: `3.1 times the usual over 6h, the most in 29 days`.
pub struct Why<'a>(pub &'a Condition, pub &'a Observation);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Why(condition, seen) = self;
        match condition {
            Condition::Count { over, .. } => write!(f, "threshold {over}"),
            Condition::Rate { over, window_ms, .. } => {
                let rate = per_second(seen.count, *window_ms);
                write!(f, "{}/s, threshold {}/s", Short(rate), Short(*over))
            }
            Condition::Share { over, .. } => {
                let lines = seen.lines.unwrap_or(seen.count);
                let percent = Short(share(seen.count, lines) * 100.0);
                write!(f, "{percent}% of {lines} lines, threshold {}%", Short(over * 100.0))
            }
            Condition::BurnRate(settings) => {
                let (times, window_ms) =
                    seen.reason.map_or((0.0, 0), |reason| (reason.times, reason.window_ms));
                let lines = seen.lines.unwrap_or(seen.count);
                let (objective, percent) = (Percent(settings.objective), Percent(share(seen.count, lines)));
                let (times, window) = (Short(times), Span(window_ms));
                write!(f, "{times} times what {objective} allows over {window}, {percent} of {lines} lines")
            }
            Condition::Spike(_) => match seen.reason {
                Some(SpikeReason { window_ms, times, days }) => {
                    write!(f, "{} times the usual over {}", Short(times), Span(window_ms))?;
                    if days > 1 { write!(f, ", the most in {days} days") } else { Ok(()) }
                }
                None => write!(f, "{} expected", Short(seen.expected.unwrap_or(0.0))),
            },
            Condition::Silence { window_ms } => write!(f, "none for {}", Span(*window_ms)),
            Condition::NewPattern { .. } => write!(f, "a new pattern"),
            Condition::New { quiet_ms: None } => write!(f, "the first ever"),
            Condition::New { quiet_ms: Some(quiet) } => write!(f, "the first in {}", Span(*quiet)),
        }
    }
}

impl fmt::Display for BurnWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} times over {} and {}", Short(self.rate), Span(self.long_ms), Span(self.short_ms))
    }
}

/// A share as percent, without trailing zeros: `99.95%`.
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.4}", self.0 * 100.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A length of time for people: the largest unit that fits, and the next one if it is needed: `90s` is `1m 30s`.
pub struct Span(pub Millis);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(Millis, &str); 5] =
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let mut rest = self.0.max(0);
        let mut shown = 0;
        for (length, unit) in UNITS {
            if rest >= length && shown < 2 {
                let gap = if shown > 0 { " " } else { "" };
                write!(f, "{gap}{}{unit}", rest / length)?;
                rest %= length;
                shown += 1;
            }
        }
        if shown == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

/// A number with two or three significant digits.
pub struct Short(pub f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0.abs() {
            n if n >= 100.0 => 0,
            n if n >= 10.0 => 1,
            n if n >= 1.0 => 2,
            _ => 4,
        };
        let text = format!("{:.digits$}", self.0);
        let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        f.write_str(short)
    }
}

pub(super) fn per_second(count: u64, window_ms: Millis) -> f64 {
    count as f64 * 1_000.0 / window_ms.max(1) as f64
}

/// The share of `count` in `lines`, which are at least as many.
pub(super) fn share(count: u64, lines: u64) -> f64 {
    count as f64 / lines.max(count).max(1) as f64
}
