//! An alert that fired or resolved, as everything after the alert manager has it: the outputs, the outbox, its database, messages.

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
    }
}

impl AlertEvent {
    /// Whether the alert began.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.state == AlertState::Firing
    }

    fn level(&self) -> Level {
        match (self.state, self.severity) {
            (AlertState::Firing, Severity::Critical) => Level::ERROR,
            (AlertState::Firing, Severity::Warning) => Level::WARN,
            _ => Level::INFO,
        }
    }
}
