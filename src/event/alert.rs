//! An alert that fired or resolved, as everything after the alert manager has it: the outputs, the outbox, its database, messages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tracing::Level;

use super::field::{event, names, shown_if_any, whole_if_possible};

names! {
    /// How bad an alert is.
    #[derive(Default, PartialOrd, Ord)]
    pub enum Severity {
        /// Worth knowing.
        Info = "info",
        /// Worth looking at in working hours.
        Warning = "warning",
        /// Worth waking someone.
        #[default]
        Critical = "critical",
    }
}

names! {
    /// Whether an alert began or ended.
    #[derive(Default)]
    pub enum AlertState {
        /// The alert began.
        #[default]
        Firing = "firing",
        /// The alert ended.
        Resolved = "resolved",
    }
}

/// How much of what an alert counts belongs to one pattern.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AlertPattern {
    /// Its id, 16 hexadecimal digits; `other` for lines of patterns that are not kept.
    pub id: String,
    /// The message with placeholders for what varies.
    pub text: String,
    /// Matching lines within the window.
    pub count: u64,
    /// How many there usually are.
    pub before: u64,
    /// Its share of the lines that are more than usual, between 0 and 1.
    pub share: f64,
    /// Whether it was not seen before.
    pub new: bool,
    /// When its first line was written: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// A line of it, escaped and cut.
    pub sample: String,
}

/// How much of what an alert counts stands in one file.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct AlertPath {
    /// Its path, escaped.
    pub path: String,
    /// Matching lines within the window.
    pub count: u64,
}

event! {
    /// An alert fired or resolved.
    pub struct AlertEvent = "spiketail::alert" {
        /// Name of the alert.
        pub alert: String,
        /// Whether it began or ended.
        pub state: AlertState,
        /// How bad it is.
        pub severity: Severity,
        /// Name of the watch.
        pub watch: String,
        /// Name of the rule.
        pub rule: String,
        /// The path, where the alert is by path.
        #[serde(serialize_with = "shown_if_any", skip_serializing_if = "Option::is_none")]
        pub path: Option<PathBuf>,
        /// `count`, `rate`, `share`, `spike`, `silence` or `new`.
        pub condition: String,
        /// Matching lines within the window.
        pub count: u64,
        /// Length of the window in seconds.
        #[serde(serialize_with = "whole_if_possible")]
        pub window_s: f64,
        /// What the alert fires above: lines, lines per second, a share between 0 and 1, or times the usual.
        #[serde(serialize_with = "whole_if_possible")]
        pub threshold: f64,
        /// How many matching lines were to be expected within the window, for a spike.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub expected: Option<f64>,
        /// All lines within the window, for a share.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub lines: Option<u64>,
        /// Why it fires, in a few words.
        pub why: String,
        /// When the condition began to hold: RFC 3339, UTC.
        pub since: String,
        /// When the alert fired or resolved: RFC 3339, UTC.
        pub at: String,
        /// Whether that was long before it was reported, because the lines were read late.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pub late: bool,
        /// Identity of the alert: 16 hexadecimal digits, the same for its firing and its resolved event.
        pub fingerprint: String,
        /// The newest matching lines, escaped and cut.
        pub samples: Vec<String>,
        /// The pattern, where the alert is by pattern.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub pattern: Option<String>,
        /// Name of the machine.
        #[serde(skip_serializing_if = "String::is_empty")]
        pub host: String,
        /// The patterns that make up the count, those first of which there is most more than usual.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub patterns: Vec<AlertPattern>,
        /// The paths with most of the lines.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub top_paths: Vec<AlertPath>,
        /// When it resolved: all matching lines while it was firing.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub total: Option<u64>,
        /// When it resolved: the greatest count within the window.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub peak: Option<u64>,
        /// When it resolved: for how long its condition held or it was kept firing, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub duration_s: Option<u64>,
        /// The outputs that it goes to, if it names some.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub outputs: Option<Vec<String>>,
        /// Its labels, as configured.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        pub labels: BTreeMap<String, String>,
        /// What is sent with it, as configured.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        pub annotations: BTreeMap<String, String>,
        /// Where it is written what to do.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub runbook: Option<String>,
    }
}

impl AlertEvent {
    /// Whether the alert began.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.state == AlertState::Firing
    }

    /// What makes up the count, a line each: the patterns, and where they are. A single line speaks for itself.
    #[must_use]
    pub fn breakdown(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.count <= 1 || !self.is_firing() {
            return lines;
        }
        let new: f64 = self.patterns.iter().filter(|pattern| pattern.new).map(|pattern| pattern.share).sum();
        for (n, pattern) in self.patterns.iter().take(PATTERNS_SHOWN_MAX).enumerate() {
            let lead = if n == 0 && new >= 0.01 {
                format!("{:.0}% of the excess is new: ", new * 100.0)
            } else {
                String::new()
            };
            lines.push(format!("{lead}{}", pattern.sentence()));
        }
        if !self.top_paths.is_empty() && self.path.is_none() {
            let paths: Vec<String> = self
                .top_paths
                .iter()
                .take(PATHS_SHOWN_MAX)
                .map(|at| format!("{} {}", at.path, at.count))
                .collect();
            lines.push(format!("in {}", paths.join(", ")));
        }
        lines
    }

    /// The sample lines that say most: those of new patterns that are not among the newest lines, and the newest lines.
    #[must_use]
    pub fn telling_samples(&self) -> Vec<&str> {
        // Of a pattern, less of a line is kept.
        let is_newest =
            |line: &str| self.samples.iter().any(|sample| sample.starts_with(line.trim_end_matches('…')));
        let new = self.patterns.iter().filter(|pattern| pattern.new && !self.samples.is_empty());
        let new = new.map(|pattern| pattern.sample.as_str()).filter(|line| !is_newest(line));
        new.chain(self.samples.iter().map(String::as_str)).collect()
    }

    fn level(&self) -> Level {
        match (self.state, self.severity) {
            (AlertState::Firing, Severity::Critical) => Level::ERROR,
            (AlertState::Firing, Severity::Warning) => Level::WARN,
            _ => Level::INFO,
        }
    }
}

/// How many patterns a text shows.
const PATTERNS_SHOWN_MAX: usize = 5;
/// How many paths a text shows.
const PATHS_SHOWN_MAX: usize = 3;

impl AlertPattern {
    /// One line: `connection to <IP>:<N> refused  0 -> 358, new, first seen 2026-11-26T10:41:07Z`.
    fn sentence(&self) -> String {
        let text = if self.text.is_empty() { "other lines" } else { &self.text };
        let news = match (self.new, &self.first_seen) {
            (true, Some(first_seen)) => format!(", new, first seen {first_seen}"),
            (true, None) => ", new".to_owned(),
            (false, _) if self.count <= self.before.saturating_mul(2) => ", as usual".to_owned(),
            (false, _) => format!(", {:.0}% of the excess", self.share * 100.0),
        };
        format!("{text}  {} -> {}{news}", self.before, self.count)
    }
}
