//! The progress of long work, on a terminal: bytes as they are stored, the rate, and the time that is left if the whole is known.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sys::open::stat_path;

/// Shorter work shows no progress.
const DELAY: Duration = Duration::from_secs(1);

const WITH_END: &str =
    "{wide_bar} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left";
const WITHOUT_END: &str = "{spinner} {binary_bytes}  {binary_bytes_per_sec}";

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct ProgressArg {
    /// Show no progress, even on a terminal
    #[arg(long)]
    no_progress: bool,
}

/// A progress bar that appears only for long work, and only if standard error is a terminal. Clones are the same bar.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Option<Arc<Shown>>);

#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// Progress through the bytes of `paths`.
    pub(super) fn of_files(arg: ProgressArg, paths: &[PathBuf]) -> Progress {
        Progress::new(arg, stored_bytes(paths))
    }

    /// Progress of work whose end is not known.
    pub(super) fn of_stream(arg: ProgressArg) -> Progress {
        Progress::new(arg, None)
    }

    fn new(arg: ProgressArg, total: Option<u64>) -> Progress {
        if arg.no_progress || !io::stderr().is_terminal() {
            return Progress(None);
        }
        // Hidden at first, it already measures the rate.
        let bar = new_bar(total);
        bar.set_draw_target(ProgressDrawTarget::hidden());
        Progress(Some(Arc::new(Shown { bar, began: Instant::now() })))
    }

    /// Sets the bytes that are read so far.
    pub(super) fn set(&self, bytes: u64) {
        if let Some(Shown { bar, .. }) = self.0.as_deref() {
            bar.set_position(bytes);
        }
        self.show();
    }

    /// So many more bytes are read.
    pub(super) fn add(&self, bytes: u64) {
        if let Some(Shown { bar, .. }) = self.0.as_deref() {
            bar.inc(bytes);
        }
        self.show();
    }

    fn show(&self) {
        let Some(Shown { bar, began }) = self.0.as_deref() else { return };
        if bar.is_hidden() && began.elapsed() >= DELAY {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.tick();
        }
    }

    /// Hides the bar while `write` writes to the terminal.
    pub(super) fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        match self.0.as_deref() {
            Some(shown) => shown.bar.suspend(write),
            None => write(),
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        if let Some(shown) = self.0.as_deref() {
            shown.bar.finish_and_clear();
        }
    }

    /// A reader that counts what is read of `input`.
    pub(super) fn counting<R: Read>(&self, input: R) -> Counting<R> {
        Counting { input, progress: self.clone() }
    }
}

/// See [`Progress::counting`].
pub(super) struct Counting<R> {
    input: R,
    progress: Progress,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
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

/// The total stored size of `paths`, or `None` if one is unknown.
fn stored_bytes(paths: &[PathBuf]) -> Option<u64> {
    paths.iter().map(|path| size_of(path)).sum()
}

fn size_of(path: &Path) -> Option<u64> {
    if path.as_os_str() == "-" {
        return None;
    }
    Some(stat_path(path).map_or(0, |stat| if stat.is_regular() { stat.size } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_of_files_and_not_of_standard_input() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, "12345").unwrap();
        assert_eq!(stored_bytes(&[a.clone(), b]), Some(5));
        assert_eq!(stored_bytes(&[a, PathBuf::from("-")]), None);
        for template in [WITH_END, WITHOUT_END] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn what_is_read_is_counted() {
        let shown = Shown { bar: ProgressBar::hidden(), began: Instant::now() };
        let progress = Progress(Some(Arc::new(shown)));
        let mut read = Vec::new();
        progress.counting(&b"12345"[..]).read_to_end(&mut read).unwrap();
        progress.add(2);
        assert_eq!(progress.0.unwrap().bar.position(), 7);
    }
}
