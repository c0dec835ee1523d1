//! What a watch is reported to find.

use std::path::{Path, PathBuf};

/// Validated settings for finding the files of one watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSpec {
    /// Name of the watch.
    pub name: String,
    /// Absolute paths: files, directories (every log file in them), or globs with `*`, `?`, `[…]`, `{…}`, `**`.
    pub paths: Vec<PathBuf>,
    /// Globs that exclude a path: matched against the file's name, or against the path if they hold a `/`, from any directory
    /// on unless they are absolute, with all below it.
    pub exclude: Vec<String>,
    /// Whether a directory stands for the logs in the directories below it, too.
    pub is_recursive: bool,
}

impl WatchSpec {
    /// The paths as one text, one a line.
    #[must_use]
    pub fn paths_text(&self) -> String {
        let paths = self.paths.iter().map(|path| path.display().to_string());
        paths.collect::<Vec<_>>().join("\n")
    }
}

/// Validated settings for watching as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTiming {
    /// How often everything is looked at even without a hint, in milliseconds.
    pub sweep_interval_ms: u64,
    /// How often directories are looked at where the kernel gives no events, in milliseconds.
    pub poll_interval_ms: u64,
}

impl Default for WatchTiming {
    fn default() -> Self {
        WatchTiming { sweep_interval_ms: 10_000, poll_interval_ms: 1_000 }
    }
}

/// Returns whether events of a directory cannot be relied on, so that it has to be polled besides.
pub type IsRemote = fn(&Path) -> bool;
