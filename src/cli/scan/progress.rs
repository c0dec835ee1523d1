//! The progress of a long scan, on a terminal.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::count::stored_bytes;

/// A scan that is over sooner shows no progress.
const DELAY: Duration = Duration::from_millis(500);

const WITH_END: &str = "{bar:30} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const WITHOUT_END: &str = "{spinner} {binary_bytes}  {binary_bytes_per_sec}";

/// A progress bar that appears only if the work lasts.
pub(super) struct Progress<'p> {
    paths: &'p [PathBuf],
    began: Instant,
    bar: Option<ProgressBar>,
}

impl<'p> Progress<'p> {
    /// Progress through what is stored at `paths`.
    pub(super) fn new(paths: &'p [PathBuf]) -> Self {
        Progress { paths, began: Instant::now(), bar: None }
    }

    /// So many bytes were read by now.
    pub(super) fn set(&mut self, bytes: u64) {
        if self.began.elapsed() < DELAY {
            return;
        }
        let (paths, began) = (self.paths, self.began);
        let bar = self.bar.get_or_insert_with(|| new_bar(stored_bytes(paths)).with_elapsed(began.elapsed()));
        bar.set_position(bytes);
        bar.tick();
    }

    /// Does something that writes to the terminal.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
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
