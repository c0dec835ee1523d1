//! The progress of a long scan, on a terminal.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::count::stored_bytes;

/// Shorter scans show no progress.
const DELAY: Duration = Duration::from_millis(500);

const WITH_END: &str = "{bar:30} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const WITHOUT_END: &str = "{spinner} {binary_bytes}  {binary_bytes_per_sec}";

/// A progress bar that appears only for long work.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// Progress through the bytes of `paths`.
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        // Hidden at first, it already measures the rate.
        let bar = new_bar(stored_bytes(paths));
        bar.set_draw_target(ProgressDrawTarget::hidden());
        Progress { bar, began: Instant::now() }
    }

    /// Sets the bytes that are read so far.
    pub(super) fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
        if self.bar.is_hidden() && self.began.elapsed() >= DELAY {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.tick();
    }

    /// Hides the bar while `write` writes to the terminal.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the bar.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

fn new_bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), WITH_END),
        None => (ProgressBar::new_spinner(), WITHOUT_END),
    };
    // An invalid template leaves the default style.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
