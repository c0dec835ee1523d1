//! The progress of a long scan, on a terminal.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::count::stored_bytes;

/// A scan that is over sooner shows no progress.
const DELAY: Duration = Duration::from_millis(500);

const WITH_END: &str = "{bar:30} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const WITHOUT_END: &str = "{spinner} {binary_bytes}  {binary_bytes_per_sec}";

/// A progress bar that appears only if the work lasts.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// Progress through what is stored at `paths`.
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        // Hidden at first, it learns the rate all the same.
        let bar = new_bar(stored_bytes(paths));
        bar.set_draw_target(ProgressDrawTarget::hidden());
        Progress { bar, began: Instant::now() }
    }

    /// So many bytes were read by now.
    pub(super) fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
        if self.bar.is_hidden() && self.began.elapsed() >= DELAY {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.tick();
    }

    /// Does something that writes to the terminal.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

fn new_bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), WITH_END),
        None => (ProgressBar::new_spinner(), WITHOUT_END),
    };
    // A template that cannot be read leaves the default style.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
