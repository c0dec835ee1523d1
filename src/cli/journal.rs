//! `--journal`: reads the systemd journal instead of files.

use std::path::PathBuf;

use crate::cli::progress::{Progress, ProgressArg};
use crate::source::journal::{
    JournalEntry, JournalFollower, JournalPlaces, JournalSelection, JournalState, Origin,
    selection::EntryFilter,
};

/// Where the journal is, if it is read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct JournalArg {
    /// Read the systemd journal instead of files: that of this machine, or the one in the folder DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, conflicts_with = "paths")]
    journal: Option<Option<PathBuf>>,
}

impl JournalArg {
    /// Whether the journal is read.
    pub(super) fn is_given(&self) -> bool {
        self.journal.is_some()
    }

    /// Which journal.
    pub(super) fn selection(&self) -> Option<JournalSelection> {
        let directory = self.journal.clone()?;
        let places = JournalPlaces { directory, ..JournalPlaces::default() };
        Some(JournalSelection { places, ..JournalSelection::default() })
    }

    /// Calls `see` with every entry there is, file by file. Returns what could not be read.
    pub(super) fn read(
        &self,
        progress: ProgressArg,
        see: &mut dyn FnMut(&JournalEntry),
    ) -> anyhow::Result<Vec<String>> {
        let Some(JournalSelection { places, .. }) = self.selection() else { return Ok(Vec::new()) };
        let filter = EntryFilter::default();
        let mut follower =
            JournalFollower::new(places, Origin::Beginning, [].into(), JournalState::default());
        follower.look()?;
        let mut unreadable = 0;
        let progress = Progress::of_stream(progress);
        loop {
            let read = follower.read(0, &mut |entry| {
                progress.add(entry.message.len() as u64);
                if filter.takes(entry) {
                    see(entry);
                }
            });
            unreadable += read.damaged;
            if !read.more {
                break;
            }
        }
        progress.clear();
        let refused = follower.refused().iter();
        let mut problems: Vec<String> = refused
            .map(|(path, why)| format!("cannot read {}: {why}", crate::fmt::display_path(path)))
            .collect();
        if unreadable > 0 {
            problems.push(format!("{unreadable} entries of the journal are damaged and were skipped"));
        }
        Ok(problems)
    }
}
