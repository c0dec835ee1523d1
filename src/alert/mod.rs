//! Alerts: their definition ([`AlertSpec`]), identity ([`fingerprint`](mod@fingerprint)), life ([`lifecycle`]) and how they follow their
//! counts ([`instance`]).

pub mod breakdown;
mod describe;
pub mod fingerprint;
pub mod instance;
pub mod lifecycle;
pub mod manager;
mod reorder;

use std::collections::BTreeMap;

use crate::detect::Millis;
use crate::detect::condition::Condition;
use crate::event::Severity;

/// What one alert watches: the sum over a watch, each path or each pattern alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One alert for each watch, over the sum of its files.
    Watch,
    /// One alert for each path.
    Path,
    /// One alert for each pattern of the matching lines of a watch.
    Pattern,
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
    /// What the count is taken of.
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
    /// What it carries besides.
    pub notes: AlertNotes,
}

/// What goes with an alert wherever it goes, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertNotes {
    /// The outputs that it goes to; all that take it if it names none.
    pub outputs: Option<Vec<String>>,
    /// Labels, by which outputs select it.
    pub labels: BTreeMap<String, String>,
    /// Texts.
    pub annotations: BTreeMap<String, String>,
    /// Where it is written what to do.
    pub runbook: Option<String>,
}
