//! What a burn rate is compared with.

use crate::detect::Millis;

/// The share of all lines that may match, and how fast that may be used up.
#[derive(Debug, Clone, PartialEq)]
pub struct BurnSettings {
    /// The share of lines that do not match, between 0 and 1.
    pub objective: f64,
    /// It burns only with at least this many matching lines in the long window.
    pub at_least: u64,
    /// It burns if one of these does; there is at least one.
    pub windows: Vec<BurnWindow>,
}

impl BurnSettings {
    /// The share of all lines that may match.
    #[must_use]
    pub fn allowed(&self) -> f64 {
        1.0 - self.objective
    }

    /// The longest window.
    #[must_use]
    pub fn window_ms(&self) -> Millis {
        self.windows.iter().map(|window| window.long_ms).max().unwrap_or(0)
    }

    /// The least burn rate that is too much.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.windows.iter().map(|window| window.rate).reduce(f64::min).unwrap_or(0.0)
    }
}

/// A burn rate over a long window and a short one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnWindow {
    /// How many times the allowed share is too much.
    pub rate: f64,
    /// The window over which it matters, in milliseconds.
    pub long_ms: Millis,
    /// The window over which it still goes on, in milliseconds.
    pub short_ms: Millis,
}

/// Two percent of a month's allowance in an hour, and five percent in six hours.
pub const BURN_WINDOWS: [BurnWindow; 2] = [
    BurnWindow { rate: 14.4, long_ms: 3_600_000, short_ms: 300_000 },
    BurnWindow { rate: 6.0, long_ms: 21_600_000, short_ms: 1_800_000 },
];
