//! What happens to watched files: what is counted in them, and what becomes of them.

use std::path::PathBuf;

use tracing::Level;

use super::field::{event, names, shown};

event! {
    /// More lines of a file matched a rule.
    #[derive(Eq)]
    pub struct CountEvent = "spiketail::count" {
        /// Name of the watch.
        pub watch: String,
        /// Name of the rule.
        pub rule: String,
        /// The watched path.
        #[serde(serialize_with = "shown")]
        pub path: PathBuf,
        /// Matching lines since the last event for this path and rule.
        pub delta: u64,
        /// Matching lines since the daemon has known the path.
        pub total: u64,
        /// How many files have stood at the path so far.
        pub generation: u64,
    }
}

/// Why a file is opened that was there at the start. One line tells how many there are.
pub const FOUND_AT_START: &str = "found at the start";

impl CountEvent {
    fn level(&self) -> Level {
        Level::INFO
    }
}

names! {
    /// What happened to a file.
    #[derive(Default)]
    pub enum FileEventKind {
        /// It is being read now.
        #[default]
        Opened = "opened",
        /// Another file stands at the path.
        Rotated = "rotated",
        /// It became shorter than what had been read.
        Truncated = "truncated",
        /// What had been read is no longer there, though the size would allow it.
        Rewritten = "rewritten",
        /// Nothing stands at the path.
        Removed = "removed",
        /// Bytes were gone before they could be read.
        Missed = "missed",
        /// It cannot be read.
        Unreadable = "unreadable",
        /// It can be read again.
        Recovered = "recovered",
        /// Answer to a status request.
        Status = "status",
    }
}

event! {
    /// Something happened to a file.
    #[derive(Eq)]
    pub struct FileEvent = "spiketail::file" {
        /// What happened.
        pub event: FileEventKind,
        /// Name of the watch.
        pub watch: String,
        /// The watched path.
        #[serde(serialize_with = "shown")]
        pub path: PathBuf,
        /// How the daemon found out, or how to fix it.
        pub reason: String,
        /// How many files have stood at the path so far.
        pub generation: u64,
        /// `missed`: how many bytes were not seen.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub bytes: Option<u64>,
        /// `status`: how far the file has been read, in bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub offset: Option<u64>,
        /// `status`: the size of the file in bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub size: Option<u64>,
        /// `status`: matching lines, over all rules.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub total: Option<u64>,
    }
}

impl FileEvent {
    fn level(&self) -> Level {
        match self.event {
            FileEventKind::Missed | FileEventKind::Unreadable => Level::WARN,
            _ => Level::INFO,
        }
    }
}
