//! Changes of what a snapshot holds, as the stream sends them.

use serde::{Deserialize, Serialize};

use super::agent::Agent;
use super::alerts::{AlertGroup, FiringAlert, PastAlert, Silence, SilencedAlert};
use super::rates::{FileRate, Line, PatternRate, RuleRate};

/// What changes every second.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tick {
    /// When.
    pub now: f64,
    /// The daemon itself.
    pub agent: Agent,
    /// Every rule.
    pub rules: Vec<RuleRate>,
    /// Patterns whose rate has changed.
    pub patterns: Vec<PatternTick>,
    /// Files whose figures have changed.
    pub files: Vec<FileRate>,
}

/// The rate of a pattern.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternTick {
    /// Its id.
    pub id: String,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Lines within the last minute.
    pub now: u64,
    /// All lines that were counted.
    pub total: u64,
    /// When its last line was written.
    pub last: Option<f64>,
}

/// New lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewLines {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// How many matched and are not among them.
    pub skipped: u64,
}

/// The alerts that fire now, when any of them has changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertsNow {
    /// As in the snapshot.
    pub alerts: Vec<FiringAlert>,
    /// As in the snapshot.
    pub alerts_more: u64,
    /// As in the snapshot.
    pub groups: Vec<AlertGroup>,
    /// As in the snapshot.
    pub history: Vec<PastAlert>,
    /// As in the snapshot.
    pub silences: Vec<Silence>,
    /// As in the snapshot.
    pub silenced: Vec<SilencedAlert>,
    /// As in the snapshot.
    pub silenced_more: u64,
}

/// The patterns, when a minute has passed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternsNow {
    /// As in the snapshot.
    pub patterns: Vec<PatternRate>,
    /// As in the snapshot.
    pub patterns_more: u64,
}

/// One change of what a snapshot holds, by the name of its event in the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "lowercase")]
pub enum Change {
    /// What changes every second.
    Tick(Tick),
    /// The alerts that fire.
    Alerts(AlertsNow),
    /// A pattern that is new or has another state.
    Pattern(PatternRate),
    /// All patterns, when a minute has passed.
    Patterns(PatternsNow),
    /// New lines.
    Lines(NewLines),
    /// Too much was missed: fetch the snapshot again.
    Reset {},
}

impl Change {
    /// The name of the event, and its data.
    #[must_use]
    pub fn encode(&self) -> (&'static str, String) {
        fn json(data: &impl Serialize) -> String {
            serde_json::to_string(data).unwrap_or_default()
        }
        match self {
            Change::Tick(tick) => ("tick", json(tick)),
            Change::Alerts(alerts) => ("alerts", json(alerts)),
            Change::Pattern(pattern) => ("pattern", json(pattern)),
            Change::Patterns(patterns) => ("patterns", json(patterns)),
            Change::Lines(lines) => ("lines", json(lines)),
            Change::Reset {} => ("reset", "{}".to_owned()),
        }
    }

    /// The change that an event of this name and data is, if it is known.
    #[must_use]
    pub fn decode(event: &str, data: &str) -> Option<Change> {
        match event {
            "tick" => serde_json::from_str(data).ok().map(Change::Tick),
            "alerts" => serde_json::from_str(data).ok().map(Change::Alerts),
            "pattern" => serde_json::from_str(data).ok().map(Change::Pattern),
            "patterns" => serde_json::from_str(data).ok().map(Change::Patterns),
            "lines" => serde_json::from_str(data).ok().map(Change::Lines),
            "reset" => Some(Change::Reset {}),
            _ => None,
        }
    }
}
