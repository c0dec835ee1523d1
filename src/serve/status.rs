//! The answer of `/status`, as the daemon writes it and `spiketail status` reads it: the one definition of that contract.
//!
//! Keys may be added; a reader takes what is missing for nothing, and leaves what it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How everything stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Names the configuration that is in use: another text has another one.
    pub config_hash: String,
    /// What its machine is called.
    pub host: String,
    /// How long it has been running, in seconds.
    pub uptime_s: i64,
    /// Why the state cannot be saved, if it cannot.
    pub state_trouble: Option<String>,
    /// Events that outputs dropped.
    pub output_dropped: u64,
    /// Alerts that are pending or firing.
    pub alerts: Vec<StatusAlert>,
    /// Outputs that answer.
    pub outputs: Vec<StatusOutput>,
    /// Every watched path, by watch and path.
    pub files: Vec<StatusFile>,
    /// What paths had that were removed and are forgotten, by watch.
    pub forgotten: Vec<StatusForgotten>,
    /// The most frequent patterns of each rule.
    pub patterns: Vec<StatusPattern>,
}

/// One pattern of the lines that match a rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusPattern {
    /// Name of the watch.
    pub watch: String,
    /// Name of the rule.
    pub rule: String,
    /// Its id; `other` for lines of patterns that are not kept.
    pub pattern: String,
    /// The message with placeholders for what varies.
    pub text: String,
    /// How many lines.
    pub lines: u64,
    /// When its first line was written: RFC 3339, UTC.
    pub first_seen: Option<String>,
    /// When its last line was written.
    pub last_seen: Option<String>,
}

/// What the forgotten paths of a watch had.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusForgotten {
    /// Name of the watch.
    pub watch: String,
    /// How many paths there were.
    pub paths: u64,
    /// Matching lines, by name of the rule.
    pub lines_matched: BTreeMap<String, u64>,
    /// Bytes that were gone before they could be judged.
    pub bytes_missed: u64,
}

/// How an alert stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusAlert {
    /// Its name.
    pub alert: String,
    /// Name of its watch.
    pub watch: String,
    /// The path, for an alert by path.
    pub path: Option<String>,
    /// The pattern, for an alert by pattern.
    pub pattern: Option<String>,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// `pending` or `firing`.
    pub state: String,
    /// Since when: RFC 3339, UTC.
    pub since: Option<String>,
    /// Matching lines within its window.
    pub count: u64,
    /// What silences it, if something does.
    pub silenced_by: Option<String>,
}

impl StatusAlert {
    /// Whether it fires.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.state == "firing"
    }
}

/// How an output stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusOutput {
    /// Its name.
    pub output: String,
    /// How many alerts wait for it.
    pub waiting: u64,
    /// Why an attempt failed last, since the start.
    pub last_error: Option<String>,
    /// When that was: RFC 3339, UTC.
    pub last_error_at: Option<String>,
}

/// How a watched path stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusFile {
    /// Name of its watch.
    pub watch: String,
    /// The path.
    pub path: String,
    /// Size at the last look, in bytes.
    pub size: u64,
    /// How far it has been read, in bytes.
    pub offset: u64,
    /// How much of it has not been read, in bytes.
    pub lag: u64,
    /// How many files have stood at the path.
    pub generation: u64,
    /// Matching lines, by rule.
    pub lines_matched: BTreeMap<String, u64>,
    /// Matching lines a second, over the last one to two minutes.
    pub lines_per_s: f64,
    /// Matching lines in each of the last 60 minutes, the current one last.
    pub lines_by_minute: Vec<u64>,
    /// Bytes that were gone before they could be judged.
    pub bytes_missed: u64,
    /// Why it cannot be read.
    pub trouble: Option<String>,
    /// What happened to it recently, newest last.
    pub changes: Vec<StatusChange>,
}

/// Something that happened to a file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusChange {
    /// When: RFC 3339, UTC.
    pub at: String,
    /// What, such as `rotated`.
    pub event: String,
    /// How the daemon found out, or how to fix it.
    pub reason: String,
}
