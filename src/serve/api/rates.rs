//! Rates in the contract: of rules, patterns and files, now and over time, and the lines themselves.

use serde::{Deserialize, Serialize};

/// The counts a minute that are usual.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usual {
    /// The lowest.
    pub lo: f64,
    /// The expected one.
    pub mid: f64,
    /// The highest.
    pub hi: f64,
}

/// How fast the lines of a rule come.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleRate {
    /// Name of the rule.
    pub rule: String,
    /// Name of the watch.
    pub watch: String,
    /// Matching lines within the last minute.
    pub per_min: u64,
    /// What is usual, if that is known.
    pub usual: Option<Usual>,
    /// Matching lines since midnight, if there is a history.
    pub today: Option<u64>,
    /// How many of the lines of the last minute belong to no pattern that is kept.
    pub other: u64,
    /// Matching lines in each of the last 60 minutes, the current one last.
    pub trend: Vec<u64>,
}

/// How fast the lines of a pattern come.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternRate {
    /// Its id.
    pub id: String,
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// The text, with nothing where it varies.
    pub parts: Vec<Option<String>>,
    /// `new`, `risen`, `usual`, or `seen` as long as it is not known what is usual.
    pub state: String,
    /// How many times the usual rate this is, for one that has risen.
    pub ratio: Option<f64>,
    /// The usual lines a minute.
    pub usual: f64,
    /// Lines within the last minute.
    pub now: u64,
    /// All lines that were counted.
    pub total: u64,
    /// When its first line was written.
    pub first: Option<f64>,
    /// When its last line was written.
    pub last: Option<f64>,
    /// Lines in each of the last 60 minutes, the current one last.
    pub trend: Vec<u64>,
    /// A line of it.
    pub sample: String,
}

/// How a watched path stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRate {
    /// The path.
    pub path: String,
    /// Name of the watch.
    pub watch: String,
    /// Matching lines a minute, over the last one to two minutes.
    pub per_min: f64,
    /// Bytes that were not read yet.
    pub lag: u64,
    /// Size at the last look, in bytes.
    pub size: u64,
    /// How many files have stood at the path.
    pub generation: u64,
    /// All matching lines.
    pub matched: u64,
    /// Bytes that were gone before they could be read.
    pub missed: u64,
    /// Why it cannot be read.
    pub trouble: Option<String>,
    /// What happened to it last, such as `rotated`.
    pub event: Option<String>,
    /// When that was.
    pub event_at: Option<f64>,
}

/// A line that matched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// When it was written.
    pub at: f64,
    /// The path.
    pub path: String,
    /// What people call the place.
    pub source: String,
    /// Name of the rule.
    pub rule: String,
    /// Id of its pattern.
    pub pattern: Option<String>,
    /// The line, escaped and cut.
    pub text: String,
}

/// Rates over an hour, a day or a week.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesAnswer {
    /// When the first step began.
    pub start: f64,
    /// Length of a step in seconds.
    pub step: u64,
    /// Lines a minute, as the mean over each step; nothing where it is not known.
    pub mean: Vec<Option<f64>>,
    /// The highest minute of each step.
    pub max: Vec<Option<u64>>,
    /// Below this was unusual.
    pub lo: Vec<Option<f64>>,
    /// Above this was unusual.
    pub hi: Vec<Option<f64>>,
    /// Alerts within that time.
    pub alerts: Vec<SeriesAlert>,
}

/// When an alert fired.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesAlert {
    /// From when.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// Its severity.
    pub severity: String,
    /// Its name.
    pub name: String,
}
