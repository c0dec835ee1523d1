//! The daemon itself in the contract: its health, its outputs, and what it waits for.

use serde::{Deserialize, Serialize};

/// The daemon itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// `ok`, `learning`, `delayed`, `missed` or `degraded`.
    pub health: String,
    /// Files at watched paths.
    pub files: u64,
    /// How many of them cannot be read.
    pub unreadable: u64,
    /// How many bytes a second were read lately.
    pub bytes_per_s: f64,
    /// Bytes that are there and were not read yet.
    pub lag: u64,
    /// Bytes that were gone before they could be read.
    pub missed: u64,
    /// In how many files.
    pub missed_files: u64,
    /// When all that had changed was last committed.
    pub committed: Option<f64>,
    /// Why the state cannot be saved.
    pub state_trouble: Option<String>,
    /// Events that outputs dropped.
    pub output_dropped: u64,
    /// The outputs that answer.
    pub outputs: Vec<Output>,
    /// Until when the daemon learns what is usual, if it does.
    pub learning: Option<Learning>,
}

/// How far learning has come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Learning {
    /// Since when.
    pub since: f64,
    /// Until when, if lines go on coming.
    pub until: f64,
}

/// An output that answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// How many alerts wait for it.
    pub waiting: u64,
    /// Why an attempt failed last.
    pub error: Option<String>,
    /// When that was.
    pub error_at: Option<f64>,
}

/// What a watch waits for that has no file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitingFor {
    /// Name of the watch.
    pub watch: String,
    /// The path or pattern of paths.
    pub glob: String,
    /// Why there is nothing.
    pub why: String,
}
