//! Alerts: what they are told about ([`AlertSpec`]), who they are ([`fingerprint`]), how they live
//! ([`lifecycle`]), how they follow their counts ([`alarm`]) and the lines they carry ([`samples`]).

mod describe;
pub mod fingerprint;
pub mod instance;
pub mod lifecycle;
mod reorder;
pub mod samples;

use std::fmt;

use crate::detect::Millis;
use crate::detect::condition::Condition;

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at in working hours.
    Warning,
    /// Worth waking someone.
    Critical,
}

impl Severity {
    /// The name used in configuration and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether one alert watches the sum over a watch or each path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One alert for each watch, over the sum of its files.
    Watch,
    /// One alert for each path.
    Path,
}

/// A validated alert definition.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertSpec {
    /// Unique name.
    pub name: String,
    /// The rule whose matching lines are counted.
    pub rule: String,
    /// The watches it applies to.
    pub watches: Vec<String>,
    /// Whether the count is taken per watch or per path.
    pub scope: Scope,
    /// What must hold.
    pub condition: Condition,
    /// How bad it is.
    pub severity: Severity,
    /// How long the condition must hold before the alert fires, in milliseconds.
    pub for_ms: Millis,
    /// How long the alert keeps firing after the condition last held, in milliseconds.
    pub keep_firing_for_ms: Millis,
    /// How long after it resolved the alert waits before it may fire again, in milliseconds.
    pub cooldown_ms: Millis,
    /// How many of the newest matching lines it carries.
    pub samples_max: usize,
}
